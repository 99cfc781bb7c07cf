DELETE FROM workflow_transition WHERE workflow_id = :workflow
