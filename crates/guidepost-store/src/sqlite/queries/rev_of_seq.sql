SELECT rev FROM record WHERE run_no = :run AND seq = :seq
