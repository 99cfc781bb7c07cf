SELECT s.path, s.guideline, s.description, s.revision
FROM workflow_state AS s
JOIN workflow AS w ON w.workflow_id = s.workflow_id
WHERE w.tenant = :tenant AND w.name = :workflow
    AND (s.revision > 0 OR s.guideline IS NOT NULL OR s.description IS NOT NULL)
ORDER BY s.state_id
