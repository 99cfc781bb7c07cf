UPDATE task SET owner = NULL, ready_at = :now, deadline = NULL, attempt = attempt - 1
WHERE run_no = :run AND state = :state AND visit = :visit AND branch = :branch AND compensates = :compensates
  AND attempt = :attempt AND owner = :owner
