-- What people and programs read. Views name the question they answer.

-- What does each record say, wherever it is kept?
CREATE VIEW record_body AS
SELECT
    r.tenant, r.run_no, r.seq, r.rev, r.kind, r.at, r.recorded_at, r.request, r.salt, r.digest, r.hash,
    CASE r.kind
        WHEN 'action' THEN (SELECT f.payload FROM action AS f WHERE f.run_no = r.run_no AND f.seq = r.seq)
        WHEN 'decision' THEN (SELECT f.payload FROM decision AS f WHERE f.run_no = r.run_no AND f.seq = r.seq)
        WHEN 'message' THEN (SELECT f.payload FROM message AS f WHERE f.run_no = r.run_no AND f.seq = r.seq)
        WHEN 'artifact' THEN (SELECT f.payload FROM artifact AS f WHERE f.run_no = r.run_no AND f.seq = r.seq)
        ELSE r.payload
    END AS body
FROM record AS r;

-- What happened to a run, to read?
CREATE VIEW run_history AS
SELECT
    b.run_no, b.seq, b.rev,
    strftime('%Y-%m-%dT%H:%M:%fZ', b.at / 1000000000.0, 'unixepoch') AS at,
    b.kind,
    CASE b.kind
        WHEN 'transitioned' THEN json_extract(b.body, '$.event')
        WHEN 'placed' THEN json_extract(b.body, '$.event')
        ELSE coalesce(json_extract(b.body, '$.body.name'), json_extract(b.body, '$.body.question'),
                      json_extract(b.body, '$.body.text'))
    END AS name,
    json_extract(b.body, '$.from') AS from_state,
    CASE b.kind
        WHEN 'transitioned' THEN coalesce(json_extract(b.body, '$.to[0]'), json_extract(b.body, '$.from'))
        WHEN 'placed' THEN json_extract(b.body, '$.to')
    END AS to_state,
    json_extract(b.body, '$.by') AS by,
    b.body
FROM record_body AS b;

-- What is each run, alive or not?
CREATE VIEW run AS
SELECT
    a.agent_id AS run_no, a.run_id, a.tenant, w.name AS workflow, a.version, a.agent_name AS agent, a.goal, a.driver,
    a.status, s.path AS current_state, a.leaves, a.rev, a.seq, a.parent_no, coalesce(a.root_no, a.agent_id) AS root_no,
    a.session, a.started_at, a.changed_at, a.due_at, a.unsealed, a.head, a.state, a.state_rev, coalesce(v.hash, '') AS machine,
    coalesce(v.revision, 0) AS revision
FROM agent_instance AS a
LEFT JOIN workflow AS w ON w.workflow_id = a.workflow_id
LEFT JOIN workflow_state AS s ON s.state_id = a.current_state_id
LEFT JOIN workflow_version AS v ON v.workflow_id = a.workflow_id AND v.version = a.version
UNION ALL
SELECT
    agent_id, run_id, tenant, workflow, version, agent_name, goal, driver, status, state_path, leaves, rev, seq,
    parent_no, coalesce(root_no, agent_id), session, started_at, changed_at, due_at, unsealed, head, state, state_rev, machine, 0
FROM deleted_agent;

-- Which states is each run in? A row per active leaf.
CREATE VIEW run_state AS
SELECT
    a.agent_id AS run_no, a.tenant, a.agent_name AS agent, s.state_id, s.name AS state, s.path, s.kind, s.guideline,
    s.description
FROM agent_instance AS a
JOIN json_each(a.leaves) AS leaf
JOIN workflow_state AS s ON s.state_id = leaf.value;

-- Which runs take no moves for now, although they go on, and why not? Guidepost holds them as it does those that are paused.
CREATE VIEW held_run AS
SELECT a.agent_id, 'what the run did is made good first; an engine does it: `guidepost run RUN`' AS why
FROM agent_instance AS a
WHERE a.status IN ('running', 'waiting') AND json_extract(a.state, '$.undoing') IS NOT NULL
UNION ALL
SELECT r.run_no, 'a limit is passed; raise it first: `guidepost limit RUN` shows which'
FROM budget_run AS r
JOIN budget AS b ON b.run_no = r.budget_no
WHERE b.due_at <= (julianday('now') - 2440587.5) * 86400000 * 1000000;

