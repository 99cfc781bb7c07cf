WITH RECURSIVE above (run_no) AS (
    SELECT parent_no FROM agent_instance WHERE agent_id = :run
    UNION
    SELECT a.parent_no FROM above JOIN agent_instance AS a ON a.agent_id = above.run_no)
SELECT run_no FROM above WHERE run_no IS NOT NULL
