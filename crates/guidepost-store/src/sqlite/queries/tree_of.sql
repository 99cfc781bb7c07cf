-- A run and the runs below it, each with whether it is over: it ended, or was never begun.
WITH RECURSIVE tree (no) AS (
    SELECT run_no FROM run WHERE run_no = :run AND tenant = :tenant
    UNION
    SELECT r.run_no FROM tree JOIN run AS r ON r.parent_no = tree.no
)
SELECT
    tree.no,
    r.status IN ('completed', 'failed', 'cancelled')
        OR (r.status = 'paused' AND coalesce(json_extract(r.state, '$.paused[0]'), '') = 'pending'),
    (SELECT t.run_no FROM task AS t WHERE t.child_no = tree.no LIMIT 1)
FROM tree JOIN run AS r ON r.run_no = tree.no
ORDER BY tree.no
