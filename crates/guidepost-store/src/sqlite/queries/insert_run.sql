INSERT INTO agent_instance
    (workflow_id, agent_name, current_state_id, updated_at, tenant, run_id, version, driver, status, rev, seq, head,
     leaves, state, state_rev, due_at, changed_at, started_at, goal, parent_no, root_no, session)
VALUES
    (:workflow, :agent, :state_id, datetime(:now / 1000000000, 'unixepoch'), :tenant, :run_id, :version, :driver,
     :status, :rev, :seq, :head, :leaves, :state, :rev, :due, :now, :started_at, :goal, :parent, :root, :session)
