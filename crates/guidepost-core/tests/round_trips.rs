//! What is written back is read as the same structure, and equal structures have equal hashes however they are written.

use guidepost_core::kernel::Rejected;
use guidepost_core::machine::Machine;
use guidepost_core::run::Driver;
use guidepost_core::simulator::{Failure, Simulator};
use guidepost_core::time::Timestamp;
use guidepost_core::workflow::{compile, print, to_mermaid, to_xstate};
use serde_json::{Map, Value as Json};

/// Definitions that together use everything a definition can say.
const DEFINITIONS: [&str; 9] = [
    include_str!("../../../examples/lead-qualification.yaml"),
    include_str!("../../../examples/release.yaml"),
    include_str!("../../../examples/digest.yaml"),
    include_str!("../../../examples/trip.yaml"),
    include_str!("definitions/everything.yaml"),
    include_str!("definitions/steps.yaml"),
    include_str!("definitions/toggle.xstate.json"),
    include_str!("definitions/dump.xstate.json"),
    include_str!("definitions/unbound.xstate.json"),
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
        assert_eq!(machine_before.concurrency, machine_after.concurrency, "{written}");
        assert_eq!(machine_before.schedules, machine_after.schedules, "{written}");
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
fn a_delay_known_only_by_name_keeps_it_and_no_run_starts() {
    let read = machine(include_str!("definitions/unbound.xstate.json"));
    let exported = to_xstate(&read);
    assert_eq!(exported["states"]["a"]["after"]["timeout"], "b", "{exported}");
    assert!(to_mermaid(&read, &[]).contains("after timeout"));
    for again in [machine(&exported.to_string()), machine(&print(&read))] {
        assert_eq!(again.unbound(), ["isReady", "timeout"]);
        let start = Simulator::new(again, Timestamp(0)).start(Driver::Agent, Map::new());
        assert!(matches!(start, Err(Failure::Rejected(Rejected::Unbound { .. }))), "{start:?}");
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

/// What an XState file says beside its structure is in what is written of it, and in what is written of that.
#[test]
fn what_an_xstate_file_says_comes_out_again() {
    let before: Json =
        serde_json::from_str(include_str!("definitions/spoken.xstate.json")).unwrap();
    let once = to_xstate(&machine(&before.to_string()));
    let twice = to_xstate(&machine(&once.to_string()));
    assert_eq!(once, twice, "writing is stable");
    for place in [
        "/description",
        "/meta",
        "/tags",
        "/states/idle/id",
        "/states/idle/description",
        "/states/idle/tags",
        "/states/idle/meta",
        "/states/idle/entry",
        "/states/idle/on/GO/target",
        "/states/idle/on/GO/description",
        "/states/idle/on/GO/meta",
        "/states/idle/on/GO/actions",
        "/states/idle/on/GO/guard",
        "/states/busy/id",
        "/states/busy/invoke/id",
        "/states/busy/invoke/src",
        "/states/busy/invoke/input",
        "/states/busy/invoke/meta",
        "/states/busy/invoke/systemId",
        "/states/busy/invoke/onDone",
        "/states/busy/invoke/onError/target",
        "/states/outer/states/inner/id",
        "/states/outer/states/inner/on/UP",
        "/states/end/output",
    ] {
        let given = before.pointer(place).unwrap_or_else(|| panic!("{place} is not in the file"));
        assert_eq!(once.pointer(place), Some(given), "{place}");
    }
    assert_eq!(once.pointer("/id"), before.pointer("/id"));
    let yaml = machine(&print(&machine(&before.to_string())));
    assert_eq!(to_xstate(&yaml), once, "YAML keeps the same");
}

/// A guard that is given something sees it as `params`, and keeps it when it is written back.
#[test]
fn guards_see_what_they_are_given() {
    let definition = r#"{"id":"m","initial":"a","context":{"n":5},
        "guards":{"more":"n > params.than","between":{"type":"and","guards":["more",{"type":"not","guard":{"type":"more","params":{"than":9}}}]}},
        "states":{"a":{"on":{
            "FAR":{"target":"b","guard":{"type":"more","params":{"than":7}}},
            "NEAR":{"target":"b","guard":{"type":"between","params":{"than":3}}}}},
          "b":{"type":"final"}}}"#;
    let compiled = compile(definition.as_bytes(), "m.json");
    assert_eq!(compiled.diagnostics, []);
    let machine_before = machine(definition);
    let as_yaml = machine(&print(&machine_before));
    assert_eq!(machine_before.hash, as_yaml.hash);
    for text in
        [definition.to_owned(), to_xstate(&machine_before).to_string(), print(&machine_before)]
    {
        let mut simulator = Simulator::new(machine(&text), Timestamp(0));
        simulator.start(Driver::Agent, Map::new()).unwrap();
        let far = simulator.send("FAR", Map::new(), None);
        assert!(far.is_err(), "5 is not more than 7: {text}");
        simulator.send("NEAR", Map::new(), None).unwrap();
    }
    let other = definition.replace(r#"{"than":7}"#, r#"{"than":8}"#);
    assert_ne!(machine(&other).hash, machine_before.hash);
    let without = definition.replace(r#"{"type":"more","params":{"than":7}}"#, r#""more""#);
    let compiled = compile(without.as_bytes(), "m.json");
    let codes: Vec<&str> = compiled.diagnostics.iter().map(|found| found.code).collect();
    assert_eq!(codes, ["GP0115"], "a guard that is given nothing has no `params`");
}

/// XState lets a state invoke several actors; each is a region here, and each says where its end leads.
#[test]
fn several_invokes_of_a_state_are_regions() {
    let definition = r##"{"id":"m","initial":"outer","states":{"outer":{"initial":"a","states":{
        "a":{"type":"atomic","tags":["busy"],"on":{"STOP":"c"},"invoke":[
            {"src":"one","id":"first","onDone":{"target":"b","actions":"note"},"onError":[{"target":"c"}]},
            {"src":"two","input":{"n":1}},
            {"src":"three","id":"first","onDone":["#m.outer.c"]}]},
        "b":{},"c":{}}}}}"##;
    let before = machine(definition);
    let paths: Vec<&str> = before.states.iter().map(|state| state.id.as_str()).collect();
    let regions = ["outer.a.first", "outer.a.invoke-2", "outer.a.first'"];
    assert_eq!(paths[3..6], regions);
    for text in [to_xstate(&before).to_string(), print(&before)] {
        assert_eq!(machine(&text).hash, before.hash, "{text}");
    }
    for (region, end) in [(regions[0], "outer.b"), (regions[2], "outer.c")] {
        let mut machine = machine(definition);
        machine.unbound_actions.clear();
        let mut simulator = Simulator::new(machine, Timestamp(0));
        simulator.start(Driver::Engine, Map::new()).unwrap();
        let active: Vec<String> = simulator.leaves().iter().map(ToString::to_string).collect();
        assert_eq!(active, regions);
        simulator.done(regions[1], Map::new()).unwrap();
        assert_eq!(simulator.leaves().len(), 3, "its end leads nowhere");
        simulator.done(region, Map::new()).unwrap();
        let active: Vec<String> = simulator.leaves().iter().map(ToString::to_string).collect();
        assert_eq!(active, [end]);
    }
}
