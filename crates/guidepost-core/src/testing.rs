//! The scenario format for tests of workflows (feature `testing`): a workflow, `---`, and one line per input.
//!
//! ```text
//! start {"budget": 5}          begins the run; `start engine …` with the engine as driver
//! send Scored {"score": 80}    sends an event; `send@3 …` looking at rev 3
//! done Draft {"text": "…"}     ends a state's work well
//! failed Draft out of ink      ends it badly, with a reason
//! attempt Draft out of ink     one try at it failed; `Draft[2]` is its second branch, here and in the two lines above
//! wait 10s                     lets time pass
//! action tool_execution crm    puts an action on record; `observed tool_execution crm` one that was seen
//! guard isRich true            binds a guard that has no definition
//! pause, resume, cancel
//! rollback 4                   goes back to what was at rev 4
//! ```
//!
//! [`play`] answers each line with what it led to. Each scenario is also a test that the history folds to the live state
//! and that a refused input changes nothing.

use std::fmt::Write as _;

use serde_json::{Map, Value as Json};

use crate::diagnostic::Diagnostic;
use crate::effect::Effect;
use crate::id::{Branch, Rev};
use crate::input::Control;
use crate::machine::Machine;
use crate::record::Record;
use crate::recorded::{Action, FactBody};
use crate::run::{Driver, Run};
use crate::simulator::{Failure, Simulator, Step};
use crate::time::Timestamp;
use crate::workflow::compile;

/// Plays a scenario and tells what each line led to.
///
/// # Panics
///
/// If the workflow does not compile, a line cannot be read, or an invariant of the kernel is broken.
#[must_use]
pub fn play(scenario: &str) -> String {
    let (definition, script) =
        scenario.split_once("\n---\n").expect("a workflow, `---`, and a script");
    let mut simulator = Simulator::new(machine(definition), Timestamp(0));
    let mut story = String::new();
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let before = simulator.run.clone();
        let outcome = match play_line(&mut simulator, line) {
            Ok(step) => told(&simulator, &step),
            Err(Failure::Rejected(rejected)) => {
                assert_eq!(before, simulator.run, "a refused input changed the run: {line}");
                format!("rejected: {rejected}")
            }
            Err(Failure::Unfoldable(unfoldable)) => panic!("{line}: {unfoldable}"),
        };
        assert_legal_configuration(&simulator, line);
        writeln!(story, "{line} -> {outcome}").expect("a string takes everything");
    }
    assert_folds(&simulator);
    story
}

/// Compiles a definition that must have no errors.
///
/// # Panics
///
/// If it has.
#[must_use]
pub fn machine(definition: &str) -> Machine {
    let compiled = compile(definition.as_bytes(), "scenario.yaml");
    let errors: Vec<&Diagnostic> = compiled.diagnostics.iter().filter(|d| d.is_error()).collect();
    match compiled.machine {
        Some(machine) => machine,
        None => panic!("the workflow does not compile: {errors:#?}"),
    }
}

fn play_line(simulator: &mut Simulator, line: &str) -> Result<Step, Failure> {
    let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
    let (name, argument) = rest.split_once(' ').unwrap_or((rest, ""));
    match verb {
        "start" if name == "engine" => simulator.start(Driver::Engine, object(argument)),
        "start" => simulator.start(Driver::Agent, object(rest)),
        "done" => {
            let (state, branch) = branch_of(name);
            simulator.branch_done(&state, branch, object(argument))
        }
        "failed" => {
            let (state, branch) = branch_of(name);
            simulator.branch_failed(&state, branch, argument)
        }
        "attempt" => {
            let (state, branch) = branch_of(name);
            simulator.attempt_failed(&state, branch, argument)
        }
        "wait" => simulator.advance(rest.parse().expect("a span")),
        "pause" => simulator.control(Control::Pause),
        "resume" => simulator.control(Control::Resume),
        "cancel" => simulator.control(Control::Cancel),
        "rollback" => simulator.roll_back(Rev(rest.parse().expect("a rev"))),
        "action" | "observed" => {
            let action = Action {
                action_type: name.to_owned(),
                name: argument.to_owned(),
                ..Action::default()
            };
            simulator.record(FactBody::Action(action), verb == "observed");
            Ok(Step::default())
        }
        "guard" => {
            let answer = argument.parse().expect("`true` or `false`");
            simulator.machine.unbound_guards.insert(name.to_owned(), Some(answer));
            Ok(Step::default())
        }
        "send" => simulator.send(name, object(argument), None),
        other => {
            let rev = other.strip_prefix("send@").unwrap_or_else(|| panic!("no such line: {line}"));
            let rev = Rev(rev.parse().expect("a rev"));
            simulator.send(name, object(argument), Some(rev))
        }
    }
}

/// `Draft`, or a branch of it: `Draft[2]`.
fn branch_of(name: &str) -> (String, Branch) {
    match name.strip_suffix(']').and_then(|rest| rest.split_once('[')) {
        Some((state, branch)) => (state.to_owned(), Branch(branch.parse().expect("a branch"))),
        None => (name.to_owned(), Branch::WHOLE),
    }
}

fn in_brackets(branch: Branch) -> String {
    if branch.is_whole() { String::new() } else { format!("[{branch}]") }
}

fn object(text: &str) -> Map<String, Json> {
    if text.is_empty() {
        return Map::new();
    }
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{text} is no JSON object: {error}"))
}

