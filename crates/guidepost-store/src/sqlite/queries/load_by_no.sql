SELECT * FROM run WHERE run_no = :run AND tenant = :tenant
