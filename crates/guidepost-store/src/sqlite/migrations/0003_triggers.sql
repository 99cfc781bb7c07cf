-- What keeps the rows consistent when SQL statements write them. The stock shell leaves foreign keys off, so triggers do
-- everything. Guidepost's own writer runs no triggers at all, so whatever they see was written by hand, or by one of them.
-- What one of them writes is told by what no hand can leave behind: a row that is not completed yet.
--
-- SQLite has no computed error text. Where a message must name something, the error is raised by a JSON path that is
-- none: its text ends up in the message. Such a text is never NULL, because a NULL path raises nothing.

-- Moves ---------------------------------------------------------------------------------------------------------------

-- Keeps `updated_at` fresh whenever SQL changes a state, for that agent only.
CREATE TRIGGER agent_state_touch
AFTER UPDATE OF current_state_id ON agent_instance
BEGIN
    UPDATE agent_instance SET updated_at = CURRENT_TIMESTAMP WHERE agent_id = NEW.agent_id;
END;

-- Refuses a move that no plain event makes.
CREATE TRIGGER agent_move_refuse
BEFORE UPDATE OF current_state_id, workflow_id ON agent_instance
WHEN NEW.current_state_id IS NOT OLD.current_state_id OR NEW.workflow_id IS NOT OLD.workflow_id
BEGIN
    SELECT CASE
        WHEN NOT EXISTS (SELECT 1 FROM workflow_state AS s
                         WHERE s.state_id = NEW.current_state_id AND s.workflow_id = NEW.workflow_id)
        THEN json_extract('{}', 'state ' || coalesce(
            (SELECT '`' || s.name || '`' FROM workflow_state AS s WHERE s.state_id = NEW.current_state_id),
            NEW.current_state_id, 'NULL')
            || ' is no state of the workflow; set workflow_id and current_state_id together to change the workflow')
        WHEN EXISTS (SELECT 1 FROM workflow AS w
                     WHERE w.workflow_id IN (OLD.workflow_id, NEW.workflow_id) AND w.origin = 'built_in')
        THEN RAISE(ABORT, 'an observed run is not moved; what it does is recorded')
        WHEN EXISTS (SELECT 1 FROM workflow AS w WHERE w.workflow_id = NEW.workflow_id AND w.tenant <> OLD.tenant)
        THEN RAISE(ABORT, 'the workflow belongs to another tenant')
        WHEN NEW.workflow_id IS NOT OLD.workflow_id AND EXISTS (SELECT 1 FROM workflow_state AS s
                         WHERE s.state_id = NEW.current_state_id AND s.retired_in IS NOT NULL)
        THEN json_extract('{}', 'state `' || (SELECT s.name FROM workflow_state AS s WHERE s.state_id = NEW.current_state_id)
            || '` is none of the present version of the workflow, only of older ones')
        WHEN OLD.status = 'paused' THEN RAISE(ABORT, 'the run is paused; resume it first')
        WHEN OLD.status IN ('running', 'waiting')
            AND EXISTS (SELECT 1 FROM held_run AS h WHERE h.agent_id = OLD.agent_id)
        THEN json_extract('{}', (SELECT min(h.why) FROM held_run AS h WHERE h.agent_id = OLD.agent_id))
        WHEN NEW.workflow_id IS OLD.workflow_id AND NOT EXISTS (
            SELECT 1 FROM legal_move AS m
            WHERE m.agent_id = OLD.agent_id AND m.to_state_id = NEW.current_state_id AND NOT m.is_gated)
        THEN json_extract('{}', 'illegal move; ' || coalesce(
            'SQL cannot judge ' || (
                SELECT group_concat(DISTINCT '`' || m.name || '`') FROM legal_move AS m
                WHERE m.agent_id = OLD.agent_id AND m.to_state_id = NEW.current_state_id)
            || ': something is needed, or other active states may answer too; send the event by `guidepost do`; ', '')
            || 'legal now: ' || coalesce(
            (SELECT group_concat(told.move, ', ')
             FROM (SELECT DISTINCT m.name || ' -> ' || s.name
                       || CASE WHEN m.is_gated THEN ' (send the event)' ELSE '' END AS move
                   FROM legal_move AS m JOIN workflow_state AS s ON s.state_id = m.to_state_id
                   WHERE m.agent_id = OLD.agent_id) AS told), 'nothing'))
    END;
END;

-- Refuses a move past a timer that is due: it may lead elsewhere. What SQL moved and nobody settled has only the timers of
-- the state of execution.
CREATE TRIGGER agent_move_due_refuse
BEFORE UPDATE OF current_state_id, workflow_id ON agent_instance
WHEN OLD.status IN ('running', 'waiting')
    AND (NEW.current_state_id IS NOT OLD.current_state_id OR NEW.workflow_id IS NOT OLD.workflow_id
         OR EXISTS (SELECT 1 FROM legal_move AS m
                    WHERE m.agent_id = OLD.agent_id AND m.from_state_id = NEW.current_state_id
                        AND m.to_state_id = NEW.current_state_id AND NOT m.is_gated))
    AND EXISTS (SELECT 1 FROM json_each(OLD.state, '$.timers') AS timer
                WHERE json_extract(timer.value, '$.due') <= (julianday('now') - 2440587.5) * 86400000 * 1000000)
BEGIN
    SELECT RAISE(ABORT, 'timers are due; any guidepost command on the run, such as `guidepost where`, settles them');
END;

-- Refuses a move on top of one that is not settled yet, where the machine may have gone on by itself in between: by an
-- eventless transition, or by one that waits for states inside to end.
CREATE TRIGGER agent_move_unsettled_refuse
BEFORE UPDATE OF current_state_id, workflow_id ON agent_instance
WHEN OLD.status IN ('running', 'waiting') AND OLD.unsealed > 0 AND OLD.due_at = 0
    AND (NEW.current_state_id IS NOT OLD.current_state_id OR NEW.workflow_id IS NOT OLD.workflow_id
         OR EXISTS (SELECT 1 FROM legal_move AS m
                    WHERE m.agent_id = OLD.agent_id AND m.from_state_id = NEW.current_state_id
                        AND m.to_state_id = NEW.current_state_id AND NOT m.is_gated))
    AND EXISTS (SELECT 1 FROM workflow_transition AS t
                WHERE t.workflow_id = OLD.workflow_id AND t.version = coalesce(OLD.version, 0)
                    AND (t.kind = 'always' OR t.kind = 'done' AND substr(t.name, 1, 18) = 'xstate.done.state.'))
BEGIN
    SELECT RAISE(ABORT, 'the last move is not settled yet, and may lead on; any guidepost command on the run, such as `guidepost where`, settles it');
END;

-- Records a move. The next Guidepost process seals and settles it. Naming the state a run is in is a move only if a
-- transition leads from that state to itself.
CREATE TRIGGER agent_move_record
AFTER UPDATE OF current_state_id, workflow_id ON agent_instance
WHEN NEW.current_state_id IS NOT OLD.current_state_id OR NEW.workflow_id IS NOT OLD.workflow_id
    OR EXISTS (SELECT 1 FROM legal_move AS m
               WHERE m.agent_id = OLD.agent_id AND m.from_state_id = NEW.current_state_id
                   AND m.to_state_id = NEW.current_state_id AND NOT m.is_gated)
BEGIN
    INSERT INTO record (tenant, run_no, seq, rev, kind, at, recorded_at, payload)
    SELECT
        OLD.tenant, OLD.agent_id, OLD.seq + 1, OLD.rev + 1, 'placed', n.now, n.now,
        json_patch('{}', json_object(
            'workflow', CASE WHEN NEW.workflow_id IS NOT OLD.workflow_id THEN w.name END,
            'event', t.name,
            'from', f.path,
            'to', s.path,
            'at', n.now))
    FROM (SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000000 AS now) AS n
    JOIN workflow_state AS s ON s.state_id = NEW.current_state_id
    JOIN workflow AS w ON w.workflow_id = NEW.workflow_id
    -- The view shows the row as it is by now; the leaves and the status, by which it finds moves, are still the old ones.
    LEFT JOIN workflow_transition AS t ON t.transition_id = (
        SELECT min(m.transition_id) FROM legal_move AS m
        WHERE NEW.workflow_id IS OLD.workflow_id AND m.agent_id = OLD.agent_id
            AND m.to_state_id = NEW.current_state_id AND NOT m.is_gated)
    LEFT JOIN workflow_state AS f ON f.state_id = t.from_state_id;
