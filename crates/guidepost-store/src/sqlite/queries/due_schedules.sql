SELECT w.name, s.name, s.schedule, s.due_at, s.is_paused, s.last_run_no, s.last_due_at, s.passed_at, s.passed_why,
    EXISTS (SELECT 1 FROM agent_instance AS a
            WHERE a.agent_id = s.last_run_no AND a.status IN ('running', 'waiting', 'paused')),
    s.passed_failed
FROM workflow_schedule AS s
JOIN workflow AS w ON w.workflow_id = s.workflow_id
WHERE s.tenant = :tenant AND s.is_paused = 0 AND s.due_at IS NOT NULL AND s.due_at <= :by
    AND (:workflow IS NULL OR w.name = :workflow)
    AND NOT (CASE WHEN json_valid(s.schedule) THEN json_extract(s.schedule, '$.overlap') END IS 'queue'
        AND EXISTS (SELECT 1 FROM agent_instance AS a
                    WHERE a.agent_id = s.last_run_no AND a.status IN ('running', 'waiting', 'paused')))
ORDER BY s.due_at, s.workflow_id, s.name
