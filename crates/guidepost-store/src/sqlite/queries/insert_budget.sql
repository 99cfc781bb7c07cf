INSERT INTO budget (run_no, tenant, since, limits, spent, told, due_at)
VALUES (:run, :tenant, :since, :limits, :spent, :told, :due)
