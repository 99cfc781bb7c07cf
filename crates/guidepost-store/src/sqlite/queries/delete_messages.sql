DELETE FROM message WHERE run_no IN (SELECT value FROM json_each(:runs))
