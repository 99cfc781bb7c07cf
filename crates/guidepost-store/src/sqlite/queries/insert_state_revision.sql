INSERT INTO wording_revision (tenant, state_id, revision, guideline, description, edited_by, edited_at)
SELECT tenant, state_id, revision, guideline, description, :by, :now
FROM workflow_state
WHERE state_id = :state
