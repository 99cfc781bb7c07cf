SELECT concurrency FROM workflow WHERE tenant = :tenant AND name = :workflow
