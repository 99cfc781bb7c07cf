//! What SQL may not edit, delete or replace.

use guidepost_core::id::{Rev, RunNo, RunRef, Seq};
use guidepost_core::recorded::{Fact, FactBody, Note};
use guidepost_core::run::Status;

use crate::file::File;
use crate::{nested, settle};

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
         SELECT workflow_id, version, 0, 'a', 'a' FROM workflow_version LIMIT 1;
         INSERT INTO workflow_schedule (workflow_id, name, times, schedule)
         SELECT workflow_id, 'a', 'every 1h', '{}' FROM workflow_version LIMIT 1",
    );
    for (statement, reason) in [
        ("UPDATE action SET payload = '{\"observed\":1}'", "never edited"),
        ("DELETE FROM action", "never deleted"),
        ("UPDATE turn SET payload = '2'", "never edited"),
        ("DELETE FROM thread", "never deleted"),
        ("UPDATE workflow_step SET agent = 'b'", "not by hand"),
        ("DELETE FROM workflow_step", "not by hand"),
        ("UPDATE workflow_schedule SET due_at = 1", "`guidepost schedules`"),
        ("DELETE FROM workflow_schedule", "`guidepost define`"),
        ("UPDATE workflow_version SET source = 'x'", "never edited"),
        ("DELETE FROM workflow_version", "never deleted"),
    ] {
        file.refused(statement, reason);
    }
    assert_eq!(file.shell("SELECT observed FROM action"), "0");
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
