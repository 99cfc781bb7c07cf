DELETE FROM task
WHERE run_no = :run AND state = :state AND visit = :visit AND branch = :branch AND compensates = :compensates
  AND attempt = :attempt AND owner IS NOT NULL AND child_no IS NULL
