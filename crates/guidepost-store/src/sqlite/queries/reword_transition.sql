UPDATE workflow_transition
SET description = :description, revision = revision + 1
WHERE transition_id = :transition
