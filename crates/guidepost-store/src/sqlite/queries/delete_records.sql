DELETE FROM record WHERE run_no IN (SELECT value FROM json_each(:runs)) AND kind <> 'gone'
