//! The four tables and what plain SQL tells from them.

use crate::file::File;
use crate::nested;

/// S0.4, S0.5, S0.6, S0.7: the four tables begin with exactly these columns.
#[test]
fn the_four_tables_have_the_documented_columns() {
    let file = File::new();
    for (table, expected) in [
        ("workflow", "workflow_id INTEGER pk|name TEXT nn|created_at TEXT =CURRENT_TIMESTAMP"),
        (
            "workflow_state",
            "state_id INTEGER pk|workflow_id INTEGER nn|name TEXT nn|guideline TEXT",
        ),
        (
            "workflow_transition",
            "transition_id INTEGER pk|workflow_id INTEGER nn|name TEXT nn|from_state_id INTEGER nn|\
             to_state_id INTEGER nn|description TEXT",
        ),
        (
            "agent_instance",
            "agent_id INTEGER pk|workflow_id INTEGER nn|agent_name TEXT|current_state_id INTEGER nn|\
             updated_at TEXT =CURRENT_TIMESTAMP",
        ),
    ] {
        let columns = file.shell(&format!(
            "SELECT name || ' ' || type || iif(pk, ' pk', '') || iif(\"notnull\", ' nn', '')
                 || coalesce(' =' || dflt_value, '') FROM pragma_table_info('{table}') ORDER BY cid"
        ));
        let count = expected.split('|').count();
        assert_eq!(columns.lines().take(count).collect::<Vec<_>>().join("|"), expected);
        // Ours are nullable or have a default, so that nobody need name them.
        let needed = file.shell(&format!(
            "SELECT count(*) FROM pragma_table_info('{table}')
             WHERE cid >= {count} AND \"notnull\" AND dflt_value IS NULL"
        ));
        assert_eq!(needed, "0");
    }
}

/// S0.1, S0.2, S0.3, S0.13, S0.14: the document's own snippet, from Python, gives a live agent. S0.18: with stock SQL only.
#[test]
fn the_snippet_works_from_python() {
    File::each(|file| {
        let answer = file.python(
            r#"
cur.execute("INSERT INTO workflow (name) VALUES (?)", ("LeadQualAgent",))
wf_id = cur.lastrowid
cur.executemany(
    "INSERT INTO workflow_state (workflow_id, name, guideline) VALUES (?,?,?)",
    [(wf_id, "IngestLead", "Summarize raw lead payload; highlight ICP features."),
     (wf_id, "ScoreAndReflect", "Calculate qualification score. Think step-by-step …"),
     (wf_id, "AwaitResponse", "Monitor inbox stream …"),
     (wf_id, "END", None)])
ids = dict(cur.execute("SELECT name, state_id FROM workflow_state WHERE workflow_id = ?", (wf_id,)))
cur.execute("INSERT INTO workflow_state (workflow_id, name) VALUES (?, 'Extra')", (wf_id,))
extra = cur.lastrowid
assert cur.execute("SELECT name FROM workflow_state WHERE state_id = ?", (extra,)).fetchone() == ("Extra",)
for name, source, target, text in [
    ("Summarized", "IngestLead", "ScoreAndReflect", None),
    ("SendIntro", "ScoreAndReflect", "AwaitResponse", "Send the intro"),
    ("PositiveReply", "AwaitResponse", "END", "Hand off to AE")]:
    cur.execute("INSERT INTO workflow_transition (workflow_id, name, from_state_id, to_state_id, description)"
                " VALUES (?,?,?,?,?)", (wf_id, name, ids[source], ids[target], text))
    last = cur.lastrowid
    assert cur.execute("SELECT name FROM workflow_transition WHERE transition_id = ?", (last,)).fetchone() == (name,)
cur.execute("INSERT INTO agent_instance (agent_id, workflow_id, agent_name, current_state_id) VALUES (17, ?, 'writer', ?)",
            (wf_id, ids["IngestLead"]))
assert cur.lastrowid == 17
cur.execute("INSERT INTO agent_instance (workflow_id, current_state_id) VALUES (?, ?)", (wf_id, ids["IngestLead"]))
assert cur.lastrowid == 18
db.commit()
print(cur.execute("SELECT * FROM agent_next_actions WHERE agent_id = 17").fetchall())
"#,
        );
        assert_eq!(
            answer,
            "[(17, 'writer', 'LeadQualAgent', 'IngestLead', 'Summarize raw lead payload; highlight ICP features.', \
             'Summarized', 'ScoreAndReflect', None)]"
        );
    });
}

