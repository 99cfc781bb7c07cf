SELECT root_no FROM run WHERE run_no = :run AND tenant = :tenant
