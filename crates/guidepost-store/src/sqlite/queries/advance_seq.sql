UPDATE agent_instance SET seq = :seq, unsealed = 0, head = :head WHERE agent_id = :run
