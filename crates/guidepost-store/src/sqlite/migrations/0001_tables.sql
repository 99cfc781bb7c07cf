-- The tables. `workflow`, `workflow_state`, `workflow_transition` and `agent_instance` may be written by hand; all
-- columns a hand need not fill have a default. Times are integer nanoseconds since 1970 UTC, except for the two texts
-- `created_at` and `updated_at`, which are for reading. What a hand may fill with text holds text: SQLite would keep bytes
-- that are none.

-- Which build made the tables? One row, for the last one that changed them.
CREATE TABLE made_by (
    release       TEXT NOT NULL,
    -- The digest of the statements that made them.
    digest        TEXT NOT NULL
);

-- Which workflows are there?
CREATE TABLE workflow (
    workflow_id   INTEGER PRIMARY KEY AUTOINCREMENT,
    name          TEXT NOT NULL CHECK (typeof(name) = 'text'),
    created_at    TEXT DEFAULT CURRENT_TIMESTAMP CHECK (typeof(created_at) IN ('text', 'null')),
    tenant        TEXT NOT NULL DEFAULT 'default' CHECK (typeof(tenant) = 'text'),
    description   TEXT CHECK (typeof(description) IN ('text', 'null')),
    -- Who wrote it: SQL statements (then its rows are its definition), a definition, or Guidepost itself.
    origin        TEXT NOT NULL DEFAULT 'sql' CHECK (origin IN ('sql', 'file', 'built_in')),
    -- The version new runs get; NULL if it is written by SQL.
    version       INTEGER,
    -- 1 only inside the transaction that saves a version, while origin and version do not agree yet.
    is_defining   INTEGER NOT NULL DEFAULT 0,
    defined_at    INTEGER,
    -- How much of the work of all its runs may go on at once, as JSON: `{"runs": 5, "exec": 2}`.
    concurrency   TEXT,
    UNIQUE (tenant, name),
    CHECK ((origin = 'file') = (version IS NOT NULL) OR is_defining = 1)
);

-- Which structures did a workflow have, and in whose words?
CREATE TABLE workflow_version (
    workflow_id   INTEGER NOT NULL REFERENCES workflow (workflow_id) ON DELETE CASCADE,
    version       INTEGER NOT NULL,
    tenant        TEXT NOT NULL DEFAULT 'default',
    hash          TEXT NOT NULL,
    format        TEXT NOT NULL,
    source        TEXT NOT NULL,
    file          TEXT NOT NULL DEFAULT '',
    states        INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    created_by    TEXT NOT NULL DEFAULT '',
    -- How often the text was replaced by one of equal structure.
    revision      INTEGER NOT NULL DEFAULT 0,
    -- What the author keeps with the workflow, as JSON.
    metadata      TEXT,
    PRIMARY KEY (workflow_id, version),
    UNIQUE (workflow_id, hash)
);

-- Which steps does a version consist of, if it is a plain list of agents' steps?
CREATE TABLE workflow_step (
    workflow_id   INTEGER NOT NULL REFERENCES workflow (workflow_id) ON DELETE CASCADE,
    version       INTEGER NOT NULL,
    -- The place in the list, from 0.
    position      INTEGER NOT NULL,
    tenant        TEXT NOT NULL DEFAULT 'default',
    -- The path of the state.
    path          TEXT NOT NULL,
    agent         TEXT NOT NULL,
    -- What the agent is told, as it is written.
    input         TEXT,
    -- What the author keeps with the step, as JSON.
    metadata      TEXT,
    PRIMARY KEY (workflow_id, version, position)
) WITHOUT ROWID;

