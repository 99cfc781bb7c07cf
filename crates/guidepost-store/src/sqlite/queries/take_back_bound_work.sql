UPDATE task INDEXED BY task_bound SET owner = NULL, deadline = NULL, lost = lost + 1
WHERE tenant = :tenant AND bound_to = :workflow AND owner IS NOT NULL AND ready_at <= :now
