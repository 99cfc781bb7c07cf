WITH RECURSIVE above (run_no) AS (
    SELECT :run
    UNION
    SELECT a.parent_no FROM above JOIN agent_instance AS a ON a.agent_id = above.run_no
    WHERE a.parent_no IS NOT NULL)
SELECT 1
FROM above
JOIN begun_run AS b ON b.tenant = :tenant AND b.workflow = :workflow AND b.run_no = above.run_no
JOIN agent_instance AS a ON a.agent_id = b.run_no
WHERE a.status IN ('running', 'waiting', 'paused')
