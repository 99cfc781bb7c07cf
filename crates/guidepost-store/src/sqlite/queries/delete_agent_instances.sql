DELETE FROM agent_instance WHERE agent_id IN (SELECT value FROM json_each(:runs))
