DELETE FROM workflow_schedule
WHERE workflow_id = :workflow AND name NOT IN (SELECT value FROM json_each(:kept))
