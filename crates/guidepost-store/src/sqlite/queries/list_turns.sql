SELECT h.thread_id, h.name, h.state, h.branch, t.position, t.role, t.at, t.payload
FROM thread AS h JOIN turn AS t ON t.thread_id = h.thread_id
WHERE h.run_no = :run AND h.tenant = :tenant AND (h.thread_id, t.position) > (:after_thread, :after_position)
ORDER BY h.thread_id, t.position LIMIT :limit
