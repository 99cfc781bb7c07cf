SELECT name, guideline FROM workflow_state WHERE workflow_id = :workflow AND path <> '' ORDER BY state_id
