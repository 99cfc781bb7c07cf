//! Reading definitions: what is accepted, and every problem with its place, code and hint.

use std::fmt::Write as _;

use expect_test::{Expect, expect};
use guidepost_core::machine::{Machine, Trigger};
use guidepost_core::workflow::{Compiled, Format, compile};

/// Reads a definition and compares all its problems.
#[track_caller]
fn check(text: &str, expected: Expect) {
    expected.assert_eq(&told(&compile(text.as_bytes(), "test.yaml")));
}

fn told(compiled: &Compiled) -> String {
    let mut out = String::new();
    for found in &compiled.diagnostics {
        let severity = if found.is_error() { "error" } else { "warning" };
        let _ = writeln!(out, "{severity}[{}] {}: {}", found.code, found.at, found.message);
        if let Some(hint) = &found.hint {
            let _ = writeln!(out, "  hint: {hint}");
        }
    }
    if compiled.machine.is_none() && !compiled.diagnostics.iter().any(|found| found.is_error()) {
        out.push_str("no machine, but no error either\n");
    }
    out
}

#[test]
fn the_examples_have_no_problems() {
    for text in [
        include_str!("../../../examples/lead-qualification.yaml"),
        include_str!("../../../examples/release.yaml"),
        include_str!("../../../examples/tool.yaml"),
        include_str!("../../../examples/digest.yaml"),
        include_str!("../../../examples/research.yaml"),
        include_str!("../../../examples/trends.yaml"),
        include_str!("../../../examples/trip.yaml"),
    ] {
        check(text, expect![""]);
    }
}

