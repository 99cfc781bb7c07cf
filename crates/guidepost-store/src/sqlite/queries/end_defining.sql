UPDATE workflow SET is_defining = 0, origin = 'file', version = :version, description = :description
WHERE workflow_id = :workflow
