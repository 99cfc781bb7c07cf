SELECT version, hash, format, source, file, revision
FROM workflow_version
WHERE workflow_id = :workflow AND version = :version
