SELECT k.digest, k.run_no, r.run_id
FROM start_key AS k
JOIN run AS r ON r.run_no = k.run_no
WHERE k.tenant = :tenant AND k.key = :key
