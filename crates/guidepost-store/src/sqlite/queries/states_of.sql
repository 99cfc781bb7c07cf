SELECT state_id, path, name, guideline, description, defined_guideline, defined_description
FROM workflow_state
WHERE workflow_id = :workflow
