SELECT t.* FROM task AS t JOIN agent_instance AS a ON a.agent_id = t.run_no
WHERE t.tenant = :tenant AND t.deadline <= :now
  AND a.status IN ('running', 'waiting', 'paused')
  AND (:root IS NULL OR coalesce(a.root_no, a.agent_id) = :root)
ORDER BY t.deadline LIMIT :limit
