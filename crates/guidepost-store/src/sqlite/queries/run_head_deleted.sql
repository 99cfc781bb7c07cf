SELECT rev, seq, unsealed, head, run_id, workflow_id, status, due_at, NULL,
    EXISTS (SELECT 1 FROM budget_run AS r WHERE r.run_no = d.agent_id)
FROM deleted_agent AS d
WHERE agent_id = :run AND tenant = :tenant