-- Which transitions by events leave the states each run is in? A row per active leaf and transition, those of the states
-- around included. The joins go from a run to its transitions, which SQLite would not guess.
CREATE VIEW active_transition AS
SELECT
    a.agent_id, leaf.state_id AS leaf_id, t.transition_id, t.name, t.from_state_id, t.to_state_id, t.description, t.kind,
    t.is_gated OR t.more_targets IS NOT NULL AS is_gated, t.is_guarded, source.lineage
FROM agent_instance AS a
CROSS JOIN workflow AS w ON w.workflow_id = a.workflow_id AND w.origin <> 'built_in'
CROSS JOIN json_each(a.leaves) AS active
CROSS JOIN workflow_state AS leaf ON leaf.state_id = active.value
CROSS JOIN json_each(leaf.lineage) AS around
CROSS JOIN workflow_transition AS t
    ON t.from_state_id = around.value AND t.version = coalesce(a.version, 0) AND t.kind IN ('event', 'internal')
CROSS JOIN workflow_state AS source ON source.state_id = t.from_state_id
-- Nobody sends what only the machine itself raises.
WHERE a.status IN ('running', 'waiting') AND substr(t.name, 1, 7) <> 'xstate.'
    AND NOT EXISTS (SELECT 1 FROM held_run AS h WHERE h.agent_id = a.agent_id);

-- Which of them share their event with others of the run? `rival` is 2 if another takes it for sure: one without a guard
-- further inside, or above it in its own state. It is 1 if another may, there or in another region, and else NULL.
CREATE VIEW rivalled_transition AS
SELECT
    t.*,
    (SELECT max(CASE WHEN NOT r.is_guarded AND (r.from_state_id = t.from_state_id OR EXISTS (
                         SELECT 1 FROM json_each(r.lineage) AS around WHERE around.value = t.from_state_id))
                     THEN 2 ELSE 1 END)
     FROM active_transition AS r
     WHERE r.agent_id = t.agent_id
         -- `order.*` answers `order` and everything below it.
         AND (r.name = t.name OR r.name = '*' OR substr(r.name, -2) = '.*'
              AND substr(t.name || '.', 1, length(r.name) - 1) = substr(r.name, 1, length(r.name) - 1))
         AND CASE WHEN r.from_state_id = t.from_state_id THEN r.name = t.name AND r.transition_id < t.transition_id
             ELSE NOT EXISTS (SELECT 1 FROM json_each(t.lineage) AS around WHERE around.value = r.from_state_id) END
    ) AS rival
FROM active_transition AS t
WHERE t.kind = 'event';

-- Which events may be sent to each run now, and where do they lead? A row per active leaf and transition. `is_gated` says
-- that SQL cannot judge the move: the transition needs something, or others may answer its event too.
CREATE VIEW legal_move AS
SELECT
    agent_id, leaf_id, transition_id, name, from_state_id, to_state_id, description, is_gated OR rival IS NOT NULL AS is_gated
FROM rivalled_transition
WHERE rival IS NOT 2;

-- Where is an agent, what is it to do there, and what may it do next? Where nothing follows any more, one row says so by
-- its NULLs. A run that is paused or held, or that only time, work or the machine itself leads on, has no row.
CREATE VIEW agent_next_actions AS
SELECT
    a.agent_id, a.agent_name, w.name AS workflow, cs.name AS current_state, cs.guideline AS state_guideline,
    m.name AS next_transition, ns.name AS next_state, m.description AS transition_description
FROM agent_instance AS a
JOIN workflow AS w ON w.workflow_id = a.workflow_id
JOIN legal_move AS m ON m.agent_id = a.agent_id
JOIN workflow_state AS cs ON cs.state_id = m.leaf_id
JOIN workflow_state AS ns ON ns.state_id = m.to_state_id
UNION ALL
SELECT a.agent_id, a.agent_name, w.name, cs.name, cs.guideline, NULL, NULL, NULL
FROM agent_instance AS a
JOIN workflow AS w ON w.workflow_id = a.workflow_id AND w.origin <> 'built_in'
JOIN workflow_state AS cs ON cs.state_id = a.current_state_id
WHERE a.status IN ('completed', 'failed', 'cancelled')
    OR a.status <> 'paused' AND NOT EXISTS (SELECT 1 FROM held_run AS h WHERE h.agent_id = a.agent_id)
    AND NOT EXISTS (
        SELECT 1
        FROM json_each(a.leaves) AS active
        JOIN workflow_state AS leaf ON leaf.state_id = active.value
        WHERE leaf.kind NOT IN ('atomic', 'final') OR EXISTS (
            SELECT 1
            FROM json_each(leaf.lineage) AS around
            JOIN workflow_transition AS t ON t.from_state_id = around.value AND t.version = coalesce(a.version, 0)))
