INSERT INTO task (tenant, run_no, state, visit, branch, kind, queue, filed_at, ready_at, owner, attempt, timeout_ns, deadline)
VALUES (:tenant, :run, :state, :visit, :branch, :kind, :queue, :now, :ready_at, :owner, :attempt, :timeout, :deadline)
