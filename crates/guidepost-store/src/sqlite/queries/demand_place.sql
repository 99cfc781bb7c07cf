UPDATE task SET needs_place = 1
WHERE run_no = :run AND state = :state AND visit = :visit AND branch = :branch AND compensates = :compensates
