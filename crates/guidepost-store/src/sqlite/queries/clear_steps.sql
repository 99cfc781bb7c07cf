DELETE FROM workflow_step WHERE workflow_id = :workflow AND version = :version
