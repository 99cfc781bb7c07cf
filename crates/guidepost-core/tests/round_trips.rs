//! What is written back is read as the same structure, and equal structures have equal hashes however they are written.

use guidepost_core::machine::Machine;
use guidepost_core::workflow::{compile, print, to_xstate};

/// Definitions that together use everything a definition can say.
const DEFINITIONS: [&str; 6] = [
    include_str!("../../../examples/lead-qualification.yaml"),
    include_str!("../../../examples/release.yaml"),
    include_str!("definitions/everything.yaml"),
    include_str!("definitions/steps.yaml"),
    include_str!("definitions/toggle.xstate.json"),
    include_str!("definitions/dump.xstate.json"),
];

#[track_caller]
fn machine(text: &str) -> Machine {
    let compiled = compile(text.as_bytes(), "test.yaml");
    let errors: Vec<_> = compiled.diagnostics.iter().filter(|found| found.is_error()).collect();
    compiled.machine.unwrap_or_else(|| panic!("{errors:#?}\n{text}"))
}

#[test]
fn a_definition_written_as_yaml_is_the_same_structure() {
    for text in DEFINITIONS {
        let machine_before = machine(text);
        let written = print(&machine_before);
        let machine_after = machine(&written);
        assert_eq!(machine_before.hash, machine_after.hash, "{written}");
        assert_eq!(written, print(&machine_after), "writing is stable");
        for (before, after) in machine_before.states.iter().zip(&machine_after.states) {
            assert_eq!(before.wording, after.wording);
        }
    }
}

#[test]
fn a_definition_written_for_xstate_is_the_same_structure() {
    for text in DEFINITIONS {
        let machine_before = machine(text);
        let written = to_xstate(&machine_before).to_string();
        let machine_after = machine(&written);
        assert_eq!(machine_before.hash, machine_after.hash, "{written}");
    }
}

#[test]
fn the_hash_knows_structure_and_nothing_else() {
    let base = machine(
        "name: a\nstates: { A: { guideline: x, on: { E: { target: B, guard: '1 > 0' } } }, B: { type: final } }",
    );
    for same in [
        // JSON, other order of keys, other wording, another name.
        r#"{"states": {"A": {"on": {"E": {"guard": "1 > 0", "target": "B"}}}, "B": {"type": "final"}}}"#,
        "name: b\ndescription: other\nstates: { A: { description: y, on: { E: { target: B, guard: '1 > 0', description: z } } }, B: { type: final } }",
        "initial: A\nguards: { g: '1 > 0' }\nstates: { A: { on: { E: [{ target: '#test.B', guard: g }] } }, B: { type: final } }",
    ] {
        assert_eq!(base.hash, machine(same).hash, "{same}");
    }
    for other in [
        "states: { A: { on: { E: { target: B, guard: '1 > 1' } } }, B: { type: final } }",
        "states: { A: { on: { E: { target: B } } }, B: { type: final } }",
        "states: { A: { on: { F: { target: B, guard: '1 > 0' } } }, B: { type: final } }",
        "states: { A: { on: { E: { target: B, guard: '1 > 0' } } }, B: {} }",
        "states: { A: { tags: [t], on: { E: { target: B, guard: '1 > 0' } } }, B: { type: final } }",
        "limits: { max_steps: 9 }\nstates: { A: { on: { E: { target: B, guard: '1 > 0' } } }, B: { type: final } }",
        "attributes: { a: string }\nstates: { A: { on: { E: { target: B, guard: '1 > 0' } } }, B: { type: final } }",
    ] {
        assert_ne!(base.hash, machine(other).hash, "{other}");
    }
    let prompt = |live: bool, text: &str| {
        machine(&format!("states: {{ A: {{ agent: w, prompt: {text}, live: {live}, onDone: B }}, B: {{ type: final }} }}")).hash
    };
    assert_ne!(prompt(false, "x"), prompt(false, "y"));
    assert_eq!(prompt(true, "x"), prompt(true, "y"));
}
