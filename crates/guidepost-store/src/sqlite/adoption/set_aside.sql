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
