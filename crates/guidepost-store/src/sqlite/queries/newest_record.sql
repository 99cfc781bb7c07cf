SELECT coalesce(max(record_id), 0) FROM record
