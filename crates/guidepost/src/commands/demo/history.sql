SELECT seq, kind, name, from_state, to_state
FROM run_history
WHERE run_no = 1
ORDER BY seq;