END;

-- Moves the run on with the record of its move. So no record is ever ahead of its run.
CREATE TRIGGER record_move
AFTER INSERT ON record
WHEN NEW.kind = 'placed' AND NEW.seq > 1
BEGIN
    UPDATE agent_instance
    SET rev = NEW.rev,
        seq = NEW.seq,
        unsealed = unsealed + 1,
        status = 'running',
        due_at = 0,
        changed_at = NEW.at,
        version = CASE WHEN json_extract(NEW.payload, '$.workflow') IS NULL THEN version
                       ELSE (SELECT w.version FROM workflow AS w WHERE w.workflow_id = agent_instance.workflow_id) END,
        -- Other regions stay as they are: those not inside the innermost state around both source and target.
        leaves = (
            SELECT json_group_array(kept.id) FROM (
                SELECT leaf.value AS id
                FROM agent_instance AS a
                JOIN json_each(a.leaves) AS leaf
                JOIN workflow_state AS l ON l.state_id = leaf.value
                WHERE a.agent_id = NEW.run_no AND json_extract(NEW.payload, '$.workflow') IS NULL AND NOT EXISTS (
                    SELECT 1 FROM json_each(l.lineage) AS around WHERE around.value = coalesce((
                        SELECT outer_from.value
                        FROM workflow_state AS f
                        JOIN json_each(f.lineage) AS outer_from
                        JOIN workflow_state AS s ON s.state_id = a.current_state_id
                        JOIN json_each(s.lineage) AS outer_to ON outer_to.value = outer_from.value
                        WHERE f.workflow_id = a.workflow_id AND f.path = json_extract(NEW.payload, '$.from')
                            AND outer_from.value <> f.state_id
                        ORDER BY outer_from.key LIMIT 1), around.value))
                UNION ALL
                SELECT a.current_state_id FROM agent_instance AS a WHERE a.agent_id = NEW.run_no) AS kept)
    WHERE agent_id = NEW.run_no;
END;

-- Agents --------------------------------------------------------------------------------------------------------------

-- Refuses a run id by hand: a run is given its own. INSERT OR REPLACE would delete the run that has it, and fire no delete
-- trigger.
CREATE TRIGGER agent_id_refuse
BEFORE INSERT ON agent_instance
WHEN NEW.run_id IS NOT NULL
BEGIN
    SELECT CASE
        WHEN EXISTS (SELECT 1 FROM run AS r WHERE r.run_id = NEW.run_id)
        THEN RAISE(ABORT, 'another run has this run_id')
        ELSE RAISE(ABORT, 'a run is given its run_id; leave it out')
    END;
END;

-- Makes a live run of an agent inserted by hand.
CREATE TRIGGER agent_insert
AFTER INSERT ON agent_instance
BEGIN
    SELECT CASE
        WHEN NEW.agent_id NOT BETWEEN 1 AND 9007199254740992
        THEN RAISE(ABORT, 'an agent_id is from 1 to 2^53')
        WHEN EXISTS (SELECT 1 FROM record AS r WHERE r.run_no = NEW.agent_id)
        THEN RAISE(ABORT, 'a run has or had this agent_id; move it by UPDATE, or insert another')
        WHEN NOT EXISTS (SELECT 1 FROM workflow AS w WHERE w.workflow_id = NEW.workflow_id)
        THEN RAISE(ABORT, 'there is no workflow with this workflow_id')
        WHEN EXISTS (SELECT 1 FROM workflow AS w WHERE w.workflow_id = NEW.workflow_id AND w.origin = 'built_in')
        THEN RAISE(ABORT, 'an observed run begins by recording what it does')
        WHEN NOT EXISTS (SELECT 1 FROM workflow_state AS s
                         WHERE s.state_id = NEW.current_state_id AND s.workflow_id = NEW.workflow_id)
        THEN json_extract('{}', 'state ' || coalesce(
            (SELECT '`' || s.name || '`' FROM workflow_state AS s WHERE s.state_id = NEW.current_state_id),
            NEW.current_state_id, 'NULL') || ' is no state of the workflow')
        WHEN EXISTS (SELECT 1 FROM workflow_state AS s
                         WHERE s.state_id = NEW.current_state_id AND s.retired_in IS NOT NULL)
        THEN json_extract('{}', 'state `' || (SELECT s.name FROM workflow_state AS s WHERE s.state_id = NEW.current_state_id)
            || '` is none of the present version of the workflow, only of older ones')
        WHEN NEW.parent_no IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM run AS p JOIN workflow AS w ON w.workflow_id = NEW.workflow_id
            WHERE p.run_no = NEW.parent_no AND p.run_no <> NEW.agent_id AND p.tenant = w.tenant)
        THEN RAISE(ABORT, 'parent_no is no run of this tenant')
    END;

    INSERT INTO record (tenant, run_no, seq, rev, kind, at, recorded_at, payload)
    SELECT w.tenant, NEW.agent_id, 1, 1, 'placed', n.now, n.now,
           json_object('workflow', w.name, 'to', s.path, 'at', n.now)
    FROM (SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000000 AS now) AS n
    JOIN workflow AS w ON w.workflow_id = NEW.workflow_id
    JOIN workflow_state AS s ON s.state_id = NEW.current_state_id;

    UPDATE agent_instance
    SET (tenant, version) = (SELECT w.tenant, w.version FROM workflow AS w WHERE w.workflow_id = NEW.workflow_id),
        -- A UUID of version 7: milliseconds, then random bits.
        run_id = (SELECT lower(substr(t.ms, 1, 8) || '-' || substr(t.ms, 9, 4) || '-7' || substr(hex(randomblob(2)), 2) || '-'
                         || substr('89AB', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))
                  FROM (SELECT printf('%012x', (SELECT r.at FROM record AS r
                                                WHERE r.run_no = NEW.agent_id AND r.seq = 1) / 1000000) AS ms) AS t),
        status = 'running', driver = 'agent', rev = 1, seq = 1, unsealed = 1, head = NULL, due_at = 0,
        leaves = json_array(NEW.current_state_id), state = '{"active":{},"visits":{}}', state_rev = 0,
        (started_at, changed_at) = (SELECT r.at, r.at FROM record AS r WHERE r.run_no = NEW.agent_id AND r.seq = 1),
        root_no = coalesce((SELECT p.root_no FROM run AS p WHERE p.run_no = NEW.parent_no), NEW.agent_id)
    WHERE agent_id = NEW.agent_id;
END;

-- Refuses a new number for a run: its history is filed under the old one.
CREATE TRIGGER agent_renumber_refuse
BEFORE UPDATE OF agent_id ON agent_instance
WHEN NEW.agent_id IS NOT OLD.agent_id
BEGIN
    SELECT RAISE(ABORT, 'a run keeps its agent_id');
END;

-- Refuses edits by hand of what follows from a run's history.
CREATE TRIGGER agent_edit_refuse
BEFORE UPDATE OF tenant, run_id, version, driver, status, rev, seq, unsealed, head, leaves, state, state_rev, due_at,
    changed_at, started_at, parent_no, root_no
