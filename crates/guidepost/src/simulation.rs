//! A run without a store: the kernel alone, with a clock of its own. Pure; `commands/simulate.rs` shows it.

use guidepost_core::effect::Effect;
use guidepost_core::id::{Branch, EventName, StateId};
use guidepost_core::input::{By, Event, Evidence, Input, Start, WorkDone, WorkFailed};
use guidepost_core::kernel::{self, Rejected};
use guidepost_core::machine::Machine;
use guidepost_core::record::{Cause, Record, Transitioned};
use guidepost_core::run::{Driver, Run};
use guidepost_core::schedule::{Schedule, Times};
use guidepost_core::simulator::{self, Failure, Simulator};
use guidepost_core::time::{Span, Timestamp};
use guidepost_server::ops::{Way, timer_in_words};
use serde_json::{Map, Value as Json, json};

use crate::args::{Object, Sent};

/// When every simulation begins: 2026-01-01T00:00:00Z. A fixed instant makes equal commands give equal answers.
const BEGIN: Timestamp = Timestamp(1_767_225_600_000_000_000);

/// Timers that one `--advance` may fire. A year of minutes is half of it; more is a loop somebody did not mean.
const TIMERS_FIRED_MAX: usize = 1_000_000;

/// How many times of a schedule are shown.
const UPCOMING: usize = 3;

/// A run being stepped through.
pub(crate) struct Simulation(Simulator);

/// What one input did.
#[derive(Debug, Default)]
pub(crate) struct Step {
    /// The input, as an object with one key that names it.
    pub(crate) input: Json,
    /// Why it was refused, if it was. Nothing changed then.
    pub(crate) rejected: Option<Rejected>,
    /// The transitions taken, in words.
    pub(crate) taken: Vec<String>,
    /// Lines that the machine's actions logged.
    pub(crate) log: Vec<String>,
    /// What could not be evaluated on the way, and what was taken for granted.
    pub(crate) problems: Vec<String>,
}

impl Step {
    /// Adds what an input did. Says whether it was taken.
    fn tell(&mut self, outcome: Result<simulator::Step, Failure>, machine: &Machine) -> bool {
        let decided = match outcome {
            Ok(decided) => decided,
            Err(Failure::Rejected(rejected)) => {
                self.rejected = Some(rejected);
                return false;
            }
            Err(Failure::Unfoldable(misfit)) => {
                self.problems.push(misfit.to_string());
                return false;
            }
        };
        for record in &decided.records {
            if let Record::Transitioned(moved) = record {
                self.problems.extend(moved.problems.iter().cloned());
            }
            self.taken.extend(taken(record, machine));
        }
        self.log.extend(decided.effects.into_iter().filter_map(|effect| match effect {
            Effect::Log { message } => Some(message),
            Effect::StartWork { .. }
            | Effect::RetryWork { .. }
            | Effect::CancelWork { .. }
            | Effect::Compensate { .. }
            | Effect::RetryCompensation { .. }
            | Effect::CancelCompensation { .. } => None,
        }));
        true
    }
}

/// `Review[2]` is the second branch of the work of `Review`.
fn branch_meant(name: &str) -> (&str, Branch) {
    let branch = name.strip_suffix(']').and_then(|rest| rest.rsplit_once('['));
    match branch.and_then(|(state, number)| Some((state, number.parse().ok()?))) {
        Some((state, number)) => (state, Branch(number)),
        None => (name, Branch::WHOLE),
    }
}

impl Simulation {
    /// A run of this machine that has not begun.
    pub(crate) fn new(mut machine: Machine, inputs: &[Sent]) -> Self {
        // Nobody can define an action by a name here, and taking one does nothing but say so.
        machine.unbound_actions.clear();
        for input in inputs.iter().rev() {
            if let Sent::Guard { name, answer } = input
                && let Some(bound) = machine.unbound_guards.get_mut(name)
            {
                *bound = Some(*answer);
            }
        }
        Self(Simulator::new(machine, BEGIN))
    }

