//! What the kernel makes of what SQL did: history states, defaults, eventless transitions.

use guidepost_core::id::{RunNo, RunRef};
use guidepost_core::input::Input;
use guidepost_core::kernel;
use guidepost_core::machine::Machine;
use guidepost_core::run::{PauseReason, Run, Status};
use guidepost_core::time::Timestamp;
use guidepost_core::workflow::compile;
use guidepost_store::{NewVersion, Source};
use serde_json::json;

use crate::file::File;

/// Saves a definition.
fn define(file: &File, definition: &str) -> Machine {
    let machine = compile(definition.as_bytes(), "m.yaml").machine.unwrap();
    let source = Source { format: "yaml".to_owned(), text: String::new(), file: String::new() };
    let version = NewVersion::of(&machine, source, "", Timestamp(0));
    file.with_store(async |store, tenant| store.define(tenant, version).await.unwrap());
    machine
}

/// Inserts a run in a state of the workflow `m`.
fn insert(state: &str) -> String {
    format!(
        "INSERT INTO agent_instance (agent_id, workflow_id, current_state_id)
         SELECT 1, s.workflow_id, s.state_id FROM workflow_state AS s JOIN workflow AS w USING (workflow_id)
         WHERE w.name = 'm' AND s.name = '{state}';"
    )
}

/// Moves the run.
fn go(state: &str) -> String {
    format!(
        "UPDATE agent_instance SET (workflow_id, current_state_id) =
         (SELECT s.workflow_id, s.state_id FROM workflow_state AS s JOIN workflow AS w USING (workflow_id)
          WHERE w.name = 'm' AND s.name = '{state}');"
    )
}

/// The run as the next process settles it.
fn settled(file: &File, machine: &Machine) -> Run {
    file.with_store(async |store, tenant| {
        let loaded = store.load(tenant, &RunRef::No(RunNo(1))).await.unwrap().unwrap();
        let settle = Input::Settle { at: Timestamp(1) };
        kernel::decide_all(machine, &loaded.run, &settle).unwrap().1
    })
}

fn active(run: &Run) -> Vec<&str> {
    run.active.keys().map(|state| state.as_str()).collect()
}

/// A run cannot be in a history state: it is where that leads.
#[test]
fn a_run_placed_in_a_history_state_is_where_that_leads() {
    let definition = "
name: m
initial: A
states:
  A: { on: { go: B.H } }
  B:
    initial: b1
    states:
      b1: { on: { next: b2 } }
      b2: { on: { back: b1 } }
      H: { type: history }
      Far: { type: history, target: b2 }
";
    File::each(|file| {
        let machine = define(file, definition);
        file.shell(&insert("H"));
        assert_eq!(active(&settled(file, &machine)), ["B", "B.b1"]);
    });
    File::each(|file| {
        let machine = define(file, definition);
        file.shell(&insert("Far"));
        assert_eq!(active(&settled(file, &machine)), ["B", "B.b2"]);
    });
    File::each(|file| {
        file.lead();
        let machine = define(file, definition);
        file.shell("DELETE FROM agent_instance");
        file.shell(
            "INSERT INTO agent_instance (agent_id, workflow_id, current_state_id)
                    SELECT 1, workflow_id, state_id FROM workflow_state WHERE name = 'IngestLead'",
        );
        file.shell(&go("H"));
        assert_eq!(active(&settled(file, &machine)), ["B", "B.b1"]);
    });
}

/// A run inserted by hand has the defaults of its workflow's attributes, as a start would give them.
#[test]
fn a_run_put_into_a_workflow_gets_its_defaults() {
    File::each(|file| {
        let machine = define(
            file,
            "
name: m
attributes: { tries: { type: integer, default: 3 }, note: string }
initial: A
states: { A: { on: { go: B } }, B: { on: { go: A } } }
",
        );
        file.shell(&format!("{} {}", insert("A"), go("B")));
        let run = settled(file, &machine);
        assert_eq!(run.data.to_json(), json!({ "tries": 3 }));
        assert_eq!((active(&run), run.status), (vec!["B"], Status::Running));
    });
}