ON agent_instance
WHEN (NEW.tenant IS NOT OLD.tenant OR NEW.run_id IS NOT OLD.run_id OR NEW.version IS NOT OLD.version
      OR NEW.driver IS NOT OLD.driver OR NEW.status IS NOT OLD.status OR NEW.rev IS NOT OLD.rev OR NEW.seq IS NOT OLD.seq
      OR NEW.unsealed IS NOT OLD.unsealed OR NEW.head IS NOT OLD.head OR NEW.leaves IS NOT OLD.leaves
      OR NEW.state IS NOT OLD.state OR NEW.state_rev IS NOT OLD.state_rev OR NEW.due_at IS NOT OLD.due_at
      OR NEW.changed_at IS NOT OLD.changed_at OR NEW.started_at IS NOT OLD.started_at
      OR NEW.parent_no IS NOT OLD.parent_no OR NEW.root_no IS NOT OLD.root_no)
    -- Neither a new row, which has no run_id yet, nor one whose move was recorded just now.
    AND OLD.run_id IS NOT NULL
    AND NOT (NEW.seq = OLD.seq + 1 AND NEW.rev = OLD.rev + 1 AND EXISTS (
        SELECT 1 FROM record AS r
        WHERE r.run_no = OLD.agent_id AND r.seq = NEW.seq AND r.rev = NEW.rev AND r.hash IS NULL))
BEGIN
    SELECT RAISE(ABORT, 'this column follows from the history of the run; move, pause or cancel the run instead');
END;

-- Refuses to let a workflow take its runs along when it is replaced while foreign keys are on.
CREATE TRIGGER agent_delete_refuse
BEFORE DELETE ON agent_instance
WHEN NOT EXISTS (SELECT 1 FROM workflow AS w WHERE w.workflow_id = OLD.workflow_id)
BEGIN
    SELECT RAISE(ABORT, 'the workflow has runs; edit its rows instead of replacing it');
END;

-- Cancels the run of a deleted agent, and keeps its history.
CREATE TRIGGER agent_delete
AFTER DELETE ON agent_instance
BEGIN
    INSERT INTO deleted_agent (
        agent_id, workflow, state_path, machine, workflow_id, agent_name, current_state_id, updated_at, tenant, run_id,
        version, driver, status, rev, seq, unsealed, head, leaves, state, state_rev, due_at, changed_at, started_at, goal,
        parent_no, root_no, session)
    VALUES (
        OLD.agent_id,
        coalesce((SELECT w.name FROM workflow AS w WHERE w.workflow_id = OLD.workflow_id), ''),
        coalesce((SELECT s.path FROM workflow_state AS s WHERE s.state_id = OLD.current_state_id), ''),
        coalesce((SELECT v.hash FROM workflow_version AS v
                  WHERE v.workflow_id = OLD.workflow_id AND v.version = OLD.version), ''),
        OLD.workflow_id, OLD.agent_name, OLD.current_state_id, OLD.updated_at, OLD.tenant, OLD.run_id, OLD.version,
        OLD.driver, OLD.status, OLD.rev, OLD.seq, OLD.unsealed, OLD.head, OLD.leaves, OLD.state, OLD.state_rev, NULL, OLD.changed_at,
        OLD.started_at, OLD.goal, OLD.parent_no, OLD.root_no, OLD.session);

    INSERT INTO record (tenant, run_no, seq, rev, kind, at, recorded_at, payload)
    SELECT OLD.tenant, OLD.agent_id, OLD.seq + 1, OLD.rev + 1, 'cancelled', n.now, n.now,
           json_object('reason', 'the agent was deleted', 'by', 'sql', 'at', n.now)
    FROM (SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000000 AS now) AS n
    WHERE OLD.status IN ('running', 'waiting', 'paused');

    DELETE FROM task WHERE run_no = OLD.agent_id;
    UPDATE task SET ready_at = 0 WHERE child_no = OLD.agent_id;

    UPDATE deleted_agent
    SET status = 'cancelled', rev = rev + 1, seq = seq + 1, unsealed = unsealed + 1,
        changed_at = (SELECT r.at FROM record AS r WHERE r.run_no = OLD.agent_id AND r.seq = OLD.seq + 1)
    WHERE agent_id = OLD.agent_id AND status IN ('running', 'waiting', 'paused');
END;

-- Workflows -----------------------------------------------------------------------------------------------------------

-- Refuses to replace a workflow: its states would be left behind. Its old row is gone by now; aborting brings it back.
CREATE TRIGGER workflow_replace_refuse
AFTER INSERT ON workflow
BEGIN
    SELECT RAISE(ABORT, 'the workflow exists and has states; edit its rows instead of replacing it')
    WHERE EXISTS (SELECT 1 FROM workflow_state AS s WHERE s.workflow_id = NEW.workflow_id)
        OR EXISTS (SELECT 1 FROM (SELECT DISTINCT s.workflow_id FROM workflow_state AS s) AS owner
                   WHERE NOT EXISTS (SELECT 1 FROM workflow AS w WHERE w.workflow_id = owner.workflow_id));
END;

-- Refuses to claim that a definition wrote a workflow, when none did.
CREATE TRIGGER workflow_origin_refuse
BEFORE INSERT ON workflow
WHEN NEW.origin IS NOT 'sql' OR NEW.is_defining IS NOT 0 OR NEW.version IS NOT NULL OR NEW.defined_at IS NOT NULL
BEGIN
    SELECT RAISE(ABORT, 'a workflow is saved from a definition by `guidepost define`');
END;

-- Refuses ids that leave none for others.
CREATE TRIGGER workflow_id_refuse
AFTER INSERT ON workflow
WHEN NEW.workflow_id NOT BETWEEN 1 AND 9007199254740992
BEGIN
    SELECT RAISE(ABORT, 'a workflow_id is from 1 to 2^53');
END;

-- Refuses edits by hand of what a definition says, and of what runs and other workflows rely on.
CREATE TRIGGER workflow_edit_refuse
BEFORE UPDATE OF workflow_id, name, tenant, origin, version, is_defining, defined_at ON workflow
WHEN NEW.workflow_id IS NOT OLD.workflow_id OR NEW.name IS NOT OLD.name OR NEW.tenant IS NOT OLD.tenant
    OR NEW.origin IS NOT OLD.origin OR NEW.version IS NOT OLD.version OR NEW.is_defining IS NOT OLD.is_defining
    OR NEW.defined_at IS NOT OLD.defined_at
BEGIN
    SELECT CASE
        WHEN OLD.origin <> 'sql'
        THEN RAISE(ABORT, 'the workflow comes from a definition; edit that and run `guidepost define`')
        WHEN NEW.workflow_id IS NOT OLD.workflow_id OR NEW.tenant IS NOT OLD.tenant OR NEW.origin IS NOT OLD.origin
        THEN RAISE(ABORT, 'a workflow keeps its workflow_id, tenant and origin')
        WHEN NEW.version IS NOT OLD.version OR NEW.is_defining IS NOT OLD.is_defining
            OR NEW.defined_at IS NOT OLD.defined_at
        THEN RAISE(ABORT, 'a workflow is saved from a definition by `guidepost define`')
        -- UPDATE OR REPLACE would delete it.
        WHEN EXISTS (SELECT 1 FROM workflow AS w WHERE w.tenant = NEW.tenant AND w.name = NEW.name)
        THEN RAISE(ABORT, 'another workflow has this name')
        WHEN EXISTS (SELECT 1 FROM agent_instance AS a WHERE a.workflow_id = OLD.workflow_id)
            OR EXISTS (SELECT 1 FROM deleted_agent AS d WHERE d.workflow_id = OLD.workflow_id)
        THEN RAISE(ABORT, 'a workflow keeps its name while it has or had runs: histories use it')
    END;
END;

-- Refuses to delete a workflow that runs are in.
CREATE TRIGGER workflow_delete_refuse
BEFORE DELETE ON workflow
BEGIN
    SELECT CASE
        WHEN OLD.origin = 'built_in' THEN RAISE(ABORT, 'the workflow is built in')
        WHEN EXISTS (SELECT 1 FROM agent_instance AS a WHERE a.workflow_id = OLD.workflow_id)
        THEN RAISE(ABORT, 'the workflow has runs; delete its agents first')
        WHEN OLD.origin = 'file' AND EXISTS (SELECT 1 FROM deleted_agent AS d WHERE d.workflow_id = OLD.workflow_id)
        THEN RAISE(ABORT, 'the workflow had runs: their histories use its definition')
    END;
END;

