SELECT coalesce(max(version), 0) FROM workflow_version WHERE workflow_id = :workflow
