UPDATE workflow_version
SET revision = revision + 1, format = :format, source = :source, file = :file
WHERE workflow_id = :workflow AND version = :version
