UPDATE agent_instance
SET current_state_id = :state_id,
    updated_at = datetime(:now / 1000000000, 'unixepoch'),
    rev = :rev,
    seq = :seq,
    unsealed = 0,
    head = :head,
    leaves = :leaves,
    state = :state,
    state_rev = :rev,
    changed_at = :now
WHERE agent_id = :run AND rev = :expected
