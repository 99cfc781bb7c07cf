INSERT INTO workflow_state
    (workflow_id, name, guideline, tenant, path, kind, is_initial, position, description, defined_guideline,
     defined_description)
VALUES
    (:workflow, :name, :guideline, :tenant, :path, :kind, :is_initial, :position, :description, :guideline, :description)