-- Deletes what belongs to a deleted workflow.
CREATE TRIGGER workflow_delete
AFTER DELETE ON workflow
BEGIN
    DELETE FROM workflow_transition WHERE workflow_id = OLD.workflow_id;
    DELETE FROM workflow_state WHERE workflow_id = OLD.workflow_id;
    DELETE FROM source_revision WHERE workflow_id = OLD.workflow_id;
    DELETE FROM workflow_version WHERE workflow_id = OLD.workflow_id;
    DELETE FROM workflow_step WHERE workflow_id = OLD.workflow_id;
    DELETE FROM workflow_schedule WHERE workflow_id = OLD.workflow_id;
END;

-- States --------------------------------------------------------------------------------------------------------------

-- Refuses a state by hand that is not the workflow's own. INSERT OR REPLACE would take it from another workflow.
CREATE TRIGGER state_insert_refuse
BEFORE INSERT ON workflow_state
BEGIN
    SELECT CASE
        WHEN EXISTS (SELECT 1 FROM workflow AS w WHERE w.workflow_id = NEW.workflow_id AND w.origin <> 'sql')
        THEN RAISE(ABORT, 'the workflow comes from a definition; edit that and run `guidepost define`')
        WHEN EXISTS (SELECT 1 FROM workflow_state AS s
                     WHERE s.state_id = NEW.state_id AND s.workflow_id <> NEW.workflow_id)
        THEN RAISE(ABORT, 'a state of another workflow has this state_id')
        WHEN EXISTS (SELECT 1 FROM workflow_state AS s WHERE s.state_id = NEW.state_id AND s.name <> NEW.name)
            AND EXISTS (SELECT 1 FROM agent_instance AS a WHERE a.workflow_id = NEW.workflow_id)
        THEN RAISE(ABORT, 'another state has this state_id, and keeps its name while the workflow has runs')
        WHEN NEW.path IS NOT NULL THEN RAISE(ABORT, 'the path of a state written by SQL is its name; leave it out')
        WHEN NEW.kind <> 'atomic' THEN RAISE(ABORT, 'a state written by SQL is of the kind atomic')
    END;
END;

-- Completes a state inserted by hand.
CREATE TRIGGER state_insert
AFTER INSERT ON workflow_state
BEGIN
    SELECT CASE
        WHEN NEW.state_id NOT BETWEEN 1 AND 9007199254740992 THEN RAISE(ABORT, 'a state_id is from 1 to 2^53')
        WHEN NOT EXISTS (SELECT 1 FROM workflow AS w WHERE w.workflow_id = NEW.workflow_id)
        THEN RAISE(ABORT, 'there is no workflow with this workflow_id')
        -- Nobody can be in a state that is new. If somebody is, INSERT OR REPLACE deleted an occupied one just now.
        WHEN EXISTS (SELECT 1 FROM agent_instance AS a
                     WHERE a.workflow_id = NEW.workflow_id
                         AND (a.current_state_id = NEW.state_id OR NOT EXISTS (
                             SELECT 1 FROM workflow_state AS s WHERE s.state_id = a.current_state_id)))
        THEN json_extract('{}', 'state `' || NEW.name || '` is occupied; edit it instead of replacing it')
        -- Nothing can lead to or from a state that is new, nor from none. If something does, one was deleted likewise.
        WHEN EXISTS (SELECT 1 FROM agent_instance AS a
                     WHERE a.workflow_id = NEW.workflow_id AND a.status IN ('running', 'waiting', 'paused'))
            AND EXISTS (
                SELECT 1 FROM workflow_transition AS t
                WHERE t.workflow_id = NEW.workflow_id
                    AND (NEW.state_id IN (t.from_state_id, t.to_state_id)
                         OR NOT EXISTS (SELECT 1 FROM workflow_state AS s WHERE s.state_id = t.from_state_id)
                         OR NOT EXISTS (SELECT 1 FROM workflow_state AS s WHERE s.state_id = t.to_state_id)))
        THEN json_extract('{}', 'state `' || NEW.name
                                || '` has transitions, and its workflow has live runs; edit it instead of replacing it')
    END;

    DELETE FROM workflow_transition
    WHERE workflow_id = NEW.workflow_id
        AND (NOT EXISTS (SELECT 1 FROM workflow_state AS s WHERE s.state_id = from_state_id)
             OR NOT EXISTS (SELECT 1 FROM workflow_state AS s WHERE s.state_id = to_state_id));

    UPDATE workflow_state
    SET path = name, parent_state_id = NULL, lineage = json_array(state_id), retired_in = NULL, revision = 0,
        defined_guideline = NULL, defined_description = NULL,
        tenant = (SELECT w.tenant FROM workflow AS w WHERE w.workflow_id = NEW.workflow_id)
    WHERE state_id = NEW.state_id;

    INSERT INTO wording_revision (tenant, state_id, revision, guideline, description, edited_at)
    SELECT s.tenant, s.state_id, 0, s.guideline, s.description,
           CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000000
    FROM workflow_state AS s
    WHERE s.state_id = NEW.state_id AND (s.guideline IS NOT NULL OR s.description IS NOT NULL);
END;

-- Refuses edits by hand of a state's structure that somebody relies on.
CREATE TRIGGER state_edit_refuse
BEFORE UPDATE OF state_id, workflow_id, name, tenant, path, parent_state_id, lineage, kind, is_initial, position, retired_in,
    defined_guideline, defined_description
ON workflow_state
-- A new row has no path yet.
WHEN OLD.path IS NOT NULL
    AND (NEW.state_id IS NOT OLD.state_id OR NEW.workflow_id IS NOT OLD.workflow_id OR NEW.name IS NOT OLD.name
         OR NEW.tenant IS NOT OLD.tenant OR NEW.path IS NOT OLD.path OR NEW.parent_state_id IS NOT OLD.parent_state_id
         OR NEW.lineage IS NOT OLD.lineage OR NEW.kind IS NOT OLD.kind OR NEW.is_initial IS NOT OLD.is_initial
         OR NEW.position IS NOT OLD.position OR NEW.retired_in IS NOT OLD.retired_in
         OR NEW.defined_guideline IS NOT OLD.defined_guideline
         OR NEW.defined_description IS NOT OLD.defined_description)
BEGIN
    SELECT CASE
        WHEN EXISTS (SELECT 1 FROM workflow AS w WHERE w.workflow_id = OLD.workflow_id AND w.origin <> 'sql')
        THEN RAISE(ABORT, 'the workflow comes from a definition; edit that and run `guidepost define`')
        WHEN NEW.state_id IS NOT OLD.state_id OR NEW.workflow_id IS NOT OLD.workflow_id OR NEW.tenant IS NOT OLD.tenant
        THEN RAISE(ABORT, 'a state keeps its state_id, its workflow_id and its tenant')
        WHEN NEW.path IS NOT OLD.path AND NEW.path IS NOT NEW.name
        THEN RAISE(ABORT, 'the path of a state written by SQL is its name')
        WHEN NEW.parent_state_id IS NOT OLD.parent_state_id OR NEW.lineage IS NOT OLD.lineage OR NEW.kind IS NOT OLD.kind
            OR NEW.retired_in IS NOT OLD.retired_in OR NEW.defined_guideline IS NOT OLD.defined_guideline
            OR NEW.defined_description IS NOT OLD.defined_description
        THEN RAISE(ABORT, 'only a definition gives a state this; edit its name and its wording')
        WHEN NEW.name IS NOT OLD.name AND EXISTS (
            SELECT 1 FROM agent_instance AS a WHERE a.workflow_id = OLD.workflow_id)
        THEN json_extract('{}', 'state `' || OLD.name || '` keeps its name while the workflow has runs: histories use it')
        -- UPDATE OR REPLACE would delete it.
        WHEN NEW.name IS NOT OLD.name AND EXISTS (
            SELECT 1 FROM workflow_state AS s WHERE s.workflow_id = OLD.workflow_id AND s.name = NEW.name)
        THEN RAISE(ABORT, 'another state of the workflow has this name')
    END;
END;

