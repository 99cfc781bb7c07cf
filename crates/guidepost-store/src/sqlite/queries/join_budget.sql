WITH RECURSIVE below (run_no) AS (
    SELECT :run
    UNION
    SELECT a.agent_id FROM below JOIN agent_instance AS a ON a.parent_no = below.run_no)
INSERT INTO budget_run (run_no, budget_no) SELECT run_no, :run FROM below
