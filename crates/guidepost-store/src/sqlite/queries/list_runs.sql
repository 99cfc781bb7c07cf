SELECT
    a.agent_id AS run_no, a.run_id, w.name AS workflow, a.version, a.agent_name AS agent, a.goal, a.status,
    s.path AS current_state, a.rev, a.started_at, a.changed_at,
    -- None if what is kept is no list: one damaged run hides no others.
    CASE WHEN json_valid(a.leaves) THEN
        (SELECT json_group_array(l.path) FROM json_each(a.leaves) AS leaf
         JOIN workflow_state AS l ON l.state_id = leaf.value) END AS leaf_paths
FROM agent_instance AS a
JOIN workflow AS w ON w.workflow_id = a.workflow_id
JOIN workflow_state AS s ON s.state_id = a.current_state_id
WHERE a.tenant = :tenant
    AND a.agent_id < :before
    AND a.status = :status
    AND (:workflow IS NULL OR w.name = :workflow)
    AND (:agent IS NULL OR a.agent_name = :agent)
    AND (:parent IS NULL OR a.parent_no = :parent)
    AND (:since IS NULL OR a.started_at >= :since)
    AND (:state IS NULL
        OR s.path = :state
        OR substr(s.path, -length(:state) - 1) = '.' || :state
        OR EXISTS (SELECT 1 FROM json_each(CASE WHEN json_valid(a.leaves) THEN a.leaves END) AS leaf
                   JOIN workflow_state AS l ON l.state_id = leaf.value
                   WHERE l.path = :state OR substr(l.path, -length(:state) - 1) = '.' || :state))
    AND NOT EXISTS (
        SELECT 1 FROM json_each(:words) AS word
        WHERE instr(lower(coalesce(a.goal, '')), word.value) = 0
            AND instr(lower(coalesce(a.agent_name, '')), word.value) = 0
            AND instr(lower(w.name), word.value) = 0)
UNION ALL
SELECT
    d.agent_id, d.run_id, d.workflow, d.version, d.agent_name, d.goal, d.status, d.state_path, d.rev, d.started_at,
    d.changed_at, json_array(d.state_path)
FROM deleted_agent AS d
WHERE d.tenant = :tenant
    AND d.agent_id < :before
    AND d.status = :status
    AND (:workflow IS NULL OR d.workflow = :workflow)
    AND (:agent IS NULL OR d.agent_name = :agent)
    AND (:parent IS NULL OR d.parent_no = :parent)
    AND (:since IS NULL OR d.started_at >= :since)
    AND (:state IS NULL
        OR d.state_path = :state
        OR substr(d.state_path, -length(:state) - 1) = '.' || :state)
    AND NOT EXISTS (
        SELECT 1 FROM json_each(:words) AS word
        WHERE instr(lower(coalesce(d.goal, '')), word.value) = 0
            AND instr(lower(coalesce(d.agent_name, '')), word.value) = 0
            AND instr(lower(d.workflow), word.value) = 0)
ORDER BY 1 DESC
LIMIT :limit