-- When do runs of a workflow begin by themselves?
CREATE TABLE workflow_schedule (
    workflow_id   INTEGER NOT NULL REFERENCES workflow (workflow_id) ON DELETE CASCADE,
    name          TEXT NOT NULL,
    tenant        TEXT NOT NULL DEFAULT 'default',
    -- The times in words: `every 1h`, `cron 0 9 * * MON-FRI in Europe/Berlin`.
    times         TEXT NOT NULL,
    -- All that the definition says about it, as JSON.
    schedule      TEXT NOT NULL,
    -- When the next run is due; NULL if never.
    due_at        INTEGER,
    -- Whether it begins nothing until somebody resumes it.
    is_paused     INTEGER NOT NULL DEFAULT 0,
    -- The run it began last, and the time that was due.
    last_run_no   INTEGER,
    last_due_at   INTEGER,
    -- The last time for which no run began, and why.
    passed_at     INTEGER,
    passed_why    TEXT,
    -- Whether one was to begin then, and could not.
    passed_failed INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (workflow_id, name)
) WITHOUT ROWID;

-- Which schedules are due, the longest due first?
CREATE INDEX workflow_schedule_due ON workflow_schedule (tenant, due_at) WHERE due_at IS NOT NULL AND is_paused = 0;

-- What did the text of a version say before it was replaced by one of equal structure?
CREATE TABLE source_revision (
    workflow_id   INTEGER NOT NULL REFERENCES workflow (workflow_id) ON DELETE CASCADE,
    version       INTEGER NOT NULL,
    revision      INTEGER NOT NULL,
    tenant        TEXT NOT NULL DEFAULT 'default',
    format        TEXT NOT NULL,
    source        TEXT NOT NULL,
    file          TEXT NOT NULL DEFAULT '',
    replaced_at   INTEGER NOT NULL,
    replaced_by   TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (workflow_id, version, revision)
);

-- Which states does a workflow have, and what is an agent told there? A row stays the same over versions.
CREATE TABLE workflow_state (
    state_id      INTEGER PRIMARY KEY AUTOINCREMENT,
    workflow_id   INTEGER NOT NULL REFERENCES workflow (workflow_id) ON DELETE CASCADE,
    name          TEXT NOT NULL CHECK (typeof(name) = 'text'),
    guideline     TEXT CHECK (typeof(guideline) IN ('text', 'null')),
    tenant        TEXT NOT NULL DEFAULT 'default',
    -- The full path; empty for the workflow as a whole.
    path          TEXT,
    parent_state_id INTEGER,
    -- The ids of the state and all states around it, innermost first, as a JSON list.
    lineage       TEXT,
    kind          TEXT NOT NULL DEFAULT 'atomic'
                  CHECK (kind IN ('atomic', 'compound', 'parallel', 'final', 'history', 'root')),
    is_initial    INTEGER NOT NULL DEFAULT 0,
    -- The place in document order.
    position      INTEGER,
    description   TEXT CHECK (typeof(description) IN ('text', 'null')),
    -- The last version that had it, if the present one has not.
    retired_in    INTEGER,
    -- How often the wording was edited.
    revision      INTEGER NOT NULL DEFAULT 0,
    -- The wording as the definition last had it, so that saving it again does not undo a live edit.
    defined_guideline   TEXT,
    defined_description TEXT,
    UNIQUE (workflow_id, name),
    UNIQUE (workflow_id, path)
);

-- Which events lead from one state to another?
CREATE TABLE workflow_transition (
    transition_id INTEGER PRIMARY KEY,
    workflow_id   INTEGER NOT NULL REFERENCES workflow (workflow_id) ON DELETE CASCADE,
    name          TEXT NOT NULL CHECK (typeof(name) = 'text'),
    -- A trigger deletes it with its states; a cascade would hide that a state was replaced.
    from_state_id INTEGER NOT NULL REFERENCES workflow_state (state_id),
    to_state_id   INTEGER NOT NULL REFERENCES workflow_state (state_id),
    description   TEXT CHECK (typeof(description) IN ('text', 'null')),
    tenant        TEXT NOT NULL DEFAULT 'default',
    -- The version it belongs to; 0 in a workflow written by SQL.
    version       INTEGER NOT NULL DEFAULT 0,
    -- Its place among the transitions of this name from this state.
    position      INTEGER NOT NULL DEFAULT 0,
    kind          TEXT NOT NULL DEFAULT 'event'
                  CHECK (kind IN ('event', 'internal', 'always', 'after', 'done', 'error')),
    -- Whether it has a guard or needs data or facts, so that no plain UPDATE may take it.
    is_gated      INTEGER NOT NULL DEFAULT 0,
    -- Whether a guard decides if it is taken. If none does, it keeps its event from the states around.
    is_guarded    INTEGER NOT NULL DEFAULT 0,
    -- The ids of further targets, as a JSON list.
    more_targets  TEXT,
    revision      INTEGER NOT NULL DEFAULT 0,
    UNIQUE (workflow_id, name, from_state_id, version, position)
);

