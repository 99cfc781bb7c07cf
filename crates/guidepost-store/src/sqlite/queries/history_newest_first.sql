SELECT seq, rev, kind, at, recorded_at, body FROM record_body
WHERE run_no = :run AND tenant = :tenant AND seq < :beyond
    AND (:kinds = '[]' OR kind IN (SELECT value FROM json_each(:kinds)))
ORDER BY seq DESC
LIMIT :limit
