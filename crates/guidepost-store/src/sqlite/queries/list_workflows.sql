SELECT
    w.name, w.description, w.version,
    (SELECT count(*) FROM workflow_state AS s
     WHERE s.workflow_id = w.workflow_id AND s.retired_in IS NULL AND s.path <> ''),
    (SELECT count(*) FROM agent_instance AS a
     WHERE a.workflow_id = w.workflow_id AND a.status IN ('running', 'waiting', 'paused')),
    coalesce(w.defined_at, CAST(strftime('%s', w.created_at) AS INTEGER) * 1000000000, 0)
FROM workflow AS w
WHERE w.tenant = :tenant AND w.origin <> 'built_in' AND (:after IS NULL OR w.name > :after)
    AND NOT EXISTS (
        SELECT 1 FROM json_each(:words) AS word
        WHERE instr(lower(w.name), word.value) = 0 AND instr(lower(coalesce(w.description, '')), word.value) = 0)
ORDER BY w.name
LIMIT :limit