/// S0.8: only the agent that moved is touched.
#[test]
fn a_move_refreshes_updated_at_of_that_agent_only() {
    File::each(|file| {
        file.lead();
        file.shell("UPDATE agent_instance SET updated_at = '2020-01-01 00:00:00'");
        file.shell("UPDATE agent_instance SET current_state_id = 2 WHERE agent_id = 17");
        let touched = "SELECT agent_id FROM agent_instance WHERE updated_at > '2026'";
        assert_eq!(file.shell(touched), "17");
        file.shell("UPDATE agent_instance SET agent_name = 'x' WHERE agent_id = 18");
        assert_eq!(file.shell(touched), "17");
        // Naming the state an agent is in is no move, but it is an update.
        file.shell("UPDATE agent_instance SET current_state_id = 1 WHERE agent_id = 18");
        assert_eq!(file.shell(touched), "17\n18");
        assert_eq!(file.shell("SELECT rev FROM agent_instance WHERE agent_id = 18"), "1");
    });
}

/// S0.9, S0.10, S0.17: one SELECT gives all an agent needs, in order.
#[test]
fn next_actions_have_the_documented_columns_and_order() {
    File::each(|file| {
        file.lead();
        file.shell("INSERT INTO workflow_transition (workflow_id, name, from_state_id, to_state_id) VALUES (1, 'Abandon', 1, 4)");
        let header = file.shell(".headers on\nSELECT * FROM agent_next_actions LIMIT 1");
        assert_eq!(
            header.lines().next(),
            Some(
                "agent_id|agent_name|workflow|current_state|state_guideline|next_transition|next_state|\
                 transition_description"
            )
        );
        assert_eq!(
            file.shell("SELECT agent_id, current_state, next_transition, next_state FROM agent_next_actions"),
            "17|IngestLead|Abandon|END\n17|IngestLead|Summarized|ScoreAndReflect\n\
             18|IngestLead|Abandon|END\n18|IngestLead|Summarized|ScoreAndReflect"
        );
    });
}

/// S0.11, S0.12: NULLs beside a real row would contradict it; they mean that nothing may follow.
#[test]
fn only_a_terminal_state_has_a_row_of_nulls() {
    File::each(|file| {
        file.lead();
        file.shell(
            "DELETE FROM agent_instance WHERE agent_id = 18;
             UPDATE agent_instance SET current_state_id = 2 WHERE agent_id = 17;
             UPDATE agent_instance SET current_state_id = 3 WHERE agent_id = 17",
        );
        let next = ".nullvalue NULL\nSELECT * FROM agent_next_actions";
        assert_eq!(
            file.shell(next),
            "17|writer|LeadQualAgent|AwaitResponse|Monitor inbox stream …|PositiveReply|END|Hand off to AE"
        );
        file.shell("UPDATE agent_instance SET current_state_id = 4 WHERE agent_id = 17");
        assert_eq!(file.shell(next), "17|writer|LeadQualAgent|END|NULL|NULL|NULL|NULL");
    });
}

