SELECT t.* FROM task AS t JOIN agent_instance AS a ON a.agent_id = t.run_no
WHERE t.tenant = :tenant AND t.queue = :queue AND t.bound_to IS NULL AND t.ready_at <= :now
  AND (t.queue = 'cancel'
    OR (a.status IN ('running', 'waiting')
      AND NOT EXISTS (
        SELECT 1 FROM budget_run AS r JOIN budget AS b ON b.run_no = r.budget_no
        WHERE r.run_no = t.run_no AND b.due_at <= :now)))
  AND (:root IS NULL OR coalesce(a.root_no, a.agent_id) = :root)
ORDER BY t.ready_at LIMIT :limit
