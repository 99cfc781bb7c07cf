UPDATE task SET owner = NULL, ready_at = :at, deadline = NULL, lost = 0
WHERE run_no = :run AND state = :state AND visit = :visit AND branch = :branch AND compensates = :compensates