-- A state written by SQL is found by its name.
CREATE TRIGGER state_rename
AFTER UPDATE OF name ON workflow_state
WHEN OLD.path IS NOT NULL AND NEW.name IS NOT OLD.name
    AND EXISTS (SELECT 1 FROM workflow AS w WHERE w.workflow_id = NEW.workflow_id AND w.origin = 'sql')
BEGIN
    UPDATE workflow_state SET path = name WHERE state_id = NEW.state_id;
END;

-- Refuses a revision by hand: it counts the wordings on record.
CREATE TRIGGER state_revision_refuse
BEFORE UPDATE OF revision ON workflow_state
WHEN NEW.revision IS NOT OLD.revision AND NOT EXISTS (
    SELECT 1 FROM wording_revision AS r
    WHERE r.state_id = OLD.state_id AND NEW.revision = OLD.revision + 1 AND r.revision = NEW.revision)
BEGIN
    SELECT RAISE(ABORT, 'the revision counts by itself; edit the wording');
END;

-- Keeps every wording of a state, when SQL edits it.
CREATE TRIGGER state_reword
AFTER UPDATE OF guideline, description ON workflow_state
WHEN NEW.guideline IS NOT OLD.guideline OR NEW.description IS NOT OLD.description
BEGIN
    INSERT INTO wording_revision (tenant, state_id, revision, guideline, description, edited_at)
    VALUES (NEW.tenant, NEW.state_id, OLD.revision + 1, NEW.guideline, NEW.description,
            CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000000);
    UPDATE workflow_state SET revision = OLD.revision + 1 WHERE state_id = NEW.state_id;
END;

-- Refuses to delete a state that a run is in.
CREATE TRIGGER state_delete_refuse
BEFORE DELETE ON workflow_state
WHEN EXISTS (SELECT 1 FROM workflow AS w WHERE w.workflow_id = OLD.workflow_id)
BEGIN
    SELECT CASE
        WHEN EXISTS (SELECT 1 FROM workflow AS w WHERE w.workflow_id = OLD.workflow_id AND w.origin <> 'sql')
        THEN RAISE(ABORT, 'the workflow comes from a definition; edit that and run `guidepost define`')
        WHEN EXISTS (SELECT 1 FROM agent_instance AS a
                     WHERE a.workflow_id = OLD.workflow_id
                         AND (a.current_state_id = OLD.state_id
                              OR EXISTS (SELECT 1 FROM json_each(a.leaves) AS leaf WHERE leaf.value = OLD.state_id)))
        THEN json_extract('{}', 'state `' || OLD.name || '` is occupied by agent ' || coalesce(
            (SELECT min(a.agent_id) FROM agent_instance AS a WHERE a.current_state_id = OLD.state_id), 'NULL')
            || '; move it first')
        -- What is not settled yet leaves and enters states by their paths.
        WHEN EXISTS (
            SELECT 1 FROM agent_instance AS a
            WHERE a.workflow_id = OLD.workflow_id
                AND (EXISTS (SELECT 1 FROM json_each(a.state, '$.active') AS active WHERE active.key = OLD.path)
                     OR a.unsealed > 0 AND EXISTS (
                         SELECT 1 FROM record AS r
                         WHERE r.run_no = a.agent_id AND r.seq > a.seq - a.unsealed AND r.kind = 'placed'
                             AND OLD.path IN (json_extract(r.payload, '$.from'), json_extract(r.payload, '$.to')))))
            OR EXISTS (
                SELECT 1 FROM agent_instance AS a
                WHERE a.tenant = OLD.tenant AND a.due_at = 0 AND a.unsealed > 0 AND a.workflow_id <> OLD.workflow_id
                    AND EXISTS (SELECT 1 FROM json_each(a.state, '$.active') AS active WHERE active.key = OLD.path))
        THEN json_extract('{}', 'state `' || OLD.name || '` is part of a move that is not settled yet; look at its run first')
    END;
END;

-- Deletes the transitions of a deleted state.
CREATE TRIGGER state_delete
AFTER DELETE ON workflow_state
BEGIN
    DELETE FROM workflow_transition
    WHERE workflow_id = OLD.workflow_id AND (from_state_id = OLD.state_id OR to_state_id = OLD.state_id);
END;

-- Transitions ---------------------------------------------------------------------------------------------------------

-- Refuses a transition by hand that is out of place.
CREATE TRIGGER transition_insert_refuse
BEFORE INSERT ON workflow_transition
BEGIN
    SELECT CASE
        WHEN EXISTS (SELECT 1 FROM workflow AS w WHERE w.workflow_id = NEW.workflow_id AND w.origin <> 'sql')
        THEN RAISE(ABORT, 'the workflow comes from a definition; edit that and run `guidepost define`')
        WHEN EXISTS (SELECT 1 FROM workflow_transition AS t
                     WHERE t.transition_id = NEW.transition_id AND t.workflow_id <> NEW.workflow_id)
        THEN RAISE(ABORT, 'a transition of another workflow has this transition_id')
        WHEN NEW.kind <> 'event' OR NEW.is_gated <> 0 OR NEW.is_guarded <> 0 OR NEW.more_targets IS NOT NULL
            OR NEW.revision <> 0
        THEN RAISE(ABORT, 'a transition written by SQL is a plain event; more than that takes a definition')
        WHEN NOT EXISTS (SELECT 1 FROM workflow_state AS s
                         WHERE s.state_id = NEW.from_state_id AND s.workflow_id = NEW.workflow_id)
            OR NOT EXISTS (SELECT 1 FROM workflow_state AS s
                           WHERE s.state_id = NEW.to_state_id AND s.workflow_id = NEW.workflow_id)
        THEN json_extract('{}', 'transition `' || coalesce(NEW.name, 'NULL') || '`: from_state_id and to_state_id must be states of its workflow')
        WHEN NEW.version <> 0 THEN RAISE(ABORT, 'a transition written by SQL has version 0')
    END;
END;

-- Gives a transition its workflow's tenant.
CREATE TRIGGER transition_insert
AFTER INSERT ON workflow_transition
WHEN NEW.tenant <> (SELECT w.tenant FROM workflow AS w WHERE w.workflow_id = NEW.workflow_id)
BEGIN
    UPDATE workflow_transition
    SET tenant = (SELECT w.tenant FROM workflow AS w WHERE w.workflow_id = NEW.workflow_id)
    WHERE transition_id = NEW.transition_id;
END;

-- Refuses an edit by hand that puts a transition out of place.
CREATE TRIGGER transition_edit_refuse
BEFORE UPDATE OF transition_id, workflow_id, name, from_state_id, to_state_id, tenant, version, position, kind, is_gated,
    is_guarded, more_targets
ON workflow_transition
WHEN NEW.transition_id IS NOT OLD.transition_id OR NEW.workflow_id IS NOT OLD.workflow_id OR NEW.name IS NOT OLD.name
    OR NEW.from_state_id IS NOT OLD.from_state_id OR NEW.to_state_id IS NOT OLD.to_state_id
    OR NEW.tenant IS NOT OLD.tenant OR NEW.version IS NOT OLD.version OR NEW.position IS NOT OLD.position
    OR NEW.kind IS NOT OLD.kind OR NEW.is_gated IS NOT OLD.is_gated OR NEW.is_guarded IS NOT OLD.is_guarded
    OR NEW.more_targets IS NOT OLD.more_targets
BEGIN
    SELECT CASE
        WHEN EXISTS (SELECT 1 FROM workflow AS w
                     WHERE w.workflow_id IN (OLD.workflow_id, NEW.workflow_id) AND w.origin <> 'sql')
        THEN RAISE(ABORT, 'the workflow comes from a definition; edit that and run `guidepost define`')
        WHEN NEW.transition_id IS NOT OLD.transition_id OR NEW.workflow_id IS NOT OLD.workflow_id
        THEN RAISE(ABORT, 'a transition keeps its transition_id and its workflow_id')
        WHEN NEW.tenant IS NOT (SELECT w.tenant FROM workflow AS w WHERE w.workflow_id = OLD.workflow_id)
        THEN RAISE(ABORT, 'a transition has the tenant of its workflow')
        WHEN NEW.kind <> 'event' OR NEW.is_gated <> 0 OR NEW.is_guarded <> 0 OR NEW.more_targets IS NOT NULL
        THEN RAISE(ABORT, 'a transition written by SQL is a plain event; more than that takes a definition')
        WHEN NOT EXISTS (SELECT 1 FROM workflow_state AS s
                         WHERE s.state_id = NEW.from_state_id AND s.workflow_id = NEW.workflow_id)
            OR NOT EXISTS (SELECT 1 FROM workflow_state AS s
                           WHERE s.state_id = NEW.to_state_id AND s.workflow_id = NEW.workflow_id)
        THEN json_extract('{}', 'transition `' || coalesce(NEW.name, 'NULL') || '`: from_state_id and to_state_id must be states of its workflow')
        WHEN NEW.version <> 0 THEN RAISE(ABORT, 'a transition written by SQL has version 0')
    END;
