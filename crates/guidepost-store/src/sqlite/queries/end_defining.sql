UPDATE workflow SET is_defining = 0, origin = 'file', version = :version, description = :description, concurrency = :concurrency
WHERE workflow_id = :workflow
