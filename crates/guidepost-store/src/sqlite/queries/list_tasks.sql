SELECT * FROM task
WHERE tenant = :tenant AND (:run IS NULL OR run_no = :run) AND (:queue IS NULL OR queue = :queue)
  AND (run_no, state, visit, branch, compensates)
    > (:after_run, :after_state, :after_visit, :after_branch, :after_compensates)
ORDER BY run_no, state, visit, branch, compensates LIMIT :limit
