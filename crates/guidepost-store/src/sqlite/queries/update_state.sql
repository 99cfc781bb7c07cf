UPDATE workflow_state
SET kind = :kind, is_initial = :is_initial, position = :position, retired_in = NULL,
    defined_guideline = :guideline, defined_description = :description
WHERE state_id = :state
