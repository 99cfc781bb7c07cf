SELECT rev, seq, unsealed, head, run_id, workflow_id, status, due_at,
    (SELECT s.state_id FROM workflow_state AS s WHERE s.workflow_id = a.workflow_id AND s.path = :path),
    EXISTS (SELECT 1 FROM budget_run AS r WHERE r.run_no = a.agent_id)
FROM agent_instance AS a
WHERE agent_id = :run AND tenant = :tenant