-- Which transitions leave a state?
CREATE INDEX workflow_transition_from ON workflow_transition (from_state_id, version);
-- Which transitions of a workflow were reworded?
CREATE INDEX workflow_transition_reworded ON workflow_transition (workflow_id) WHERE revision > 0;

-- What did a state or a transition say, and when?
CREATE TABLE wording_revision (
    revision_id   INTEGER PRIMARY KEY,
    tenant        TEXT NOT NULL DEFAULT 'default',
    state_id      INTEGER,
    transition_id INTEGER,
    revision      INTEGER NOT NULL,
    guideline     TEXT,
    description   TEXT,
    edited_by     TEXT NOT NULL DEFAULT 'sql',
    edited_at     INTEGER NOT NULL,
    CHECK ((state_id IS NULL) <> (transition_id IS NULL))
);

-- What did this state say?
CREATE INDEX wording_revision_state ON wording_revision (state_id, revision) WHERE state_id IS NOT NULL;
-- What did this transition say?
CREATE INDEX wording_revision_transition ON wording_revision (transition_id, revision) WHERE transition_id IS NOT NULL;

-- What is each agent doing? One row per run; `agent_id` is the run's number and never given twice.
CREATE TABLE agent_instance (
    agent_id      INTEGER PRIMARY KEY AUTOINCREMENT,
    workflow_id   INTEGER NOT NULL REFERENCES workflow (workflow_id) ON DELETE CASCADE,
    agent_name    TEXT CHECK (typeof(agent_name) IN ('text', 'null')),
    -- The innermost state that contains all active leaves.
    current_state_id INTEGER NOT NULL REFERENCES workflow_state (state_id),
    updated_at    TEXT DEFAULT CURRENT_TIMESTAMP,
    tenant        TEXT NOT NULL DEFAULT 'default',
    run_id        TEXT UNIQUE,
    -- The version it follows; NULL while it follows rows.
    version       INTEGER,
    driver        TEXT NOT NULL DEFAULT 'agent' CHECK (driver IN ('agent', 'engine')),
    status        TEXT NOT NULL DEFAULT 'running'
                  CHECK (status IN ('running', 'waiting', 'paused', 'completed', 'failed', 'cancelled')),
    rev           INTEGER NOT NULL DEFAULT 0,
    seq           INTEGER NOT NULL DEFAULT 0,
    -- How many records SQL wrote that no hash seals yet.
    unsealed      INTEGER NOT NULL DEFAULT 0,
    -- The hash of the last sealed record.
    head          BLOB,
    -- The ids of all active leaves, as a JSON list.
    leaves        TEXT NOT NULL DEFAULT '[]',
    -- The state of execution, without the data.
    state         TEXT NOT NULL DEFAULT '{"active":{},"visits":{}}',
    -- The rev the state was written at; what SQL appended since is folded in when it is read.
    state_rev     INTEGER NOT NULL DEFAULT 0,
    -- When the next timer is due; 0 if a move by SQL is to be settled.
    due_at        INTEGER,
    changed_at    INTEGER,
    started_at    INTEGER,
    goal          TEXT CHECK (typeof(goal) IN ('text', 'null')),
    parent_no     INTEGER,
    root_no       INTEGER,
    session       TEXT CHECK (typeof(session) IN ('text', 'null'))
);

-- Which live run has this agent?
CREATE INDEX agent_instance_name ON agent_instance (tenant, agent_name) WHERE agent_name IS NOT NULL;
-- Which runs does this tenant have, newest first?
CREATE INDEX agent_instance_tenant ON agent_instance (tenant);
-- Which runs have this status?
CREATE INDEX agent_instance_status ON agent_instance (tenant, status);
-- Which runs are in this workflow?
CREATE INDEX agent_instance_workflow ON agent_instance (workflow_id);
-- Which runs want attention?
CREATE INDEX agent_instance_due ON agent_instance (tenant, due_at) WHERE due_at IS NOT NULL;

