SELECT EXISTS (SELECT 1 FROM agent_instance WHERE workflow_id = :workflow)
