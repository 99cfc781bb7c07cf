DELETE FROM begun_run WHERE run_no IN (SELECT value FROM json_each(:runs))
