UPDATE workflow SET is_defining = 1 WHERE workflow_id = :workflow
