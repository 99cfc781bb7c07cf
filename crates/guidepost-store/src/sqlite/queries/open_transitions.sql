SELECT t.name, f.name, g.name, t.description
FROM workflow_transition AS t
JOIN workflow_state AS f ON f.state_id = t.from_state_id
JOIN workflow_state AS g ON g.state_id = t.to_state_id
WHERE t.workflow_id = :workflow
ORDER BY t.transition_id
