SELECT started_at FROM agent_instance WHERE agent_id = :run