END;

-- Refuses a revision by hand: it counts the wordings on record.
CREATE TRIGGER transition_revision_refuse
BEFORE UPDATE OF revision ON workflow_transition
WHEN NEW.revision IS NOT OLD.revision AND NOT EXISTS (
    SELECT 1 FROM wording_revision AS r
    WHERE r.transition_id = OLD.transition_id AND NEW.revision = OLD.revision + 1 AND r.revision = NEW.revision)
BEGIN
    SELECT RAISE(ABORT, 'the revision counts by itself; edit the wording');
END;

-- Keeps every wording of a transition, when SQL edits it.
CREATE TRIGGER transition_reword
AFTER UPDATE OF description ON workflow_transition
WHEN NEW.description IS NOT OLD.description
BEGIN
    INSERT INTO wording_revision (tenant, transition_id, revision, description, edited_at)
    VALUES (NEW.tenant, NEW.transition_id, OLD.revision + 1, NEW.description,
            CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000000);
    UPDATE workflow_transition SET revision = OLD.revision + 1 WHERE transition_id = NEW.transition_id;
END;

-- Refuses to delete a transition that a definition wrote.
CREATE TRIGGER transition_delete_refuse
BEFORE DELETE ON workflow_transition
WHEN EXISTS (SELECT 1 FROM workflow AS w
             WHERE w.workflow_id = OLD.workflow_id AND w.origin <> 'sql')
BEGIN
    SELECT RAISE(ABORT, 'the workflow comes from a definition; edit that and run `guidepost define`');
END;

-- Tasks ---------------------------------------------------------------------------------------------------------------

-- Only Guidepost writes this.
CREATE TRIGGER task_insert_refuse
BEFORE INSERT ON task
BEGIN
    SELECT RAISE(ABORT, 'tasks are filed by what happens, not by hand');
END;

-- Only a task that waited for a run whose row is gone is woken.
CREATE TRIGGER task_edit_refuse
BEFORE UPDATE ON task
WHEN NEW.ready_at <> 0 OR EXISTS (SELECT 1 FROM agent_instance AS a WHERE a.agent_id = OLD.child_no)
    OR (NEW.tenant, NEW.run_no, NEW.state, NEW.visit, NEW.branch, NEW.kind, NEW.queue, NEW.filed_at, NEW.owner, NEW.attempt,
        NEW.lost, NEW.timeout_ns, NEW.deadline, NEW.child_no)
       IS NOT (OLD.tenant, OLD.run_no, OLD.state, OLD.visit, OLD.branch, OLD.kind, OLD.queue, OLD.filed_at, OLD.owner,
               OLD.attempt, OLD.lost, OLD.timeout_ns, OLD.deadline, OLD.child_no)
    OR OLD.child_no IS NULL
BEGIN
    SELECT RAISE(ABORT, 'tasks are not edited by hand; pause, resume or cancel the run instead');
END;

-- Only the tasks of a run whose row is gone go with it.
CREATE TRIGGER task_delete_refuse
BEFORE DELETE ON task
WHEN EXISTS (SELECT 1 FROM agent_instance AS a WHERE a.agent_id = OLD.run_no)
BEGIN
    SELECT RAISE(ABORT, 'tasks are not deleted by hand; cancel the run instead');
END;

-- Names ---------------------------------------------------------------------------------------------------------------

-- Refuses what is no name of its kind. The rules are those of definitions.
CREATE TRIGGER name_rule_refuse
INSTEAD OF INSERT ON name_rule
BEGIN
    SELECT CASE
        WHEN length(CAST(NEW.name AS BLOB)) NOT BETWEEN 1 AND 200
        THEN RAISE(ABORT, 'this is no name: a name has 1 to 200 bytes')
        WHEN instr(CAST(NEW.name AS BLOB), x'00') > 0
            OR NEW.name GLOB '*[' || char(1) || '-' || char(31) || char(127) || '-' || char(159) || char(8232, 8233) || ']*'
        THEN RAISE(ABORT, 'this is no name: it contains a control character or a line break')
        ELSE json_extract('{}', 'the ' || NEW.kind || ' name `' || NEW.name || '` ' || CASE
            WHEN trim(NEW.name, char(32, 160, 5760, 8192, 8193, 8194, 8195, 8196, 8197, 8198, 8199, 8200, 8201, 8202, 8239, 8287, 12288))
                <> CAST(NEW.name AS TEXT)
            THEN 'is no name: it begins or ends with a space'
            WHEN NEW.kind = 'workflow' AND NEW.name = 'observed' THEN 'belongs to the built-in workflow'
            WHEN NEW.kind = 'workflow' AND instr(NEW.name, '@') > 0 THEN 'contains `@`, which a version follows'
            WHEN NEW.kind IN ('workflow', 'agent') AND (
                ltrim(substr(NEW.name, 1, 1), '+') || substr(NEW.name, 2) NOT GLOB '*[^0-9]*' AND NEW.name <> '+'
                OR NEW.name GLOB '[rR]-?*' AND length(NEW.name) <= 15 AND substr(NEW.name, 3) NOT GLOB '*[^0-9a-tv-zA-TV-Z]*'
                OR EXISTS (
                    SELECT 1
                    FROM (SELECT replace(replace(replace(replace(NEW.name, 'urn:uuid:', ''), '-', ''), '{', ''), '}', '')
                              AS hex) AS uuid
                    WHERE length(uuid.hex) = 32 AND uuid.hex NOT GLOB '*[^0-9a-fA-F]*'))
            THEN 'is no name here: it would be taken for the id of a run'
            WHEN NEW.kind = 'state' AND instr(NEW.name, '.') > 0
            THEN 'contains a dot, which separates the states of a path'
            WHEN NEW.kind = 'state' AND substr(NEW.name, 1, 1) = '#' THEN 'begins with `#`, which marks an id'
            WHEN NEW.kind = 'transition' AND NEW.name <> '*' AND (
                NEW.name = '.*'
                OR instr(CASE WHEN substr(NEW.name, -2) = '.*' THEN substr(NEW.name, 1, length(NEW.name) - 2)
                              ELSE NEW.name END, '*') > 0)
            THEN 'has a `*` elsewhere than alone or at the end, after a dot'
            WHEN NEW.kind = 'transition' AND substr(NEW.name, 1, 7) = 'xstate.'
            THEN 'is a name for what happens inside the machine, no event'
        END)
    END;
END;

-- Refuses a name that nobody can read, type or refer to.
CREATE TRIGGER workflow_name_insert_refuse
BEFORE INSERT ON workflow
BEGIN
    INSERT INTO name_rule (kind, name) VALUES ('workflow', NEW.name);
END;

-- Refuses a name that nobody can read, type or refer to.
CREATE TRIGGER workflow_name_update_refuse
BEFORE UPDATE OF name ON workflow
BEGIN
    INSERT INTO name_rule (kind, name) VALUES ('workflow', NEW.name);
END;

-- Refuses a name that nobody can read, type or refer to.
CREATE TRIGGER state_name_insert_refuse
BEFORE INSERT ON workflow_state
BEGIN
    INSERT INTO name_rule (kind, name) VALUES ('state', NEW.name);
END;

