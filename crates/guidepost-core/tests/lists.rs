//! Lists of steps that branch, do steps at once and try again (S4.17), and what the settings of a flow say about steps
//! (S3.12, S3.22).

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::fmt::Write as _;

use expect_test::{Expect, expect};
use guidepost_core::machine::expr::Scope;
use guidepost_core::machine::{Machine, State};
use guidepost_core::record::Record;
use guidepost_core::run::{Driver, Status};
use guidepost_core::simulator::{Simulator, Step};
use guidepost_core::time::Timestamp;
use guidepost_core::workflow::{compile, print};
use serde_json::{Map, Value as Json, json};

#[track_caller]
fn check(text: &str, expected: Expect) {
    let mut out = String::new();
    for found in &compile(text.as_bytes(), "test.yaml").diagnostics {
        let severity = if found.is_error() { "error" } else { "warning" };
        let _ = writeln!(out, "{severity}[{}] {}: {}", found.code, found.at, found.message);
        if let Some(hint) = &found.hint {
            let _ = writeln!(out, "  hint: {hint}");
        }
    }
    expected.assert_eq(&out);
}

#[track_caller]
fn machine(text: &str) -> Machine {
    let compiled = compile(text.as_bytes(), "test.yaml");
    compiled.machine.unwrap_or_else(|| panic!("{:#?}\n{text}", compiled.diagnostics))
}

/// Compares two definitions by what they mean.
#[track_caller]
fn same(short: &str, long: &str) {
    let (short, long) = (machine(short), machine(long));
    let (left, right) = (print(&short), print(&long));
    assert!(left == right, "{left}\n--- is not ---\n{right}");
    assert_eq!(short.hash, long.hash);
}

/// A run, driven by hand.
struct Walk {
    run: Simulator,
    /// Every state that was ever entered, in order.
    entered: Vec<String>,
}

impl Walk {
    fn of(text: &str, data: Json) -> Self {
        let mut run = Simulator::new(machine(text), Timestamp(0));
        let data = data.as_object().cloned().unwrap_or_default();
        let step = run.start(Driver::Engine, data).unwrap();
        let mut walk = Self { run, entered: Vec::new() };
        walk.note(&step);
        walk
    }

    fn note(&mut self, step: &Step) {
        for record in &step.records {
            if let Record::Transitioned(step) = record {
                self.entered.extend(step.entered.iter().map(ToString::to_string));
            }
        }
    }

    fn state(&self, path: &str) -> &State {
        self.run.machine.state(self.run.machine.find(path).unwrap_or_else(|| panic!("{path}")))
    }

    /// The work of a state gives something.
    fn gives(&mut self, state: &str, what: Json) -> &mut Self {
        let name = self.state(state).output.first().map_or("result".into(), ToString::to_string);
        let step = self.run.done(state, Map::from_iter([(name, what)])).unwrap();
        self.note(&step);
        self
    }

    fn fails(&mut self, state: &str) -> &mut Self {
        let step = self.run.failed(state, "no paper").unwrap();
        self.note(&step);
        self
    }

    fn is_sent(&mut self, event: &str) -> &mut Self {
        let step = self.run.send(event, Map::new(), None).unwrap();
        self.note(&step);
        self
    }

    fn at(&self) -> Vec<String> {
        self.run.leaves().iter().map(ToString::to_string).collect()
    }

    fn is_completed(&self) -> bool {
        self.run.run.status == Status::Completed
    }

    fn data(&self, name: &str) -> Json {
        let value = self.run.run.data.get(name);
        value.map_or(Json::Null, |value| serde_json::to_value(value).unwrap())
    }

    /// What the agent of a state is told now.
    fn prompt(&self, state: &str) -> String {
        let prompt = self.state(state).work.as_ref().unwrap().prompt.as_ref().unwrap();
        let data = self.run.run.data.clone();
        let scope = Scope { data, event: minijinja::Value::UNDEFINED, active: [].into() };
        prompt.render(&scope).unwrap()
    }
}