/// S0.15: guidelines are edited and workflows swapped by UPDATE alone, and running agents see it at once.
#[test]
fn wording_and_workflows_change_by_update_alone() {
    File::each(|file| {
        file.lead();
        file.shell("UPDATE workflow_state SET guideline = 'New words.' WHERE name = 'IngestLead'");
        let told = "SELECT DISTINCT workflow, current_state, state_guideline FROM agent_next_actions WHERE agent_id = 17";
        assert_eq!(file.shell(told), "LeadQualAgent|IngestLead|New words.");
        assert_eq!(
            file.shell("SELECT revision, guideline FROM wording_revision WHERE state_id = 1"),
            "0|Summarize raw lead payload; highlight ICP features.\n1|New words."
        );
        file.shell(
            "INSERT INTO workflow (name) VALUES ('Other');
             INSERT INTO workflow_state (state_id, workflow_id, name) VALUES (10, 2, 'Begin'), (11, 2, 'Finish');
             INSERT INTO workflow_transition (workflow_id, name, from_state_id, to_state_id) VALUES (2, 'Go', 10, 11);
             UPDATE agent_instance SET workflow_id = 2, current_state_id = 10 WHERE agent_id = 17",
        );
        assert_eq!(file.shell(told), "Other|Begin|");
        assert_eq!(
            file.shell("SELECT body FROM run_history WHERE run_no = 17 AND seq = 2")
                .split(",\"at\"")
                .next(),
            Some("{\"workflow\":\"Other\",\"to\":\"Begin\"")
        );
        file.shell("UPDATE workflow_transition SET description = 'Go on.' WHERE name = 'Go'");
        assert_eq!(
            file.shell("SELECT transition_description FROM agent_next_actions WHERE agent_id = 17"),
            "Go on."
        );
    });
}

/// S0.16, S0.19d, S0.19f: every move is on record, in order, with its event, to the millisecond.
#[test]
fn every_move_is_on_record() {
    File::each(|file| {
        file.lead();
        file.shell("UPDATE agent_instance SET current_state_id = 2");
        file.shell("UPDATE agent_instance SET current_state_id = 3 WHERE agent_id = 17");
        assert_eq!(
            file.shell("SELECT run_no, seq, rev, kind, name, from_state, to_state FROM run_history ORDER BY 1, 2"),
            "17|1|1|placed|||IngestLead\n\
             17|2|2|placed|Summarized|IngestLead|ScoreAndReflect\n\
             17|3|3|placed|SendIntro|ScoreAndReflect|AwaitResponse\n\
             18|1|1|placed|||IngestLead\n\
             18|2|2|placed|Summarized|IngestLead|ScoreAndReflect"
        );
        let at = file.shell("SELECT at FROM run_history LIMIT 1");
        assert_eq!((at.len(), &at[19..20]), (24, "."), "{at}");
    });
}

/// S0.5e, S0.6g: the documented uniqueness holds.
#[test]
fn duplicates_written_by_hand_are_refused() {
    File::each(|file| {
        file.lead();
        for statement in [
            "INSERT INTO workflow (name) VALUES ('LeadQualAgent')",
            "INSERT INTO workflow_state (workflow_id, name) VALUES (1, 'END')",
            "INSERT INTO workflow_transition (workflow_id, name, from_state_id, to_state_id) VALUES (1, 'SendIntro', 2, 4)",
        ] {
            file.refused(statement, "UNIQUE constraint failed");
        }
        file.shell("INSERT INTO workflow_transition (workflow_id, name, from_state_id, to_state_id) VALUES (1, 'SendIntro', 1, 4)");
        // What is there already may be inserted again by those who say that they do not mind.
        file.shell(
            "INSERT OR IGNORE INTO workflow (name) VALUES ('LeadQualAgent');
             INSERT OR IGNORE INTO workflow_state (workflow_id, name) VALUES (1, 'IngestLead')",
        );
        assert_eq!(
            file.shell("SELECT state_id FROM workflow_state WHERE name = 'IngestLead'"),
            "1"
        );
    });
}

/// S0.5b, S0.6b: what is not in use goes with what it belongs to.
#[test]
fn deleting_takes_along_what_belongs_to_it() {
    File::each(|file| {
        file.lead();
        file.shell("DELETE FROM workflow_state WHERE name = 'AwaitResponse'");
        assert_eq!(file.shell("SELECT name FROM workflow_transition"), "Summarized");
        file.shell("DELETE FROM agent_instance; DELETE FROM workflow");
        let left = "SELECT (SELECT count(*) FROM workflow_state), (SELECT count(*) FROM workflow_transition)";
        assert_eq!(file.shell(left), "0|0");
    });
}

