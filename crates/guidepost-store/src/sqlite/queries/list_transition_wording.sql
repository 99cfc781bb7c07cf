SELECT t.version, t.name, f.path, t.position, t.description, t.revision
FROM workflow_transition AS t
JOIN workflow AS w ON w.workflow_id = t.workflow_id
JOIN workflow_state AS f ON f.state_id = t.from_state_id
WHERE w.tenant = :tenant AND w.name = :workflow AND t.revision > 0
ORDER BY t.transition_id