-- Which agents were deleted by hand? Their histories stay.
CREATE TABLE deleted_agent (
    agent_id      INTEGER PRIMARY KEY,
    workflow      TEXT NOT NULL,
    state_path    TEXT NOT NULL,
    machine       TEXT NOT NULL,
    workflow_id INTEGER NOT NULL, agent_name TEXT, current_state_id INTEGER NOT NULL, updated_at TEXT,
    tenant TEXT NOT NULL, run_id TEXT UNIQUE, version INTEGER, driver TEXT NOT NULL, status TEXT NOT NULL,
    rev INTEGER NOT NULL, seq INTEGER NOT NULL, unsealed INTEGER NOT NULL, head BLOB, leaves TEXT NOT NULL,
    state TEXT NOT NULL, state_rev INTEGER NOT NULL, due_at INTEGER, changed_at INTEGER, started_at INTEGER, goal TEXT, parent_no INTEGER,
    root_no INTEGER, session TEXT
);

-- Which deleted agents' runs have this status?
CREATE INDEX deleted_agent_status ON deleted_agent (tenant, status);

-- What happened to a run, in order?
CREATE TABLE record (
    record_id     INTEGER PRIMARY KEY,
    tenant        TEXT NOT NULL DEFAULT 'default',
    run_no        INTEGER NOT NULL,
    seq           INTEGER NOT NULL,
    rev           INTEGER NOT NULL,
    kind          TEXT NOT NULL,
    at            INTEGER NOT NULL,
    recorded_at   INTEGER NOT NULL,
    -- Digest of the request it belongs to.
    request       BLOB,
    -- Whether it changes the run's data.
    has_changes   INTEGER NOT NULL DEFAULT 0,
    codec         TEXT NOT NULL DEFAULT 'plain' CHECK (codec = 'plain' OR codec = 'zstd' OR codec = 'sealed'),
    key_id        TEXT,
    salt          BLOB,
    digest        BLOB,
    hash          BLOB,
    -- NULL where a table of its own holds what was observed.
    payload       TEXT
);

-- What is this run's record of this number?
CREATE UNIQUE INDEX record_seq ON record (run_no, seq);
-- Which records changed this run's data?
CREATE INDEX record_changes ON record (run_no, seq) WHERE has_changes = 1;

-- What was a run's data after this record?
CREATE TABLE snapshot (
    run_no        INTEGER NOT NULL,
    seq           INTEGER NOT NULL,
    tenant        TEXT NOT NULL DEFAULT 'default',
    codec         TEXT NOT NULL DEFAULT 'plain' CHECK (codec = 'plain' OR codec = 'zstd' OR codec = 'sealed'),
    key_id        TEXT,
    salt          BLOB,
    digest        BLOB,
    payload       TEXT NOT NULL,
    PRIMARY KEY (run_no, seq)
);

