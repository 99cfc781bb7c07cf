SELECT rev, kind, payload FROM record
WHERE run_no = :run AND seq >= :first AND request = :request
ORDER BY seq
