SELECT count(*) = 4 FROM sqlite_schema
WHERE type = 'table' AND name IN ('workflow', 'workflow_state', 'workflow_transition', 'agent_instance')
