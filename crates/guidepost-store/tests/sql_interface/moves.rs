//! Moves by SQL: which are made, and which are refused with what is legal.

use guidepost_core::id::RunNo;
use guidepost_core::run::Driver;
use guidepost_core::simulator::Simulator;
use guidepost_core::time::Timestamp;
use guidepost_core::workflow::compile;
use guidepost_store::testing::conformance::Fixture;
use guidepost_store::{NewVersion, Source};

use crate::file::File;
use crate::{nested, random};

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
