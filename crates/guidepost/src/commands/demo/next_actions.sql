SELECT agent_name, workflow, current_state, next_transition, next_state, transition_description
FROM agent_next_actions;
