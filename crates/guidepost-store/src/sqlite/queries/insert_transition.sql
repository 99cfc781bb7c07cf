INSERT INTO workflow_transition
    (workflow_id, name, from_state_id, to_state_id, description, tenant, version, position, kind, is_gated, is_guarded,
     more_targets)
VALUES
    (:workflow, :name, :from, :to, :description, :tenant, :version, :position, :kind, :is_gated, :is_guarded,
     :more_targets)
