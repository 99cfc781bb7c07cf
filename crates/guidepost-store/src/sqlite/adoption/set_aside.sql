-- Refuses what would be lost: columns, indexes and triggers that the agent-state schema has not, or columns that are missing.
-- The error is raised by a JSON path that is none; where nothing differs the path is NULL, which raises nothing.
WITH expected (table_name, column_name) AS (
    VALUES
        ('workflow', 'workflow_id'), ('workflow', 'name'), ('workflow', 'created_at'),
        ('workflow_state', 'state_id'), ('workflow_state', 'workflow_id'), ('workflow_state', 'name'),
        ('workflow_state', 'guideline'),
        ('workflow_transition', 'transition_id'), ('workflow_transition', 'workflow_id'), ('workflow_transition', 'name'),
        ('workflow_transition', 'from_state_id'), ('workflow_transition', 'to_state_id'),
        ('workflow_transition', 'description'),
        ('agent_instance', 'agent_id'), ('agent_instance', 'workflow_id'), ('agent_instance', 'agent_name'),
        ('agent_instance', 'current_state_id'), ('agent_instance', 'updated_at')),
present (table_name, column_name) AS (
    SELECT t.table_name, lower(c.name)
    FROM (SELECT DISTINCT e.table_name FROM expected AS e) AS t JOIN pragma_table_xinfo(t.table_name) AS c)
SELECT json_extract('{}', 'the tables are not adopted, because they differ from the agent-state schema: '
                          || group_concat(differs.what, ', '))
FROM (
    SELECT 'extra column ' || table_name || '.' || column_name AS what
    FROM (SELECT * FROM present EXCEPT SELECT * FROM expected)
    UNION ALL
    SELECT 'no column ' || table_name || '.' || column_name
    FROM (SELECT * FROM expected EXCEPT SELECT * FROM present)
    UNION ALL
    SELECT 'extra ' || o.type || ' ' || o.name
    FROM sqlite_schema AS o
    WHERE o.type IN ('index', 'trigger') AND o.sql IS NOT NULL AND o.name <> 'agent_state_touch'
        AND (lower(o.tbl_name) IN (SELECT e.table_name FROM expected AS e) OR lower(o.tbl_name) = 'agent_next_actions')
) AS differs;

-- Sets the four bare tables of the agent-state schema aside, to make room for ours. Names in the tables' own definitions
-- are left as they are: they go with the tables.
PRAGMA legacy_alter_table = ON;
DROP VIEW IF EXISTS agent_next_actions;
DROP TRIGGER IF EXISTS agent_state_touch;
ALTER TABLE workflow RENAME TO bare_workflow;
ALTER TABLE workflow_state RENAME TO bare_workflow_state;
ALTER TABLE workflow_transition RENAME TO bare_workflow_transition;
ALTER TABLE agent_instance RENAME TO bare_agent_instance;
PRAGMA legacy_alter_table = OFF;
