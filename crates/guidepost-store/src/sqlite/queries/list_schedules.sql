SELECT w.name, s.name, s.schedule, s.due_at, s.is_paused, s.last_run_no, s.last_due_at, s.passed_at, s.passed_why,
    EXISTS (SELECT 1 FROM agent_instance AS a
            WHERE a.agent_id = s.last_run_no AND a.status IN ('running', 'waiting', 'paused')),
    s.passed_failed
FROM workflow_schedule AS s
JOIN workflow AS w ON w.workflow_id = s.workflow_id
WHERE s.tenant = :tenant AND (:workflow IS NULL OR w.name = :workflow)
    AND (:after IS NULL OR w.name || '@' || s.name > :after)
ORDER BY w.name || '@' || s.name
LIMIT :limit
