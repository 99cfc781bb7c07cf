-- The last run that had an agent of this name, over or not.
SELECT agent_id FROM agent_instance
WHERE tenant = :tenant AND agent_name = :agent
ORDER BY agent_id DESC
LIMIT 1