-- What did agents do?
CREATE TABLE action (
    action_id     INTEGER PRIMARY KEY,
    tenant        TEXT NOT NULL DEFAULT 'default',
    run_no        INTEGER NOT NULL,
    seq           INTEGER NOT NULL,
    rev           INTEGER NOT NULL,
    at            INTEGER NOT NULL,
    codec         TEXT NOT NULL DEFAULT 'plain' CHECK (codec = 'plain' OR codec = 'zstd' OR codec = 'sealed'),
    key_id        TEXT,
    payload       TEXT NOT NULL,
    observed      INTEGER AS (CASE codec WHEN 'plain' THEN json_extract(payload, '$.observed') END),
    reported_by   TEXT AS (CASE codec WHEN 'plain' THEN json_extract(payload, '$.by') END),
    type          TEXT AS (CASE codec WHEN 'plain' THEN json_extract(payload, '$.body.type') END),
    name          TEXT AS (CASE codec WHEN 'plain' THEN json_extract(payload, '$.body.name') END),
    ref           TEXT AS (CASE codec WHEN 'plain' THEN json_extract(payload, '$.body.ref') END),
    status        TEXT AS (CASE codec WHEN 'plain' THEN json_extract(payload, '$.body.status') END),
    input         TEXT AS (CASE codec WHEN 'plain' THEN json_extract(payload, '$.body.input') END),
    output        TEXT AS (CASE codec WHEN 'plain' THEN json_extract(payload, '$.body.output') END),
    error         TEXT AS (CASE codec WHEN 'plain' THEN json_extract(payload, '$.body.error') END),
    tool          TEXT AS (CASE codec WHEN 'plain' THEN json_extract(payload, '$.body.tool') END),
    model         TEXT AS (CASE codec WHEN 'plain' THEN json_extract(payload, '$.body.model') END),
    tokens        INTEGER AS (CASE codec WHEN 'plain' THEN json_extract(payload, '$.body.tokens') END),
    cost_usd      REAL AS (CASE codec WHEN 'plain' THEN json_extract(payload, '$.body.cost_usd') END),
    duration_ms   INTEGER AS (CASE codec WHEN 'plain' THEN json_extract(payload, '$.body.duration_ms') END),
    UNIQUE (run_no, seq)
);

-- What did agents choose, and why?
CREATE TABLE decision (
    decision_id   INTEGER PRIMARY KEY,
    tenant        TEXT NOT NULL DEFAULT 'default',
    run_no        INTEGER NOT NULL,
    seq           INTEGER NOT NULL,
    rev           INTEGER NOT NULL,
    at            INTEGER NOT NULL,
    codec         TEXT NOT NULL DEFAULT 'plain' CHECK (codec = 'plain' OR codec = 'zstd' OR codec = 'sealed'),
    key_id        TEXT,
    payload       TEXT NOT NULL,
    observed      INTEGER AS (CASE codec WHEN 'plain' THEN json_extract(payload, '$.observed') END),
    reported_by   TEXT AS (CASE codec WHEN 'plain' THEN json_extract(payload, '$.by') END),
    type          TEXT AS (CASE codec WHEN 'plain' THEN json_extract(payload, '$.body.type') END),
    name          TEXT AS (CASE codec WHEN 'plain' THEN json_extract(payload, '$.body.question') END),
    options       TEXT AS (CASE codec WHEN 'plain' THEN json_extract(payload, '$.body.options') END),
    chosen        TEXT AS (CASE codec WHEN 'plain' THEN json_extract(payload, '$.body.chosen') END),
    reasoning     TEXT AS (CASE codec WHEN 'plain' THEN json_extract(payload, '$.body.reasoning') END),
    confidence    REAL AS (CASE codec WHEN 'plain' THEN json_extract(payload, '$.body.confidence') END),
    method        TEXT AS (CASE codec WHEN 'plain' THEN json_extract(payload, '$.body.method') END),
    action        TEXT AS (CASE codec WHEN 'plain' THEN json_extract(payload, '$.body.action') END),
    UNIQUE (run_no, seq)
);

-- What did agents say to each other?
CREATE TABLE message (
    message_id    INTEGER PRIMARY KEY,
    tenant        TEXT NOT NULL DEFAULT 'default',
    run_no        INTEGER NOT NULL,
    seq           INTEGER NOT NULL,
    rev           INTEGER NOT NULL,
    at            INTEGER NOT NULL,
    codec         TEXT NOT NULL DEFAULT 'plain' CHECK (codec = 'plain' OR codec = 'zstd' OR codec = 'sealed'),
    key_id        TEXT,
    payload       TEXT NOT NULL,
    observed      INTEGER AS (CASE codec WHEN 'plain' THEN json_extract(payload, '$.observed') END),
    reported_by   TEXT AS (CASE codec WHEN 'plain' THEN json_extract(payload, '$.by') END),
    type          TEXT AS (CASE codec WHEN 'plain' THEN json_extract(payload, '$.body.type') END),
    name          TEXT AS (CASE codec WHEN 'plain' THEN json_extract(payload, '$.body.to') END),
    content       TEXT AS (CASE codec WHEN 'plain' THEN json_extract(payload, '$.body.content') END),
    request_id    TEXT AS (CASE codec WHEN 'plain' THEN json_extract(payload, '$.body.request_id') END),
    in_response_to TEXT AS (CASE codec WHEN 'plain' THEN json_extract(payload, '$.body.in_response_to') END),
    channel       TEXT AS (CASE codec WHEN 'plain' THEN json_extract(payload, '$.body.channel') END),
    UNIQUE (run_no, seq)
);