/// What a start would refuse is not carried on with: the run is where SQL put it, and paused with the reason.
#[test]
fn what_a_start_would_refuse_is_paused_with_the_reason() {
    for (definition, reason) in [
        (
            "
name: m
attributes: { lead: { type: object, required: true }, n: { type: integer, required: true, default: 1 } }
initial: A
states: { A: { on: { go: B } }, B: { on: { go: A } } }
",
            "without what that requires: `lead`;",
        ),
        (
            r#"{ "id": "m", "initial": "A", "states": {
                "A": { "on": { "go": { "target": "B", "guard": "someday" } } },
                "B": { "on": { "go": "A" } } } }"#,
            "names what is defined nowhere: someday",
        ),
    ] {
        File::each(|file| {
            let machine = define(file, definition);
            file.shell(&insert("A"));
            let run = settled(file, &machine);
            let (paused, detail) = run.paused.clone().unwrap();
            assert_eq!((active(&run), run.status), (vec!["A"], Status::Paused));
            assert_eq!(paused, PauseReason::Stuck);
            assert!(detail.contains(reason), "{detail}");
        });
    }
}

/// Where the machine goes on by itself, no second move comes first.
#[test]
fn no_move_passes_what_the_machine_does_by_itself() {
    for definition in [
        "
name: m
initial: A
states:
  A: { on: { go: X } }
  X: { always: Z, on: { y: Y } }
  Y: { on: { go: X } }
  Z: { on: { go: X } }
",
        "
name: m
initial: A
states:
  A: { on: { go: X } }
  X: { initial: done, states: { done: { type: final } }, onDone: Z, on: { y: Y } }
  Y: { on: { go: X } }
  Z: { on: { go: X } }
",
    ] {
        File::each(|file| {
            let machine = define(file, definition);
            file.shell(&insert("A"));
            file.refused(&go("X"), "the last move is not settled yet");
            file.with_store(async |store, tenant| {
                super::settle(store, tenant, RunNo(1)).await;
            });
            file.shell(&go("X"));
            file.refused(&go("Y"), "any guidepost command on the run");
            // Neither does naming the state once more, which is no move.
            file.shell(&go("X"));
            assert_eq!(active(&settled(file, &machine)), ["Z"]);
        });
    }
}

/// Timers are set by whoever settles a move: a state that was passed before that never had one.
#[test]
fn an_after_of_a_state_that_nobody_settled_does_not_count() {
    File::each(|file| {
        let machine = define(
            file,
            "
name: m
initial: A
states:
  A: { on: { go: X } }
  X: { after: { 0s: Z }, on: { y: Y } }
  Y: { on: { go: X } }
  Z: { on: { go: X } }
",
        );
        file.shell(&format!("{} {}", insert("A"), go("X")));
        let waiting = settled(file, &machine);
        assert_eq!((active(&waiting), waiting.due().is_some()), (vec!["X"], true));
        file.shell(&go("Y"));
        let passed = settled(file, &machine);
        assert_eq!((active(&passed), passed.due()), (vec!["Y"], None));
    });
}

/// Nulls mean that nothing follows, ever: not that a timer, a result, an hour or a person is waited for.
#[test]
fn only_what_nothing_leaves_has_a_row_of_nulls() {
    let definition = "
name: m
initial: Go
states:
  Go: { on: { a: Timed, b: Waits, c: Works, d: End, e: Box, f: Dead } }
  Timed: { after: { 72h: End } }
  Waits: { wait: 1h, onDone: End }
  Works: { agent: writer, prompt: Write., onDone: End }
  Box: { initial: In, states: { In: { on: { out: '#End' } } } }
  Dead: {}
  End: { type: final, id: End }
";
    let next = "SELECT current_state, next_transition FROM agent_next_actions ORDER BY 2";
    for (state, expected) in [
        ("Timed", ""),
        ("Waits", ""),
        ("Works", ""),
        ("Box", ""),
        ("In", "In|out"),
        ("Dead", "Dead|"),
        ("End", "End|"),
    ] {
        File::each(|file| {
            define(file, definition);
            file.shell(&insert(state));
            assert_eq!(file.shell(next), expected, "{state}");
        });
    }
    File::each(|file| {
        file.lead();
        let as_if = |status: &str| {
            file.shell(&format!(
                ".dbconfig enable_trigger off\nUPDATE agent_instance SET status = '{status}' WHERE agent_id = 17"
            ));
            file.shell(
                "SELECT count(*), count(next_state) FROM agent_next_actions WHERE agent_id = 17",
            )
        };
        assert_eq!(as_if("paused"), "0|0", "who is paused is not done");
        assert_eq!(as_if("failed"), "1|0");
    });
}
