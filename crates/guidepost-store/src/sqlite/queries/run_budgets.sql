SELECT b.run_no, b.since, b.limits, b.spent, b.told
FROM budget_run AS r JOIN budget AS b ON b.run_no = r.budget_no
WHERE r.run_no = :run
ORDER BY r.budget_no
