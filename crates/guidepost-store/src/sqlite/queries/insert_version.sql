INSERT INTO workflow_version
    (workflow_id, version, tenant, hash, format, source, file, states, created_at, created_by, metadata)
VALUES
    (:workflow, :version, :tenant, :hash, :format, :source, :file, :states, :now, :by, :metadata)