/// S0.19e: whoever does switch foreign keys on gets the same answers.
#[test]
fn foreign_keys_may_be_on() {
    File::each(|file| {
        file.lead();
        file.with_store(async |store, tenant| {
            store.define(tenant, nested()).await.unwrap();
        });
        let on = "PRAGMA foreign_keys = ON;";
        file.refused(&format!("{on} DELETE FROM workflow WHERE workflow_id = 1"), "has runs");
        file.refused(&format!("{on} DELETE FROM workflow_state WHERE state_id = 1"), "occupied");
        file.shell(&format!("{on} DELETE FROM workflow_state WHERE state_id = 4"));
        assert_eq!(
            file.shell("SELECT count(*) FROM workflow_transition WHERE workflow_id = 1"),
            "2"
        );
        file.shell(&format!(
            "{on} UPDATE agent_instance SET current_state_id = 2 WHERE agent_id = 17"
        ));
        file.shell(&format!("{on} DELETE FROM agent_instance; DELETE FROM workflow"));
        let left =
            "SELECT (SELECT count(*) FROM workflow_state), (SELECT count(*) FROM workflow_version)";
        assert_eq!(file.shell(left), "0|0");
    });
}

/// An agent inserted by hand is given what is Guidepost's to give.
#[test]
fn an_inserted_agent_gets_its_columns_from_guidepost() {
    File::each(|file| {
        file.lead();
        file.shell("INSERT INTO workflow (workflow_id, name, tenant) VALUES (2, 'Theirs', 'other');
                    INSERT INTO workflow_state (state_id, workflow_id, name) VALUES (20, 2, 'Begin');
                    INSERT INTO agent_instance (agent_id, workflow_id, current_state_id) VALUES (20, 2, 20)");
        for (statement, reason) in [
            (
                "INSERT INTO agent_instance (workflow_id, current_state_id, run_id) VALUES (9, 99, 'x')",
                "given its run_id",
            ),
            (
                "INSERT INTO agent_instance (agent_id, workflow_id, current_state_id) VALUES (0, 1, 1)",
                "from 1 to 2^53",
            ),
            (
                "INSERT INTO agent_instance (agent_id, workflow_id, current_state_id)
                 VALUES (9223372036854775807, 1, 1)",
                "from 1 to 2^53",
            ),
            (
                "INSERT INTO agent_instance (workflow_id, current_state_id, parent_no) VALUES (1, 1, 20)",
                "parent_no",
            ),
            (
                "UPDATE agent_instance SET workflow_id = 2, current_state_id = 20 WHERE agent_id = 17",
                "another tenant",
            ),
        ] {
            file.refused(statement, reason);
        }
        file.shell(
            "INSERT INTO agent_instance (workflow_id, current_state_id, rev, seq, status, tenant, parent_no)
             VALUES (1, 1, 9, 9, 'completed', 'other', 17)",
        );
        assert_eq!(
            file.shell("SELECT agent_id, rev, seq, status, tenant, root_no FROM agent_instance WHERE agent_id = 21"),
            "21|1|1|running|default|17"
        );
    });
}

/// A wording that is reused with the id of a deleted row is on record like any other.
#[test]
fn ids_may_be_used_again_by_new_rows() {
    File::each(|file| {
        file.lead();
        file.shell(
            "UPDATE workflow_state SET guideline = 'Wait.' WHERE state_id = 3;
             UPDATE workflow_transition SET description = 'Yes.' WHERE name = 'PositiveReply';
             DELETE FROM workflow_state WHERE state_id = 3;
             INSERT INTO workflow_state (state_id, workflow_id, name, guideline) VALUES (3, 1, 'Wait', 'Hold.');
             INSERT INTO workflow_transition (transition_id, workflow_id, name, from_state_id, to_state_id)
             VALUES (3, 1, 'PositiveReply', 3, 4);
             UPDATE workflow_state SET guideline = 'Wait.' WHERE state_id = 3;
             UPDATE workflow_transition SET description = 'Yes.' WHERE transition_id = 3",
        );
        assert_eq!(file.shell("SELECT revision FROM workflow_state WHERE state_id = 3"), "1");
        file.refused(
            "UPDATE workflow_state SET guideline = 'x', revision = revision + 1 WHERE state_id = 3",
            "counts by itself",
        );
        file.refused(
            "UPDATE workflow_transition SET description = 'x', revision = 7",
            "counts by itself",
        );
    });
}
