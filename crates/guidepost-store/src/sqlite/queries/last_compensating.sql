SELECT rev, payload FROM record
WHERE run_no = :run AND kind = 'compensating'
ORDER BY seq DESC LIMIT 1
