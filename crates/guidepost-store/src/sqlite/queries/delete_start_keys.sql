DELETE FROM start_key WHERE run_no IN (SELECT value FROM json_each(:runs))
