INSERT INTO begun_run (tenant, workflow, run_no) VALUES (:tenant, :workflow, :run)
