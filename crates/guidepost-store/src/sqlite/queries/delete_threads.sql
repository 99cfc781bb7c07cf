DELETE FROM thread WHERE run_no IN (SELECT value FROM json_each(:runs))
