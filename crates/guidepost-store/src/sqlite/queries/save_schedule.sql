INSERT INTO workflow_schedule (workflow_id, name, tenant, times, schedule, due_at)
VALUES (:workflow, :name, :tenant, :times, :schedule, :due)
ON CONFLICT (workflow_id, name) DO UPDATE SET
    due_at = CASE WHEN times = excluded.times THEN due_at ELSE excluded.due_at END,
    times = excluded.times, schedule = excluded.schedule
