UPDATE workflow_schedule SET
    due_at = :due,
    is_paused = :is_paused,
    last_run_no = coalesce(:run, last_run_no),
    last_due_at = coalesce(:run_due, last_due_at),
    passed_at = coalesce(:passed_at, passed_at),
    passed_why = coalesce(:passed_why, passed_why),
    passed_failed = coalesce(:passed_failed, passed_failed)
WHERE workflow_id = :workflow AND name = :name
