SELECT agent_id FROM agent_instance
WHERE tenant = :tenant AND agent_name = :agent AND status IN ('running', 'waiting', 'paused')
