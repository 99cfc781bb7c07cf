UPDATE workflow_state SET name = :name WHERE state_id = :state
