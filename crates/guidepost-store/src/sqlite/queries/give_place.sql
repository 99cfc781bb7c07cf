-- By the runs: the index over the bounds would lead through all that waits.
WITH RECURSIVE below (run_no) AS (
    SELECT :run
    UNION
    SELECT a.agent_id FROM below JOIN agent_instance AS a ON a.parent_no = below.run_no)
UPDATE task SET needs_place = 0
WHERE run_no IN (SELECT run_no FROM below) AND +bound_to = :workflow AND needs_place = 1
