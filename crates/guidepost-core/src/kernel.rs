//! What an input means for a run: [`decide`].
//!
//! The algorithm is that of W3C SCXML, with the vocabulary and the defaults of XState v5: run to completion, inner states
//! first, document order, exit and entry sets from the domain of each transition. Differences between the two are compiled
//! into the [`Machine`]; `docs/semantics.md` lists them. Start reading at [`decide`], then `macrostep`.

mod action;
mod compensate;
mod configuration;
mod control;
mod enabled;
mod enter_exit;
mod fan_out;
mod legal;
mod macrostep;
mod occurrence;
mod restore;
mod select;
mod settle;
mod start;
mod work;

use std::collections::VecDeque;

use serde_json::Value as Json;

use crate::diagnostic::Explain;
use crate::effect::Effect;
use crate::id::{EventName, Rev, StateId, TimerId};
use crate::input::{Control, Event, Input};
use crate::limits::{DATA_BYTES_MAX, MICROSTEPS_MAX};
use crate::machine::schema::Mismatch;
use crate::machine::{Machine, Requirement};
use crate::record::{Record, TimerFired, TimerFires};
use crate::run::{PauseReason, Run, Status, Unfoldable};
use crate::time::Timestamp;

pub use self::fan_out::{filled_in, items_of, scope_of_work};
pub use self::legal::{Argument, Legal, is_engines, leaves, legal, needs};
use self::macrostep::{Livelock, Macrostep};
use self::occurrence::Occurrence;
pub(crate) use self::occurrence::is_reserved;
pub(crate) use self::start::problems as bad_first_values;

/// What an input means: facts to keep, and requests to the shell. Whoever asked commits both in one transaction.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Decision {
    /// What happened, in order. [`Run::apply`] folds it in.
    pub records: Vec<Record>,
    /// What is asked of the shell.
    pub effects: Vec<Effect>,
}

/// Why an input was refused. Nothing changed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejected {
    /// No active state takes the event.
    #[error("`{event}` is not legal in {}", listed(.states))]
    NotLegal {
        /// The event.
        event: EventName,
        /// The innermost active states.
        states: Vec<StateId>,
        /// What is legal there.
        legal: Vec<Legal>,
    },
    /// Active states take the event, but no guard holds.
    #[error("`{event}` is not legal in {} as things are: no guard of its transitions holds", listed(.states))]
    Guarded {
        /// The event.
        event: EventName,
        /// The innermost active states.
        states: Vec<StateId>,
        /// The guards that were false, and those that could not be evaluated with the reason.
        guards: Vec<String>,
        /// What is legal there.
        legal: Vec<Legal>,
    },
    /// Facts that the transition requires are not on record.
    #[error("`{event}` needs facts that are not on record since the state was entered")]
    Unproven {
        /// The event.
        event: EventName,
        /// What is missing, and how many there are.
        missing: Vec<(Requirement, u64)>,
        /// What is legal.
        legal: Vec<Legal>,
    },
    /// What the event carries does not fit its description.
    #[error("`{event}` does not carry what it must")]
    BadData {
        /// The event.
        event: EventName,
        /// Every problem.
        problems: Vec<Mismatch>,
        /// What it should be like.
        expected: Option<Box<Legal>>,
    },
    /// The state that would take the event was entered or left since the sender looked.
    #[error("rev {seen} is old: the run is at rev {present}")]
    Stale {
        /// The event.
        event: EventName,
        /// The rev the sender saw.
        seen: Rev,
        /// The rev the run is at.
        present: Rev,
        /// The innermost active states now.
        states: Vec<StateId>,
        /// What is legal now.
        legal: Vec<Legal>,
    },
    /// The run takes no such input in its present status.
    #[error("the run is {status}")]
    NotRunning {
        /// The status.
        status: Status,
        /// Why it is paused, if it is.
        reason: Option<PauseReason>,
        /// The same in words.
        detail: String,
    },
    /// A result of work that is not going on: it ended before, or the state was left.
    #[error("the work of `{state}` is not going on")]
    NoSuchWork {
        /// The state.
        state: StateId,
        /// What is legal now.
        legal: Vec<Legal>,
    },
    /// The engine does the state's work, and nobody else may report its end.
    #[error("the engine does the work of `{state}`")]
    NotYours {
        /// The state.
        state: StateId,
    },
    /// The timer is not pending: it fired before, or its state was left.
    #[error("the timer `{timer}` is not pending")]
    NoSuchTimer {
        /// The timer.
        timer: TimerId,
    },
    /// What the run is to start with does not fit the workflow's attributes.
    #[error("the run cannot start with this data")]
    BadStart {
        /// Every problem.
        problems: Vec<Mismatch>,
    },
    /// The machine names guards, actions or delays that nobody defined.
    #[error("the workflow names guards, actions or delays that are not defined: {}", .names.join(", "))]
    Unbound {
        /// Their names.
        names: Vec<String>,
    },
    /// The machine would never come to rest.
    #[error("the workflow would not come to rest within {MICROSTEPS_MAX} steps: {}", .cycle.join(" -> "))]
    Livelock {
        /// The transitions that repeat.
        cycle: Vec<String>,
    },
    /// The run's data would outgrow its bound.
    #[error("the run's data would take more than {DATA_BYTES_MAX} bytes")]
    TooMuchData,
    /// The run is in states the machine does not have: its workflow was changed under it.
    #[error("the run is in `{state}`, which the workflow does not have")]
    Misfit {
        /// The state.
        state: StateId,
    },
    /// What was done is made good first.
    #[error("what was done is made good first: {}", .left.join(", "))]
    MakingGood {
        /// What is left to make good, in this order.
        left: Vec<String>,
    },
    /// The run cannot go on from the state it is to be restored to.
    #[error("{why}")]
    NotRestorable {
        /// Why not.
        why: String,
    },
}

