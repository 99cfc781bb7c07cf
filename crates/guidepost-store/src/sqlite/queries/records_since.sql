SELECT kind, payload FROM record
WHERE run_no = :run AND seq > :rev AND rev > :rev AND kind IN ('placed', 'cancelled')
ORDER BY seq