-- Refuses a name that nobody can read, type or refer to.
CREATE TRIGGER state_name_update_refuse
BEFORE UPDATE OF name ON workflow_state
BEGIN
    INSERT INTO name_rule (kind, name) VALUES ('state', NEW.name);
END;

-- Refuses a name that nobody can read, type or refer to.
CREATE TRIGGER transition_name_insert_refuse
BEFORE INSERT ON workflow_transition
BEGIN
    INSERT INTO name_rule (kind, name) VALUES ('transition', NEW.name);
END;

-- Refuses a name that nobody can read, type or refer to.
CREATE TRIGGER transition_name_update_refuse
BEFORE UPDATE OF name ON workflow_transition
BEGIN
    INSERT INTO name_rule (kind, name) VALUES ('transition', NEW.name);
END;

-- Refuses a name that nobody can read, type or refer to.
CREATE TRIGGER agent_name_insert_refuse
BEFORE INSERT ON agent_instance
BEGIN
    INSERT INTO name_rule (kind, name) VALUES ('agent', NEW.agent_name);
END;

-- Refuses a name that nobody can read, type or refer to.
CREATE TRIGGER agent_name_update_refuse
BEFORE UPDATE OF agent_name ON agent_instance
BEGIN
    INSERT INTO name_rule (kind, name) VALUES ('agent', NEW.agent_name);
END;

-- History -------------------------------------------------------------------------------------------------------------

-- Refuses a record by hand. What triggers append is the next record of its run, unsealed: the first of a new row, which has
-- no run_id yet; the one of a legal move; or the end of a run whose row is gone and which still counts as alive.
CREATE TRIGGER record_insert_refuse
BEFORE INSERT ON record
WHEN NOT coalesce(
    NEW.hash IS NULL AND NEW.salt IS NULL AND NEW.digest IS NULL AND NEW.request IS NULL AND NEW.key_id IS NULL
    AND NEW.codec = 'plain' AND NEW.has_changes = 0 AND NEW.recorded_at = NEW.at
    -- The time is the same throughout a statement.
    AND NEW.at = CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000000
    AND NOT EXISTS (SELECT 1 FROM record AS r WHERE r.record_id = NEW.record_id)
    AND NOT EXISTS (SELECT 1 FROM record AS r WHERE r.run_no = NEW.run_no AND r.seq >= NEW.seq)
    AND CASE NEW.kind
        WHEN 'placed' THEN
            EXISTS (SELECT 1 FROM agent_instance AS a
                    WHERE a.agent_id = NEW.run_no AND a.run_id IS NULL AND NEW.seq = 1 AND NEW.rev = 1)
            OR EXISTS (
                SELECT 1
                FROM agent_instance AS a
                JOIN workflow AS w ON w.workflow_id = a.workflow_id
                JOIN workflow_state AS s ON s.state_id = a.current_state_id
                LEFT JOIN workflow_transition AS t ON t.transition_id = (
                    SELECT min(m.transition_id) FROM legal_move AS m
                    WHERE m.agent_id = a.agent_id AND m.to_state_id = a.current_state_id AND NOT m.is_gated)
                LEFT JOIN workflow_state AS f ON f.state_id = t.from_state_id
                WHERE a.agent_id = NEW.run_no AND NEW.seq = a.seq + 1 AND NEW.rev = a.rev + 1 AND NEW.tenant = a.tenant
                    AND CASE
                        -- Its leaves are of another workflow only while it is on its way.
                        WHEN EXISTS (SELECT 1 FROM json_each(a.leaves) AS leaf
                                     JOIN workflow_state AS l ON l.state_id = leaf.value
                                     WHERE l.workflow_id <> a.workflow_id)
                        THEN NEW.payload = json_object('workflow', w.name, 'to', s.path, 'at', NEW.at)
                        ELSE NEW.payload = json_object('event', t.name, 'from', f.path, 'to', s.path, 'at', NEW.at)
                            AND t.transition_id IS NOT NULL
                    END)
        WHEN 'cancelled' THEN
            EXISTS (SELECT 1 FROM deleted_agent AS d
                    WHERE d.agent_id = NEW.run_no AND d.status IN ('running', 'waiting', 'paused')
                        AND NEW.seq = d.seq + 1 AND NEW.rev = d.rev + 1)
        END, 0)
BEGIN
    SELECT RAISE(ABORT, 'history is written by what happens, not by hand');
END;

-- History is never edited.
CREATE TRIGGER record_edit_refuse
BEFORE UPDATE ON record
BEGIN
    SELECT RAISE(ABORT, 'history is never edited');
END;

-- History is never deleted.
CREATE TRIGGER record_delete_refuse
BEFORE DELETE ON record
BEGIN
    SELECT RAISE(ABORT, 'history is never deleted');
END;

-- Only a run whose row was deleted just now has records and no row.
CREATE TRIGGER deleted_agent_insert_refuse
BEFORE INSERT ON deleted_agent
WHEN NOT EXISTS (SELECT 1 FROM record AS r WHERE r.run_no = NEW.agent_id)
    OR EXISTS (SELECT 1 FROM run AS r WHERE r.run_no = NEW.agent_id)
    OR EXISTS (SELECT 1 FROM run AS r WHERE r.run_id = NEW.run_id)
BEGIN
    SELECT RAISE(ABORT, 'history is written by what happens, not by hand');
END;

-- Only a run whose row was deleted just now still counts as alive.
CREATE TRIGGER deleted_agent_edit_refuse
BEFORE UPDATE ON deleted_agent
WHEN OLD.status NOT IN ('running', 'waiting', 'paused')
BEGIN
    SELECT RAISE(ABORT, 'history is never edited');
END;

-- History is never deleted.
CREATE TRIGGER deleted_agent_delete_refuse
BEFORE DELETE ON deleted_agent
BEGIN
    SELECT RAISE(ABORT, 'history is never deleted');
END;

-- Refuses a wording by hand that its state or transition has not.
CREATE TRIGGER wording_revision_insert_refuse
BEFORE INSERT ON wording_revision
WHEN NEW.edited_by <> 'sql'
    OR NEW.edited_at <> CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000000
    OR EXISTS (SELECT 1 FROM wording_revision AS r WHERE r.revision_id = NEW.revision_id)
    OR NOT EXISTS (SELECT 1 FROM workflow_state AS s
                   WHERE s.state_id = NEW.state_id AND s.tenant = NEW.tenant AND NEW.revision - s.revision IN (0, 1)
                       AND s.guideline IS NEW.guideline AND s.description IS NEW.description)
        AND NOT EXISTS (SELECT 1 FROM workflow_transition AS t
                        WHERE t.transition_id = NEW.transition_id AND t.tenant = NEW.tenant
                            AND NEW.revision - t.revision IN (0, 1)
                            AND NEW.guideline IS NULL AND t.description IS NEW.description)
BEGIN
    SELECT RAISE(ABORT, 'history is written by what happens, not by hand');
END;

-- History is never edited.
CREATE TRIGGER wording_revision_edit_refuse
BEFORE UPDATE ON wording_revision
BEGIN
    SELECT RAISE(ABORT, 'history is never edited');
END;

-- History is never deleted.
CREATE TRIGGER wording_revision_delete_refuse
BEFORE DELETE ON wording_revision
BEGIN
    SELECT RAISE(ABORT, 'history is never deleted');
END;

-- Only Guidepost writes this.
CREATE TRIGGER action_insert_refuse
BEFORE INSERT ON action
BEGIN
    SELECT RAISE(ABORT, 'history is written by what happens, not by hand');
END;

-- History is never edited.
CREATE TRIGGER action_edit_refuse
BEFORE UPDATE ON action
BEGIN
    SELECT RAISE(ABORT, 'history is never edited');
END;

-- History is never deleted.
CREATE TRIGGER action_delete_refuse
BEFORE DELETE ON action
BEGIN
    SELECT RAISE(ABORT, 'history is never deleted');
END;

-- Only Guidepost writes this.
CREATE TRIGGER decision_insert_refuse
BEFORE INSERT ON decision
BEGIN
    SELECT RAISE(ABORT, 'history is written by what happens, not by hand');
END;

