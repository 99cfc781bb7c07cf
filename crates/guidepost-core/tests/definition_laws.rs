//! Laws of reading and writing definitions, over definitions nobody would write.

use guidepost_core::machine::Machine;
use guidepost_core::machine::expr::{Expr, Template};
use guidepost_core::name::NameOf;
use guidepost_core::workflow::{compile, print, to_mermaid, to_xstate};
use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};

/// Texts that YAML, or one of its readers, might take for something else.
const ODD_TEXTS: [&str; 24] = [
    "",
    " ",
    "yes",
    "No",
    "on",
    "null",
    "~",
    "012",
    "0x1F",
    "1e3",
    "12:30:45",
    "2024-01-01",
    "=",
    "<<",
    "- a",
    "a: b",
    "a #b",
    "'",
    "\"quoted\"",
    "two\nlines",
    "two\n\nlines\n",
    "  indented\n",
    "tab\there",
    "\u{feff}\u{2028}\u{7f}é😀",
];

const GUARDS: [&str; 6] = [
    "a > 1",
    "event.x == 'yes: no'",
    "true",
    "in_state('s0')",
    "not (b is defined) or b",
    "[1, 'two', {'k': none}] == a",
];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        proptest::sample::select(&ODD_TEXTS[..]).prop_map(str::to_owned),
        "[ -~]{0,20}",
        "\\PC{0,10}",
        "([a-z ]{0,9}\n){0,3}",
    ]
}

fn value() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        (-1e9..1e9_f64).prop_map(Json::from),
        text().prop_map(Json::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            proptest::collection::vec((text(), inner), 0..4)
                .prop_map(|fields| Json::Object(fields.into_iter().collect())),
        ]
    })
}

fn guard() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        proptest::sample::select(&GUARDS[..]).prop_map(Json::from),
        Just(json!({"type": "someday"})),
        Just(json!({"type": "stateIn", "params": {"state": "s1"}})),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        let several = proptest::collection::vec(inner.clone(), 1..3);
        prop_oneof![
            (several, any::<bool>()).prop_map(
                |(guards, all)| json!({"type": if all { "and" } else { "or" }, "guards": guards})
            ),
            inner.prop_map(|guard| json!({"type": "not", "guard": guard})),
        ]
    })
}

fn action() -> impl Strategy<Value = Json> {
    prop_oneof![
        value().prop_map(|value| json!({"assign": {"a": {"$literal": value}}})),
        Just(json!({"assign": {"a": "b", "b": 5}})),
        Just(json!({"append": {"b": "a"}})),
        Just(json!({"raise": "E"})),
        Just(json!({"send": {"event": "E", "data": {"x": "a + 1"}, "delay": "a * 2", "id": "t"}})),
        Just(json!({"cancel": "t{{ a }}"})),
        text().prop_map(|text| json!({"log": text.replace(['{', '}'], "")})),
        "[a-z]{1,8}".prop_map(Json::from),
    ]
}

fn transition(states: usize) -> impl Strategy<Value = Json> {
    let target = proptest::option::of(0..states);
    let actions = proptest::collection::vec(action(), 0..3);
    (target, proptest::option::of(guard()), actions, any::<bool>(), proptest::option::of(text()))
        .prop_map(|(target, guard, actions, reenter, description)| {
            let mut keys = Map::new();
            if let Some(target) = target {
                keys.insert("target".to_owned(), json!(format!("s{target}")));
            }
            if let Some(guard) = guard {
                keys.insert("guard".to_owned(), guard);
            }
            keys.insert("actions".to_owned(), json!(actions));
            keys.insert("reenter".to_owned(), json!(reenter));
            if let Some(description) = description {
                keys.insert("description".to_owned(), json!(description));
            }
            Json::Object(keys)
        })
}

