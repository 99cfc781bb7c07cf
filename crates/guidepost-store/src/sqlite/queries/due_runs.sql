SELECT agent_id FROM agent_instance
WHERE tenant = :tenant AND due_at IS NOT NULL AND due_at <= :now
ORDER BY due_at, agent_id
LIMIT :limit
