UPDATE task SET owner = NULL, deadline = NULL, lost = 0, child_no = :child, ready_at = CASE
    WHEN EXISTS (SELECT 1 FROM agent_instance WHERE agent_id = :child AND status IN ('running', 'waiting', 'paused'))
    THEN 9223372036854775807 ELSE :now END
WHERE run_no = :run AND state = :state AND visit = :visit AND branch = :branch AND compensates = :compensates
  AND attempt = :attempt AND owner IS NOT NULL