#[test]
fn unknown_targets_are_found_with_what_was_meant() {
    check(
        "
states:
  Review: { on: { Done: mergd, Back: '.Inner', Odd: '#nobody', Deep: Outer.Inne } }
  merged: { type: final }
  Outer: { initial: Iner, states: { Inner: { on: { Up: Inner2, Out: Review } }, Other: { on: { X: Far } } } }
  Elsewhere: { states: { Far: { type: final } } }
",
        expect![[r#"
            error[GP0102] 3:25: state `Review` has the target `mergd`, which does not exist
              hint: did you mean `merged`?
            error[GP0102] 3:38: state `Review` has the target `.Inner`, which does not exist
              hint: write its full path: `Outer.Inner`
            error[GP0102] 3:53: state `Review` has the target `#nobody`, which does not exist
            error[GP0102] 3:70: state `Review` has the target `Outer.Inne`, which does not exist
              hint: did you mean `Outer.Inner`?
            error[GP0108] 5:21: state `Outer` begins in `Iner`, which does not exist inside it
              hint: did you mean `Inner`?
            error[GP0102] 5:56: state `Outer.Inner` has the target `Inner2`, which does not exist
              hint: did you mean `Inner`?
            error[GP0102] 5:99: state `Outer.Other` has the target `Far`, which does not exist
              hint: write its full path: `Elsewhere.Far`
        "#]],
    );
}

#[test]
fn history_that_leads_only_to_history_is_found() {
    check(
        include_str!("../../../fuzz/corpus/definition_yaml/history_circle.yaml"),
        expect![[r#"
            error[GP0118] 4:31: with nothing to remember, history leads round in a circle: `a.hh` -> `a.hh`
              hint: give one of them a `target` that is no history state
            error[GP0118] 5:25: with nothing to remember, history leads round in a circle: `b.h` -> `b.k` -> `b.h`
              hint: give one of them a `target` that is no history state
        "#]],
    );
    check(
        "
states:
  out: { on: { A: work.one } }
  work:
    initial: one
    on: { OUT: out }
    states:
      one: { type: history, target: two }
      two: { type: history, target: x }
      x: {}
",
        expect![""],
    );
}

#[test]
fn names_of_what_happens_inside_the_machine_are_no_events() {
    check(
        "
states:
  a: { agent: w, on: { xstate.done.actor.w: b, xstate.error.actor.w: b, xstate.after.1000.t.a: b, xstate.init: b, xstate.*: b } }
  b: { type: final }
",
        expect![[r#"
            error[GP0109] 3:24: `xstate.done.actor.w` is a name for what happens inside the machine, no event
              hint: write `onDone` beside `on`
            error[GP0109] 3:48: `xstate.error.actor.w` is a name for what happens inside the machine, no event
              hint: write `onError` beside `on`
            error[GP0109] 3:73: `xstate.after.1000.t.a` is a name for what happens inside the machine, no event
              hint: write `after` beside `on`
            error[GP0109] 3:99: `xstate.init` is a name for what happens inside the machine, no event
              hint: name the event otherwise
            error[GP0109] 3:115: `xstate.*` is a name for what happens inside the machine, no event
              hint: name the event otherwise
        "#]],
    );
    let text = r#"{"id":"m","initial":"a","states":{
        "a":{"invoke":{"src":"load","id":"w"},"on":{"xstate.error.actor.w":"c","xstate.done.actor.w":"b","xstate.done.actor.x":"c"}},
        "b":{"invoke":{"src":"load"},"on":{"xstate.done.actor.0.m.b":"c"}},
        "c":{"initial":"x","states":{"x":{"type":"final"}},"on":{"xstate.done.state.m.c":"d","xstate.done.state.m.b":"a"}},
        "d":{"id":"own","initial":"x","states":{"x":{"type":"final"}},"on":{"xstate.done.state.own":"a"}}}}"#;
    let machine = compile(text.as_bytes(), "m.json").machine.unwrap();
    let mut triggers = String::new();
    for state in &machine.states {
        for transition in &state.transitions {
            let _ = writeln!(triggers, "{}: {:?}", state.id, transition.trigger);
        }
    }
    expect![[r#"
        a: Event(Exact("xstate.done.actor.x"))
        a: WorkDone
        a: WorkFailed
        b: WorkDone
        c: Event(Exact("xstate.done.state.m.b"))
        c: Complete
        d: Complete
    "#]]
    .assert_eq(&triggers);
}

#[test]
fn unknown_keys_are_found_with_what_was_meant() {
    check(
        "
nme: test
attributes: { a: { type: string, requird: true }, b: { type: strng } }
events: { E: { dta: {} } }
limits: { max_cost: 1 }
states:
  A: { guidline: x, on: { E: { targt: B, gaurd: 'true' } }, x-mine: 1 }
  B: { type: final, retry: 3 }
",
        expect![[r#"
            error[GP0103] 2:1: a workflow has no key `nme`
              hint: did you mean `name`?
            error[GP0103] 3:34: an attribute has no key `requird`
              hint: did you mean `required`?
            error[GP0121] 3:62: there is no type `strng`
              hint: did you mean `string`?
            error[GP0103] 4:16: an event has no key `dta`
              hint: did you mean `data`?
            error[GP0103] 5:11: limits has no key `max_cost`
              hint: did you mean `max_cost_usd`?
            error[GP0103] 7:8: a state has no key `guidline`
              hint: did you mean `guideline`?
            error[GP0103] 7:32: a transition has no key `targt`
              hint: did you mean `target`?
            error[GP0103] 7:42: a transition has no key `gaurd`
              hint: did you mean `guard`?
            error[GP0116] 8:21: `retry` belongs to a state with work, and this one has none
        "#]],
    );
}

#[test]
fn values_of_the_wrong_shape_are_found() {
    check(
        "
attributes: [a]
limits: { max_steps: 0, max_duration: soon, max_cost_usd: -1 }
states:
  A: { guideline: [x], tags: 3, by: robot, on: [B], entry: 7, after: { later: B, -5: B } }
  B: { agent: writer, prompt: 7, retry: often, timeout: 5x, onDone: { target: B, reenter: yes } }
  C: 5
",
        expect![[r#"
            error[GP0104] 2:13: `attributes` must be an object, but is a list
            error[GP0104] 3:22: `max_steps` must be a whole number of at least 1, but is 0
            error[GP0123] 3:39: `max_duration` must be a length of time such as `30s`, `1h30m` or a number of milliseconds
            error[GP0104] 3:59: `max_cost_usd` must be a number of at least 0, but is -1
            error[GP0104] 5:19: `guideline` must be a text, but is a list
            error[GP0104] 5:30: `tags` must be a text, but is a number
            error[GP0104] 5:37: `by` is `engine`, `agent` or `person`
            error[GP0104] 5:48: `on` must be an object, but is a list
            error[GP0104] 5:60: `actions` must be an action, the name of one, or a list of them, but is a number
            error[GP0123] 5:72: `later` is neither a length of time nor a delay that `delays` defines
              hint: write it as `30s` or `72h`, or define it under `delays`
            error[GP0123] 5:82: `-5` is neither a length of time nor a delay that `delays` defines
              hint: write it as `30s` or `72h`, or define it under `delays`
            error[GP0104] 6:31: `prompt` must be a text, but is a number
            error[GP0104] 6:41: `retry` must be how often the work is tried in all, 1 or more, or an object
              hint: write `retry: 3`, or `retry: { max_attempts: 3, delay: 2s, backoff: 2 }`; without it the work is tried once
            error[GP0123] 6:57: `timeout` must be a length of time such as `30s`, `1h30m` or a number of milliseconds
            warning[GP0116] 6:69: the end of the work of `B` leads to `B` itself, which does not begin it again
              hint: `reenter: true` does the work again; `retry` tries again what failed
            error[GP0104] 6:91: `reenter` must be `true` or `false`, but is a text
            error[GP0104] 7:6: `state` must be an object, but is a number
        "#]],
    );
}

#[test]
fn expressions_are_checked_for_grammar_and_names() {
    check(
        "
attributes: { budget: { type: number } }
events: { Scored: { data: { score: number } } }
states:
  A:
    agent: x
    prompt: 'For {{ budgt }} and {{ nothing_like_it }}'
    onDone: { target: B, guard: budget > }
  B:
    on:
      Scored:
        - { target: C, guard: \"event.scor > 1 and in_state('D')\" }
        - { target: C, guard: score > 1 }
        - { target: C, actions: { assign: { total: budget | uper } } }
    entry: { log: 'at {% include \"x\" %}' }
  C: { type: final, output: { total: totl } }
",
        expect![[r#"
            error[GP0115] 7:21: the name `budgt` is unknown here
              hint: did you mean `budget`?
            error[GP0115] 7:37: the name `nothing_like_it` is unknown here
              hint: declare it under `attributes`, or write `event.nothing_like_it` if the event carries it
            error[GP0114] 8:40: the expression cannot be used: unexpected end of input, expected expression
            warning[GP0125] 12:38: the event `Scored` declares no field `scor`
              hint: did you mean `score`?
            error[GP0102] 12:61: `in_state` asks about `D`, which does not exist
            error[GP0115] 13:31: the name `score` is unknown here
              hint: declare it under `attributes`, or write `event.score` if the event carries it
            error[GP0114] 14:61: the expression cannot be used: there is no filter `uper`; did you mean `upper`?
            error[GP0114] 15:26: the expression cannot be used: `{% include %}` is not offered in texts of a workflow
            error[GP0115] 16:38: the name `totl` is unknown here
              hint: did you mean `total`?
        "#]],
    );
}

/// A text that is told is told also with a gap in it, so what it names wrongly is a warning.
#[test]
fn what_guidelines_and_descriptions_name_is_checked() {
    check(
        "
attributes: { lead: { type: object } }
description: 'Not filled in: {{ anything }}'
states:
  A:
    guideline: 'Hello {{ leed.name }}, {{ lead.name }}'
    description: '{{ zzz }}'
    on:
      Go: { target: B, description: '{{ event.x }} of {{ lead.x }}' }
      Stop: { target: B, description: '{{ lead' }
  B: { type: final }
",
        expect![[r#"
            warning[GP0115] 6:26: the name `leed` is unknown here
              hint: did you mean `lead`?
            warning[GP0115] 7:22: the name `zzz` is unknown here
              hint: declare it under `attributes`
            warning[GP0115] 9:41: `event` has no value in a text that is told: no event is being taken
              hint: name an attribute that keeps what the event carried
            warning[GP0114] 10:43: the expression cannot be used: unexpected end of input, expected end of variable block
              hint: until then it is shown as it stands
        "#]],
    );
}

/// An option that leads nowhere could not be chosen: it would be gone without a word.
#[test]
fn an_option_that_leads_nowhere_is_found() {
    check(
        "
states:
  Ask: { ask: { options: ['Yes', 'No', Later] }, on: { 'Yes': B } }
  Free: { ask: { options: ['Yes', 'No'] }, onDone: B }
  Any: { ask: { options: ['Yes', 'No'] }, on: { '*': B } }
  B: { type: final }
on: { Later: B, ToFree: Free, ToAny: Any }
",
        expect![[r#"
            warning[GP0116] 3:3: the option `No` of the question of `Ask` leads nowhere
              hint: add an event of this name under `on`, or take the option away
        "#]],
    );
}

#[test]
fn states_that_nobody_reaches_or_leaves_are_found() {
    check(
        "
states:
  A: { output: [x, y], on: { Go: B, Stop: [{ target: B, description: '{{ x }}' }, { target: A, guard: 'true' }] } }
  B: { guideline: stay, agent: w, prompt: '{{ x }}' }
  C: { states: { D: { on: { Go: A } } } }
",
        expect![[r#"
            warning[GP0113] 3:20: nothing reads the output `y`
              hint: declare it under `attributes` if it is a result of the run
            warning[GP0112] 3:83: this transition of `A` is never taken: the one before it always is
              hint: give the earlier one a guard, or remove one of them
            warning[GP0111] 4:3: state `B` cannot be left
              hint: give it `type: final` if the work may end there
            warning[GP0110] 5:3: nothing leads to state `C`
              hint: add a transition with it as target, or remove it
        "#]],
    );
}

#[test]
fn a_key_given_twice_hides_no_other_problem() {
    let told = expect![[r#"
        error[GP0102] 2:18: state `A` has the target `Nowhere`, which does not exist
        error[GP0105] 2:27: the key `Go` is given twice
          hint: keep one of them; of two equal keys one would be lost
        error[GP0105] 3:3: the key `A` is given twice
          hint: keep one of them; of two equal keys one would be lost
        error[GP0102] 4:17: state `B` has the target `Elsewhere`, which does not exist
    "#]];
    check(
        "states:\n  A: { on: { Go: Nowhere, Go: A } }\n  A: { type: final }\n  B: { on: { X: Elsewhere } }\n",
        told,
    );
    let text = r#"{"states":{"A":{"on":{"Go":"Nowhere","Go":"A"}},"A":{"on":{"Y":"Z"}}}}"#;
    let codes: Vec<&str> =
        compile(text.as_bytes(), "test.json").diagnostics.iter().map(|d| d.code).collect();
    assert_eq!(codes, ["GP0102", "GP0105", "GP0105"]);
}

#[test]
fn eventless_transitions_that_go_round_are_found() {
    check(
        "
initial: A
states:
  A: { always: Outer }
  Outer:
    initial: B
    states:
      B: { always: '#test.C' }
  C: { always: A }
",
        expect![[r#"
            error[GP0127] 4:16: the eventless transitions `A` -> `Outer.B` -> `C` -> `A` go round for ever
              hint: give one of them a guard that becomes false, or let it wait for an event or a time
        "#]],
    );
    check(
        "
attributes: { n: { type: number, default: 0 } }
initial: A
states:
  A: { always: [{ target: END, guard: n > 3 }, { target: B }] }
  B: { always: A }
  C: { always: C, on: { Go: D } }
  D: { always: { target: D, actions: { assign: { n: n + 1 } }, guard: n < 3 }, on: { Go: P } }
  P:
    type: parallel
    states:
      one: { initial: x, states: { x: { always: y }, y: { always: x } } }
      two: { initial: x, states: { x: { always: '#test.END' } } }
  END: { type: final }
",
        expect![[r#"
            warning[GP0127] 5:48: the eventless transitions `A` -> `B` -> `A` go round unless something else comes between
              hint: give one of them a guard that becomes false, or let it wait for an event or a time
            warning[GP0110] 7:3: nothing leads to state `C`
              hint: add a transition with it as target, or remove it
            warning[GP0127] 7:16: the eventless transition of `C` leads to itself
              hint: give it another target, or remove it
            warning[GP0110] 8:3: nothing leads to state `D`
              hint: add a transition with it as target, or remove it
            warning[GP0110] 9:3: nothing leads to state `P`
              hint: add a transition with it as target, or remove it
            warning[GP0127] 12:49: the eventless transitions `P.one.x` -> `P.one.y` -> `P.one.x` go round unless something else comes between
              hint: give one of them a guard that becomes false, or let it wait for an event or a time
        "#]],
    );
    let drawn = r#"{"id":"m","initial":"a","states":{"a":{"always":"b"},"b":{"always":"a"}}}"#;
    let compiled = compile(drawn.as_bytes(), "m.json");
    assert_eq!(compiled.diagnostics[0].code, "GP0127");
    assert!(compiled.machine.is_some(), "what was drawn for XState can be looked at");
}

#[test]
fn only_a_question_expires_and_something_should_answer_that() {
    check(
        "
states:
  A: { ask: Why?, expires: { after: 1h, then: B }, on: { Go: B } }
  B: { task: build, expires: 1h, on: { Go: C } }
  C: { ask: { question: How?, expires: soon }, on: { Go: D } }
  D: { ask: When?, expires: {}, onError: END, onDone: END }
  E: { ask: Who?, expires: 2d, onError: END, on: { Go: A } }
  END: { type: final }
",
        expect![[r#"
            warning[GP0116] 3:3: nothing answers when the question of `A` expires: the run fails
              hint: say by `onError` where that leads
            error[GP0103] 3:41: `expires` has no key `then`
            error[GP0116] 4:30: only a question `expires`
              hint: bound an attempt of other work by `timeout`, and the stay in a state by `after`
            error[GP0123] 5:40: `expires` must be a length of time such as `30s`, `1h30m` or a number of milliseconds
            error[GP0104] 6:29: `expires` needs a length of time as `after`
        "#]],
    );
    let text =
        "states: { A: { ask: Why?, expires: { after: 90m }, onDone: END }, END: { type: final } }";
    check(
        text,
        expect![[r#"
        warning[GP0116] 1:11: nothing answers when the question of `A` expires: the run fails
          hint: say by `onError` where that leads
    "#]],
    );
}

#[test]
fn several_invokes_of_a_state_with_inner_states_are_refused_with_what_to_do() {
    let text = r#"{"id":"m","initial":"a","states":{
        "a":{"invoke":[{"src":"one","onDone":"b"},{"src":"two"}],"states":{"c":{}}},"b":{"type":"final"}}}"#;
    check(
        text,
        expect![[r#"
        error[GP0116] 2:14: a state has one `invoke`, not 2
          hint: make it a state of `type: parallel` with a region for each of `one` and `two`, whose first state has that `invoke`
    "#]],
    );
    let advised = r#"{"id":"m","initial":"a","states":{"a":{"type":"parallel","onDone":"b","states":{
        "one":{"initial":"w","states":{"w":{"invoke":{"src":"one","onDone":"z"}},"z":{"type":"final"}}},
        "two":{"initial":"w","states":{"w":{"invoke":{"src":"two","onDone":"z"}},"z":{"type":"final"}}}}},
        "b":{"type":"final"}}}"#;
    check(advised, expect![[""]]);
}

/// Facts are counted for who sends an event; an event that comes with a time comes from nobody.
#[test]
fn what_comes_with_a_time_proves_nothing() {
    check(
        "
initial: A
states:
  A:
    entry: [{ send: { event: Remind, delay: 1h } }, { send: { event: order.late, delay: 2h } }, { send: { event: Now } }]
    on:
      Remind: [{ target: B, guard: 'event.sure', requires: { action: call } }, B]
      order.*: { target: B, requires: { action: call } }
      Now: { target: B, requires: { action: call } }
      Later: { target: B, requires: { action: call } }
  B: { type: final }
",
        expect![[r#"
            warning[GP0120] 7:16: `Remind` is also sent with a delay, and then nothing proves what this transition requires: it is not taken
              hint: send it without a delay, or let somebody send it who can show the facts
            warning[GP0120] 8:16: `order.late` is also sent with a delay, and then nothing proves what this transition requires: it is not taken
              hint: send it without a delay, or let somebody send it who can show the facts
        "#]],
    );
}

#[test]
fn contradictions_are_found() {
    check(
        "
initial: Nowhere
states:
  A: { type: atomic, states: { B: {} } }
  F: { type: final, states: { B: {} } }
  G: { type: final, on: { E: A }, agent: w }
  H: { type: history, on: { E: A } }
  I: { agent: a, tool: t, on: { E: [] } }
  J: { onDone: A, retry: 2, timeout: 5s }
  K: { on: { E: { target: [A, G], requires: { action: x, decision: y } } }, always: { target: A, requires: [{ nam: x }] } }
  'a.b': {}
  '': {}
  L: { type: parallel }
  M: { agent: a, states: { N: {} } }
  O: { on: { '*.x': A, 'a.*': A, '*': A } }
",
        expect![[r#"
            error[GP0108] 2:10: the workflow begins in `Nowhere`, which does not exist inside it
            error[GP0124] 4:3: an atomic state has no inner states
            error[GP0119] 5:3: a final state has no inner states
            error[GP0119] 6:25: nothing can be taken from a final state
            error[GP0116] 6:35: `agent` belongs to a state without inner states
            error[GP0118] 7:27: nothing can be taken from a history state
            error[GP0116] 8:18: a state has one piece of work, not both `agent` and `tool`
            error[GP0116] 9:8: the state has no work whose end `onDone` could wait for
            error[GP0116] 9:19: `retry` belongs to a state with work, and this one has none
            error[GP0116] 9:29: `timeout` belongs to a state with work, and this one has none
              hint: to leave the state after a while, use `after`
            error[GP0117] 10:31: the targets `A` and `G` cannot be active together
              hint: several targets must lie in different regions of one parallel state
            error[GP0120] 10:45: a requirement names one sort of fact: `action`, `decision`, `message` or `artifact`
            error[GP0120] 10:108: only a transition that answers an event can require facts
            error[GP0120] 10:109: a requirement names one sort of fact: `action`, `decision`, `message` or `artifact`
            error[GP0103] 10:111: a requirement has no key `nam`
              hint: did you mean `name`?
            error[GP0109] 11:3: the state name `a.b` contains a dot, which separates the states of a path
            error[GP0109] 12:3: the state name `` is no name: a name has 1 to 200 bytes
            error[GP0124] 13:3: a compound or parallel state needs inner states
            error[GP0116] 14:8: `agent` belongs to a state without inner states
            error[GP0109] 15:14: the transition name `*.x` has a `*` elsewhere than alone or at the end, after a dot
        "#]],
    );
}

#[test]
fn yaml_means_only_what_it_says() {
    let open = "states: { A: { type: final, meta: ";
    for (value, expected) in [
        ("yes", "\"yes\""),
        ("on", "\"on\""),
        ("True", "\"True\""),
        ("true", "true"),
        ("012", "\"012\""),
        ("0x10", "\"0x10\""),
        ("1_000", "\"1_000\""),
        ("12:30", "\"12:30\""),
        ("1.50", "1.5"),
        ("-3", "-3"),
        (".inf", "\".inf\""),
        ("~", "null"),
        ("!!str 5", "\"5\""),
        ("{ 1: a, true: b }", "{\"1\":\"a\",\"true\":\"b\"}"),
        ("2024-01-01", "\"2024-01-01\""),
    ] {
        let compiled = compile(format!("{open}{value} }} }}").as_bytes(), "test.yaml");
        let machine =
            compiled.machine.unwrap_or_else(|| panic!("{value}: {:?}", compiled.diagnostics));
        assert_eq!(machine.states[1].meta.to_string(), expected, "{value}");
    }
}

#[test]
fn yaml_that_is_no_definition_is_refused_with_its_place() {
    check(
        "",
        expect![[r#"
        error[GP0101] 1:1: the file is empty
    "#]],
    );
    check(
        "just text",
        expect![[r#"
        error[GP0104] 1:1: a workflow is an object, but this is a text
    "#]],
    );
    check(
        "states:\n  A: { type: !final x }\n",
        expect![[r#"
            error[GP0106] 2:14: the tag `!final` means nothing here
              hint: put the value in quotes if it is a text that begins with `!`
        "#]],
    );
    check(
        "states:\n  A: !x\n",
        expect![[r#"
            error[GP0106] 2:6: the tag `!x` means nothing here
              hint: put the value in quotes if it is a text that begins with `!`
        "#]],
    );
    // Not only of plain values, but also of keys, objects and lists.
    check(
        "!x name: a\n",
        expect![[r#"
        error[GP0106] 1:1: the tag `!x` means nothing here
          hint: put the value in quotes if it is a text that begins with `!`
    "#]],
    );
    check(
        "states: !x { A: {} }\n",
        expect![[r#"
        error[GP0106] 1:9: the tag `!x` means nothing here
          hint: put the value in quotes if it is a text that begins with `!`
    "#]],
    );
    check(
        "steps: !!map []\n",
        expect![[r#"
        error[GP0106] 1:8: the tag `!!map` means nothing here
          hint: put the value in quotes if it is a text that begins with `!`
    "#]],
    );
    check(
        "a: 1\na: 2\n",
        expect![[r#"
            error[GP0103] 1:1: a workflow has no key `a`
            error[GP0108] 1:1: the workflow has no states
            error[GP0105] 2:1: the key `a` is given twice
              hint: keep one of them; of two equal keys one would be lost
        "#]],
    );
    check(
        "name: x\nlimits: { max_llm_calls: -12345678901234567890123 }\n",
        expect![[r#"
            error[GP0104] 2:26: the value is -12345678901234567890123, a whole number of more than 64 bits, whose last digits would be lost
              hint: put it in quotes, as a text
        "#]],
    );
    let json = "{ \"name\": \"x\",\n  \"limits\": { \"max_tokens\": 18446744073709551616 } }";
    expect![[r#"
        error[GP0104] 2:29: the value is 18446744073709551616, a whole number of more than 64 bits, whose last digits would be lost
          hint: put it in quotes, as a text
    "#]]
    .assert_eq(&told(&compile(json.as_bytes(), "test.json")));
    check(
        "a: [1, 2\n",
        expect![[r#"
        error[GP0101] 1:4: the YAML cannot be read: unclosed bracket '['
    "#]],
    );
    check(
        "a: 1\n---\nb: 2\n",
        expect![[r#"
        error[GP0101] 2:1: a file holds one workflow, but a second document begins here
    "#]],
    );
    check(
        "? [a]\n: b\n",
        expect![[r#"
        error[GP0101] 1:3: a key must be a text, not a list or an object
    "#]],
    );
    check(
        "a: *nobody\n",
        expect![[r#"
        error[GP0101] 1:4: the YAML cannot be read: while parsing node, found unknown anchor
    "#]],
    );
    check(
        "a: &x [*x]\n",
        expect![[r#"
        error[GP0101] 1:8: the alias stands inside the node it repeats
    "#]],
    );
    check(
        "a:\n\t- b\n",
        expect![[r#"
        error[GP0101] 2:2: the YAML cannot be read: tabs disallowed within this context (block indentation)
    "#]],
    );
    check(
        "a: 'b\n",
        expect![[r#"
        error[GP0101] 2:1: the YAML cannot be read: invalid indentation in multiline quoted scalar
    "#]],
    );
}

#[test]
fn json_is_read_by_the_letter() {
    check(
        "{\"states\": {\"A\": {\"type\": \"final\"}}, \"name\": \"\\ud83d\\ude00\\/\"}",
        expect![[""]],
    );
    for (text, problem) in [
        (r#"{"a": 1,}"#, "GP0101 1:9"),
        (r#"{"a": "\x"}"#, "GP0101 1:7"),
        (r#"{"a": "\ud83d"}"#, "GP0101 1:7"),
        (r#"{"a": 01}"#, "GP0101 1:7"),
        (r#"{"a": 1e999}"#, "GP0101 1:7"),
        (r#"{"a": 1} x"#, "GP0101 1:10"),
        (r#"{"x-":1,"x-":2,"states":{"A":{"type":"final"}}}"#, "GP0105 1:9"),
        (r#"{'a': 1}"#, "GP0101 1:2"),
        (r#"{"a": nul}"#, "GP0101 1:7"),
        ("{\"a\":\n  // note\n 1}", "GP0101 2:3"),
        ("{\"a\": \"\n\"}", "GP0101 1:7"),
    ] {
        let compiled = compile(text.as_bytes(), "test.json");
        let found = &compiled.diagnostics[0];
        assert_eq!(format!("{} {}", found.code, found.at), problem, "{text}");
    }
}

/// The machine of a definition without errors.
#[track_caller]
fn machine(text: &str) -> Machine {
    let compiled = compile(text.as_bytes(), "dir/test.flow.yaml");
    let told = told(&compiled);
    compiled.machine.unwrap_or_else(|| panic!("{told}"))
}

#[test]
fn the_format_is_told_by_the_text_and_the_name_by_the_file() {
    let read = |text: &str, file: &str| {
        let compiled = compile(text.as_bytes(), file);
        (compiled.format, compiled.machine.map(|machine| machine.name))
    };
    let state = r#""states": {"A": {"type": "final"}}"#;
    assert_eq!(
        read("states: { A: { type: final } }", "a/b.flow.yaml"),
        (Format::Yaml, Some("b".to_owned()))
    );
    assert_eq!(read(&format!("{{{state}}}"), "x"), (Format::Json, Some("x".to_owned())));
    assert_eq!(
        read("{ states: { A: { type: final } } }", "x"),
        (Format::Yaml, Some("x".to_owned()))
    );
    assert_eq!(read("{ states: { A: { type: final } } }", "x.json"), (Format::Json, None));
    let marked = format!(r#"{{"id": "m", {state}}}"#);
    assert_eq!(read(&marked, "x.json"), (Format::XState, Some("m".to_owned())));
    let ours = format!(r#"{{"name": "n", "id": "m", {state}}}"#);
    assert_eq!(read(&ours, "x.json"), (Format::Json, Some("n".to_owned())));
}

#[test]
fn in_an_xstate_file_guards_and_delays_are_names_and_values_stand_as_they_are() {
    check(
        r##"{
  "id": "m", "context": { "count": 0 }, "predictableActionArguments": true,
  "states": {
    "a": {
      "on": { "E": { "target": "b", "guard": "count > 1" }, "F": { "target": "#m.b", "internal": false } },
      "after": { "later": "b", "10": "b" },
      "entry": [{ "type": "xstate.assign", "params": { "assignment": { "count": "nobody" } } }, "beep"]
    },
    "b": { "type": "final", "on": { "E": "a" } }
  }
}"##,
        expect![[r#"
            warning[GP0122] 5:46: the guard `count > 1` has no definition
              hint: define it under `guards`; a run cannot start while nothing answers it
            warning[GP0122] 6:18: the delay `later` has no definition
              hint: define it under `delays`
            warning[GP0122] 7:97: the action `beep` has no definition, and no run starts without
              hint: define it under `actions`
            warning[GP0119] 9:35: nothing can be taken from a final state
        "#]],
    );
    let fixed = machine(
        r#"{ "id": "m", "context": {}, "states": { "a": { "after": { "10": "b" }, "on": { "E": { "target": "b", "cond": "go", "internal": false } } }, "b": { "type": "final" } } }"#,
    );
    assert_eq!(fixed.unbound_guards.keys().collect::<Vec<_>>(), ["go"]);
    assert!(fixed.states[1].transitions[0].reenter);
}

#[test]
fn steps_and_sections_become_states_in_a_row() {
    let machine = machine(
        "
sections:
  - { name: One, steps: [a, { name: b, agent: w, prompt: x, onError: a }] }
  - { name: Two, steps: [{ id: c, on: { yes: Done, no: c } }] }
",
    );
    let paths: Vec<&str> = machine.states.iter().skip(1).map(|state| state.id.as_str()).collect();
    assert_eq!(paths, ["One", "One.a", "One.b", "One.Done", "Two", "Two.c", "Two.Done", "Done"]);
    assert!(machine.states[1].is_section && !machine.states[2].is_section);
    let leads = |ix: usize, way: usize| machine.states[ix].transitions[way].targets[0];
    assert_eq!([leads(1, 0), leads(2, 0), leads(3, 0), leads(3, 1), leads(5, 0)], [5, 3, 4, 2, 8]);
    check(
        "steps: [a, a]\nsections: []\nstates: {}\n",
        expect![[r#"
        error[GP0105] 1:12: the name `a` is given to two steps
        error[GP0124] 2:1: a state has either `steps` or `sections`
        error[GP0124] 2:1: a state has either `states`, `steps` or `sections`
    "#]],
    );
    check(
        "steps: 5\n",
        expect![[r#"
        error[GP0108] 1:1: the workflow has no states
        error[GP0104] 1:8: `steps` is a list
    "#]],
    );
}

#[test]
fn states_are_numbered_in_document_order_and_transitions_kept_in_it() {
    let machine = machine("
states:
  A: { initial: C, states: { B: { on: { Z: C, A: B, '*': C, 'a.*': B } }, C: { after: { 2s: B, 1s: B } } }, on: { X: D } }
  D: { type: final }
");
    let last: Vec<u32> = machine.states.iter().map(|state| state.last).collect();
    assert_eq!(last, [4, 3, 2, 3, 4]);
    let triggers: Vec<String> = machine.states[2]
        .transitions
        .iter()
        .map(|t| match &t.trigger {
            Trigger::Event(descriptor) => descriptor.to_string(),
            other => format!("{other:?}"),
        })
        .collect();
    assert_eq!(triggers, ["Z", "A", "*", "a.*"]);
}

#[test]
fn merge_keys_and_aliases_are_spelled_out() {
    let machine = machine(
        "
x-common: &common { guideline: Be kind, tags: [polite] }
states:
  A: { <<: *common, tags: [own], on: { Go: B } }
  B: { <<: [*common, { type: final }] }
",
    );
    assert_eq!(machine.states[1].wording.guideline.as_deref(), Some("Be kind"));
    assert_eq!(machine.states[1].tags, ["own"]);
    assert_eq!(machine.states[2].tags, ["polite"]);
}

/// What a visual editor writes loads as it is: what only XState's own program could define, or passes over, is a warning.
#[test]
fn what_xstate_accepts_is_no_error() {
    let text = r#"{"id":"m","initial":"a","states":{
        "a":{"onDone":"b","on":{"X":"b"}},
        "b":{"after":{"LONG":"a"}}}}"#;
    let compiled = compile(text.as_bytes(), "m.json");
    let found: Vec<String> = compiled
        .diagnostics
        .iter()
        .map(|found| format!("{} {}", found.code, found.message))
        .collect();
    expect![[r#"
        GP0116 the state has no work whose end `onDone` could wait for
        GP0122 the delay `LONG` has no definition"#]]
    .assert_eq(&found.join("\n"));
    let machine = compiled.machine.expect("the machine can be looked at");
    assert_eq!(machine.unbound_actions, ["LONG"], "and is not started");
}

#[test]
fn what_all_runs_do_at_once_is_bounded_by_kind_or_by_who_does_it() {
    let bounded = |bounds: &str| {
        format!(
            "concurrency: {bounds}\nstates: {{ A: {{ exec: [a], onDone: B }}, B: {{ task: review, onDone: C }}, C: {{ type: final }} }}"
        )
    };
    let compiled = compile(bounded("{ runs: 3, exec: 2, 'task:review': 1 }").as_bytes(), "t.yaml");
    let bounds = compiled.machine.expect("a machine").concurrency;
    let asked = ["exec", "task:review", "task:other", "http"].map(|work| bounds.work.get(work));
    assert_eq!((bounds.runs, asked), (Some(3), [Some(&2), Some(&1), None, None]));
    check(
        &bounded("{ run: 3, exce: 1, 'task:reviw': 2, http: 0, task: 4, ask: 1 }"),
        expect![[r#"
            error[GP0103] 1:16: `concurrency` has no key `run`
              hint: did you mean `runs`?
            error[GP0103] 1:24: `concurrency` has no key `exce`
              hint: did you mean `exec`?
            warning[GP0115] 1:33: no state has work that is `task:reviw`, so nothing is bounded
              hint: did you mean `task:review`?
            error[GP0104] 1:56: `http` must be a whole number of at least 1, but is 0
            error[GP0103] 1:68: `concurrency` has no key `ask`
              hint: did you mean `task`?
        "#]],
    );
    check(
        &bounded("5"),
        expect![[r#"
        error[GP0116] 1:1: `concurrency` belongs to a state with work, and this one has none
          hint: to bound what all runs do at once, name what is bounded: `{ runs: 5, exec: 2 }`
    "#]],
    );
    check(
        &bounded("[exec]"),
        expect![[r#"
        error[GP0104] 1:14: `concurrency` must be an object, but is a list
    "#]],
    );
}

#[test]
fn what_makes_work_good_is_one_piece_of_work_or_a_text() {
    let undone_by = |how: &str| {
        format!(
            "states: {{ A: {{ exec: [a], compensate: {how}, onDone: B }}, B: {{ type: final }} }}"
        )
    };
    for good in [
        "Call them.",
        "{ exec: [b, '{{ 1 }}'], retry: 2, timeout: 5s }",
        "{ tool: t, input: { a: 1 } }",
    ] {
        let compiled = compile(undone_by(good).as_bytes(), "test.yaml");
        assert!(compiled.machine.is_some(), "{good}: {:#?}", compiled.diagnostics);
    }
    for (bad, what) in [
        ("{ tool: t, http: u }", "`compensate` is one piece of work, or a text for people"),
        ("{ retry: 2 }", "`compensate` is one piece of work, or a text for people"),
        ("{ run: child }", "`compensate` has no key `run`"),
        ("{ exec: ['{{ nothing }}'] }", "nothing"),
        ("[a]", "`compensate` must be an object"),
    ] {
        let found = told(&compile(undone_by(bad).as_bytes(), "test.yaml"));
        assert!(found.contains(what), "{bad}: {found}");
    }
}

#[test]
fn schedules_that_cannot_be_used_are_found() {
    check(
        "
name: report
attributes: { day: { type: string, required: true }, many: { type: number } }
schedules:
  none: { input: { day: x } }
  both: { every: 1h, cron: '* * * * *', input: { day: x } }
  often: { every: 10ms, input: { day: x } }
  zoned: { every: 1h, timezone: UTC, input: { day: x } }
  fields: { cron: '* * *', input: { day: x } }
  minute: { cron: '61 * * * *', input: { day: x } }
  never: { cron: '0 0 30 2 *', input: { day: x } }
  place: { cron: '0 9 * * *', timezone: Europe/Berlim, input: { day: x } }
  policy: { every: 1h, overlap: maybe, catch_up: two, input: { day: x } }
  empty: { every: 1h }
  wrong: { every: 1h, due_as: many, input: { day: 1, dya: 2 } }
  fine: { every: 1h, due_as: day }
  odd: { evry: 1h }
steps: [{ name: A, wait: 1s }]
",
        expect![[r#"
            error[GP0128] 5:3: the schedule does not say when
              hint: give it `every: 1h`, or `cron: 0 9 * * MON-FRI`
            error[GP0128] 6:28: a schedule has either `every` or `cron`
            error[GP0128] 7:19: `10ms` is too often: runs begin at most once a second
              hint: let one run wait within a loop, by `wait`
            error[GP0128] 8:33: `timezone` belongs to `cron`; `every` counts from 1970-01-01 UTC
            error[GP0128] 9:19: `* * *` is no cron expression: it has 3 fields instead of 5
              hint: write minute, hour, day of the month, month and day of the week, as in `0 9 * * MON-FRI`
            error[GP0128] 10:19: `61 * * * *` is no cron expression: number out of bounds
              hint: write minute, hour, day of the month, month and day of the week, as in `0 9 * * MON-FRI`
            error[GP0128] 11:18: `0 0 30 2 *` never comes: there is no such date
              hint: check the day of the month against the month
            error[GP0128] 12:41: there is no time zone `Europe/Berlim`
              hint: did you mean `Europe/Berlin`?
            error[GP0104] 13:33: `overlap` is `skip`, `queue` or `allow`
            error[GP0104] 13:50: `catch_up` is `one`, `all` or `none`
            error[GP0128] 14:3: the runs of the schedule `empty` cannot begin: day is missing; it must be of type string
            error[GP0128] 15:3: the runs of the schedule `wrong` cannot begin: day is a number, but must be a string
            error[GP0128] 15:3: the runs of the schedule `wrong` cannot begin: many is a string, but must be a number
            error[GP0128] 15:3: the runs of the schedule `wrong` cannot begin: dya is no attribute of the workflow; did you mean `day`?
            error[GP0128] 17:3: the schedule does not say when
              hint: give it `every: 1h`, or `cron: 0 9 * * MON-FRI`
            error[GP0103] 17:10: a schedule has no key `evry`
              hint: did you mean `every`?
        "#]],
    );
}

/// S3.22: flow settings as conversation frameworks spell them mean what our own keys mean.
#[test]
fn s3_22_flow_settings_are_read_in_their_other_spelling() {
    let of = |settings: &str| {
        let text = format!("name: w\n{settings}\nsteps: [{{ name: A, wait: 1s }}]\n");
        let compiled = compile(text.as_bytes(), "test.yaml");
        let machine = compiled.machine.unwrap_or_else(|| panic!("{:#?}", compiled.diagnostics));
        (machine.checkpoints, machine.limits.max_rollback_steps)
    };
    let own = of("checkpoints: { every: 30s, max: 100 }\nlimits: { max_rollback_steps: 5 }");
    assert!(own.0.is_some() && own.1 == Some(5));
    for spelled in [
        "settings: { auto_checkpoint: true, checkpoint_interval: 30, max_checkpoints: 100, enable_rollback: true, max_rollback_steps: 5 }",
        "settings: { checkpoint_interval: 30.0, max_checkpoints_per_session: 100, max_rollback_steps: 5 }",
        "auto_checkpoint: true\ncheckpoint_interval: 30s\nmax_checkpoints: 100\nmax_rollback_steps: 5",
        "auto_checkpoint: true\nsettings: { checkpoint_interval: 30, max_checkpoints: 100, rollback_enabled: true }\nlimits: { max_rollback_steps: 5 }",
    ] {
        assert_eq!(of(spelled), own, "{spelled}");
    }
    assert_eq!(of("settings: { auto_checkpoint: true }"), of("checkpoints: { every: step }"));
    assert_eq!(of("settings: { auto_checkpoint: false, checkpoint_interval: 30 }"), (None, None));
    assert_eq!(of("settings: { enable_rollback: false }"), (None, Some(0)));
    // Whatever stands first.
    for settings in [
        "enable_rollback: false, max_rollback_steps: 5",
        "max_rollback_steps: 5, enable_rollback: false",
    ] {
        assert_eq!(of(&format!("settings: {{ {settings} }}")), (None, Some(0)), "{settings}");
    }
}

/// S3.22: what contradicts itself, is misspelled or means nothing here is told.
#[test]
fn s3_22_settings_that_are_not_understood_are_told() {
    check(
        "
name: w
checkpoints: { every: step }
limits: { max_rollback_steps: 3 }
settings:
  auto_checkpont: true
  auto_checkpoint: yes
  checkpoint_interval: soon
  max_checkpoints: 0
  max_rollback_steps: 4
  lazy_load_agents: true
steps: [{ name: A, wait: 1s }]
",
        expect![[r#"
            error[GP0103] 6:3: `settings` has no key `auto_checkpont`
              hint: did you mean `auto_checkpoint`?
            error[GP0104] 7:20: `auto_checkpoint` must be `true` or `false`, but is a text
            error[GP0105] 9:3: the settings say what `checkpoints` says, too: keep one of them
            error[GP0105] 10:23: the settings say what `max_rollback_steps` says, too: keep one of them
            warning[GP0103] 11:3: the setting `lazy_load_agents` has no effect yet
              hint: take it away, so that nobody relies on it
        "#]],
    );
    check(
        "
name: w
max_rollback_steps: 3
settings:
  max_checkpoints: 5
  max_checkpoints_per_session: 9
  enable_rollback: true
  rollback_enabled: false
  max_rollback_steps: 3
steps: [{ name: A, wait: 1s }]
",
        expect![[r#"
            error[GP0105] 6:32: `max_checkpoints_per_session` says otherwise than `max_checkpoints` in line 5
              hint: both mean the same: keep one of them
            error[GP0105] 8:21: `rollback_enabled` says otherwise than `enable_rollback` in line 7
              hint: both mean the same: keep one of them
        "#]],
    );
    check(
        "name: w\nsettings: all\nsteps: [{ name: A, wait: 1s }]\n",
        expect![[r#"
        error[GP0104] 2:11: `settings` is an object, but this is a text
    "#]],
    );
    check(
        "name: w\nsettings: { checkpoint_interval: soon, max_checkpoints: 0 }\nsteps: [{ name: A, wait: 1s }]\n",
        expect![[r#"
            error[GP0123] 2:34: `every` must be a length of time such as `30s`, `1h30m` or a number of milliseconds
        "#]],
    );
}

/// A number that cannot be is refused with what may be, under the key it was written for.
#[test]
fn a_number_that_cannot_be_says_what_may_be() {
    check(
        "name: a\ninitial: A\nlimits: { max_steps: -1, max_cost_usd: -0.5 }\nconcurrency: { runs: 0 }\nstates:\n  A: { agent: w, prompt: x, retry: -1, for_each: [1], concurrency: 2.5, onDone: B }\n  B: { agent: w, prompt: x, retry: often, onDone: C }\n  C: { agent: w, prompt: x, retry: { max_attempts: 0, backoff: -2 }, onDone: D }\n  D: { type: final }\n",
        expect![[r#"
            error[GP0104] 3:22: `max_steps` must be a whole number of at least 1, but is -1
            error[GP0104] 3:40: `max_cost_usd` must be a number of at least 0, but is -0.5
            error[GP0104] 4:22: `runs` must be a whole number of at least 1, but is 0
            error[GP0104] 6:36: `retry` must be how often the work is tried in all, 1 or more, or an object, but is -1
              hint: write `retry: 3`, or `retry: { max_attempts: 3, delay: 2s, backoff: 2 }`; without it the work is tried once
            error[GP0104] 6:68: `concurrency` must be a whole number of at least 1, but is 2.5
            error[GP0104] 7:36: `retry` must be how often the work is tried in all, 1 or more, or an object
              hint: write `retry: 3`, or `retry: { max_attempts: 3, delay: 2s, backoff: 2 }`; without it the work is tried once
            error[GP0104] 8:52: `max_attempts` must be a whole number of at least 1, but is 0
            error[GP0104] 8:64: `backoff` must be a number of at least 0, but is -2
        "#]],
    );
}

#[test]
fn work_whose_end_leads_to_itself_is_told() {
    check(
        "
name: w
initial: A
states:
  A: { agent: w, prompt: hi, onDone: B, onError: A }
  B: { task: t, onDone: { target: C }, onError: { target: B, reenter: true } }
  C: { type: final }
",
        expect![[r#"
            warning[GP0116] 5:50: the end of the work of `A` leads to `A` itself, which does not begin it again
              hint: `reenter: true` does the work again; `retry` tries again what failed
        "#]],
    );
    check(
        "name: w\ntype: parallel\nstates: {}\n",
        expect![[r#"
        error[GP0108] 1:1: the workflow has no states
    "#]],
    );
}

#[test]
fn what_is_meant_is_told_only_if_something_is() {
    check(
        "name: w\ninitial: A\nstates:\n  A: { initial: B, states: { B: { on: { go: '.' } } } }\n",
        expect![[r#"
            error[GP0102] 4:45: state `A.B` has the target `.`, which does not exist
        "#]],
    );
}
