SELECT bound_as FROM task WHERE tenant = :tenant AND bound_to = :workflow AND owner IS NOT NULL
