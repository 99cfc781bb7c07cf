SELECT workflow_id, origin, version FROM workflow WHERE tenant = :tenant AND name = :name
