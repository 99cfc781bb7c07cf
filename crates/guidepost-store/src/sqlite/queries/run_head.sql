SELECT a.rev, a.seq, a.unsealed, a.head, a.run_id, a.workflow_id, w.origin
FROM agent_instance AS a
JOIN workflow AS w ON w.workflow_id = a.workflow_id
WHERE a.agent_id = :run AND a.tenant = :tenant
