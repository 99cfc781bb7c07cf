SELECT b.run_no FROM begun_run AS b JOIN agent_instance AS a ON a.agent_id = b.run_no
WHERE b.tenant = :tenant AND b.workflow = :workflow AND a.status IN ('running', 'waiting', 'paused')
