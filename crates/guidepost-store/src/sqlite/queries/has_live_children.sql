SELECT 1 FROM agent_instance WHERE parent_no = :run AND status IN ('running', 'waiting', 'paused') LIMIT 1
