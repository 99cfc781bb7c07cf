UPDATE agent_instance SET status = :status, due_at = :due WHERE agent_id = :run
