INSERT INTO budget_run (run_no, budget_no) VALUES (:run, :budget)
