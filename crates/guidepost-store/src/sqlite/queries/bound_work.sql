SELECT bound_as FROM task INDEXED BY task_bound WHERE tenant = :tenant AND bound_to = :workflow AND owner IS NOT NULL
