SELECT record_id, run_no, seq FROM record
WHERE record_id > :after AND record_id <= :newest AND tenant = :tenant
ORDER BY record_id LIMIT :limit
