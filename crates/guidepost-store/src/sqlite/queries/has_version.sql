SELECT EXISTS (SELECT 1 FROM workflow_version WHERE workflow_id = :workflow AND version = :version)
