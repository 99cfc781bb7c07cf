//! A run's data stays within its bound, whatever would make it grow.

use guidepost_core::id::{Branch, Visit};
use guidepost_core::input::{By, Event, Input, Start, WorkDone};
use guidepost_core::kernel::{Decision, Rejected, decide};
use guidepost_core::limits::DATA_BYTES_MAX;
use guidepost_core::machine::{Machine, WorkKind};
use guidepost_core::record::{Compensating, Compensation};
use guidepost_core::run::{Driver, Run};
use guidepost_core::time::Timestamp;
use guidepost_core::workflow::compile;
use serde_json::{Map, Value as Json};

/// An event that keeps a text and moves on, one that keeps it and stays, and work whose end moves nothing.
const GROWING: &str = "
name: growing
attributes: { old: string, new: string }
events: { go: { data: { new: string } }, stay: { data: { new: string } } }
initial: a
states:
  a:
    agent: writer
    prompt: Write.
    output: [new]
    on:
      go: { target: b, actions: [ { assign: { new: event.new } } ] }
      stay: { actions: [ { assign: { new: event.new } } ] }
  b: {}
";

fn machine() -> Machine {
    let compiled = compile(GROWING.as_bytes(), "growing.yaml");
    compiled.machine.unwrap_or_else(|| panic!("{:?}", compiled.diagnostics))
}

fn text(name: &str, bytes: usize) -> Map<String, Json> {
    Map::from_iter([(name.to_owned(), Json::from("x".repeat(bytes)))])
}

fn start(machine: &Machine, bytes: usize) -> Result<Decision, Rejected> {
    let (driver, by, at) = (Driver::Agent, By::default(), Timestamp(1));
    decide(
        machine,
        &Run::default(),
        &Input::Start(Start { driver, data: text("old", bytes), by, at }),
    )
}

/// All there is to say `new` with.
fn inputs(bytes: usize) -> [Input; 4] {
    let event = |name: &str| {
        let (name, data, evidence) = (name.into(), text("new", bytes), vec![]);
        Input::Event(Event { name, data, rev: None, evidence, by: By::default(), at: Timestamp(2) })
    };
    let done = WorkDone {
        state: "a".into(),
        visit: None,
        branch: Branch::WHOLE,
        output: text("new", bytes),
        rev: None,
        evidence: vec![],
        by: By::default(),
        at: Timestamp(2),
    };
    [event("go"), event("stay"), event("done"), Input::WorkDone(done)]
}

#[test]
fn a_run_does_not_start_with_too_much() {
    let machine = machine();
    assert_eq!(start(&machine, DATA_BYTES_MAX), Err(Rejected::TooMuchData));
    assert!(start(&machine, DATA_BYTES_MAX - 100).is_ok());
}

#[test]
fn nothing_makes_a_run_outgrow_its_bound() {
    let machine = machine();
    let mut run = Run::default();
    run.apply_all(&start(&machine, DATA_BYTES_MAX - 1_000).unwrap().records).unwrap();
    for input in inputs(2_000) {
        assert_eq!(decide(&machine, &run, &input), Err(Rejected::TooMuchData), "{input:?}");
    }
    for input in inputs(500) {
        let mut run = run.clone();
        run.apply_all(&decide(&machine, &run, &input).unwrap().records).unwrap();
        assert!(run.data.weight() <= DATA_BYTES_MAX as u64);
        assert!(run.data.get("new").is_some(), "{input:?}");
    }
}

/// What is to be made good stands in one record; the state that is stored at each step does not hold it again.
#[test]
fn however_much_is_made_good_the_state_stays_small() {
    let row = |pieces: u64| {
        let piece = |visit: u64| Compensation {
            state: "a".into(),
            visit: Visit(visit),
            branch: Branch::WHOLE,
            kind: WorkKind::Task,
            name: Some("undo".to_owned()),
            prompt: Some("x".repeat(100)),
            spec: Json::Null,
            retry: None,
            timeout: None,
        };
        let work = (1..=pieces).map(piece).collect();
        let (by, at) = (String::new(), Timestamp(2));
        let mut run = Run::default();
        run.apply(&Compensating { work, cancels: true, by, note: None, at }.into()).unwrap();
        assert_eq!(run.undoing.as_ref().unwrap().left().len() as u64, pieces);
        serde_json::to_string(&run).unwrap().len()
    };
    assert_eq!(row(1_000), row(1));
}
