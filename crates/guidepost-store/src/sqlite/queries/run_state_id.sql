SELECT state_id FROM workflow_state WHERE workflow_id = :workflow AND path = :path
