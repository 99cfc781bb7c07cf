INSERT INTO turn (thread_id, position, tenant, role, at, payload)
SELECT
    t.thread_id, 1 + coalesce((SELECT max(o.position) FROM turn AS o WHERE o.thread_id = t.thread_id), 0), t.tenant, :role,
    :now, :payload
FROM agent_instance AS a
JOIN thread AS t ON t.tenant = a.tenant AND t.name = a.run_id || ':' || :suffix
WHERE a.agent_id = :run
