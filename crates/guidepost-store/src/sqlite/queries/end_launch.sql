UPDATE task SET queue = 'cancel', owner = NULL, ready_at = :now, deadline = NULL, bound_to = NULL, bound_as = NULL
WHERE run_no = :run AND state = :state AND visit = :visit AND compensates = :compensates AND child_no IS NOT NULL
  AND (:branch IS NULL OR branch = :branch)