-- History is never edited.
CREATE TRIGGER decision_edit_refuse
BEFORE UPDATE ON decision
BEGIN
    SELECT RAISE(ABORT, 'history is never edited');
END;

-- History is never deleted.
CREATE TRIGGER decision_delete_refuse
BEFORE DELETE ON decision
BEGIN
    SELECT RAISE(ABORT, 'history is never deleted');
END;

-- Only Guidepost writes this.
CREATE TRIGGER message_insert_refuse
BEFORE INSERT ON message
BEGIN
    SELECT RAISE(ABORT, 'history is written by what happens, not by hand');
END;

-- History is never edited.
CREATE TRIGGER message_edit_refuse
BEFORE UPDATE ON message
BEGIN
    SELECT RAISE(ABORT, 'history is never edited');
END;

-- History is never deleted.
CREATE TRIGGER message_delete_refuse
BEFORE DELETE ON message
BEGIN
    SELECT RAISE(ABORT, 'history is never deleted');
END;

-- Only Guidepost writes this.
CREATE TRIGGER artifact_insert_refuse
BEFORE INSERT ON artifact
BEGIN
    SELECT RAISE(ABORT, 'history is written by what happens, not by hand');
END;

-- History is never edited.
CREATE TRIGGER artifact_edit_refuse
BEFORE UPDATE ON artifact
BEGIN
    SELECT RAISE(ABORT, 'history is never edited');
END;

-- History is never deleted.
CREATE TRIGGER artifact_delete_refuse
BEFORE DELETE ON artifact
BEGIN
    SELECT RAISE(ABORT, 'history is never deleted');
END;

-- Only Guidepost writes this.
CREATE TRIGGER snapshot_insert_refuse
BEFORE INSERT ON snapshot
BEGIN
    SELECT RAISE(ABORT, 'history is written by what happens, not by hand');
END;

-- History is never edited.
CREATE TRIGGER snapshot_edit_refuse
BEFORE UPDATE ON snapshot
BEGIN
    SELECT RAISE(ABORT, 'history is never edited');
END;

-- History is never deleted.
CREATE TRIGGER snapshot_delete_refuse
BEFORE DELETE ON snapshot
BEGIN
    SELECT RAISE(ABORT, 'history is never deleted');
END;

-- Only Guidepost writes this.
CREATE TRIGGER start_key_insert_refuse
BEFORE INSERT ON start_key
BEGIN
    SELECT RAISE(ABORT, 'history is written by what happens, not by hand');
END;

-- History is never edited.
CREATE TRIGGER start_key_edit_refuse
BEFORE UPDATE ON start_key
BEGIN
    SELECT RAISE(ABORT, 'history is never edited');
END;

-- History is never deleted.
CREATE TRIGGER start_key_delete_refuse
BEFORE DELETE ON start_key
BEGIN
    SELECT RAISE(ABORT, 'history is never deleted');
END;

-- Only Guidepost writes this.
CREATE TRIGGER session_insert_refuse
BEFORE INSERT ON session
BEGIN
    SELECT RAISE(ABORT, 'history is written by what happens, not by hand');
END;

-- History is never edited.
CREATE TRIGGER session_edit_refuse
BEFORE UPDATE ON session
BEGIN
    SELECT RAISE(ABORT, 'history is never edited');
END;

-- History is never deleted.
CREATE TRIGGER session_delete_refuse
BEFORE DELETE ON session
BEGIN
    SELECT RAISE(ABORT, 'history is never deleted');
END;

-- Only Guidepost writes this.
CREATE TRIGGER thread_insert_refuse
BEFORE INSERT ON thread
BEGIN
    SELECT RAISE(ABORT, 'history is written by what happens, not by hand');
END;

-- History is never edited.
CREATE TRIGGER thread_edit_refuse
BEFORE UPDATE ON thread
BEGIN
    SELECT RAISE(ABORT, 'history is never edited');
END;

-- History is never deleted.
CREATE TRIGGER thread_delete_refuse
BEFORE DELETE ON thread
BEGIN
    SELECT RAISE(ABORT, 'history is never deleted');
END;

-- Only Guidepost writes this.
CREATE TRIGGER turn_insert_refuse
BEFORE INSERT ON turn
BEGIN
    SELECT RAISE(ABORT, 'history is written by what happens, not by hand');
END;

-- History is never edited.
CREATE TRIGGER turn_edit_refuse
BEFORE UPDATE ON turn
BEGIN
    SELECT RAISE(ABORT, 'history is never edited');
END;

-- History is never deleted.
CREATE TRIGGER turn_delete_refuse
BEFORE DELETE ON turn
BEGIN
    SELECT RAISE(ABORT, 'history is never deleted');
END;

-- Only Guidepost writes this.
CREATE TRIGGER workflow_version_insert_refuse
BEFORE INSERT ON workflow_version
BEGIN
    SELECT RAISE(ABORT, 'history is written by what happens, not by hand');
END;

-- History is never edited.
CREATE TRIGGER workflow_version_edit_refuse
BEFORE UPDATE ON workflow_version
BEGIN
    SELECT RAISE(ABORT, 'history is never edited');
END;

-- Versions go with their workflow only.
CREATE TRIGGER workflow_version_delete_refuse
BEFORE DELETE ON workflow_version
WHEN EXISTS (SELECT 1 FROM workflow AS w WHERE w.workflow_id = OLD.workflow_id)
BEGIN
    SELECT RAISE(ABORT, 'history is never deleted');
END;

-- Only Guidepost writes this.
CREATE TRIGGER workflow_step_insert_refuse
BEFORE INSERT ON workflow_step
BEGIN
    SELECT RAISE(ABORT, 'the steps of a definition are written by `guidepost define`, not by hand');
END;

-- The steps are what the definition says.
CREATE TRIGGER workflow_step_edit_refuse
BEFORE UPDATE ON workflow_step
BEGIN
    SELECT RAISE(ABORT, 'the steps of a definition are edited by `guidepost define`, not by hand');
END;

-- Steps go with their workflow only.
CREATE TRIGGER workflow_step_delete_refuse
BEFORE DELETE ON workflow_step
WHEN EXISTS (SELECT 1 FROM workflow AS w WHERE w.workflow_id = OLD.workflow_id)
BEGIN
    SELECT RAISE(ABORT, 'the steps of a definition are edited by `guidepost define`, not by hand');
END;

-- Only Guidepost writes this.
CREATE TRIGGER workflow_schedule_insert_refuse
BEFORE INSERT ON workflow_schedule
BEGIN
    SELECT RAISE(ABORT, 'the schedules of a definition are written by `guidepost define`, not by hand');
END;

-- The schedules are what the definition says, and when one is due next is worked out.
CREATE TRIGGER workflow_schedule_edit_refuse
BEFORE UPDATE ON workflow_schedule
BEGIN
    SELECT RAISE(ABORT, 'schedules are edited by `guidepost define`, and paused and resumed by `guidepost schedules`');
END;

-- Schedules go with their workflow only.
CREATE TRIGGER workflow_schedule_delete_refuse
BEFORE DELETE ON workflow_schedule
WHEN EXISTS (SELECT 1 FROM workflow AS w WHERE w.workflow_id = OLD.workflow_id)
BEGIN
    SELECT RAISE(ABORT, 'schedules are edited by `guidepost define`, and paused and resumed by `guidepost schedules`');
END;

-- Only Guidepost writes this.
CREATE TRIGGER source_revision_insert_refuse
BEFORE INSERT ON source_revision
BEGIN
    SELECT RAISE(ABORT, 'history is written by what happens, not by hand');
END;

-- History is never edited.
CREATE TRIGGER source_revision_edit_refuse
BEFORE UPDATE ON source_revision
BEGIN
    SELECT RAISE(ABORT, 'history is never edited');
END;

-- Texts go with their workflow only.
CREATE TRIGGER source_revision_delete_refuse
BEFORE DELETE ON source_revision
WHEN EXISTS (SELECT 1 FROM workflow AS w WHERE w.workflow_id = OLD.workflow_id)
BEGIN
    SELECT RAISE(ABORT, 'history is never deleted');
END;
