DELETE FROM turn
WHERE thread_id IN (SELECT t.thread_id FROM thread AS t WHERE t.run_no IN (SELECT value FROM json_each(:runs)))