    /// The machine.
    pub(crate) fn machine(&self) -> &Machine {
        &self.0.machine
    }

    /// The run as it stands.
    pub(crate) fn run(&self) -> &Run {
        &self.0.run
    }

    /// Begins the run.
    pub(crate) fn start(&mut self, driver: Driver, data: &Object) -> Step {
        let mut step = Step { input: json!({ "start": data }), ..Step::default() };
        for (name, answer) in &mut self.0.machine.unbound_guards {
            if answer.is_none() {
                *answer = Some(false);
                step.problems.push(format!(
                    "the guard `{name}` has only a name, so it is taken to be false; --guard {name}=true changes that"
                ));
            }
        }
        for (name, attribute) in &mut self.0.machine.attributes {
            if attribute.required
                && attribute.default.is_none()
                && !data.contains_key(name.as_str())
            {
                attribute.required = false;
                step.problems.push(format!(
                    "`{name}` is missing, and a run could not start without it; --input '{{\"{name}\": …}}' gives it"
                ));
            }
        }
        let start = Start { driver, data: data.clone(), by: by(), at: self.0.now };
        self.take(&Input::Start(start), &mut step);
        step
    }

    /// Takes one input; `None` for one that nothing happens by.
    pub(crate) fn send(&mut self, sent: &Sent) -> Option<Step> {
        let mut step = Step { input: shown(sent), ..Step::default() };
        match sent {
            Sent::Event { name, data } => {
                let evidence = self.granted(name, &mut step);
                let name = EventName::from(name.as_str());
                let (data, by, at) = (data.clone(), by(), self.0.now);
                let event = Event { name, data, rev: None, evidence, by, at };
                self.take(&Input::Event(event), &mut step);
            }
            Sent::Done { state, output } => {
                let (state, branch) = branch_meant(state);
                let state = self.state_meant(state);
                let evidence = self.granted(&format!("done.{state}"), &mut step);
                let (output, by, at) = (self.named(&state, output), by(), self.0.now);
                let (visit, rev) = (None, None);
                let done = WorkDone { state, visit, branch, output, rev, evidence, by, at };
                self.take(&Input::WorkDone(done), &mut step);
            }
            Sent::Failed { state, reason } => {
                let (state, branch) = branch_meant(state);
                let state = self.state_meant(state);
                let (reason, by, at) = (reason.clone(), by(), self.0.now);
                let failed = WorkFailed { state, visit: None, branch, reason, rev: None, by, at };
                self.take(&Input::WorkFailed(failed), &mut step);
            }
            Sent::Advance(span) => self.advance(*span, &mut step),
            Sent::Guard { name, answer } => {
                self.0.machine.unbound_guards.insert(name.clone(), Some(*answer));
                return None;
            }
        }
        Some(step)
    }

    /// Lets time pass, firing what comes due, in order, at its due time.
    fn advance(&mut self, span: Span, step: &mut Step) {
        let until = self.0.now.after(span);
        for _ in 0..TIMERS_FIRED_MAX {
            let Some(fired) = self.0.fire_next(until) else {
                self.0.now = until;
                return;
            };
            if !step.tell(fired, &self.0.machine) {
                break;
            }
        }
        step.problems.push(format!("timers did not come to rest; time stopped at {}", self.0.now));
    }

    /// Decides and applies one input.
    fn take(&mut self, input: &Input, step: &mut Step) {
        let decided = self.0.input(input);
        step.tell(decided, &self.0.machine);
    }

    /// The facts an event's transitions require, taken as being on record: a simulation has no record to look into.
    fn granted(&self, event: &str, step: &mut Step) -> Vec<Evidence> {
        let needs = kernel::needs(&self.0.machine, &self.0.run, event);
        let granted = needs.into_iter().map(|(requirement, since)| {
            step.problems.push(format!(
                "{requirement}, which a transition for it requires, is taken to be on record"
            ));
            let count = requirement.min;
            Evidence { requirement, since, count }
        });
        granted.collect()
    }

