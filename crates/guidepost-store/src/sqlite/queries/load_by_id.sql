SELECT * FROM run WHERE run_id = :id AND tenant = :tenant
