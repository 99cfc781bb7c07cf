SELECT s.state_id, s.guideline, s.description
FROM workflow_state AS s
JOIN workflow AS w ON w.workflow_id = s.workflow_id
WHERE w.tenant = :tenant AND w.name = :workflow AND s.path = :state
