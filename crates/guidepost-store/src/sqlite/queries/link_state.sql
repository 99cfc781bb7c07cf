UPDATE workflow_state SET parent_state_id = :parent, lineage = :lineage WHERE state_id = :state
