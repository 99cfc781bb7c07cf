UPDATE task SET owner = :owner, ready_at = :until, attempt = :attempt, lost = :lost, deadline = :deadline
WHERE run_no = :run AND state = :state AND visit = :visit AND branch = :branch AND compensates = :compensates