const BRANCHING: &str = "
name: w
attributes: { kind: { type: string }, log: { type: string, is_array: true } }
steps:
  - { name: Vip, agentId: a, input: x, when: kind == 'vip', entry: { append: { log: '\"Vip\"' } } }
  - { name: Sort, agentId: b, input: y }
  - { name: Long, agentId: c, when: previous | length > 3, entry: { append: { log: '\"Long\"' } } }
  - { name: Short, agentId: d, when: previous | length < 3 }
  - { name: Last, agentId: e, when: kind == 'vip' }
";

/// S4.17 b: a step whose condition does not hold when its turn comes is passed over: it is not entered, so nothing of it is
/// done. Several may be passed over in a row, the first and the last one too.
#[test]
fn s4_17_a_step_whose_condition_does_not_hold_is_passed_over() {
    let mut plain = Walk::of(BRANCHING, json!({ "kind": "new" }));
    assert_eq!(plain.at(), ["Sort"]);
    plain.gives("Sort", json!("abc"));
    assert!(plain.is_completed());
    assert_eq!(plain.entered, ["Begin", "Sort", "Done"]);
    assert_eq!(plain.data("log"), Json::Null);

    let mut vip = Walk::of(BRANCHING, json!({ "kind": "vip" }));
    vip.gives("Vip", json!("v")).gives("Sort", json!("abcd")).gives("Long", json!("l"));
    assert_eq!(vip.at(), ["Short"], "what the step before gave decides");
    vip.gives("Short", json!("s")).gives("Last", json!("t"));
    assert_eq!(vip.entered, ["Begin", "Vip", "Sort", "Long", "Short", "Last", "Done"]);
    assert_eq!(vip.data("log"), json!(["Vip", "Long"]));
}

/// S4.17 b: what leads to a step chooses between it and those after it, so the chart and the history show what happens.
#[test]
fn s4_17_a_condition_is_a_guard_of_what_leads_to_the_step() {
    same(
        "
name: w
sections:
  - { name: One, when: 1 > 2, steps: [{ task: a, name: A, when: { type: not, guards: [g] } }, B] }
  - { name: Two, steps: [{ wait: 1s, name: C }, { name: D, task: d, when: g }, { name: E, task: e, when: 2 > 1 }] }
guards: { g: 3 > 4 }
",
        "
name: w
guards: { g: 3 > 4 }
states:
  Begin: { always: [{ target: One, guard: 1 > 2 }, { target: Two }] }
  One:
    section: true
    onDone: Two
    states:
      Begin: { always: [{ target: A, guard: { type: not, guards: [g] } }, { target: B }] }
      A: { task: a, onDone: B }
      B: { on: { done: Done } }
      Done: { type: final }
  Two:
    section: true
    onDone: Done
    states:
      C: { wait: 1s, onDone: [{ target: D, guard: g }, { target: E, guard: 2 > 1 }, { target: Done }] }
      D: { task: d, onDone: [{ target: E, guard: 2 > 1 }, { target: Done }] }
      E: { task: e, onDone: Done }
      Done: { type: final }
  Done: { type: final }
",
    );
}

/// S4.17 b: a step may lead to others by name, whatever their conditions are; where none of its own ways is open, the list
/// goes on.
#[test]
fn s4_17_a_step_may_lead_to_another_by_name() {
    let text = "
name: w
steps:
  - name: Ask
    agentId: a
    input: x
    onDone: [{ target: Far, guard: previous == 'far' }, { target: Ask, reenter: true, guard: previous == 'again' }]
  - { name: Near, agentId: b, onDone: Done }
  - { name: Far, agentId: c, when: 1 > 2 }
";
    let mut far = Walk::of(text, json!({}));
    far.gives("Ask", json!("again")).gives("Ask", json!("far"));
    assert_eq!(far.at(), ["Far"], "who is named is entered");
    let mut near = Walk::of(text, json!({}));
    near.gives("Ask", json!("else"));
    assert_eq!(near.at(), ["Near"]);
}