-- What did agents make?
CREATE TABLE artifact (
    artifact_id   INTEGER PRIMARY KEY,
    tenant        TEXT NOT NULL DEFAULT 'default',
    run_no        INTEGER NOT NULL,
    seq           INTEGER NOT NULL,
    rev           INTEGER NOT NULL,
    at            INTEGER NOT NULL,
    codec         TEXT NOT NULL DEFAULT 'plain' CHECK (codec = 'plain' OR codec = 'zstd' OR codec = 'sealed'),
    key_id        TEXT,
    payload       TEXT NOT NULL,
    observed      INTEGER AS (CASE codec WHEN 'plain' THEN json_extract(payload, '$.observed') END),
    reported_by   TEXT AS (CASE codec WHEN 'plain' THEN json_extract(payload, '$.by') END),
    type          TEXT AS (CASE codec WHEN 'plain' THEN json_extract(payload, '$.body.type') END),
    name          TEXT AS (CASE codec WHEN 'plain' THEN json_extract(payload, '$.body.name') END),
    uri           TEXT AS (CASE codec WHEN 'plain' THEN json_extract(payload, '$.body.uri') END),
    content       TEXT AS (CASE codec WHEN 'plain' THEN json_extract(payload, '$.body.content') END),
    UNIQUE (run_no, seq)
);

-- What may a run and those below it spend, and what have they spent? One row per run with limits.
CREATE TABLE budget (
    run_no        INTEGER PRIMARY KEY,
    tenant        TEXT NOT NULL DEFAULT 'default',
    since         INTEGER NOT NULL,
    limits        TEXT NOT NULL,
    spent         TEXT NOT NULL,
    -- What was told already: limits nearly reached, and limits passed.
    told          TEXT NOT NULL DEFAULT '[]',
    -- From when on a limit is passed; 0 if one is already. NULL if no live run spends from it.
    due_at        INTEGER
);

-- Which limits are passed?
CREATE INDEX budget_due ON budget (tenant, due_at) WHERE due_at IS NOT NULL;

-- What does a run spend from? Its own budget, if it has one, and those of the runs above it.
CREATE TABLE budget_run (
    run_no        INTEGER NOT NULL,
    budget_no     INTEGER NOT NULL,
    PRIMARY KEY (run_no, budget_no)
) WITHOUT ROWID;

-- Which runs spend from this budget?
CREATE INDEX budget_run_budget ON budget_run (budget_no);

-- Which run did this key start?
CREATE TABLE start_key (
    tenant        TEXT NOT NULL,
    key           TEXT NOT NULL,
    digest        BLOB NOT NULL,
    run_no        INTEGER NOT NULL,
    PRIMARY KEY (tenant, key)
) WITHOUT ROWID;

-- Which runs belong to one sitting of a user?
CREATE TABLE session (
    tenant        TEXT NOT NULL DEFAULT 'default',
    session_id    TEXT NOT NULL,
    user_id       TEXT,
    metadata      TEXT,
    created_at    INTEGER NOT NULL,
    last_activity INTEGER NOT NULL,
    PRIMARY KEY (tenant, session_id)
) WITHOUT ROWID;

-- Which conversations does a run remember? One for each step and branch an agent does.
CREATE TABLE thread (
    thread_id     INTEGER PRIMARY KEY,
    tenant        TEXT NOT NULL DEFAULT 'default',
    -- The run's id and the path of the state: `0190…:Write`, of a branch `0190…:Write[3]`.
    name          TEXT NOT NULL,
    run_no        INTEGER,
    -- The path of the state whose work it is about.
    state         TEXT,
    -- The n-th item of a fan-out; 0 for the work as a whole.
    branch        INTEGER NOT NULL DEFAULT 0,
    created_at    INTEGER NOT NULL,
    UNIQUE (tenant, name)
);

