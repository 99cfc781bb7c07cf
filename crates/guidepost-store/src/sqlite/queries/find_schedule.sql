SELECT s.workflow_id, s.name, s.schedule
FROM workflow_schedule AS s
JOIN workflow AS w ON w.workflow_id = s.workflow_id
WHERE w.tenant = :tenant AND w.name = :workflow AND s.name = :name
    AND s.due_at IS :due AND s.is_paused = :is_paused AND s.last_run_no IS :last_run
