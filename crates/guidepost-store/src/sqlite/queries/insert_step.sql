INSERT INTO workflow_step (workflow_id, version, position, tenant, path, agent, input, metadata)
VALUES (:workflow, :version, :position, :tenant, :path, :agent, :input, :metadata)
