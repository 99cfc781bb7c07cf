INSERT INTO task
    (tenant, run_no, state, visit, branch, compensates, kind, queue, filed_at, ready_at, owner, attempt, timeout_ns, deadline)
VALUES
    (:tenant, :run, :state, :visit, :branch, :compensates, :kind, :queue, :now, :ready_at, :owner, :attempt, :timeout,
     :deadline)
