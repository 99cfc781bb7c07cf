SELECT count(*) FROM action
WHERE run_no = :run AND tenant = :tenant AND seq >= :first
    AND (:type IS NULL OR type = :type)
    AND (:name IS NULL OR name = :name)
    AND (:observed = 0 OR observed = 1)
    -- It is done, or it was begun and its end says so.
    AND (
        coalesce(status, '') IN ('', 'completed')
        OR status IN ('pending', 'running', 'retrying') AND EXISTS (
            SELECT 1 FROM record AS ended
            WHERE ended.run_no = :run AND ended.seq > :first AND ended.kind = 'action_ended'
                AND ended.codec = 'plain'
                AND json_extract(ended.payload, '$.body.ref') = action.ref
                AND coalesce(json_extract(ended.payload, '$.body.status'), '') IN ('', 'completed')
                AND (:observed = 0 OR json_extract(ended.payload, '$.observed') = 1)
        )
    )
