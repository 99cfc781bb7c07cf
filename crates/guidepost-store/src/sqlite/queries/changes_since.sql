SELECT kind, payload FROM record
WHERE run_no = :run AND has_changes = 1 AND seq > :seq
ORDER BY seq
