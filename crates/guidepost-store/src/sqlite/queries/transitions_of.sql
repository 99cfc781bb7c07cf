SELECT transition_id, description
FROM workflow_transition
WHERE workflow_id = :workflow AND version = :version
ORDER BY transition_id
