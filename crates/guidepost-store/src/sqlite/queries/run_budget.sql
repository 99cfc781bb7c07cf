SELECT run_no, since, limits, spent, told FROM budget WHERE run_no = :run
