SELECT a.agent_id
FROM budget AS b
JOIN budget_run AS r ON r.budget_no = b.run_no
JOIN agent_instance AS a ON a.agent_id = r.run_no
WHERE b.tenant = :tenant AND b.due_at IS NOT NULL AND b.due_at <= :now AND a.status IN ('running', 'waiting')
LIMIT :limit
