SELECT version, hash, format, source, file
FROM workflow_version
WHERE workflow_id = :workflow AND hash = :hash