impl Rejected {
    /// What is legal instead, as far as that is the question.
    #[must_use]
    pub fn legal(&self) -> &[Legal] {
        match self {
            Self::NotLegal { legal, .. }
            | Self::Guarded { legal, .. }
            | Self::Unproven { legal, .. }
            | Self::Stale { legal, .. }
            | Self::NoSuchWork { legal, .. } => legal,
            Self::BadData { expected, .. } => {
                expected.as_deref().map(std::slice::from_ref).unwrap_or_default()
            }
            Self::NotRunning { .. }
            | Self::NotYours { .. }
            | Self::NoSuchTimer { .. }
            | Self::BadStart { .. }
            | Self::Unbound { .. }
            | Self::Livelock { .. }
            | Self::TooMuchData
            | Self::Misfit { .. }
            | Self::MakingGood { .. }
            | Self::NotRestorable { .. } => &[],
        }
    }
}

impl Explain for Rejected {
    fn code(&self) -> &'static str {
        match self {
            Self::NotLegal { .. } => "GP0201",
            Self::Guarded { .. } => "GP0202",
            Self::Unproven { .. } => "GP0203",
            Self::BadData { .. } => "GP0204",
            Self::Stale { .. } => "GP0205",
            Self::NotRunning { .. } => "GP0206",
            Self::NoSuchWork { .. } => "GP0207",
            Self::NotYours { .. } => "GP0208",
            Self::NoSuchTimer { .. } => "GP0209",
            Self::BadStart { .. } => "GP0210",
            Self::Unbound { .. } => "GP0211",
            Self::Livelock { .. } => "GP0212",
            Self::Misfit { .. } => "GP0213",
            Self::TooMuchData => "GP0214",
            Self::NotRestorable { .. } => "GP0215",
            Self::MakingGood { .. } => "GP0216",
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NotLegal { legal, .. }
            | Self::Guarded { legal, .. }
            | Self::Stale { legal, .. }
            | Self::NoSuchWork { legal, .. }
                if legal.is_empty() =>
            {
                "no event is legal now".to_owned()
            }
            Self::NotLegal { legal, .. }
            | Self::Guarded { legal, .. }
            | Self::Stale { legal, .. }
            | Self::NoSuchWork { legal, .. } => {
                let names: Vec<String> = legal.iter().map(ToString::to_string).collect();
                format!("legal now: {}", names.join(", "))
            }
            Self::Unproven { missing, .. } => {
                let facts: Vec<String> = missing.iter().map(|(fact, _)| fact.to_string()).collect();
                format!("record {} first", facts.join(" and "))
            }
            Self::BadData { expected: Some(expected), .. } => {
                format!("expected `{expected}`, for example {}", expected.example())
            }
            Self::NotRunning { reason: Some(PauseReason::OverLimit), .. } => {
                "raise the limit first".to_owned()
            }
            Self::NotRunning { status: Status::Paused, .. } => "resume it first".to_owned(),
            Self::Unbound { .. } => {
                "define them under `guards:`, `actions:` and `delays:`".to_owned()
            }
            Self::Livelock { .. } => {
                "give one of the transitions a guard that becomes false, or an event to wait for"
                    .to_owned()
            }
            Self::TooMuchData => {
                "keep large things outside, as artifacts, and their places in the data".to_owned()
            }
            Self::BadData { .. }
            | Self::NotRunning { .. }
            | Self::NotYours { .. }
            | Self::NoSuchTimer { .. }
            | Self::BadStart { .. }
            | Self::Misfit { .. } => return None,
            Self::MakingGood { .. } => {
                "an engine does it: `guidepost run RUN`; then try again".to_owned()
            }
            Self::NotRestorable { .. } => {
                "take a rev at which the run was alive and at rest".to_owned()
            }
        };
        Some(hint)
    }
}