ORDER BY 1, 4, 6;

-- Which steps of agents is each run at, and which are behind it? For what follows from it only. A leaf says nothing about the
-- steps of a list that goes on beside it.
CREATE VIEW agent_step_place AS
SELECT
    a.agent_id, s.position, s.path, st.state_id, st.lineage,
    EXISTS (SELECT 1 FROM json_each(a.leaves) AS leaf WHERE leaf.value = st.state_id) AS is_active,
    EXISTS (
        SELECT 1
        FROM json_each(a.leaves) AS leaf
        JOIN workflow_state AS l ON l.state_id = leaf.value
        LEFT JOIN workflow_step AS t ON t.workflow_id = a.workflow_id AND t.version = a.version AND t.path = l.path
        WHERE CASE
            WHEN l.kind = 'final' THEN
                l.parent_state_id IS NULL OR l.parent_state_id IN (SELECT value FROM json_each(st.lineage))
            ELSE t.position > s.position AND 'parallel' IS NOT (
                SELECT common.kind
                FROM json_each(st.lineage) AS around
                JOIN workflow_state AS common ON common.state_id = around.value
                WHERE around.value IN (SELECT value FROM json_each(l.lineage))
                ORDER BY around.key LIMIT 1)
        END
    ) AS is_behind
FROM agent_instance AS a
JOIN workflow_step AS s ON s.workflow_id = a.workflow_id AND s.version = a.version
JOIN workflow_state AS st ON st.workflow_id = a.workflow_id AND st.path = s.path;

-- Which steps does each live or ended workflow of agents' steps have, and how far is each? For what follows from it only. A
-- step behind the run is `skipped` if it was not entered since what stands before it was last left, or was cut off.
CREATE VIEW agent_step AS
SELECT
    a.agent_id, a.run_id, a.tenant, a.workflow_id, a.version, s.position, s.path, s.agent, s.input, s.metadata,
    CASE
        WHEN p.is_active THEN CASE
            WHEN a.status IN ('failed', 'cancelled') THEN 'failed'
            WHEN a.status = 'paused' AND json_extract(a.state, '$.paused[0]') = 'pending' THEN 'pending'
            ELSE 'running'
        END
        WHEN NOT p.is_behind THEN 'pending'
        WHEN NOT EXISTS (SELECT 1 FROM json_each(a.state, '$.visits') AS own WHERE own.key = s.path) THEN 'skipped'
        WHEN EXISTS (
            SELECT 1
            FROM json_each(p.lineage) AS around
            JOIN workflow_state AS x ON x.state_id = around.value
            JOIN json_each(a.state, '$.visits') AS own ON own.key = x.path
            JOIN json_each(a.state, '$.visits') AS other
            JOIN workflow_state AS y ON y.workflow_id = a.workflow_id AND y.path = other.key
            LEFT JOIN workflow_state AS list ON list.state_id = x.parent_state_id
            WHERE y.parent_state_id IS x.parent_state_id AND y.position < x.position AND list.kind IS NOT 'parallel'
                -- What is active was not left since.
                AND NOT EXISTS (
                    SELECT 1 FROM json_each(a.leaves) AS leaf
                    JOIN workflow_state AS l ON l.state_id = leaf.value
                    WHERE x.state_id IN (SELECT value FROM json_each(l.lineage)))
                AND coalesce(json_extract(other.value, '$.l'), 0) > coalesce(json_extract(own.value, '$.l'), 0)
        ) THEN 'skipped'
        WHEN 'user' IS NOT (
            SELECT t.role FROM thread AS h JOIN turn AS t ON t.thread_id = h.thread_id
            WHERE h.run_no = a.agent_id AND h.state = s.path AND h.branch = 0 ORDER BY t.position DESC LIMIT 1
        ) THEN 'completed'
        WHEN EXISTS (
            SELECT 1 FROM workflow_transition AS t
            WHERE t.from_state_id = p.state_id AND t.version = a.version AND t.kind = 'error'
        ) THEN 'failed'
        ELSE 'skipped'
    END AS status,
    CASE WHEN p.is_active AND a.status = 'failed' THEN json_extract(a.state, '$.output')
         WHEN p.is_active AND a.status = 'cancelled' THEN 'cancelled' END AS error,
    (SELECT t.thread_id FROM thread AS t
     WHERE t.run_no = a.agent_id AND t.state = s.path AND t.branch = 0) AS thread,
    max(a.started_at, (SELECT v.created_at FROM workflow_version AS v
                       WHERE v.workflow_id = a.workflow_id AND v.version = (
                           SELECT min(f.version) FROM workflow_step AS f
                           WHERE f.workflow_id = a.workflow_id AND f.path = s.path))) AS created_at,
    CASE WHEN p.is_active THEN a.changed_at END AS changed_at, p.is_active
