SELECT version FROM workflow_version WHERE workflow_id = :workflow AND hash = :hash
