//! Definitions made to hurt: each is refused with a place, or accepted, within a second and a test thread's stack.

use guidepost_core::id::StateId;
use guidepost_core::machine::{Machine, StateKind};
use guidepost_core::run::Driver;
use guidepost_core::simulator::Simulator;
use guidepost_core::time::Timestamp;
use guidepost_core::workflow::{
    Compiled, OpenState, OpenTransition, OpenWorkflow, compile, compile_open,
};
use serde_json::Map;

/// Reads a hostile definition, which must give errors with places, and a code from among `codes`.
#[track_caller]
fn refused(text: &[u8], codes: &[&str]) -> Compiled {
    let compiled = compile(text, "test.yaml");
    let shown = String::from_utf8_lossy(&text[..text.len().min(60)]).into_owned();
    assert!(compiled.machine.is_none(), "accepted: {shown}");
    let errors: Vec<_> = compiled.diagnostics.iter().filter(|found| found.is_error()).collect();
    assert!(!errors.is_empty(), "no error: {shown}");
    for error in errors {
        assert!(error.at.line > 0 && error.at.column > 0, "{error:?}");
        assert!(error.message.len() < 2_000, "a long message: {shown}");
        assert!(codes.contains(&error.code), "{shown}: {error:?}");
    }
    compiled
}

fn machine(text: &str) -> Machine {
    let compiled = compile(text.as_bytes(), "test.yaml");
    compiled.machine.unwrap_or_else(|| panic!("{:?}", compiled.diagnostics))
}

const N: usize = 100_000;

#[test]
fn nesting_ends_at_a_bound() {
    for text in [
        "[".repeat(N),
        "{a: ".repeat(N),
        "- ".repeat(N),
        "? ".repeat(N),
        "{\"a\":".repeat(N),
        format!("{{\"a\": {}", "[".repeat(N)),
        (0..2_000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect(),
        format!("states: {}", "{ A: { states: ".repeat(1_000)),
    ] {
        refused(text.as_bytes(), &["GP0101", "GP0107"]);
    }
}

#[test]
fn thousands_of_history_states_may_lead_to_each_other() {
    let chain = |last: &str| {
        let histories: String = (0..20_000)
            .map(|n| format!("      h{n}: {{ type: history, target: h{} }}\n", n + 1))
            .collect();
        format!(
            "name: t\nstates:\n  a:\n    initial: h0\n    on: {{ BACK: {{ target: .h0, reenter: true }} }}\n    states:\n{histories}      h20000: {{ type: history, target: {last} }}\n      x: {{}}\n"
        )
    };
    refused(chain("h0").as_bytes(), &["GP0118"]);
    let mut simulator = Simulator::new(machine(&chain("x")), Timestamp(0));
    simulator.start(Driver::Agent, Map::new()).unwrap();
    assert_eq!(simulator.leaves(), [StateId::from("a.x")]);
    simulator.send("BACK", Map::new(), None).unwrap();
    assert_eq!(simulator.leaves(), [StateId::from("a.x")]);
}

#[test]
fn a_circle_of_history_states_that_was_not_refused_ends_in_the_kernel_too() {
    let mut machine = machine(
        "name: t\nstates: { a: { initial: h, states: { h: { type: history, target: x }, x: {} } } }",
    );
    let history = machine.find("a.h").unwrap();
    machine.states[history as usize].kind = StateKind::History { deep: false, default: Vec::new() };
    let mut simulator = Simulator::new(machine, Timestamp(0));
    simulator.start(Driver::Agent, Map::new()).unwrap();
    assert_eq!(simulator.leaves(), [StateId::from("a")]);
}

#[test]
fn aliases_cannot_multiply() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let before = format!("*a{}, ", level - 1).repeat(9);
        bomb.push_str(&format!("a{level}: &a{level} [{before}]\n"));
    }
    refused(bomb.as_bytes(), &["GP0107"]);
    let mut deep = "a0: &a0 [x]\n".to_owned();
    for level in 1..200 {
        deep.push_str(&format!("a{level}: &a{level} [*a{}]\n", level - 1));
    }
    refused(deep.as_bytes(), &["GP0107"]);
    let mut merged = "a0: &a0 { k: 1 }\n".to_owned();
    for level in 1..40 {
        merged.push_str(&format!(
            "a{level}: &a{level} {{ <<: [*a{0}, *a{0}], k{level}: *a{0} }}\n",
            level - 1
        ));
    }
    refused(merged.as_bytes(), &["GP0107"]);
}

