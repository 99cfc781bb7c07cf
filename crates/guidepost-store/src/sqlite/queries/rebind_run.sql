-- Binds a run to the version of its workflow with this structure; none if it follows rows.
UPDATE agent_instance
SET version = (SELECT v.version FROM workflow_version AS v WHERE v.workflow_id = :workflow AND v.hash = :machine)
WHERE agent_id = :run
    AND (:machine = ''
         OR EXISTS (SELECT 1 FROM workflow_version AS v WHERE v.workflow_id = :workflow AND v.hash = :machine))
