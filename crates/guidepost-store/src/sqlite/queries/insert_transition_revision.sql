INSERT INTO wording_revision (tenant, transition_id, revision, description, edited_by, edited_at)
SELECT tenant, transition_id, revision, description, :by, :now
FROM workflow_transition
WHERE transition_id = :transition
