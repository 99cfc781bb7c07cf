UPDATE workflow_state
SET guideline = :guideline, description = :description, revision = revision + 1
WHERE state_id = :state
