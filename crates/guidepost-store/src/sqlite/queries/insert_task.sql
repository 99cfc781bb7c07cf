INSERT INTO task
    (tenant, run_no, state, visit, branch, compensates, kind, queue, filed_at, ready_at, owner, attempt, timeout_ns, deadline,
     bound_to, bound_as, needs_place)
VALUES
    (:tenant, :run, :state, :visit, :branch, :compensates, :kind, :queue, :now, :ready_at, :owner, :attempt, :timeout,
     :deadline, :bound_to, :bound_as, :needs_place)