#[test]
fn long_lines_are_read_or_refused() {
    let long = "x".repeat(10_000_000);
    refused(format!("name: {long}\nstates: {{ A: {{ type: final }} }}\n").as_bytes(), &["GP0109"]);
    refused(format!("name: '{long}").as_bytes(), &["GP0101"]);
    refused(format!("name: \"{long}").as_bytes(), &["GP0101"]);
    refused(format!("{{\"name\": \"{long}").as_bytes(), &["GP0101"]);
    refused(format!("{long}: 1\n").as_bytes(), &["GP0101", "GP0103", "GP0108"]);
    refused(format!("guideline: {long}").as_bytes(), &["GP0108"]);
    refused(" ".repeat(10_000_000).as_bytes(), &["GP0101"]);
    refused("\n".repeat(10_000_000).as_bytes(), &["GP0107"]);
    refused("\n".repeat(100_000).as_bytes(), &["GP0101"]);
    refused(" ".repeat(20_000_000).as_bytes(), &["GP0107"]);
}

#[test]
fn what_is_no_text_is_refused_with_its_place() {
    let compiled = refused(b"name: a\nstates: \xff\xfe", &["GP0100"]);
    assert_eq!(compiled.diagnostics[0].at.to_string(), "2:9");
    let compiled = refused("name: ä\0".as_bytes(), &["GP0100"]);
    assert_eq!(compiled.diagnostics[0].at.to_string(), "1:8");
    let utf16: Vec<u8> = "states: {}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    refused(&utf16, &["GP0100"]);
    refused(b"\xef\xbb\xbf", &["GP0101"]);
}

#[test]
fn expressions_cannot_hurt_either() {
    for expression in [
        "(".repeat(N),
        format!("{}1{}", "(".repeat(N / 4), ")".repeat(N / 4)),
        "not ".repeat(N / 4),
        format!("a{}", ".a".repeat(N / 4)),
        format!("1{}", " + 1".repeat(N / 8)),
        "x".repeat(N),
    ] {
        let text = format!(
            "states: {{ A: {{ on: {{ E: {{ target: B, guard: '{expression}' }} }} }}, B: {{ type: final }} }}"
        );
        refused(text.as_bytes(), &["GP0114", "GP0115"]);
    }
    let many: String = (0..9_000).map(|n| format!("{{{{ n{n} }}}}")).collect();
    refused(
        format!("states: {{ A: {{ agent: w, prompt: '{many}' }} }}").as_bytes(),
        &["GP0114", "GP0115"],
    );
}

#[test]
fn names_cannot_lead_in_circles_or_multiply() {
    refused(
        b"guards: { g: { type: not, guard: h }, h: { type: not, guard: g } }\nstates: { A: { on: { E: { target: A, guard: g } } } }",
        &["GP0126"],
    );
    refused(b"actions: { a: [a, a] }\nstates: { A: { entry: a } }", &["GP0126", "GP0107"]);
    refused(b"delays: { d: d }\nstates: { A: { after: { d: A } } }", &["GP0126"]);
    let mut text = "actions:\n  a0: { log: x }\n".to_owned();
    for level in 1..16 {
        let before = format!("a{}, ", level - 1).repeat(20);
        text.push_str(&format!("  a{level}: [{before}]\n"));
    }
    text.push_str("states: { A: { entry: a15, type: final } }\n");
    refused(text.as_bytes(), &["GP0107"]);
}