-- Which threads does this run have?
CREATE INDEX thread_run ON thread (run_no) WHERE run_no IS NOT NULL;

-- What was said in a conversation, in order?
CREATE TABLE turn (
    thread_id     INTEGER NOT NULL REFERENCES thread (thread_id) ON DELETE CASCADE,
    -- The place in the thread, from 1 without gaps.
    position      INTEGER NOT NULL,
    tenant        TEXT NOT NULL DEFAULT 'default',
    -- `user`: what the agent was told. `assistant`: what it answered.
    role          TEXT NOT NULL,
    at            INTEGER NOT NULL,
    codec         TEXT NOT NULL DEFAULT 'plain' CHECK (codec = 'plain' OR codec = 'zstd' OR codec = 'sealed'),
    key_id        TEXT,
    salt          BLOB,
    digest        BLOB,
    payload       TEXT NOT NULL,
    PRIMARY KEY (thread_id, position)
);

-- What is to be done now, and who does it? A row is there exactly as long as its work goes on.
CREATE TABLE task (
    tenant        TEXT NOT NULL DEFAULT 'default',
    run_no        INTEGER NOT NULL,
    -- The path of the state whose work it is; empty for what is left to do after the run.
    state         TEXT NOT NULL,
    visit         INTEGER NOT NULL,
    -- The n-th item of a fan-out; 0 for the work as a whole.
    branch        INTEGER NOT NULL DEFAULT 0,
    -- The rev of the record that asks for making that work good, if it does that; 0 for the work itself.
    compensates   INTEGER NOT NULL DEFAULT 0,
    kind          TEXT NOT NULL,
    -- Who may claim it: those who serve this queue.
    queue         TEXT NOT NULL,
    filed_at      INTEGER NOT NULL,
    -- From when on it may be claimed; while somebody holds it, when the lease ends.
    ready_at      INTEGER NOT NULL,
    owner         TEXT,
    -- How often it was claimed. A result counts only for the present attempt.
    attempt       INTEGER NOT NULL DEFAULT 0,
    -- How often in a row its holder was not heard of again.
    lost          INTEGER NOT NULL DEFAULT 0,
    timeout_ns    INTEGER,
    -- When the present attempt must be over.
    deadline      INTEGER,
    -- The run it launched and waits for.
    child_no      INTEGER,
    -- The workflow whose `concurrency` bounds it, and what it counts as there: `exec`, `task:review`.
    bound_to      TEXT,
    bound_as      TEXT,
    -- Whether it is bounded and its run has no place yet among the runs that may begin, nor has one above it.
    needs_place   INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (run_no, state, visit, branch, compensates)
) WITHOUT ROWID;

-- Which tasks of a queue may be claimed, the longest ready first?
CREATE INDEX task_ready ON task (tenant, queue, ready_at) WHERE bound_to IS NULL;
-- What of them is bounded, and by what? Those for which there is no room are passed over all at once.
CREATE INDEX task_lane ON task (tenant, bound_to, bound_as, queue, needs_place, ready_at) WHERE bound_to IS NOT NULL;
-- How much of a workflow's bounded work is somebody doing?
CREATE INDEX task_bound ON task (tenant, bound_to) WHERE bound_to IS NOT NULL AND owner IS NOT NULL;
-- Which attempts took too long?
CREATE INDEX task_deadline ON task (tenant, deadline) WHERE deadline IS NOT NULL;
-- Which task waits for this run?
CREATE INDEX task_child ON task (child_no) WHERE child_no IS NOT NULL;
-- Which runs did this one launch?
CREATE INDEX agent_instance_parent ON agent_instance (parent_no) WHERE parent_no IS NOT NULL;

-- Which runs have begun in a workflow that bounds how many may? Those that are over do not count.
CREATE TABLE begun_run (
    tenant        TEXT NOT NULL DEFAULT 'default',
    workflow      TEXT NOT NULL,
    run_no        INTEGER NOT NULL,
    PRIMARY KEY (tenant, workflow, run_no)
) WITHOUT ROWID;
