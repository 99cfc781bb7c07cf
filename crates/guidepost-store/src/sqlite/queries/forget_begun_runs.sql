DELETE FROM begun_run
WHERE tenant = :tenant AND workflow = :workflow
  AND run_no NOT IN (SELECT agent_id FROM agent_instance WHERE status IN ('running', 'waiting', 'paused'))
