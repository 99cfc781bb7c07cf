DELETE FROM begun_run
WHERE tenant = :tenant AND workflow = :workflow
  AND NOT EXISTS (
    SELECT 1 FROM agent_instance AS a
    WHERE a.agent_id = begun_run.run_no AND a.status IN ('running', 'waiting', 'paused'))
