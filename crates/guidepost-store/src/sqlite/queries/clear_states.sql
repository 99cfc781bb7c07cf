DELETE FROM workflow_state WHERE workflow_id = :workflow