/// Names in backticks, separated by commas.
fn listed(states: &[StateId]) -> String {
    let names: Vec<String> = states.iter().map(|state| format!("`{state}`")).collect();
    names.join(", ")
}

/// Decides what one input means for a run.
///
/// Pure: equal arguments give equal answers on every machine, which is what makes replay and simulation possible. The
/// caller commits records and effects in one transaction.
///
/// # Errors
///
/// [`Rejected`] if the input does not fit the state. Late and doubled results end up here, so callers log it and go on.
pub fn decide(machine: &Machine, run: &Run, input: &Input) -> Result<Decision, Rejected> {
    match input {
        Input::Start(start) => start::decide(machine, start),
        Input::Event(event) => decide_event(machine, run, event),
        Input::Compensate(compensate) => compensate::decide(machine, run, compensate),
        Input::CompensationDone(done) => compensate::done(machine, run, done),
        Input::CompensationFailed(failed) => compensate::failed(run, failed),
        Input::WorkDone(done) => work::done(machine, run, done, Livelock::Pause),
        Input::WorkFailed(failed) => work::failed(machine, run, failed, Livelock::Pause),
        Input::AttemptFailed(failed) => work::attempt_failed(machine, run, failed),
        Input::FanOut(fan_out) => fan_out::decide(machine, run, fan_out),
        Input::Hold { reason, detail, at } => control::hold(run, *reason, detail, *at),
        Input::Restore(restore) => restore::decide(machine, run, restore),
        Input::Timer { timer, at } => decide_timer(machine, run, timer, *at),
        Input::Settle { at } => settle::decide(machine, run, *at),
        Input::Control { control, by, at } => match control {
            Control::Pause => control::pause(run, by, *at),
            Control::Resume => control::resume(machine, run, by, *at),
            Control::Cancel => control::cancel(machine, run, by, *at),
        },
    }
}

/// Why [`decide_all`] decided nothing.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refused {
    /// The input was refused, and nothing changed.
    #[error(transparent)]
    Rejected(Box<Rejected>),
    /// The kernel decided something that does not fold: a bug.
    #[error("a decision does not fold")]
    Unfoldable(#[from] Unfoldable),
}

impl From<Rejected> for Refused {
    fn from(rejected: Rejected) -> Self {
        Self::Rejected(Box::new(rejected))
    }
}

/// Decides what one input means, and what follows from it without anybody's doing: work that is to be done for each of
/// several items fans out at once. Gives the run as it is then.
///
/// # Errors
///
/// [`Refused::Rejected`] as [`decide`].
pub fn decide_all(machine: &Machine, run: &Run, input: &Input) -> Result<(Decision, Run), Refused> {
    let first = decide(machine, run, input)?;
    let mut run = run.clone();
    run.apply_all(&first.records)?;
    let mut all = Decision { records: first.records, effects: Vec::new() };
    let mut waiting: VecDeque<Effect> = first.effects.into();
    while let Some(effect) = waiting.pop_front() {
        let Some(input) = fan_out::called_for(machine, &run, &effect, input.at()) else {
            all.effects.push(effect);
            continue;
        };
        let next = decide(machine, &run, &input)?;
        run.apply_all(&next.records)?;
        all.records.extend(next.records);
        next.effects.into_iter().rev().for_each(|effect| waiting.push_front(effect));
    }
    Ok((all, run))
}

fn decide_event(machine: &Machine, run: &Run, event: &Event) -> Result<Decision, Rejected> {
    take_event(machine, run, event).map_err(|mut rejected| {
        if let Rejected::BadData { expected, .. } = &mut rejected {
            let mut listed = legal(machine, run).into_iter();
            *expected = listed.find(|legal| legal.event == event.name).map(Box::new);
        }
        rejected
    })
}

