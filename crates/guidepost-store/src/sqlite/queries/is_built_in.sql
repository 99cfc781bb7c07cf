SELECT origin = 'built_in' FROM workflow WHERE workflow_id = :workflow
