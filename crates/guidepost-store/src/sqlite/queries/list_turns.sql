SELECT h.name, h.state, h.branch, t.position, t.role, t.at, t.payload
FROM thread AS h JOIN turn AS t ON t.thread_id = h.thread_id
WHERE h.run_no = :run AND h.tenant = :tenant
    AND (:state IS NULL OR (h.state = :state AND h.branch = :branch))
    AND (
        :after_state IS NULL
        OR (h.thread_id, t.position) > (
            (
                SELECT f.thread_id FROM thread AS f
                WHERE f.run_no = :run AND f.tenant = :tenant AND f.state = :after_state AND f.branch = :after_branch
            ),
            :after_position
        )
    )
ORDER BY h.thread_id, t.position LIMIT :limit