fn take_event(machine: &Machine, run: &Run, event: &Event) -> Result<Decision, Rejected> {
    if run.status.is_ended()
        && let Some(seen) = event.rev.filter(|seen| *seen != run.rev)
    {
        // Whoever looked before the end is told that it came, not that the event was wrong.
        let step = Macrostep::new(machine, run, event.at)?;
        return Err(step.stale(event.name.clone(), seen));
    }
    expect_running(run)?;
    if is_reserved(event.name.as_str()) {
        // Else anybody could claim that work ended or that a time has come.
        return Err(Macrostep::new(machine, run, event.at)?.refusal(event));
    }
    if let Some(decision) = work::reported_by(machine, run, event)? {
        return Ok(decision);
    }
    let mut step = Macrostep::new(machine, run, event.at)?;
    step.sent_by(&event.by).proven_by(&event.evidence);
    let occurrence = Occurrence::event(event.name.clone(), &event.data);
    step.expect_unmoved(&occurrence, event.rev)?;
    if let Some(described) = machine.events.get(&event.name)
        && step.is_answered(&occurrence)
    {
        let problems = described.schema.check(&Json::Object(event.data.clone()));
        if !problems.is_empty() {
            let event = event.name.clone();
            return Err(Rejected::BadData { event, problems, expected: None });
        }
    }
    if step.take_sent(occurrence, event.rev)? {
        step.finish(Livelock::Refuse)
    } else {
        Err(step.refusal(event))
    }
}

fn decide_timer(
    machine: &Machine,
    run: &Run,
    timer: &TimerId,
    at: Timestamp,
) -> Result<Decision, Rejected> {
    expect_running(run)?;
    let pending =
        run.timers.get(timer).ok_or_else(|| Rejected::NoSuchTimer { timer: timer.clone() })?;
    let mut step = Macrostep::new(machine, run, at)?;
    step.ends_timer(timer.clone());
    let occurrence = match &pending.fires {
        TimerFires::After { state, delay } => {
            let ix = machine.find(state.as_str());
            let ix = ix.ok_or_else(|| Rejected::Misfit { state: state.clone() })?;
            Occurrence::after(machine, ix, *delay)
        }
        TimerFires::WorkDone { state } => {
            let ix = machine.find(state.as_str());
            let ix = ix.ok_or_else(|| Rejected::Misfit { state: state.clone() })?;
            Occurrence::work_done(machine, ix, &serde_json::Map::new())
        }
        TimerFires::Expired { state } => return work::expired(machine, run, timer, state, at),
        TimerFires::Event { name, data } => {
            Occurrence::event(name.clone(), data.as_object().unwrap_or(&serde_json::Map::new()))
        }
    };
    step.take(occurrence);
    if step.has_moved() {
        return step.finish(Livelock::Pause);
    }
    let mut records: Vec<Record> = vec![TimerFired { timer: timer.clone(), at }.into()];
    if let TimerFires::WorkDone { state } = &pending.fires {
        records.push(work::waited(run, state, at).into());
    }
    // There is no step these could stand with, so they are told.
    let problems = std::mem::take(&mut step.problems).into_iter();
    let effects = problems.map(|message| Effect::Log { message }).collect();
    Ok(Decision { records, effects })
}

/// A result is a fact that nobody can take back, so a paused run takes it too; what follows waits until it is resumed.
fn expect_alive(run: &Run) -> Result<(), Rejected> {
    let takes_results = run.status == Status::Paused && run.undoing.is_none();
    if takes_results { Ok(()) } else { expect_running(run) }
}

fn expect_running(run: &Run) -> Result<(), Rejected> {
    match run.status {
        Status::Running | Status::Waiting if run.undoing.is_some() => {
            Err(Rejected::MakingGood { left: compensate::named_left(run) })
        }
        Status::Running | Status::Waiting => Ok(()),
        Status::Paused | Status::Completed | Status::Failed | Status::Cancelled => {
            Err(not_running(run))
        }
    }
}

/// The refusal of an input by a run that takes none.
#[must_use]
pub fn not_running(run: &Run) -> Rejected {
    let reason = run.paused.as_ref().map(|(reason, _)| *reason);
    let detail = run.paused.as_ref().map(|(reason, detail)| match detail.as_str() {
        "" => reason.as_str().to_owned(),
        detail => format!("{}: {detail}", reason.as_str()),
    });
    Rejected::NotRunning { status: run.status, reason, detail: detail.unwrap_or_default() }
}