/// What a line led to: where the run is, what changed, what was asked for, what is legal.
fn told(simulator: &Simulator, step: &Step) -> String {
    let mut parts = Vec::new();
    let leaves: Vec<String> = simulator.leaves().iter().map(ToString::to_string).collect();
    parts.push(format!("in {}", leaves.join(", ")));
    let status = simulator.run.status;
    if status != crate::run::Status::Running {
        parts.push(status.to_string());
    }
    for record in &step.records {
        parts.extend(told_record(record));
    }
    for effect in &step.effects {
        parts.push(match effect {
            Effect::StartWork { state, visit, branch } => {
                format!("work {state}#{visit}{}", in_brackets(*branch))
            }
            Effect::RetryWork { state, visit, branch, at } => {
                let at = crate::time::Span(at.0);
                format!("retry {state}#{visit}{} at {at}", in_brackets(*branch))
            }
            Effect::Compensate { state, visit, branch } => {
                format!("make good {state}#{visit}{}", in_brackets(*branch))
            }
            Effect::RetryCompensation { state, visit, branch, at } => {
                let at = crate::time::Span(at.0);
                format!("make good {state}#{visit}{} again at {at}", in_brackets(*branch))
            }
            Effect::CancelCompensation { state, visit, branch } => {
                format!("cancel making good {state}#{visit}{}", in_brackets(*branch))
            }
            Effect::CancelWork { state, visit } => format!("cancel work {state}#{visit}"),
            Effect::Log { message } => format!("log {message:?}"),
        });
    }
    let legal: Vec<String> = simulator.legal().iter().map(ToString::to_string).collect();
    if !legal.is_empty() {
        parts.push(format!("next: {}", legal.join(", ")));
    }
    parts.join("; ")
}

fn told_record(record: &Record) -> Vec<String> {
    let mut parts = Vec::new();
    let changes =
        match record {
            Record::Started(started) => &started.changes,
            Record::Transitioned(taken) => &taken.changes,
            Record::WorkEnded(ended) => &ended.changes,
            Record::FannedOut(fanned) => {
                parts.push(format!("{} branches", fanned.branches));
                &fanned.changes
            }
            Record::BranchEnded(ended) => {
                let how = if ended.ok { "ended" } else { "failed" };
                parts.push(format!("branch {} {how}", ended.branch));
                &ended.changes
            }
            Record::Restored(restored) => {
                parts.push("restored".to_owned());
                parts.extend(restored.timers.iter().map(|timer| {
                    format!("timer {} in {}", timer.id, timer.due.since(restored.at))
                }));
                &restored.changes
            }
            Record::AttemptFailed(failed) => {
                parts.push(format!("attempt {} failed", failed.attempt));
                return parts;
            }
            Record::Completed(completed) if !completed.output.is_null() => {
                parts.push(format!("output {}", completed.output));
                return parts;
            }
            Record::Paused(paused) if !paused.detail.is_empty() => {
                parts.push(format!("{}: {}", paused.reason.as_str(), paused.detail));
                return parts;
            }
            Record::Completed(_)
            | Record::Paused(_)
            | Record::TimerFired(_)
            | Record::Placed(_)
            | Record::Resumed(_)
            | Record::Failed(_)
            | Record::Cancelled(_)
            | Record::Compensating(_)
            | Record::Compensated(_) => return parts,
        };
    for change in changes {
        parts.push(match change {
            crate::data::Change::Set(path, value) => format!("{path} = {value}"),
            crate::data::Change::Unset(path) => format!("{path} unset"),
            crate::data::Change::Append(path, values) => {
                format!("{path} += {}", Json::from(values.clone()))
            }
        });
    }
    if let Record::Transitioned(taken) = record {
        parts.extend(
            taken
                .timers
                .iter()
                .map(|timer| format!("timer {} in {}", timer.id, timer.due.since(taken.at))),
        );
        parts.extend(taken.problems.iter().map(|problem| format!("problem: {problem}")));
    }
    parts
}

/// Exactly one child of each active compound state is active, all regions of each active parallel one, and nothing else.
///
/// # Panics
///
/// If not; `line` tells after which input.
pub fn assert_legal_configuration(simulator: &Simulator, line: &str) {
    use crate::machine::StateKind;

    let (machine, run) = (&simulator.machine, &simulator.run);
    if run.rev == Rev(0) {
        return;
    }
    let is_active = |ix: u32| ix == Machine::ROOT || run.active.contains_key(&machine.state(ix).id);
    for (ix, state) in (0..).zip(&machine.states) {
        let children = state.children.iter().filter(|child| is_active(**child)).count();
        let regions = state.children.iter();
        let regions = regions
            .filter(|child| !matches!(machine.state(**child).kind, StateKind::History { .. }));
        let expected = match state.kind {
            _ if !is_active(ix) => 0,
            StateKind::Compound { .. } => 1,
            StateKind::Parallel => regions.count(),
            StateKind::Atomic | StateKind::Final | StateKind::History { .. } => 0,
        };
        assert_eq!(children, expected, "after `{line}`: the active children of `{}`", state.id);
    }
}

/// Folding the history again gives the live state, and so does reading it back from its stored form.
///
/// # Panics
///
/// If not.
pub fn assert_folds(simulator: &Simulator) {
    let mut folded = Run::default();
    for record in &simulator.history {
        let body = record.body().expect("a record is plain data");
        let read = Record::read(record.kind(), &body).expect("a record reads back");
        assert_eq!(&read, record);
        folded.apply(&read).expect("a history folds");
    }
    assert_eq!(folded, simulator.run, "the folded history differs from the live state");
}
