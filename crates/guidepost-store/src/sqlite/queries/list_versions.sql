SELECT v.version, v.hash, v.created_at, v.created_by,
    (SELECT count(*) FROM agent_instance AS a
     WHERE a.workflow_id = v.workflow_id AND a.version = v.version AND a.status IN ('running', 'waiting', 'paused'))
FROM workflow_version AS v
WHERE v.workflow_id = :workflow
ORDER BY v.version DESC
