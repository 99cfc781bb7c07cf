UPDATE budget SET due_at = NULL
WHERE run_no IN (SELECT budget_no FROM budget_run WHERE run_no = :run)
  AND due_at IS NOT NULL
  AND NOT EXISTS (
    SELECT 1 FROM budget_run AS r JOIN agent_instance AS a ON a.agent_id = r.run_no
    WHERE r.budget_no = budget.run_no AND a.status IN ('running', 'waiting', 'paused'))
