UPDATE task SET ready_at = min(:until, coalesce(deadline, :until))
WHERE run_no = :run AND state = :state AND visit = :visit AND branch = :branch AND compensates = :compensates
  AND attempt = :attempt AND owner = :owner
