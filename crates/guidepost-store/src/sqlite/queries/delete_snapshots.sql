DELETE FROM snapshot WHERE run_no IN (SELECT value FROM json_each(:runs))
