//! SQL is an interface: what people do with the stock `sqlite3` shell and with Python's driver, while a store has the file
//! open and while none has. Items of the agent-state schema's list of requirements are named as `S0.n`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod file;
mod random;
mod settled;

use guidepost_core::id::{Rev, RunNo, RunRef, Seq, StateId, Tenant};
use guidepost_core::machine::Limits;
use guidepost_core::name::NameOf;
use guidepost_core::record::{Cause, Record, Transitioned};
use guidepost_core::recorded::{Fact, FactBody, Note};
use guidepost_core::run::{Driver, Status};
use guidepost_core::simulator::Simulator;
use guidepost_core::time::Timestamp;
use guidepost_core::workflow::{OpenState, OpenTransition, OpenWorkflow, compile, compile_open};
use guidepost_store::testing::conformance::Fixture;
use guidepost_store::{
    Batch, HistoryPage, NewVersion, Source, StateRow, StoreError, TransitionRow, Wanted,
    WorkflowBody,
};

use file::{File, LEAD};

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

/// A run that makes good what it did, or has passed a limit, is held: it shows no moves and takes none, whoever asks.
#[test]
fn a_run_that_is_held_shows_no_moves_and_takes_none() {
    File::each(|file| {
        let store = guidepost_store::open(file.url()).unwrap();
        file.with_store(async |_, _| {
            let fixture = Fixture::new(store);
            assert_eq!(fixture.run_with_history().await, RunNo(1));
            assert_eq!(fixture.run_over_limit().await, RunNo(2));
        });
        let next = |run: u32| {
            file.shell(&format!(
                "SELECT next_transition FROM agent_next_actions WHERE agent_id = {run}"
            ))
        };
        let to = |state: &str, run: u32| {
            format!(
                "UPDATE agent_instance SET current_state_id =
                     (SELECT state_id FROM workflow_state WHERE name = '{state}') WHERE agent_id = {run}"
            )
        };
        assert_eq!((next(1).as_str(), next(2).as_str()), ("Summarized", ""));
        file.refused(&to("Score", 2), "a limit is passed; raise it first");
        let store = guidepost_store::open(file.url()).unwrap();
        file.with_store(async |_, _| Fixture::new(store).make_good(RunNo(1), 1).await);
        assert_eq!(next(1), "");
        file.refused(&to("Score", 1), "what the run did is made good first");
        file.shell(
            "INSERT INTO workflow (workflow_id, name) VALUES (90, 'other');
            INSERT INTO workflow_state (state_id, workflow_id, name) VALUES (90, 90, 'There')",
        );
        let elsewhere =
            "UPDATE agent_instance SET workflow_id = 90, current_state_id = 90 WHERE agent_id = 1";
        file.refused(elsewhere, "what the run did is made good first");
        let kinds = "SELECT group_concat(kind) FROM (SELECT kind FROM record WHERE run_no = 1 ORDER BY seq DESC LIMIT 2)";
        assert_eq!(file.shell(kinds), "compensating,transitioned");
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

/// S0.19a: an agent is only ever in a state of its own workflow, and a transition within one.
#[test]
fn states_of_another_workflow_are_refused() {
    File::each(|file| {
        file.lead();
        file.shell(
            "INSERT INTO workflow (name) VALUES ('Other');
             INSERT INTO workflow_state (state_id, workflow_id, name) VALUES (10, 2, 'Begin')",
        );
        for (statement, reason) in [
            (
                "UPDATE agent_instance SET current_state_id = 10",
                "`Begin` is no state of the workflow",
            ),
            (
                "UPDATE agent_instance SET workflow_id = 2",
                "`IngestLead` is no state of the workflow",
            ),
            ("UPDATE agent_instance SET current_state_id = 99", "99 is no state of the workflow"),
            (
                "INSERT INTO agent_instance (workflow_id, current_state_id) VALUES (2, 1)",
                "`IngestLead` is no state of the workflow",
            ),
            (
                "INSERT INTO agent_instance (workflow_id, current_state_id) VALUES (9, 1)",
                "there is no workflow",
            ),
            (
                "INSERT INTO workflow_state (workflow_id, name) VALUES (9, 'x')",
                "there is no workflow",
            ),
            (
                "INSERT INTO workflow_transition (workflow_id, name, from_state_id, to_state_id) VALUES (1, 'x', 1, 10)",
                "must be states of its workflow",
            ),
            (
                "INSERT INTO workflow_transition (workflow_id, name, from_state_id, to_state_id) VALUES (2, 'x', 1, 10)",
                "must be states of its workflow",
            ),
            (
                "UPDATE workflow_transition SET to_state_id = 10 WHERE name = 'SendIntro'",
                "must be states of its workflow",
            ),
        ] {
            file.refused(statement, reason);
        }
    });
}

/// S0.19b: a move needs a transition; the refusal says which there are.
#[test]
fn an_illegal_jump_is_refused_with_the_legal_moves() {
    File::each(|file| {
        file.lead();
        let jump = "UPDATE agent_instance SET current_state_id = 4 WHERE agent_id = 17";
        file.refused(jump, "illegal move; legal now: Summarized -> ScoreAndReflect");
        let message = file.python(
            "
try:
    cur.execute('UPDATE agent_instance SET current_state_id = 4 WHERE agent_id = 17')
except sqlite3.OperationalError as error:
    print(error)
",
        );
        assert!(
            message.contains("illegal move; legal now: Summarized -> ScoreAndReflect"),
            "{message}"
        );
        assert_eq!(file.shell("SELECT count(*) FROM record WHERE run_no = 17"), "1");
        // One bad row refuses the whole statement.
        file.shell("UPDATE agent_instance SET current_state_id = 2 WHERE agent_id = 17");
        file.refused("UPDATE agent_instance SET current_state_id = 3", "illegal move");
        assert_eq!(file.shell("SELECT current_state_id FROM agent_instance"), "2\n1");
    });
}

/// Alternatives of one event that lead to one state were each told.
#[test]
fn a_refused_move_tells_each_legal_move_once() {
    File::each(|file| {
        file.shell(
            "INSERT INTO workflow (workflow_id, name) VALUES (1, 'twice');
             INSERT INTO workflow_state (state_id, workflow_id, name) VALUES (1, 1, 'A'), (2, 1, 'B'), (3, 1, 'C');
             INSERT INTO workflow_transition (workflow_id, name, from_state_id, to_state_id, position)
             VALUES (1, 'back', 1, 2, 0), (1, 'back', 1, 2, 1);
             INSERT INTO agent_instance (agent_id, workflow_id, current_state_id) VALUES (1, 1, 1)",
        );
        let told = file.python(
            "
try:
    cur.execute('UPDATE agent_instance SET current_state_id = 3 WHERE agent_id = 1')
except sqlite3.OperationalError as error:
    print(error)
",
        );
        assert_eq!(told.matches("back -> B").count(), 1, "{told}");
    });
}

/// S0.19c: nothing leads out of a state that no transition leaves.
#[test]
fn nothing_leads_out_of_a_terminal_state() {
    File::each(|file| {
        file.lead();
        for state in 2..=4 {
            file.shell(&format!(
                "UPDATE agent_instance SET current_state_id = {state} WHERE agent_id = 17"
            ));
        }
        let back = "UPDATE agent_instance SET current_state_id = 1 WHERE agent_id = 17";
        file.refused(back, "illegal move; legal now: nothing");
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

/// S0.19e, S0.19g: although foreign keys are off, nothing that is in use goes away, not even by INSERT OR REPLACE.
#[test]
fn what_is_in_use_is_neither_deleted_nor_replaced() {
    File::each(|file| {
        file.lead();
        for (statement, reason) in [
            (
                "DELETE FROM workflow_state WHERE state_id = 1",
                "`IngestLead` is occupied by agent 17",
            ),
            ("DELETE FROM workflow", "the workflow has runs"),
            (
                "INSERT OR REPLACE INTO workflow_state (workflow_id, name) VALUES (1, 'IngestLead')",
                "`IngestLead` is occupied",
            ),
            (
                "INSERT OR REPLACE INTO workflow_state (state_id, workflow_id, name) VALUES (1, 1, 'New')",
                "another state has this state_id",
            ),
            (
                "INSERT OR REPLACE INTO agent_instance (agent_id, workflow_id, current_state_id) VALUES (17, 1, 4)",
                "a run has or had this agent_id",
            ),
            (
                "INSERT OR REPLACE INTO agent_instance SELECT * FROM agent_instance WHERE agent_id = 17",
                "another run has this run_id",
            ),
            (
                "INSERT OR REPLACE INTO workflow (name) VALUES ('LeadQualAgent')",
                "exists and has states",
            ),
            (
                "INSERT OR REPLACE INTO workflow (workflow_id, name) VALUES (1, 'New')",
                "exists and has states",
            ),
            ("UPDATE workflow_state SET name = 'New' WHERE state_id = 1", "keeps its name"),
            ("UPDATE workflow_state SET state_id = 9 WHERE state_id = 1", "keeps its state_id"),
            ("UPDATE agent_instance SET agent_id = 9 WHERE agent_id = 17", "keeps its agent_id"),
            ("UPDATE agent_instance SET status = 'completed'", "follows from the history"),
            ("DELETE FROM record", "history is never deleted"),
        ] {
            file.refused(statement, reason);
        }
        assert_eq!(file.shell("SELECT count(*) FROM agent_next_actions"), "2");
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

/// S0.7: deleting an agent cancels its run; the history stays, and its number is never given again.
#[test]
fn a_deleted_agent_leaves_its_history() {
    File::each(|file| {
        file.lead();
        file.shell("DELETE FROM agent_instance WHERE agent_id = 18");
        assert_eq!(file.shell("SELECT agent_id FROM agent_instance"), "17");
        assert_eq!(file.shell("SELECT DISTINCT agent_id FROM agent_next_actions"), "17");
        assert_eq!(
            file.shell("SELECT run_no, status, rev, seq FROM run ORDER BY run_no"),
            "17|running|1|1\n18|cancelled|2|2"
        );
        file.shell("INSERT INTO agent_instance (workflow_id, current_state_id) VALUES (1, 1)");
        assert_eq!(file.shell("SELECT max(agent_id) FROM agent_instance"), "19");
        file.refused(
            "INSERT INTO agent_instance (agent_id, workflow_id, current_state_id) VALUES (18, 1, 1)",
            "a run has or had this agent_id",
        );
        let loaded = file.with_store(async |store, tenant| {
            let loaded = store.load(tenant, &RunRef::No(RunNo(18))).await.unwrap().unwrap();
            let verified = store.verify(tenant, RunNo(18)).await.unwrap();
            assert_eq!((verified.unsealed, verified.problems), (2, vec![]));
            assert_eq!(loaded.head.unsealed, 2);
            let note = Note { text: "it is over".to_owned(), ..Note::default() };
            let body = FactBody::Note(note);
            let told = vec![Fact { at: None, observed: false, by: "reader".to_owned(), body }];
            let recorded = store.record(tenant, RunNo(18), told).await.unwrap();
            assert_eq!((recorded.first, recorded.rev), (Seq(3), Rev(2)));
            let verified = store.verify(tenant, RunNo(18)).await.unwrap();
            assert_eq!((verified.records, verified.unsealed, verified.problems), (3, 0, vec![]));
            loaded
        });
        assert_eq!((loaded.run.status, loaded.run.rev), (Status::Cancelled, Rev(2)));
    });
}

/// S0.2: to Guidepost, an agent inserted by hand is a run like any other, to be settled, and its workflow an open one.
#[test]
fn an_agent_inserted_by_hand_is_a_live_run() {
    File::each(|file| {
        file.lead();
        file.shell("UPDATE agent_instance SET current_state_id = 2 WHERE agent_id = 17");
        file.with_store(async |store, tenant| {
            assert_eq!(store.due(tenant, Timestamp(0), 9).await.unwrap(), [RunNo(17), RunNo(18)]);
            let workflow = store.workflow(tenant, "LeadQualAgent", Wanted::Current).await.unwrap();
            let WorkflowBody::Open(open) = workflow.unwrap().body else { panic!("it is open") };
            let states: Vec<&str> = open.states.iter().map(|state| state.name.as_str()).collect();
            assert_eq!(states, ["IngestLead", "ScoreAndReflect", "AwaitResponse", "END"]);
            assert_eq!(open.transitions[2].description.as_deref(), Some("Hand off to AE"));
            let loaded = store.load(tenant, &RunRef::from("writer")).await.unwrap().unwrap();
            assert_eq!((loaded.head.no, loaded.head.seq), (RunNo(17), Seq(2)));
            assert_eq!((loaded.run.rev, loaded.run.workflow.as_str()), (Rev(2), "LeadQualAgent"));
            let to: Vec<&str> = loaded.run.placed.iter().map(|placed| placed.to.as_str()).collect();
            assert_eq!(to, ["IngestLead", "ScoreAndReflect"]);
            let verified = store.verify(tenant, RunNo(17)).await.unwrap();
            assert_eq!((verified.unsealed, verified.problems), (2, vec![]));
        });
    });
}

/// Settling what SQL did seals it, and the run goes on by either way.
#[test]
fn a_settled_run_goes_on_by_sql_and_by_guidepost() {
    File::each(|file| {
        file.lead();
        file.with_store(async |store, tenant| {
            settle(store, tenant, RunNo(17)).await;
            let verified = store.verify(tenant, RunNo(17)).await.unwrap();
            assert_eq!((verified.records, verified.unsealed, verified.problems), (2, 0, vec![]));
            assert_eq!(store.due(tenant, Timestamp(0), 9).await.unwrap(), [RunNo(18)]);
        });
        file.shell("UPDATE agent_instance SET current_state_id = 2 WHERE agent_id = 17");
        file.refused(
            "UPDATE record SET payload = '' WHERE seq = 1 AND run_no = 17",
            "never edited",
        );
        file.with_store(async |store, tenant| {
            let loaded = store.load(tenant, &RunRef::No(RunNo(17))).await.unwrap().unwrap();
            assert!(loaded.run.active.contains_key("IngestLead"), "the move is not settled yet");
            assert_eq!((loaded.run.placed.len(), loaded.run.rev), (1, Rev(3)));
            settle(store, tenant, RunNo(17)).await;
            let loaded = store.load(tenant, &RunRef::No(RunNo(17))).await.unwrap().unwrap();
            assert!(loaded.run.active.contains_key("ScoreAndReflect"));
            let verified = store.verify(tenant, RunNo(17)).await.unwrap();
            assert_eq!((verified.records, verified.unsealed, verified.problems), (4, 0, vec![]));
            let page = HistoryPage { newest_first: false, kinds: vec![], beyond: None, limit: 9 };
            assert_eq!(store.history(tenant, RunNo(17), &page).await.unwrap().items.len(), 4);
        });
    });
}

/// A decision made before a move by SQL is too late.
#[test]
fn a_move_by_sql_makes_a_decision_stale() {
    File::each(|file| {
        file.lead();
        let outcome = file.with_store(async |store, tenant| {
            let loaded = store.load(tenant, &RunRef::No(RunNo(17))).await.unwrap().unwrap();
            file.shell("UPDATE agent_instance SET current_state_id = 2 WHERE agent_id = 17");
            let batch = settling(loaded.run);
            store.commit(tenant, RunNo(17), Rev(1), batch).await
        });
        assert!(
            matches!(outcome, Err(StoreError::Conflict { present: Rev(2), .. })),
            "{outcome:?}"
        );
    });
}

/// S0.18: a file made by the document's own statements is adopted, with its rows and their ids.
#[test]
fn a_file_made_by_the_documents_own_statements_is_adopted() {
    let file = File::bare();
    file.shell(include_str!("agent_state_schema.sql"));
    file.shell(LEAD);
    file.shell("UPDATE agent_instance SET current_state_id = 2 WHERE agent_id = 18");
    file.with_store(async |store, tenant| {
        let loaded = store.load(tenant, &RunRef::No(RunNo(18))).await.unwrap().unwrap();
        assert_eq!(loaded.run.placed[0].to, StateId::from("ScoreAndReflect"));
        assert_eq!(store.due(tenant, Timestamp(0), 9).await.unwrap().len(), 2);
    });
    assert_eq!(
        file.shell("SELECT agent_id, current_state, next_transition FROM agent_next_actions"),
        "17|IngestLead|Summarized\n18|ScoreAndReflect|SendIntro"
    );
    file.shell("UPDATE agent_instance SET current_state_id = 3 WHERE agent_id = 18");
    assert_eq!(file.shell("SELECT count(*) FROM sqlite_schema WHERE name LIKE 'bare%'"), "0");
    assert_eq!(file.shell("PRAGMA integrity_check"), "ok");
}

/// S0.19a: a bare file whose rows contradict each other is left as it is, and the reason given.
#[test]
fn a_bare_file_that_contradicts_itself_is_left_as_it_is() {
    let file = File::bare();
    file.shell(include_str!("agent_state_schema.sql"));
    file.shell(LEAD);
    file.shell("UPDATE agent_instance SET current_state_id = 99 WHERE agent_id = 18");
    match guidepost_store::open(file.url()) {
        Err(StoreError::Refused { what, .. }) => {
            assert_eq!(what, "state 99 is no state of the workflow");
        }
        other => panic!("expected a refusal, got {:?}", other.err()),
    }
    assert_eq!(file.shell("SELECT count(*) FROM agent_next_actions WHERE agent_id = 17"), "1");
}

/// A bare file may have names that definitions refuse; it is left as it is, and the first is told.
#[test]
fn a_bare_file_with_names_that_are_none_is_left_as_it_is() {
    let file = File::bare();
    file.shell(include_str!("agent_state_schema.sql"));
    file.shell(LEAD);
    file.shell("UPDATE workflow_state SET name = 'v1.0 review' WHERE state_id = 3");
    let before = file.shell(".dump");
    match guidepost_store::open(file.url()) {
        Err(StoreError::Refused { what, .. }) => assert_eq!(
            what,
            "the state name `v1.0 review` contains a dot, which separates the states of a path"
        ),
        other => panic!("expected a refusal, got {:?}", other.err()),
    }
    assert_eq!(file.shell(".dump"), before);
    file.shell("UPDATE workflow_state SET name = 'v1 review' WHERE state_id = 3");
    assert!(guidepost_store::open(file.url()).is_ok());
}

/// A bare file that has more than the document says is left as it is: adopting it would lose that.
#[test]
fn a_bare_file_with_additions_is_left_as_it_is() {
    for (addition, named) in [
        ("ALTER TABLE workflow ADD COLUMN owner TEXT", "extra column workflow.owner"),
        ("ALTER TABLE workflow_state DROP COLUMN guideline", "no column workflow_state.guideline"),
        ("CREATE INDEX mine ON agent_instance (agent_name)", "extra index mine"),
        (
            "CREATE TRIGGER mine AFTER INSERT ON agent_instance BEGIN SELECT 1; END",
            "extra trigger mine",
        ),
    ] {
        let file = File::bare();
        file.shell(include_str!("agent_state_schema.sql"));
        file.shell(LEAD);
        if addition.contains("DROP") {
            file.shell("DROP VIEW agent_next_actions");
        }
        file.shell(addition);
        let before = file.shell(".dump");
        match guidepost_store::open(file.url()) {
            Err(StoreError::Refused { what, .. }) => assert!(what.ends_with(named), "{what}"),
            other => panic!("expected a refusal, got {:?}", other.err()),
        }
        assert_eq!(file.shell(".dump"), before);
    }
}

/// A workflow from a definition shows in the same tables; its wording is free, its structure is not.
#[test]
fn a_workflow_from_a_definition_keeps_its_structure() {
    File::each(|file| {
        file.with_store(async |store, tenant| {
            store.define(tenant, nested()).await.unwrap();
        });
        assert_eq!(
            file.shell("SELECT name, path, kind FROM workflow_state ORDER BY position"),
            "(root)||root\nWork|Work|compound\nDraft|Work.Draft|atomic\nCheck|Work.Check|parallel\n\
             Facts|Work.Check.Facts|compound\nLook|Work.Check.Facts.Look|atomic\n\
             Found|Work.Check.Facts.Found|atomic\nStyle|Work.Check.Style|atomic\nDone|Done|final"
        );
        for statement in [
            "INSERT INTO workflow_state (workflow_id, name) VALUES (1, 'x')",
            "INSERT OR REPLACE INTO workflow_state (workflow_id, name) VALUES (1, 'Draft')",
            "UPDATE workflow_state SET name = 'x' WHERE name = 'Draft'",
            "DELETE FROM workflow_state WHERE name = 'Draft'",
            "INSERT INTO workflow_transition (workflow_id, name, from_state_id, to_state_id) VALUES (1, 'x', 2, 3)",
            "UPDATE workflow_transition SET to_state_id = 1",
            "DELETE FROM workflow_transition",
            "UPDATE workflow SET name = 'x'",
            "UPDATE workflow SET version = 9",
        ] {
            file.refused(statement, "`guidepost define`");
        }
        file.shell("UPDATE workflow_state SET guideline = 'Be brief.' WHERE name = 'Draft'");
        file.shell("UPDATE workflow_transition SET description = 'When it reads well.' WHERE name = 'Drafted'");
        let guideline = file.with_store(async |store, tenant| {
            store.wording(tenant, "essay").await.unwrap().states.remove(0).guideline
        });
        assert_eq!(guideline.as_deref(), Some("Be brief."));
        file.shell("DELETE FROM workflow");
        assert_eq!(file.shell("SELECT count(*) FROM workflow_state"), "0");
    });
}

/// A run is placed into a nested workflow, and moves by events of its state, of the states around it, or of a region.
#[test]
fn moves_follow_the_events_of_all_active_states() {
    File::each(|file| {
        file.with_store(async |store, tenant| {
            store.define(tenant, nested()).await.unwrap();
        });
        file.shell(
            "INSERT INTO agent_instance (workflow_id, current_state_id)
             SELECT workflow_id, state_id FROM workflow_state WHERE name = 'Draft'",
        );
        let next = "SELECT next_transition, next_state FROM agent_next_actions";
        assert_eq!(file.shell(next), "Cancel|Done\nDrafted|Check\nGuarded|Check\nSkip|Done");
        let go = |state: &str| {
            format!(
                "UPDATE agent_instance SET current_state_id =
                 (SELECT state_id FROM workflow_state WHERE name = '{state}')"
            )
        };
        file.refused(&go("Style"), "Guarded -> Check (send the event)");
        file.shell(&go("Check"));
        assert_eq!(
            file.shell("SELECT name, from_state FROM run_history WHERE seq = 2"),
            "Drafted|Work.Draft",
            "of several, the first in document order that needs nothing is on record"
        );
        // Once settled, both regions are active, and each may move.
        file.shell(
            ".dbconfig enable_trigger off
             UPDATE agent_instance SET rev = rev + 1, state_rev = rev + 1, leaves =
             (SELECT json_group_array(state_id) FROM workflow_state WHERE name IN ('Look', 'Style'))",
        );
        assert_eq!(file.shell("SELECT state FROM run_state"), "Look\nStyle");
        assert_eq!(
            file.shell("SELECT current_state, next_transition FROM agent_next_actions"),
            "Look|Cancel\nLook|Found\nLook|Skip\nStyle|Cancel\nStyle|Skip"
        );
        file.shell(&go("Found"));
        assert_eq!(file.shell("SELECT state FROM run_state ORDER BY state"), "Found\nStyle");
        file.shell(&go("Done"));
        assert_eq!(file.shell("SELECT state FROM run_state"), "Done");
    });
}

/// An event belongs to the innermost state that answers it, and to every region that does: SQL moves only where that leaves
/// no doubt.
#[test]
fn a_move_goes_where_its_event_would() {
    let definition = r##"{
        "id": "m", "initial": "P", "context": { "n": 0 }, "guards": { "small": "n < 5" },
        "states": {
            "P": {
                "type": "parallel",
                "on": { "Inner": "o1", "Maybe": "o2", "order.paid": "o3", "Never": "o4", "Ours": "o5" },
                "states": {
                    "L": { "initial": "a", "states": {
                        "a": { "on": { "Inner": "b", "Both": "c", "order.*": "b", "Never": {}, "Alone": "d" } },
                        "b": {}, "c": {}, "d": {}
                    } },
                    "R": { "initial": "e", "states": {
                        "e": { "on": { "Both": "f", "Maybe": { "guard": "small", "target": "f" } } },
                        "f": {}
                    } }
                }
            },
            "o1": {}, "o2": {}, "o3": {}, "o4": {}, "o5": {}
        }
    }"##;
    File::each(|file| {
        file.with_store(async |store, tenant| {
            let machine = compile(definition.as_bytes(), "m.json").machine.unwrap();
            let source =
                Source { format: "xstate".to_owned(), text: String::new(), file: String::new() };
            let version = NewVersion::of(&machine, source, "", Timestamp(0));
            store.define(tenant, version).await.unwrap();
            let mut simulator = Simulator::new(machine, Timestamp(0));
            simulator.start(Driver::Agent, serde_json::Map::new()).unwrap();
            assert_eq!(random::put(store, tenant, &simulator).await, 1);
        });
        assert_eq!(
            file.shell("SELECT DISTINCT name, is_gated FROM legal_move ORDER BY 1"),
            "Alone|0\nBoth|1\nInner|0\nMaybe|1\nOurs|0\norder.*|0"
        );
        let go = |state: &str| {
            format!(
                "UPDATE agent_instance SET current_state_id =
                 (SELECT state_id FROM workflow_state WHERE name = '{state}')"
            )
        };
        for hidden in ["o1", "o3", "o4"] {
            file.refused(&go(hidden), "illegal move; legal now: ");
        }
        file.refused(
            &go("c"),
            "SQL cannot judge `Both`: something is needed, or other active states may answer too",
        );
        file.refused(&go("f"), "SQL cannot judge `Both`,`Maybe`: something is needed");
        file.refused(&go("o2"), "send the event by `guidepost do`");
        file.shell(&go("d"));
        file.refused(&go("c"), "illegal move");
        file.shell(&go("o5"));
        assert_eq!(file.shell("SELECT state FROM run_state"), "o5");
    });
}

/// What follows from a run's history is not edited, whatever else the statement sets.
#[test]
fn a_changed_rev_lifts_no_guard() {
    File::each(|file| {
        file.lead();
        for (statement, reason) in [
            ("UPDATE agent_instance SET rev = rev + 1", "follows from the history"),
            ("UPDATE agent_instance SET rev = rev + 1, seq = seq + 1", "follows from the history"),
            (
                "UPDATE agent_instance SET rev = rev + 1, current_state_id = 3",
                "follows from the history",
            ),
            (
                "UPDATE agent_instance SET rev = rev + 1, seq = seq + 1, current_state_id = 2",
                "follows from the history",
            ),
            (
                "UPDATE agent_instance SET rev = rev + 1, status = 'completed', tenant = 'x'",
                "follows from the history",
            ),
            (
                "UPDATE OR REPLACE agent_instance SET rev = 9, run_id =
                 (SELECT run_id FROM agent_instance WHERE agent_id = 18) WHERE agent_id = 17",
                "follows from the history",
            ),
            ("UPDATE agent_instance SET run_id = NULL", "follows from the history"),
        ] {
            file.refused(statement, reason);
        }
        assert_eq!(
            file.shell("SELECT run_no, current_state, rev, seq FROM run"),
            "17|IngestLead|1|1\n18|IngestLead|1|1"
        );
    });
}

/// History and facts are written by what happens, and by nobody else.
#[test]
fn history_is_not_written_by_hand() {
    File::each(|file| {
        file.lead();
        file.shell("DELETE FROM agent_instance WHERE agent_id = 18");
        let by_hand = "not by hand";
        for (statement, reason) in [
            (
                "UPDATE record SET payload = replace(payload, 'IngestLead', 'END')",
                "never edited",
            ),
            ("INSERT OR REPLACE INTO record SELECT * FROM record WHERE run_no = 17", by_hand),
            (
                "INSERT INTO record (run_no, seq, rev, kind, at, recorded_at, payload)
                 VALUES (17, 2, 2, 'note', 0, 0, '{}')",
                by_hand,
            ),
            (
                "INSERT INTO record (run_no, seq, rev, kind, at, recorded_at, payload)
                 VALUES (17, 2, 2, 'placed', 0, 0, '{\"to\":\"END\",\"at\":0}')",
                by_hand,
            ),
            (
                "INSERT INTO record (run_no, seq, rev, kind, at, recorded_at, payload)
                 VALUES (17, 2, 2, 'cancelled', 0, 0, '{}')",
                by_hand,
            ),
            (
                "INSERT INTO record (run_no, seq, rev, kind, at, recorded_at, payload)
                 VALUES (18, 3, 3, 'cancelled', 0, 0, '{}')",
                by_hand,
            ),
            ("UPDATE deleted_agent SET status = 'running'", "never edited"),
            ("DELETE FROM deleted_agent", "never deleted"),
            ("INSERT OR REPLACE INTO deleted_agent SELECT * FROM deleted_agent", by_hand),
            ("UPDATE wording_revision SET guideline = 'x'", "never edited"),
            ("DELETE FROM wording_revision", "never deleted"),
            (
                "INSERT INTO wording_revision (state_id, revision, guideline, edited_at) VALUES (1, 1, 'x', 0)",
                by_hand,
            ),
            (
                "INSERT INTO start_key (tenant, key, digest, run_no) VALUES ('default', 'k', x'00', 17)",
                by_hand,
            ),
            (
                "INSERT INTO snapshot (run_no, seq, payload) VALUES (17, 1, '{}')",
                by_hand,
            ),
            (
                "INSERT INTO workflow_version (workflow_id, version, hash, format, source, states, created_at)
                 VALUES (1, 1, '', '', '', 1, 0)",
                by_hand,
            ),
        ] {
            file.refused(statement, reason);
        }
        for table in ["action", "decision", "message", "artifact"] {
            file.refused(
                &format!(
                    "INSERT INTO {table} (run_no, seq, rev, at, payload) VALUES (17, 1, 1, 0, '{{}}')"
                ),
                by_hand,
            );
        }
        file.shell("UPDATE agent_instance SET current_state_id = 2");
        assert_eq!(
            file.shell("SELECT current_state, seq FROM run WHERE run_no = 17"),
            "ScoreAndReflect|2"
        );
    });
}

/// Facts that Guidepost keeps are neither edited nor deleted.
#[test]
fn facts_are_not_edited() {
    let file = File::new();
    file.lead();
    file.with_store(async |store, tenant| {
        store.define(tenant, nested()).await.unwrap();
    });
    file.shell(
        ".dbconfig enable_trigger off
         INSERT INTO action (run_no, seq, rev, at, payload) VALUES (17, 2, 1, 0, '{\"observed\":0}');
         INSERT INTO thread (thread_id, name, run_no, created_at) VALUES (1, 'x', 17, 0);
         INSERT INTO turn (thread_id, position, role, at, payload) VALUES (1, 1, 'user', 0, '1');
         INSERT INTO workflow_step (workflow_id, version, position, path, agent)
         SELECT workflow_id, version, 0, 'a', 'a' FROM workflow_version LIMIT 1",
    );
    for (statement, reason) in [
        ("UPDATE action SET payload = '{\"observed\":1}'", "never edited"),
        ("DELETE FROM action", "never deleted"),
        ("UPDATE turn SET payload = '2'", "never edited"),
        ("DELETE FROM thread", "never deleted"),
        ("UPDATE workflow_step SET agent = 'b'", "not by hand"),
        ("DELETE FROM workflow_step", "not by hand"),
        ("UPDATE workflow_version SET source = 'x'", "never edited"),
        ("DELETE FROM workflow_version", "never deleted"),
    ] {
        file.refused(statement, reason);
    }
    assert_eq!(file.shell("SELECT observed FROM action"), "0");
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

/// Naming the state an agent is in is a move where a transition leads from it to itself.
#[test]
fn a_transition_to_the_same_state_is_a_move() {
    File::each(|file| {
        file.lead();
        file.shell(
            "INSERT INTO workflow_transition (workflow_id, name, from_state_id, to_state_id) VALUES (1, 'Again', 2, 2);
             UPDATE agent_instance SET current_state_id = current_state_id;
             UPDATE agent_instance SET current_state_id = 2 WHERE agent_id = 17;
             UPDATE agent_instance SET current_state_id = 2 WHERE agent_id = 17",
        );
        assert_eq!(
            file.shell(
                "SELECT run_no, seq, name, from_state, to_state FROM run_history ORDER BY 1, 2"
            ),
            "17|1|||IngestLead\n17|2|Summarized|IngestLead|ScoreAndReflect\n\
             17|3|Again|ScoreAndReflect|ScoreAndReflect\n18|1|||IngestLead"
        );
        assert_eq!(file.shell("SELECT leaves FROM agent_instance WHERE agent_id = 17"), "[2]");
        // Nobody makes one up that was long ago.
        file.refused(
            "INSERT INTO record (run_no, seq, rev, kind, at, recorded_at, payload) VALUES (17, 4, 4, 'placed', 0, 0,
                 json_object('event', 'Again', 'from', 'ScoreAndReflect', 'to', 'ScoreAndReflect', 'at', 0))",
            "not by hand",
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

/// What holds text holds text, and names can be read and typed.
#[test]
fn texts_are_text_and_names_are_legible() {
    File::each(|file| {
        file.lead();
        for (table, column) in [
            ("workflow", "description"),
            ("workflow", "created_at"),
            ("workflow_state", "guideline"),
            ("workflow_state", "description"),
            ("workflow_transition", "name"),
            ("workflow_transition", "description"),
            ("agent_instance", "agent_name"),
            ("agent_instance", "goal"),
            ("agent_instance", "session"),
        ] {
            file.refused(
                &format!("UPDATE {table} SET {column} = x'ff'"),
                "CHECK constraint failed",
            );
        }
        for statement in [
            "INSERT INTO workflow (name) VALUES (x'ff')",
            "INSERT INTO workflow_state (workflow_id, name) VALUES (1, x'ff')",
            "INSERT INTO agent_instance (workflow_id, agent_name, current_state_id) VALUES (1, x'ff', 1)",
        ] {
            file.refused(statement, "CHECK constraint failed");
        }
        for name in [
            "''",
            "printf('%201c', 'x')",
            "'a' || char(10)",
            "char(27) || '[31m'",
            "char(133)",
            "'a' || char(0)",
        ] {
            for statement in [
                format!("INSERT INTO workflow (name) VALUES ({name})"),
                format!("INSERT INTO workflow_state (workflow_id, name) VALUES (1, {name})"),
                format!(
                    "INSERT INTO workflow_transition (workflow_id, name, from_state_id, to_state_id) VALUES (1, {name}, 1, 2)"
                ),
                format!(
                    "INSERT INTO agent_instance (workflow_id, agent_name, current_state_id) VALUES (1, {name}, 1)"
                ),
                format!("UPDATE workflow_transition SET name = {name} WHERE transition_id = 1"),
                format!("UPDATE agent_instance SET agent_name = {name} WHERE agent_id = 17"),
            ] {
                file.refused(&statement, "this is no name");
            }
        }
        file.shell("UPDATE agent_instance SET agent_name = 'Zoë 2' WHERE agent_id = 17");
        file.shell("UPDATE agent_instance SET agent_name = 5.5, goal = NULL WHERE agent_id = 18");
        assert_eq!(file.shell("SELECT agent_name FROM agent_instance"), "Zoë 2\n5.5");
    });
}

/// What SQL takes for a name definitions take too, and nothing else: else one row would disable a whole workflow.
#[test]
fn names_follow_the_rules_of_definitions() {
    let long = "é".repeat(101);
    let names = [
        "",
        " ",
        " lead",
        "lead ",
        "\u{3000}x",
        "x\u{85}",
        "x\u{2029}y",
        "a\tb",
        "a\0b",
        "Zoë's lead",
        "v1.0 review",
        ".",
        "#1",
        "a#1",
        "a*",
        "*",
        "**",
        "*.a",
        ".*",
        "order.*",
        "order.*.*",
        "a.b",
        "xstate.x",
        "xstate.*",
        "xstate",
        "bug@2",
        "7",
        "+7",
        "+",
        "-7",
        "007",
        "7a",
        "r-1",
        "R-1O",
        "r-u",
        "r-unit",
        "r-",
        "r-12345678901234",
        "r-é",
        "01890a5d-ac96-774b-bcce-b302099a8057",
        "01890a5dac96774bbcceb302099a8057",
        "{01890a5d-ac96-774b-bcce-b302099a8057}",
        "urn:uuid:01890a5d-ac96-774b-bcce-b302099a8057",
        "01890a5d-ac96-774b-bcce-b302099a805",
        &long[..200],
        &long,
    ];
    let workflow = |name: &str, state: &str, transition: &str| OpenWorkflow {
        name: name.to_owned(),
        states: vec![
            OpenState { name: state.to_owned(), guideline: None },
            OpenState { name: "end".to_owned(), guideline: None },
        ],
        transitions: vec![OpenTransition {
            name: transition.to_owned(),
            from: state.to_owned(),
            to: "end".to_owned(),
            description: None,
        }],
    };
    File::each(|file| {
        file.lead();
        let answer = file.python(&format!(
            r#"
import json
def error_of(statement, name):
    try:
        cur.execute(statement, (name,))
        return None
    except sqlite3.Error as error:
        return str(error)
    finally:
        db.rollback()
statements = [
    "INSERT INTO workflow (name) VALUES (?)",
    "INSERT INTO workflow_state (workflow_id, name) VALUES (1, ?)",
    "INSERT INTO workflow_transition (workflow_id, name, from_state_id, to_state_id) VALUES (1, ?, 1, 2)",
    "UPDATE workflow_transition SET name = ? WHERE transition_id = 1",
    "INSERT INTO agent_instance (workflow_id, agent_name, current_state_id) VALUES (1, ?, 1)",
    "UPDATE agent_instance SET agent_name = ? WHERE agent_id = 17",
]
print(json.dumps([[error_of(one, name) for one in statements] for name in json.loads(r"""{}""")]))
"#,
            serde_json::to_string(&names[..]).unwrap()
        ));
        let answers: Vec<Vec<Option<String>>> = serde_json::from_str(&answer).unwrap();
        for (name, answers) in names.iter().zip(answers) {
            let kinds = [
                (NameOf::Workflow, Some(workflow(name, "begin", "go"))),
                (NameOf::State, Some(workflow("w", name, "go"))),
                (NameOf::Transition, Some(workflow("w", "begin", name))),
                (NameOf::Transition, None),
                (NameOf::Agent, None),
                (NameOf::Agent, None),
            ];
            for ((kind, open), refusal) in kinds.into_iter().zip(answers) {
                if let Some(open) = open {
                    let is_read = compile_open(&open).machine.is_some();
                    assert_eq!(is_read, refusal.is_none(), "{kind} {name:?}: {refusal:?}");
                }
                let wrong = match kind.check(name) {
                    Ok(()) if kind == NameOf::Transition && name.starts_with("xstate.") => {
                        Some("what happens inside the machine".to_owned())
                    }
                    checked => checked.err().map(|wrong| wrong.rule.to_string()),
                };
                match (&wrong, &refusal) {
                    (None, None) => {}
                    (Some(wrong), Some(refusal)) if refusal.contains(wrong) => {}
                    _ => panic!("{kind} {name:?}: {wrong:?} against {refusal:?}"),
                }
            }
        }
    });
}

/// A state that the present version has no more is none that a run begins in or comes to from another workflow.
#[test]
fn no_run_is_put_into_a_state_of_older_versions() {
    File::each(|file| {
        file.lead();
        file.with_store(async |store, tenant| {
            for states in
                ["a: { on: { Go: b } }, b: {}", "a: {}", "a: {}, b: {}, c: {}", "a: {}, c: {}"]
            {
                let text = format!("name: m\ninitial: a\nstates: {{ {states} }}\n");
                let machine = compile(text.as_bytes(), "m.yaml").machine.unwrap();
                let source = Source { format: "yaml".to_owned(), text, file: String::new() };
                let version = NewVersion::of(&machine, source, "", Timestamp(0));
                store.define(tenant, version).await.unwrap();
            }
        });
        let put = |state: &str| {
            format!(
                "INSERT INTO agent_instance (workflow_id, agent_name, current_state_id)
                 SELECT workflow_id, 'late', state_id FROM workflow_state WHERE name = '{state}'"
            )
        };
        let bring = |state: &str| {
            format!(
                "UPDATE agent_instance SET (workflow_id, current_state_id) =
                 (SELECT workflow_id, state_id FROM workflow_state WHERE name = '{state}')
                 WHERE agent_id = 17"
            )
        };
        let reason = "state `b` is none of the present version of the workflow, only of older ones";
        file.refused(&put("b"), reason);
        file.refused(&bring("b"), reason);
        // A state that was gone for a while is one again.
        file.shell(&format!("{};{}", put("c"), bring("c")));
        assert_eq!(
            file.shell(
                "SELECT count(*) FROM agent_instance JOIN workflow_state ON state_id = current_state_id WHERE name = 'c'"
            ),
            "2"
        );
    });
}

/// A timer that is due may lead elsewhere, so it comes before any move.
#[test]
fn no_move_passes_a_timer_that_is_due() {
    let definition = "
name: m
initial: a
states:
  a: { on: { Go: b, Again: a, Out: c }, after: { 1s: c } }
  b: { on: { Back: a } }
  c: {}
";
    for (started, is_due) in [(Timestamp(0), true), (Timestamp(i64::MAX / 2), false)] {
        File::each(|file| {
            file.with_store(async |store, tenant| {
                let machine = compile(definition.as_bytes(), "m.yaml").machine.unwrap();
                let source =
                    Source { format: "yaml".to_owned(), text: String::new(), file: String::new() };
                let version = NewVersion::of(&machine, source, "", Timestamp(0));
                store.define(tenant, version).await.unwrap();
                let mut simulator = Simulator::new(machine, started);
                simulator.start(Driver::Agent, serde_json::Map::new()).unwrap();
                assert_eq!(random::put(store, tenant, &simulator).await, 1);
            });
            let go = |state: &str| {
                format!(
                    "UPDATE agent_instance SET current_state_id =
                     (SELECT state_id FROM workflow_state WHERE name = '{state}')"
                )
            };
            file.shell("UPDATE agent_instance SET goal = 'to be told'");
            if is_due {
                for state in ["a", "b", "c"] {
                    file.refused(&go(state), "timers are due; any guidepost command on the run");
                }
                assert_eq!(file.shell("SELECT max(seq) = (SELECT seq FROM run) FROM record"), "1");
            } else {
                file.shell(&go("a"));
                file.shell(&go("b"));
            }
        });
    }
}

/// INSERT OR REPLACE of a state nobody is in would take its transitions away from live runs.
#[test]
fn a_state_that_transitions_use_is_not_replaced_under_live_runs() {
    File::each(|file| {
        file.lead();
        for keys in ["OFF", "ON"] {
            for values in
                ["(NULL, 1, 'AwaitResponse')", "(3, 1, 'AwaitResponse')", "(NULL, 1, 'END')"]
            {
                file.refused(
                    &format!(
                        "PRAGMA foreign_keys = {keys};
                         INSERT OR REPLACE INTO workflow_state (state_id, workflow_id, name) VALUES {values}"
                    ),
                    "edit it instead of replacing it",
                );
            }
        }
        assert_eq!(file.shell("SELECT count(*) FROM workflow_transition"), "3");
        // What no transition uses may be replaced, and so may anything once no run is left.
        file.shell(
            "INSERT INTO workflow_state (state_id, workflow_id, name) VALUES (9, 1, 'Spare');
             INSERT OR REPLACE INTO workflow_state (workflow_id, name, guideline) VALUES (1, 'Spare', 'x');
             DELETE FROM agent_instance;
             INSERT OR REPLACE INTO workflow_state (workflow_id, name) VALUES (1, 'AwaitResponse')",
        );
        assert_eq!(file.shell("SELECT name FROM workflow_transition"), "Summarized");
    });
}

/// Work is filed, held and ended by Guidepost; a run's tasks go with its row, and what waited for it is woken.
#[test]
fn tasks_are_not_written_by_hand() {
    File::each(|file| {
        file.lead();
        let task = |run: i64, state: &str, child: &str| {
            format!(
                "INSERT INTO task (run_no, state, visit, kind, queue, filed_at, ready_at, child_no)
                 VALUES ({run}, '{state}', 1, 'call', 'default', 1, 9, {child});"
            )
        };
        file.refused(&task(17, "IngestLead", "NULL"), "filed by what happens");
        let tasks =
            [task(17, "IngestLead", "NULL"), task(17, "Launch", "18"), task(18, "x", "NULL")];
        file.shell(&format!(".dbconfig enable_trigger off\n{}", tasks.concat()));
        for (statement, reason) in [
            ("DELETE FROM task", "not deleted by hand"),
            ("UPDATE task SET ready_at = 0", "not edited by hand"),
            ("UPDATE task SET owner = 'me'", "not edited by hand"),
            ("UPDATE task SET run_no = 99", "not edited by hand"),
            ("UPDATE OR REPLACE task SET state = 'Launch' WHERE run_no = 17", "not edited by hand"),
            ("INSERT OR REPLACE INTO task SELECT * FROM task", "filed by what happens"),
        ] {
            file.refused(statement, reason);
        }
        file.shell("DELETE FROM agent_instance WHERE agent_id = 18");
        assert_eq!(
            file.shell("SELECT run_no, state, ready_at FROM task ORDER BY state"),
            "17|IngestLead|9\n17|Launch|0"
        );
        file.refused("UPDATE task SET attempt = 9, ready_at = 0", "not edited by hand");
    });
}

/// What only a definition gives is not claimed by hand.
#[test]
fn nobody_passes_for_a_definition() {
    File::each(|file| {
        file.lead();
        let define = "`guidepost define`";
        for (statement, reason) in [
            ("UPDATE workflow SET is_defining = 1", define),
            ("UPDATE workflow SET version = 1, is_defining = 1", define),
            (
                "INSERT INTO workflow (name, origin, is_defining, version) VALUES ('zz', 'file', 1, 1)",
                define,
            ),
            ("INSERT INTO workflow (name, is_defining) VALUES ('zz', 1)", define),
            ("INSERT INTO workflow (name, origin) VALUES ('zz', 'built_in')", define),
            ("INSERT INTO workflow (name) VALUES ('observed')", "belongs to the built-in workflow"),
            ("UPDATE workflow SET origin = 'built_in'", "keeps its workflow_id"),
            ("UPDATE workflow_state SET lineage = '[1,2]'", "only a definition"),
            ("UPDATE workflow_state SET parent_state_id = 1", "only a definition"),
            ("UPDATE workflow_state SET retired_in = 1", "only a definition"),
            ("UPDATE workflow_state SET defined_guideline = 'x'", "only a definition"),
            ("UPDATE workflow_state SET kind = 'final'", "only a definition"),
            ("UPDATE workflow_state SET tenant = 'x'", "its tenant"),
            (
                "INSERT INTO workflow_state (workflow_id, name, kind) VALUES (1, 'x', 'root')",
                "of the kind atomic",
            ),
            (
                "INSERT INTO workflow_state (workflow_id, name, path) VALUES (1, 'x', '')",
                "leave it out",
            ),
            (
                "INSERT INTO workflow_transition (workflow_id, name, from_state_id, to_state_id, kind)
                 VALUES (1, 'x', 1, 2, 'always')",
                "plain event",
            ),
            (
                "INSERT INTO workflow_transition (workflow_id, name, from_state_id, to_state_id, more_targets)
                 VALUES (1, 'x', 1, 2, '[3]')",
                "plain event",
            ),
            ("UPDATE workflow_transition SET is_gated = 1", "plain event"),
            ("UPDATE workflow_transition SET tenant = 'x'", "tenant of its workflow"),
            ("UPDATE workflow_transition SET transition_id = 9 WHERE transition_id = 1", "keeps"),
        ] {
            file.refused(statement, reason);
        }
    });
}

/// INSERT OR REPLACE and UPDATE OR REPLACE take nothing away that another workflow has, or that runs are in.
#[test]
fn nothing_is_taken_from_another_workflow() {
    File::each(|file| {
        file.lead();
        file.with_store(async |store, tenant| {
            store.define(tenant, nested()).await.unwrap();
        });
        file.shell(
            "INSERT INTO workflow (workflow_id, name) VALUES (7, 'Other');
             INSERT INTO workflow_state (state_id, workflow_id, name) VALUES (70, 7, 'Begin'), (71, 7, 'End')",
        );
        let draft = file.shell("SELECT state_id FROM workflow_state WHERE name = 'Draft'");
        for (statement, reason) in [
            (
                "INSERT OR REPLACE INTO workflow_state (state_id, workflow_id, name) VALUES (1, 7, 'x')".to_owned(),
                "another workflow has this state_id",
            ),
            (
                format!("INSERT OR REPLACE INTO workflow_state (state_id, workflow_id, name) VALUES ({draft}, 7, 'x')"),
                "another workflow has this state_id",
            ),
            (
                "INSERT OR REPLACE INTO workflow_transition
                     (transition_id, workflow_id, name, from_state_id, to_state_id) VALUES (1, 7, 'x', 70, 71)".to_owned(),
                "another workflow has this transition_id",
            ),
            (
                "UPDATE OR REPLACE workflow_state SET name = 'End' WHERE state_id = 70".to_owned(),
                "another state of the workflow has this name",
            ),
            (
                "UPDATE OR REPLACE workflow SET name = 'LeadQualAgent' WHERE workflow_id = 7".to_owned(),
                "another workflow has this name",
            ),
            (
                "PRAGMA foreign_keys = ON; INSERT OR REPLACE INTO workflow (name) VALUES ('LeadQualAgent')".to_owned(),
                "the workflow has runs",
            ),
            (
                "INSERT INTO workflow_state (state_id, workflow_id, name) VALUES (9223372036854775807, 7, 'x')".to_owned(),
                "from 1 to 2^53",
            ),
            (
                "INSERT INTO workflow (workflow_id, name) VALUES (9223372036854775807, 'x')".to_owned(),
                "from 1 to 2^53",
            ),
        ] {
            file.refused(&statement, reason);
        }
        file.shell("UPDATE workflow SET name = 'Free' WHERE workflow_id = 7");
        file.refused("UPDATE workflow SET name = 'x' WHERE workflow_id = 1", "keeps its name");
        file.shell("DELETE FROM agent_instance");
        file.refused("UPDATE workflow SET name = 'x' WHERE workflow_id = 1", "keeps its name");
        assert_eq!(
            file.shell("SELECT name FROM workflow_state WHERE workflow_id = 1").lines().count(),
            4
        );
    });
}

/// What would be written to a file that was deleted or replaced would be lost, and what is read from it is not what others see.
#[cfg(unix)]
#[test]
fn a_file_that_was_deleted_or_replaced_is_noticed() {
    for is_replaced in [false, true] {
        let file = File::open();
        file.lead();
        for suffix in ["", "-wal", "-shm"] {
            std::fs::remove_file(format!("{}{suffix}", file.url())).unwrap();
        }
        if is_replaced {
            drop(guidepost_store::open(file.url()).unwrap());
        }
        let (written, read) = file.with_store(async |store, tenant| {
            let read = store.load(tenant, &RunRef::No(RunNo(17))).await.map(drop);
            (store.define(tenant, nested()).await.map(drop), read)
        });
        for outcome in [written, read] {
            match outcome {
                Err(StoreError::Unavailable { what, .. }) => {
                    assert!(what.contains("deleted or replaced"), "{what}");
                }
                other => panic!("expected a refusal, got {other:?}"),
            }
        }
        assert_eq!(std::path::Path::new(file.url()).exists(), is_replaced, "none is made anew");
    }
}

/// What a move left or entered stays until the move is settled.
#[test]
fn states_of_an_unsettled_move_are_not_deleted() {
    File::each(|file| {
        file.lead();
        let settle_both = || {
            file.with_store(async |store, tenant| {
                settle(store, tenant, RunNo(17)).await;
                settle(store, tenant, RunNo(18)).await;
            });
        };
        settle_both();
        file.shell("UPDATE agent_instance SET current_state_id = 2");
        file.refused("DELETE FROM workflow_state WHERE state_id = 1", "not settled yet");
        file.shell("DELETE FROM workflow_state WHERE state_id = 3");
        settle_both();
        file.shell("DELETE FROM workflow_state WHERE state_id = 1");
    });
}

/// What a trigger recorded is what the kernel would have read from a file.
async fn settle(store: &dyn guidepost_store::Store, tenant: &Tenant, run: RunNo) {
    let loaded = store.load(tenant, &RunRef::No(run)).await.unwrap().unwrap();
    let rev = loaded.run.rev;
    store.commit(tenant, run, rev, settling(loaded.run)).await.unwrap();
}

/// What the kernel decides to settle the run's first unsettled move.
fn settling(mut run: guidepost_core::run::Run) -> Batch {
    let placed = run.placed[0].clone();
    let exited: Vec<StateId> = run.active.keys().cloned().collect();
    let record = Record::from(Transitioned {
        cause: Cause::Placed,
        event: "placed".into(),
        from: StateId::root(),
        to: vec![placed.to.clone()],
        exited,
        entered: vec![placed.to.clone()],
        remembered: vec![],
        changes: vec![],
        timers: vec![],
        ended_timers: vec![],
        ended_work: None,
        data: serde_json::Value::Null,
        by: String::new(),
        note: None,
        problems: vec![],
        waiting: false,
        at: placed.at,
    });
    run.apply(&record).unwrap();
    Batch {
        records: vec![record],
        run,
        current_state: placed.to.to_string(),
        leaves: vec![placed.to.to_string()],
        request: None,
        recorded_at: Timestamp(placed.at.0),
        tasks: guidepost_store::TaskChanges::default(),
        steps: 0,
        limits: Limits::default(),
    }
}

/// A workflow with a section, two regions, a guard, and transitions from everywhere.
fn nested() -> NewVersion {
    let state = |path: &str, kind: &'static str| StateRow {
        path: path.to_owned(),
        parent: path.rsplit_once('.').map(|(outer, _)| outer.to_owned()),
        kind,
        is_initial: false,
        guideline: (path == "Work.Draft").then(|| "Write.".to_owned()),
        description: None,
    };
    let transition = |name: &str, from: Option<&str>, to: &str, kind: &'static str| TransitionRow {
        name: name.to_owned(),
        kind,
        from: from.map(str::to_owned),
        to: vec![to.to_owned()],
        position: 0,
        is_gated: name == "Guarded",
        is_guarded: name == "Guarded",
        description: None,
    };
    NewVersion {
        name: "essay".to_owned(),
        description: None,
        hash: "h".to_owned(),
        source: Source { format: "yaml".to_owned(), text: String::new(), file: String::new() },
        states: vec![
            state("Work", "compound"),
            state("Work.Draft", "atomic"),
            state("Work.Check", "parallel"),
            state("Work.Check.Facts", "compound"),
            state("Work.Check.Facts.Look", "atomic"),
            state("Work.Check.Facts.Found", "atomic"),
            state("Work.Check.Style", "atomic"),
            state("Done", "final"),
        ],
        transitions: vec![
            transition("Cancel", None, "Done", "event"),
            transition("Skip", Some("Work"), "Done", "event"),
            transition("after", Some("Work"), "Done", "after"),
            transition("Guarded", Some("Work.Draft"), "Work.Check", "event"),
            transition("Drafted", Some("Work.Draft"), "Work.Check", "event"),
            transition("Found", Some("Work.Check.Facts.Look"), "Work.Check.Facts.Found", "event"),
        ],
        steps: vec![],
        metadata: serde_json::Value::Null,
        by: "tester".to_owned(),
        at: Timestamp(0),
    }
}