    /// The outputs of a state by name: a value that is no object is that of the only one. Without one it is its result, and of
    /// several the kernel says what is missing.
    fn named(&self, state: &StateId, output: &Json) -> Object {
        match output {
            Json::Null => Object::new(),
            Json::Object(fields) => fields.clone(),
            value => {
                let ix = self.0.machine.find(state.as_str());
                let name = match ix.map_or(&[][..], |ix| &self.0.machine.state(ix).output) {
                    [name] => name.to_string(),
                    _ => "result".to_owned(),
                };
                Object::from_iter([(name, value.clone())])
            }
        }
    }

    /// The state of this path; else the active state of this name, if there is one only.
    fn state_meant(&self, state: &str) -> StateId {
        if self.0.machine.find(state).is_none() {
            let mut named = self.0.run.active.keys().filter(|active| active.name() == state);
            if let (Some(found), None) = (named.next(), named.next()) {
                return found.clone();
            }
        }
        StateId::from(state)
    }

    /// The time it is.
    pub(crate) fn now(&self) -> Timestamp {
        self.0.now
    }

    /// The workflow's schedules, each with the next few times at which it would begin a run.
    pub(crate) fn upcoming(&self) -> Vec<(&str, &Times, Vec<Timestamp>)> {
        let schedules = self.0.machine.schedules.iter();
        schedules
            .map(|(name, Schedule { times, .. })| {
                (name.as_str(), times, times.upcoming(self.0.now, UPCOMING))
            })
            .collect()
    }

    /// The active states, in document order.
    pub(crate) fn active(&self) -> Vec<StateId> {
        self.0.active()
    }

    /// The innermost active states, in document order.
    pub(crate) fn leaves(&self) -> Vec<StateId> {
        self.0.leaves()
    }
}

fn by() -> By {
    By::caller("simulation")
}

/// An input as an object with one key that names it, and what belongs to it.
fn shown(sent: &Sent) -> Json {
    let with = |key: &str, name: &str, field: &str, fields: &Map<String, Json>| {
        let mut shown = json!({ key: name });
        if !fields.is_empty() {
            shown[field] = Json::Object(fields.clone());
        }
        shown
    };
    match sent {
        Sent::Event { name, data } => with("event", name, "data", data),
        Sent::Done { state, output } if output.is_null() => json!({ "done": state }),
        Sent::Done { state, output } => json!({ "done": state, "output": output }),
        Sent::Failed { state, reason } => json!({ "failed": state, "reason": reason }),
        Sent::Advance(span) => json!({ "advance": span.to_string() }),
        Sent::Guard { name, answer } => json!({ "guard": name, "answer": answer }),
    }
}

/// What a record says, in words; nothing for those whose effect is seen anyway.
fn taken(record: &Record, machine: &Machine) -> Option<String> {
    match record {
        Record::Transitioned(moved) => Some(transition(moved, machine)),
        Record::WorkEnded(ended) => Some(format!("the work of `{}` ended", ended.state)),
        Record::TimerFired(fired) => {
            let timer = timer_in_words(fired.timer.as_str(), machine);
            Some(format!("timer ran out: {}", timer.unwrap_or_else(|| fired.timer.to_string())))
        }
        Record::Paused(paused) => Some(format!("paused: {}", paused.detail)),
        Record::Failed(failed) => Some(format!("failed: {}", failed.reason)),
        _ => None,
    }
}

fn transition(moved: &Transitioned, machine: &Machine) -> String {
    let Way { trigger, workflow, from, to } = Way::of(moved, machine);
    let from = if from.as_str().is_empty() { workflow } else { from.to_string() };
    let to: Vec<&str> = to.iter().map(StateId::as_str).collect();
    match (moved.cause, to.as_slice()) {
        (Cause::Initial, to) => format!("enter {}", to.join(", ")),
        (_, []) => format!("{trigger}: in {from}"),
        (_, to) => format!("{trigger}: {from} -> {}", to.join(", ")),
    }
}