FROM agent_instance AS a
JOIN workflow_step AS s ON s.workflow_id = a.workflow_id AND s.version = a.version
JOIN agent_step_place AS p ON p.agent_id = a.agent_id AND p.position = s.position;

-- Which workflows are there that are lists of agents' steps, and how is each? A row per run of one.
CREATE VIEW agent_workflows AS
SELECT
    a.run_id AS id, w.name, w.description,
    CASE a.status WHEN 'completed' THEN (SELECT count(*) FROM workflow_step AS s
                                         WHERE s.workflow_id = a.workflow_id AND s.version = a.version)
                  ELSE coalesce((SELECT min(p.position) FROM agent_step_place AS p
                                 WHERE p.agent_id = a.agent_id AND p.is_active), 0) END AS current_step_index,
    CASE
        WHEN a.status IN ('failed', 'cancelled') THEN 'failed'
        WHEN a.status = 'completed' THEN 'completed'
        WHEN a.status <> 'paused' THEN 'running'
        WHEN json_extract(a.state, '$.paused[0]') = 'pending' THEN 'pending'
        ELSE 'paused'
    END AS status,
    v.metadata,
    strftime('%Y-%m-%dT%H:%M:%fZ', a.started_at / 1000000000.0, 'unixepoch') AS created_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', a.changed_at / 1000000000.0, 'unixepoch') AS updated_at
FROM agent_instance AS a
JOIN workflow_version AS v ON v.workflow_id = a.workflow_id AND v.version = a.version
JOIN workflow AS w ON w.workflow_id = a.workflow_id
WHERE EXISTS (SELECT 1 FROM workflow_step AS s
              WHERE s.workflow_id = a.workflow_id AND s.version = a.version);

-- What are the steps of each of them, and what came of each? In order within a workflow.
CREATE VIEW agent_workflow_steps AS
SELECT
    s.run_id || ':' || s.path AS id, s.run_id AS workflow_id, s.agent AS agent_id, s.input,
    s.run_id || ':' || s.path || CASE WHEN s.path LIKE '%]' THEN '[0]' ELSE '' END AS thread_id, s.status,
    CASE s.status WHEN 'completed' THEN (
        SELECT CASE json_type(t.payload) WHEN 'text' THEN json_extract(t.payload, '$') ELSE t.payload END
        FROM turn AS t WHERE t.thread_id = s.thread AND t.role = 'assistant'
        ORDER BY t.position DESC LIMIT 1) END AS result,
    CASE WHEN s.status = 'failed' AND NOT s.is_active THEN 'it failed, and the workflow went on elsewhere'
         ELSE s.error END AS error,
    s.metadata,
    strftime('%Y-%m-%dT%H:%M:%fZ', s.created_at / 1000000000.0, 'unixepoch') AS created_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', coalesce(
        s.changed_at, (SELECT max(t.at) FROM turn AS t WHERE t.thread_id = s.thread), s.created_at
    ) / 1000000000.0, 'unixepoch') AS updated_at
FROM agent_step AS s
ORDER BY s.agent_id, s.position;

-- What may be a name? Nothing stands here; a row that is inserted is held against the rules of its kind, so that they are
-- written once.
CREATE VIEW name_rule AS
SELECT NULL AS kind, NULL AS name WHERE 0;