fn state(states: usize) -> impl Strategy<Value = Json> {
    let events = proptest::collection::vec(
        (text(), proptest::collection::vec(transition(states), 1..3)),
        0..4,
    );
    let after = proptest::collection::vec((1..100_000_000_u64, transition(states)), 0..3);
    let wording = (proptest::option::of(text()), proptest::option::of(text()));
    let work = proptest::option::of(proptest::sample::select(vec!["agent", "tool", "task", "run"]));
    (events, after, wording, value(), work, proptest::collection::vec(text(), 0..3), any::<bool>())
        .prop_map(|(events, after, (guideline, description), meta, work, tags, nested)| {
            let mut keys = Map::new();
            let is_name = |name: &str| !name.contains('*') && NameOf::Event.check(name).is_ok();
            let events = events.into_iter().filter(|(name, _)| is_name(name));
            let events: Map<_, _> = events.map(|(name, all)| (name, json!(all))).collect();
            keys.insert("on".to_owned(), Json::Object(events));
            let after = after.into_iter().map(|(ms, transition)| (ms.to_string(), transition));
            keys.insert("after".to_owned(), Json::Object(after.collect()));
            keys.insert("guideline".to_owned(), json!(guideline));
            keys.insert("description".to_owned(), json!(description));
            keys.insert("meta".to_owned(), meta);
            keys.insert("tags".to_owned(), json!(tags));
            if let Some(work) = work {
                keys.insert(work.to_owned(), json!("name: of it"));
                keys.insert("prompt".to_owned(), json!("{{ a }}: #1"));
            } else if nested {
                keys.insert(
                    "states".to_owned(),
                    json!({"in": {"on": {"X": "s0"}}, "on": {"type": "final"}}),
                );
            }
            Json::Object(keys)
        })
}

fn definition() -> impl Strategy<Value = Json> {
    (proptest::collection::vec(state(4), 4), value(), text()).prop_map(
        |(states, default, description)| {
            let states = states.into_iter().enumerate().map(|(n, state)| (format!("s{n}"), state));
            json!({
                "name": "made up",
                "description": description,
                "attributes": {"a": {"default": default}, "b": {"description": description}},
                "states": states.collect::<Map<_, _>>(),
            })
        },
    )
}

/// What is written, in either form, is read as the same structure with the same wording.
fn same_when_written(machine: &Machine) -> Result<(), TestCaseError> {
    for written in [print(machine), to_xstate(machine).to_string()] {
        let again = compile(written.as_bytes(), "made up.yaml");
        let Some(again) = again.machine else {
            return Err(TestCaseError::fail(format!("{:#?}\n{written}", again.diagnostics)));
        };
        prop_assert_eq!(&machine.hash, &again.hash, "{}", written);
        for (before, after) in machine.states.iter().zip(&again.states) {
            prop_assert_eq!(&before.wording, &after.wording);
        }
    }
    Ok(())
}

#[test]
fn an_output_of_nothing_is_written_as_none() {
    for definition in [
        r#"{"id": "m", "initial": "a", "states": {"a": {"type": "final", "output": null}}}"#,
        r#"{"id": "m", "initial": "a", "output": null, "states": {"a": {"type": "final"}}}"#,
    ] {
        let machine = compile(definition.as_bytes(), "made up.json").machine.unwrap();
        assert!(machine.states.iter().all(|state| state.result.is_none()));
        same_when_written(&machine).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_as_the_same_structure(definition in definition()) {
        let compiled = compile(definition.to_string().as_bytes(), "test.json");
        let errors: Vec<_> = compiled.diagnostics.iter().filter(|found| found.is_error()).collect();
        prop_assert!(errors.is_empty(), "{errors:#?}\n{definition:#}");
        let machine = compiled.machine.unwrap();
        same_when_written(&machine)?;
        let _ = to_mermaid(&machine, &[]);
    }

    #[test]
    fn a_damaged_definition_gives_problems_or_is_written_as_the_same_structure(
        at in 0_usize..4_000, cut in 0_usize..40, put in "[\\[\\]{}:,&*!|>'\"#%@`a-z0-9 \n\t-]{0,6}",
    ) {
        for text in [
            include_str!("definitions/everything.yaml"),
            include_str!("definitions/toggle.xstate.json"),
            include_str!("../../../examples/release.yaml"),
        ] {
            let chars: Vec<char> = text.chars().collect();
            let at = at % chars.len();
            let end = (at + cut).min(chars.len());
            let damaged: String =
                chars[..at].iter().copied().chain(put.chars()).chain(chars[end..].iter().copied()).collect();
            let compiled = compile(damaged.as_bytes(), "test.yaml");
            let has_errors = compiled.diagnostics.iter().any(|found| found.is_error());
            prop_assert_eq!(compiled.machine.is_none(), has_errors);
            if let Some(machine) = compiled.machine {
                same_when_written(&machine)?;
            }
        }
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = compile(&bytes, "test.yaml");
        let _ = compile(&bytes, "test.json");
    }

    #[test]
    fn any_text_is_an_expression_or_none(source in "[a-z0-9\\[\\](){}.|+*/%~<>=!'\", -]{0,60}") {
        let _ = Expr::compile(&source);
        let _ = Template::compile(&format!("{{{{ {source} }}}}{{% if {source} %}}{{% endif %}}"));
    }
}