#[test]
fn s4_17_what_is_wrong_with_a_condition_is_told_at_its_place() {
    check(
        "
name: w
steps:
  - { name: A, task: a, when: 5 }
  - { name: B, task: b, when: nobody > 3 }
  - { name: C, task: c, when: '1 +' }
  - { name: D, task: d, wen: 1 > 2 }
states_: {}
",
        expect![[r#"
            warning[GP0112] 4:13: this transition of `Begin` is never taken: the one before it always is
              hint: give the earlier one a guard, or remove one of them
            warning[GP0112] 4:13: this transition of `A` is never taken: the one before it always is
              hint: give the earlier one a guard, or remove one of them
            error[GP0104] 4:31: `when` must be an expression, the name of a guard or an object, but is a number
            warning[GP0112] 5:13: this transition of `B` is never taken: the one before it always is
              hint: give the earlier one a guard, or remove one of them
            error[GP0115] 5:31: the name `nobody` is unknown here
              hint: declare it under `attributes`, or write `event.nobody` if the event carries it
            error[GP0114] 6:34: the expression cannot be used: unexpected end of input, expected expression
            error[GP0103] 7:25: a state has no key `wen`
            error[GP0103] 8:1: a workflow has no key `states_`
              hint: did you mean `states`?
        "#]],
    );
    // Every step names all that follow it: what grows like that is bounded.
    let steps: Vec<String> =
        (0..2_000).map(|n| format!("{{ name: s{n}, task: t, when: 1 > 2 }}")).collect();
    let compiled = compile(format!("name: w\nsteps: [{}]", steps.join(", ")).as_bytes(), "w.yaml");
    assert!(compiled.machine.is_none());
    assert!(compiled.diagnostics[0].message.starts_with("too many steps with `when`"));
}

const AT_ONCE: &str = "
name: w
steps:
  - { name: Ask, agentId: a, input: x }
  - name: Both
    parallel:
      - { name: News, agentId: b }
      - [{ agentId: c, input: 'on {{ previous }}' }, { agentId: d, when: previous == 'c' }]
  - { name: Sum, agentId: e, when: previous | length == 2 }
";

/// S4.17 c: the steps of `parallel` go on at once, each list in its own order and with its own `previous`; what follows gets
/// what each of them gave.
#[test]
fn s4_17_parallel_steps_go_on_at_once_and_their_results_are_a_list() {
    let mut walk = Walk::of(AT_ONCE, json!({}));
    walk.gives("Ask", json!("start"));
    let (news, first) = ("Both.region-1.News", "Both.region-2.Both-2-1");
    assert!(walk.at().contains(&news.to_owned()) && walk.at().contains(&first.to_owned()));
    assert_eq!((walk.prompt(news), walk.prompt(first)), ("start".into(), "on start".into()));
    walk.gives(first, json!("c"));
    let second = "Both.region-2.Both-2-2";
    assert_eq!((walk.prompt(news), walk.prompt(second)), ("start".into(), "c".into()));
    walk.gives(news, json!({ "n": 1 })).gives(second, json!("d"));
    assert_eq!((walk.at(), walk.data("previous")), (vec!["Sum".into()], json!([{ "n": 1 }, "d"])));
    assert!(walk.entered.contains(&"Both-joined".to_owned()), "{:?}", walk.entered);
    // Where a step is passed over, its list hands on what it has.
    let mut other = Walk::of(AT_ONCE, json!({}));
    other.gives("Ask", json!("start")).gives(first, json!("x")).gives(news, json!("n"));
    assert_eq!((other.at(), other.data("previous")), (vec!["Sum".into()], json!(["n", "x"])));
}

/// S4.17 c: in a list that is passed over as a whole, and in a parallel step inside another.
#[test]
fn s4_17_parallel_steps_may_be_passed_over_and_stand_in_each_other() {
    let text = "
name: w
attributes: { previous_1: { type: string } }
steps:
  - { agentId: a, input: x }
  - parallel:
      - { agentId: b, when: previous == 'never' }
      - { task: c, name: C }
      - [{ agentId: d }, { parallel: [{ agentId: e }, [{ agentId: f }, { agentId: g }]] }, { agentId: h }]
";
    let mut walk = Walk::of(text, json!({}));
    walk.gives("step-1", json!("one"));
    walk.gives("step-2.region-2.C", json!("not kept"));
    let third = "step-2.region-3";
    walk.gives(&format!("{third}.step-2-3-1"), json!("d"));
    let inner = format!("{third}.step-2-3-2");
    walk.gives(&format!("{inner}.region-1.step-2-3-2-1"), json!("e"));
    walk.gives(&format!("{inner}.region-2.step-2-3-2-2-1"), json!("f"));
    walk.gives(&format!("{inner}.region-2.step-2-3-2-2-2"), json!("g"));
    assert_eq!(walk.data("previous"), json!("one"), "what stands outside waits for all");
    walk.gives(&format!("{third}.step-2-3-3"), json!("h"));
    assert!(walk.is_completed());
    assert_eq!(walk.data("previous"), json!(["one", null, "h"]));
    assert_eq!(walk.data("previous_3"), json!("h"), "{:?}", walk.run.machine.attributes.keys());
    assert_eq!(walk.data("previous_1"), Json::Null, "the author's own");
}

#[test]
fn s4_17_what_is_wrong_with_parallel_steps_is_told_at_its_place() {
    check(
        "
name: w
attributes: { previous: string }
steps:
  - { name: A, parallel: [] }
  - { name: B, parallel: { x: 1 } }
  - { name: C, parallel: [{ agentId: a, timout: 1s }, 7, [D, D]], type: final }
  - { name: E, parallel: [{ agentId: a, timout: 1s }, 7, [D, D]] }
  - { name: F, parallel: [{ task: x }], steps: [y] }
",
        expect![[r#"
            error[GP0121] 3:25: a step with `parallel` gives a list as `previous`, which is declared as something else
            error[GP0104] 5:26: `parallel` is a list of at least one step
            error[GP0104] 6:26: `parallel` is a list of steps, but is an object
            error[GP0124] 7:67: a step with `parallel` has no `type`
            error[GP0103] 8:41: a state has no key `timout`
              hint: did you mean `timeout`?
            error[GP0104] 8:55: `state` must be an object, but is a number
            error[GP0105] 8:62: the name `D` is given to two steps
            error[GP0124] 9:41: a step with `parallel` has no `steps`
        "#]],
    );
}

/// S4.17 c, S3.12: `parallel_execution` has the plain steps that stand beside each other done at once.
#[test]
fn s3_12_parallel_execution_does_plain_steps_at_once() {
    same(
        "
name: w
performance_config: { parallel_execution: true }
steps: [{ agentId: a, input: x }, { agentId: b, input: y, name: B }, { task: t }, { agentId: c, input: z }]
",
        "
name: w
steps:
  - { name: Together, parallel: [{ name: step-1, agentId: a, input: x }, { name: B, agentId: b, input: y }] }
  - { name: step-3, task: t }
  - { name: step-4, agentId: c, input: z }
",
    );
    check(
        "name: w\nsettings: { parallel_execution: true }\nsteps: [{ task: a }]\n",
        expect![[r#"
            warning[GP0124] 2:13: `parallel_execution` has no effect: no plain steps stand beside each other
              hint: a plain step is one with `agentId`, in a list of `steps:`
        "#]],
    );
    check("name: w\nsettings: { parallel_execution: false }\nsteps: [{ task: a }]\n", expect![""]);
}

/// S4.17 d: `retry`, `timeout` and `onError` of a plain step are those of any other.
#[test]
fn s4_17_plain_steps_are_tried_again_and_may_fail_elsewhere() {
    let text = "
name: w
steps:
  - { agentId: a, input: x, retry: { max_attempts: 3, delay: 1s }, timeout: 1m, onError: Sorry }
  - { agentId: b }
  - { name: Sorry, agentId: c, input: It failed. }
";
    let mut walk = Walk::of(text, json!({}));
    let work = walk.run.machine.states[1].work.as_ref().unwrap();
    assert_eq!(work.retry.as_ref().map(|retry| retry.max_attempts), Some(3));
    assert_eq!(work.timeout.map(|timeout| timeout.to_string()).as_deref(), Some("1m"));
    walk.fails("step-1");
    assert_eq!(walk.at(), ["Sorry"]);
}

/// S3.12, S3.22: defaults reach all work that says nothing itself, wherever it stands, and nothing else.
#[test]
fn s3_22_settings_give_work_what_it_does_not_say() {
    let states = |retry: &str, both: &str, ask: &str| {
        format!(
            "
states:
  A: {{ agent: a{both}, onDone: B }}
  B:
    onDone: C
    states:
      In: {{ tool: {{ name: t, timeout: 5s }}{retry}, onDone: End }}
      End: {{ type: final }}
  C:
    type: parallel
    onDone: D
    states:
      One: {{ states: {{ R: {{ run: child{both}, onDone: End }}, End: {{ type: final }} }} }}
      Two: {{ states: {{ W: {{ wait: 1s, onDone: End }}, End: {{ type: final }} }} }}
  D: {{ exec: [ls], retry: 2, timeout: 1s, onDone: Q }}
  Q: {{ ask: 'Well?'{ask}, onDone: Z, onError: Z }}
  Z: {{ type: final }}
"
        )
    };
    let retry = ", retry: { max_attempts: 4, delay: 2s, backoff: 1 }";
    let own = format!(
        "name: w\nlimits: {{ max_duration: 1h }}{}",
        states(retry, &format!("{retry}, timeout: 60s"), ", expires: 10m")
    );
    for settings in [
        "settings: { max_retries: 3, retry_delay: 2.0, step_timeout: 60, interaction_timeout: 600, max_workflow_duration: 3600 }",
        "settings: { interaction_timeout: 10m }\nerror_config: { max_retries: 3, retry_delay: 2s }\nperformance_config: { step_timeout: 60.0, max_workflow_duration: 1h, resource_monitoring: true, parallel_execution: false }",
        "max_retries: 3\nretry_delay: 2\nstep_timeout: 60\ninteraction_timeout: 600\nmax_workflow_duration: 60m",
    ] {
        same(&format!("name: w\n{settings}{}", states("", "", "")), &own);
    }
    let none = "name: w\nsettings: { max_retries: 0, allow_step_skipping: false, allow_early_termination: false, resume_on_failure: true, persist_state: true }";
    same(&format!("{none}{}", states("", "", "")), &format!("name: w{}", states("", "", "")));
    same(
        "name: w\nsettings: { max_retries: 1 }\nsteps: [{ task: t }]",
        "name: w\nsteps: [{ task: t, retry: 2 }]",
    );
}

/// S3.22: where steps may be skipped, `skip` leads where the end of the step leads; where a run may end early, `end_early`
/// leads to its end from anywhere.
#[test]
fn s3_22_steps_may_be_skipped_and_runs_ended_early() {
    same(
        "
name: w
settings: { allow_step_skipping: true, allow_early_termination: true }
steps:
  - { name: A, task: a }
  - { name: B, when: 1 > 2 }
  - { name: C, on: { skip: A, x: Done } }
  - { name: D, task: d, onDone: A }
",
        "
name: w
on: { end_early: Done }
states:
  A: { task: a, onDone: [{ target: B, guard: 1 > 2 }, { target: C }], on: { skip: [{ target: B, guard: 1 > 2 }, { target: C }] } }
  B: { on: { done: C, skip: C } }
  C: { on: { skip: A, x: Done } }
  D: { task: d, onDone: A, on: { skip: A } }
  Done: { type: final }
",
    );
    let text = "
name: w
settings: { allow_step_skipping: true, allow_early_termination: true }
steps: [{ name: A, agentId: a, input: x }, { name: P, parallel: [{ agentId: b }, [{ agentId: c }, { agentId: d }]] }]
";
    let mut walk = Walk::of(text, json!({}));
    walk.is_sent("skip");
    assert!(walk.at().contains(&"P.region-2.P-2-1".to_owned()));
    walk.is_sent("skip");
    assert!(walk.at().contains(&"P.region-1.Done".to_owned()), "{:?}", walk.at());
    assert!(walk.at().contains(&"P.region-2.P-2-2".to_owned()), "{:?}", walk.at());
    walk.is_sent("end_early");
    assert!(walk.is_completed());
}

/// S3.12, S3.22: what contradicts itself or our own keys, is misspelled, or does nothing is told where it stands.
#[test]
fn s3_22_settings_about_steps_that_are_not_understood_are_told() {
    check(
        "
name: w
limits: { max_duration: 2h }
settings:
  max_retries: -1
  retry_delay: soon
  step_timeout: true
  max_workflow_duration: 3600
  resume_on_failure: false
  persist_state: no
  allow_early_termination: true
  encrypt_sensitive_data: true
performance_config: { step_timeout: 5, paralel_execution: true, resource_monitoring: false }
error_config: { fallback_responses: { agent_error: Sorry. }, auto_recovery: true, step_timeout: 6 }
states: { A: { task: t } }
",
        expect![[r#"
            error[GP0104] 5:16: `max_retries` must be a whole number of at least 0
            error[GP0123] 6:16: `retry_delay` must be a number of seconds, or a length of time such as `10m`
            error[GP0123] 7:17: `step_timeout` must be a number of seconds, or a length of time such as `10m`
            error[GP0105] 8:26: the settings say what `max_duration` says, too: keep one of them
            warning[GP0103] 9:22: `resume_on_failure` cannot be switched off
              hint: a failed run can always be taken back to where it may be tried again, by `guidepost rollback` or `guidepost steps retry`; it never goes on by itself
            error[GP0104] 10:18: `persist_state` must be `true` or `false`, but is a text
            warning[GP0124] 11:3: no run ends early: the workflow has no final state that it could lead to
              hint: add a state with `type: final` beside the others
            warning[GP0103] 12:3: the setting `encrypt_sensitive_data` has no effect yet
              hint: take it away, so that nobody relies on it
            error[GP0105] 13:37: `step_timeout` says otherwise than `step_timeout` in line 7
              hint: both mean the same: keep one of them
            error[GP0103] 13:40: `performance_config` has no key `paralel_execution`
              hint: did you mean `parallel_execution`?
            warning[GP0103] 13:86: `resource_monitoring` cannot be switched off
              hint: what a run takes of time, tokens and money is counted wherever it is told
            warning[GP0103] 14:17: the setting `fallback_responses` has no effect yet
              hint: take it away, so that nobody relies on it
            warning[GP0103] 14:62: the setting `auto_recovery` has no effect yet
              hint: take it away, so that nobody relies on it
            error[GP0105] 14:97: `step_timeout` says otherwise than `step_timeout` in line 7
              hint: both mean the same: keep one of them
        "#]],
    );
    check(
        "name: w\nretry_delay: 2\nsteps: [{ task: t }]\n",
        expect![[r#"
        warning[GP0103] 2:14: `retry_delay` has no effect without `max_retries`
          hint: say by `max_retries` how often work is tried again
    "#]],
    );
}

/// S4.17 c, S3.22: one of several steps that is skipped takes nothing away from what the others gave.
#[test]
fn s4_17_a_skipped_step_among_several_leaves_the_others_results() {
    let mut walk = Walk::of(
        "
name: w
settings: { allow_step_skipping: true }
steps:
  - { name: Z, agentId: z, input: x }
  - { name: P, parallel: [{ name: A, agentId: a }, { name: B, agentId: b }] }
  - { name: C, agentId: c }
",
        json!({}),
    );
    walk.gives("Z", json!("zz")).gives("P.region-1.A", json!("aa")).is_sent("skip");
    assert_eq!(walk.data("previous"), json!(["aa", "zz"]));
}

/// S4.17 c: what the steps inside a step of a region give stays in the region until all are done.
#[test]
fn s4_17_steps_within_a_step_of_a_region_hand_on_their_own() {
    let mut walk = Walk::of(
        "
name: w
steps:
  - { name: Z, agentId: z, input: x }
  - name: P
    parallel:
      - { name: X, steps: [{ name: A, agentId: a }, { name: B, agentId: b }] }
      - { name: Y, agentId: y }
",
        json!({}),
    );
    walk.gives("Z", json!("zz")).gives("P.region-1.X.A", json!("aa"));
    assert_eq!(walk.data("previous"), json!("zz"));
    walk.gives("P.region-1.X.B", json!("bb")).gives("P.region-2.Y", json!("yy"));
    assert_eq!(walk.data("previous"), json!(["bb", "yy"]));
}

#[test]
fn s4_17_a_list_without_steps_among_several_is_refused() {
    check(
        "name: w\nsteps:\n  - { name: A, parallel: [[], { agentId: a }] }\n",
        expect![[r#"
            error[GP0104] 3:27: a list of steps that are done at once with others has at least one step
        "#]],
    );
}
