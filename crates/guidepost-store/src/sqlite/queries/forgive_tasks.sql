UPDATE task SET lost = 0 WHERE run_no = :run
