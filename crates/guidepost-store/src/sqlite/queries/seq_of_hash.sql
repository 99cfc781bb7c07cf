SELECT seq FROM record WHERE run_no = :run AND lower(hex(hash)) = :hash
