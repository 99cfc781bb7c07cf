SELECT seq, kind, at, payload FROM record
WHERE run_no = :run AND seq > :sealed
ORDER BY seq
