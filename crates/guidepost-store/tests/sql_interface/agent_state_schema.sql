CREATE TABLE workflow (
    workflow_id   INTEGER PRIMARY KEY,
    name          TEXT UNIQUE NOT NULL,
    created_at    TEXT DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE workflow_state (
    state_id      INTEGER PRIMARY KEY,
    workflow_id   INTEGER NOT NULL REFERENCES workflow(workflow_id)
                  ON DELETE CASCADE,
    name          TEXT NOT NULL,
    guideline     TEXT,
    UNIQUE (workflow_id, name)
);
CREATE TABLE workflow_transition (
    transition_id INTEGER PRIMARY KEY,
    workflow_id   INTEGER NOT NULL REFERENCES workflow(workflow_id)
                  ON DELETE CASCADE,
    name          TEXT NOT NULL,
    from_state_id INTEGER NOT NULL REFERENCES workflow_state(state_id)
                  ON DELETE CASCADE,
    to_state_id   INTEGER NOT NULL REFERENCES workflow_state(state_id)
                  ON DELETE CASCADE,
    description   TEXT,
    UNIQUE (workflow_id, name, from_state_id)
);
CREATE TABLE agent_instance (
    agent_id      INTEGER PRIMARY KEY,
    workflow_id   INTEGER NOT NULL REFERENCES workflow(workflow_id)
                  ON DELETE CASCADE,
    agent_name    TEXT,
    current_state_id INTEGER NOT NULL REFERENCES workflow_state(state_id),
    updated_at    TEXT DEFAULT CURRENT_TIMESTAMP
);
CREATE TRIGGER agent_state_touch
AFTER UPDATE OF current_state_id ON agent_instance
BEGIN
    UPDATE agent_instance
    SET updated_at = CURRENT_TIMESTAMP
    WHERE agent_id = NEW.agent_id;
END;
CREATE VIEW agent_next_actions AS
SELECT
    a.agent_id,
    a.agent_name,
    w.name                 AS workflow,
    cs.name                AS current_state,
    cs.guideline           AS state_guideline,
    t.name                 AS next_transition,
    ns.name                AS next_state,
    t.description          AS transition_description
FROM agent_instance           AS a
JOIN workflow_state           AS cs  ON cs.state_id = a.current_state_id
JOIN workflow                 AS w   ON w.workflow_id = a.workflow_id
LEFT JOIN workflow_transition AS t   ON t.from_state_id = cs.state_id
LEFT JOIN workflow_state      AS ns  ON ns.state_id = t.to_state_id
ORDER BY a.agent_id, cs.name, t.name;
