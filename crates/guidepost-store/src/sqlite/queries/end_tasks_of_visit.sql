DELETE FROM task
WHERE run_no = :run AND state = :state AND visit = :visit AND compensates = :compensates AND child_no IS NULL
