-- Takes over the rows of a file that has the four bare tables of the agent-state schema. They were set aside under these
-- names before ours were made; the triggers then make live runs of its agents, and refuse rows that contradict each other.
INSERT INTO workflow (workflow_id, name, created_at)
SELECT workflow_id, name, created_at FROM bare_workflow ORDER BY workflow_id;

INSERT INTO workflow_state (state_id, workflow_id, name, guideline)
SELECT state_id, workflow_id, name, guideline FROM bare_workflow_state ORDER BY state_id;

INSERT INTO workflow_transition (transition_id, workflow_id, name, from_state_id, to_state_id, description)
SELECT transition_id, workflow_id, name, from_state_id, to_state_id, description
FROM bare_workflow_transition ORDER BY transition_id;

INSERT INTO agent_instance (agent_id, workflow_id, agent_name, current_state_id, updated_at)
SELECT agent_id, workflow_id, agent_name, current_state_id, updated_at FROM bare_agent_instance ORDER BY agent_id;

DROP TABLE bare_agent_instance;
DROP TABLE bare_workflow_transition;
DROP TABLE bare_workflow_state;
DROP TABLE bare_workflow;
