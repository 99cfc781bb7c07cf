DELETE FROM budget WHERE run_no IN (SELECT value FROM json_each(:runs))
