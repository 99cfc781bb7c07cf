UPDATE workflow_state
SET retired_in = :version
WHERE workflow_id = :workflow AND retired_in IS NULL AND path <> ''
    AND path NOT IN (SELECT value FROM json_each(:paths))
