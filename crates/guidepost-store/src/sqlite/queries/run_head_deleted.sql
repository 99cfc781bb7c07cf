SELECT rev, seq, unsealed, head, run_id, workflow_id, status, due_at, NULL
FROM deleted_agent
WHERE agent_id = :run AND tenant = :tenant
