INSERT INTO source_revision (workflow_id, version, revision, tenant, format, source, file, replaced_at, replaced_by)
SELECT workflow_id, version, revision, tenant, format, source, file, :now, :by
FROM workflow_version
WHERE workflow_id = :workflow AND version = :version
