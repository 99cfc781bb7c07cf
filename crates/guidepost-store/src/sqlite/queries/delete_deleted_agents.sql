DELETE FROM deleted_agent WHERE agent_id IN (SELECT value FROM json_each(:runs))
