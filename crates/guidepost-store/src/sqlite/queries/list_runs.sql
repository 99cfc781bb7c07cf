SELECT r.*,
    coalesce((SELECT json_group_array(s.path) FROM json_each(r.leaves) AS leaf
              JOIN workflow_state AS s ON s.state_id = leaf.value), '[]') AS leaf_paths
FROM run AS r
WHERE r.tenant = :tenant
    AND r.run_no < :before
    AND (:status = '[]' OR r.status IN (SELECT value FROM json_each(:status)))
    AND (:workflow IS NULL OR r.workflow = :workflow)
    AND (:agent IS NULL OR r.agent = :agent)
    AND (:since IS NULL OR r.started_at >= :since)
    AND (:state IS NULL
        OR r.current_state = :state
        OR substr(r.current_state, -length(:state) - 1) = '.' || :state
        OR EXISTS (SELECT 1 FROM json_each(r.leaves) AS leaf
                   JOIN workflow_state AS s ON s.state_id = leaf.value
                   WHERE s.path = :state OR substr(s.path, -length(:state) - 1) = '.' || :state))
    AND NOT EXISTS (
        SELECT 1 FROM json_each(:words) AS word
        WHERE instr(lower(coalesce(r.goal, '')), word.value) = 0
            AND instr(lower(coalesce(r.agent, '')), word.value) = 0
            AND instr(lower(r.workflow), word.value) = 0)
ORDER BY r.run_no DESC
LIMIT :limit
