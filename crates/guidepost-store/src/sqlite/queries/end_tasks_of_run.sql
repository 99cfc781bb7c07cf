DELETE FROM task WHERE run_no = :run