#[test]
fn thousands_of_anything_are_no_problem() {
    const N: usize = 10_000;
    let list = |item: &dyn Fn(usize) -> String| (0..N).map(item).collect::<Vec<_>>().join(", ");
    let accepted = |text: &str| assert!(compile(text.as_bytes(), "test.yaml").machine.is_some());
    let states = list(&|n| format!("s{n}: {{ on: {{ E: s{} }} }}", (n + 1) % N));
    accepted(&format!("states: {{ {states} }}"));
    let unknown = list(&|n| format!("s{n}: {{ on: {{ E: t{n} }} }}"));
    refused(format!("states: {{ {unknown} }}").as_bytes(), &["GP0102"]);
    let keys = list(&|n| format!("k{n}: 1"));
    refused(format!("states: {{ A: {{ {keys} }} }}").as_bytes(), &["GP0103"]);
    let guards = list(&|n| format!("g{n}: 'true'"));
    let uses = list(&|n| format!("{{ target: A, guard: g{n} }}"));
    accepted(&format!("guards: {{ {guards} }}\nstates: {{ A: {{ on: {{ E: [{uses}] }} }} }}"));
    accepted(&format!("steps: [{}]", list(&|n| format!("step{n}"))));
    let plain = list(&|n| format!("{{ name: s{n}, agentId: a, input: x }}"));
    accepted(&format!("steps: [{{ parallel: [[{plain}]] }}]"));
    refused(format!("steps: [{{ parallel: [{plain}] }}]").as_bytes(), &["GP0114"]);
    let long = format!("1 > {}", "2 + ".repeat(10_000));
    let passed = list(&|n| format!("{{ name: s{n}, task: t, when: '{long}2' }}"));
    let passed = &passed[..passed.match_indices("}, ").nth(200).map_or(0, |(end, _)| end + 1)];
    refused(format!("steps: [{passed}]").as_bytes(), &["GP0107"]);
    let actions = list(&|n| format!("a{n}"));
    accepted(&format!("states: {{ A: {{ type: final, entry: [{actions}] }} }}"));
    let too_many: String = (0..150_000).map(|n| format!("\"s{n}\":{{}},")).collect();
    refused(format!("{{\"states\":{{{too_many}\"z\":{{}}}}}}").as_bytes(), &["GP0107"]);
}

/// However they are written, before a tree is built of them. Built with optimisation, that takes less than 100 ms.
#[test]
#[expect(clippy::disallowed_methods, reason = "the test measures, core does not")]
fn a_million_states_are_refused_at_once() {
    const N: usize = 1_000_000;
    let list = |item: &dyn Fn(usize) -> String| (0..N).map(item).collect::<String>();
    for text in [
        format!("{{\"states\":{{{}\"z\":{{}}}}}}", list(&|n| format!("\"s{n}\":{{}},"))),
        format!("states:\n{}", list(&|n| format!("  s{n}:\n"))),
        format!("states: {{{}z}}", list(&|n| format!("s{n},"))),
        format!("states:\n{}", list(&|n| format!("? s{n}\n"))),
    ] {
        let begun = std::time::Instant::now();
        let compiled = refused(text.as_bytes(), &["GP0107"]);
        let took = begun.elapsed();
        assert_eq!(compiled.diagnostics.len(), 1);
        let most = if cfg!(debug_assertions) { 5_000 } else { 100 };
        assert!(took.as_millis() < most, "{took:?} for {}", &text[..40]);
    }
}

#[test]
fn rows_can_be_many_or_nonsense() {
    let names: Vec<String> = (0..20_000).map(|n| format!("s{n}")).collect();
    let states = names.iter().map(|name| OpenState { name: name.clone(), guideline: None });
    let transitions = names.windows(2).map(|pair| OpenTransition {
        name: "next".to_owned(),
        from: pair[0].clone(),
        to: pair[1].clone(),
        description: None,
    });
    let many = OpenWorkflow {
        name: "many".to_owned(),
        states: states.collect(),
        transitions: transitions.collect(),
    };
    let compiled = compile_open(&many);
    assert_eq!(compiled.diagnostics, []);
    assert_eq!(compiled.machine.unwrap().states.len(), 20_001);
    let nonsense = OpenWorkflow {
        name: String::new(),
        states: vec![
            OpenState { name: "a.b".to_owned(), guideline: None },
            OpenState { name: "c".to_owned(), guideline: None },
            OpenState { name: "c".to_owned(), guideline: None },
        ],
        transitions: vec![OpenTransition {
            name: String::new(),
            from: "x".to_owned(),
            to: "y".to_owned(),
            description: None,
        }],
    };
    let codes: Vec<&str> = compile_open(&nonsense).diagnostics.iter().map(|d| d.code).collect();
    assert_eq!(codes, ["GP0109", "GP0105", "GP0102", "GP0109"]);
    let empty = OpenWorkflow { name: "e".to_owned(), states: Vec::new(), transitions: Vec::new() };
    assert!(compile_open(&empty).machine.is_none());
}
