UPDATE deleted_agent SET seq = :seq, unsealed = 0, head = :head WHERE agent_id = :run
