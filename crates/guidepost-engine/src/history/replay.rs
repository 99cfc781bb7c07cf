//! Replay: a history's inputs are worked out from its records, decided again, and what is decided is compared with what was
//! recorded. Nothing is done: effects are dropped.

use std::collections::VecDeque;

use guidepost_core::data::{Change, Pointer};
use guidepost_core::id::{Branch, Rev, StateId, TimerId, Visit};
use guidepost_core::input::{
    AttemptFailed, By, Compensate, CompensationDone, Control, Event, Evidence, FanOut, Input,
    Restore, Start, WorkDone, WorkFailed,
};
use guidepost_core::kernel;
use guidepost_core::machine::Machine;
use guidepost_core::record::{
    BranchEnded, Cause, Compensated, Record, Restoration, Restored, TimerFires, Transitioned,
    WorkEnded,
};
use guidepost_core::run::{PauseReason, Run};
use guidepost_core::time::Timestamp;
use guidepost_store::{Entry, EntryBody};
use serde::Serialize;
use serde_json::{Map, Value as Json, json};

use super::{MachineOf, at};

/// What replaying a history found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Replay {
    /// How many records the kernel had decided.
    pub records: u64,
    /// The steps, in order: what one input led to.
    #[serde(skip)]
    pub steps: Vec<Played>,
    /// The first that was decided otherwise; none if all agree.
    pub divergence: Option<Divergence>,
}

/// One input, and the records it led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Played {
    /// The rev of its first record.
    pub first: Rev,
    /// The rev of its last record: there the run was at rest.
    pub last: Rev,
    /// When it happened.
    pub at: Timestamp,
    /// The states its records entered, each with the visit that began.
    pub entered: Vec<(StateId, Visit)>,
    /// The rev whose state it went back to, if that is what it did.
    pub back_to: Option<Rev>,
}

/// Where a replay parts from the history.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Divergence {
    /// The rev of the record.
    pub rev: Rev,
    /// The input that was decided, in words.
    pub input: String,
    /// What was recorded; null if nothing more was.
    pub recorded: Json,
    /// What is decided; null if nothing more is.
    pub decided: Json,
    /// Why the input is refused, if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// Replays a history. `machine_of` gives the machine that decides: the one the run was bound to, or another to hold the
/// history against.
///
/// What nobody decided is taken as it is: moves by SQL, the first record of a fork, a migration, and a pause of a run that
/// could not come to rest.
#[must_use]
pub fn replay(entries: &[Entry], machine_of: &MachineOf<'_>) -> Replay {
    let mut player = Player::new(entries);
    while let Some(first) = player.waiting.front().copied() {
        player.play(first, machine_of);
    }
    Replay { records: player.run.rev.0, steps: player.steps, divergence: player.divergence }
}

struct Player<'a> {
    entries: &'a [Entry],
    /// Records that are not played yet, each with its place among the entries.
    waiting: VecDeque<(usize, &'a Record)>,
    run: Run,
    steps: Vec<Played>,
    divergence: Option<Divergence>,
}

impl<'a> Player<'a> {
    fn new(entries: &'a [Entry]) -> Self {
        let records = entries.iter().enumerate().filter_map(|(place, entry)| match &entry.body {
            EntryBody::Record(record) => Some((place, record)),
            EntryBody::Fact { .. } => None,
        });
        let waiting = records.collect();
        Self { entries, waiting, run: Run::default(), steps: Vec::new(), divergence: None }
    }

    /// Plays one step: as many records as its input leads to.
    fn play(&mut self, (place, first): (usize, &'a Record), machine_of: &MachineOf<'_>) {
        let bound = match first {
            Record::Started(started) => Run {
                workflow: started.workflow.clone(),
                machine: started.machine.clone(),
                ..Run::default()
            },
            Record::Restored(restored) => Run {
                workflow: restored.workflow.clone(),
                machine: restored.machine.clone(),
                ..Run::default()
            },
            _ => self.run.clone(),
        };
        let decided = match (&self.divergence, machine_of(&bound)) {
            (None, Some(machine)) => self.input(place, first, &machine).map(|input| {
                let decided = kernel::decide_all(&machine, &self.run, &input);
                (told(&input), decided.map(|(decision, _)| decision.records))
            }),
            // After the first divergence nothing can be decided; a machine that is gone decides nothing either.
            (Some(_), _) | (None, None) => None,
        };
        let Some((input, decided)) = decided else { return self.take(1) };
        let expected = match decided {
            Ok(records) => records,
            Err(refused) => {
                let refused = Some(refused.to_string());
                let (recorded, decided) = (as_json(first), Json::Null);
                let rev = self.run.rev.next();
                self.divergence = Some(Divergence { rev, input, recorded, decided, refused });
                return self.take(1);
            }
        };
        for (n, decided) in expected.iter().enumerate() {
            let recorded = self.waiting.get(n).map(|(_, record)| *record);
            if recorded.is_some_and(|recorded| agree(recorded, decided)) {
                continue;
            }
            self.divergence = Some(Divergence {
                rev: Rev(self.run.rev.0 + n as u64 + 1),
                input,
                recorded: recorded.map_or(Json::Null, as_json),
                decided: as_json(decided),
                refused: None,
            });
            return self.take(n.max(1));
        }
        if expected.is_empty() {
            // An input that means nothing leaves no record, and here is one.
            let (recorded, decided, refused) = (as_json(first), Json::Null, None);
            let rev = self.run.rev.next();
            self.divergence = Some(Divergence { rev, input, recorded, decided, refused });
        }
        self.take(expected.len().max(1));
    }

    /// Folds so many records as one step.
    fn take(&mut self, count: usize) {
        let first = self.run.rev.next();
        let mut entered = Vec::new();
        let mut back_to = None;
        let mut when = Timestamp(0);
        for _ in 0..count {
            let Some((_, record)) = self.waiting.pop_front() else { break };
            if let Err(misfit) = self.run.apply(record) {
                let rev = self.run.rev.next();
                self.divergence.get_or_insert_with(|| Divergence {
                    rev,
                    input: "the record itself".to_owned(),
                    recorded: as_json(record),
                    decided: Json::Null,
                    refused: Some(misfit.to_string()),
                });
                self.waiting.clear();
                return;
            }
            when = record.at();
            if let Record::Restored(Restored { why: Restoration::RolledBack { rev }, .. }) = record
            {
                back_to = Some(*rev);
            }
            let anew = self.run.active.iter().filter(|(_, active)| active.rev == self.run.rev);
            let anew: Vec<_> = anew.map(|(state, active)| (state.clone(), active.visit)).collect();
            entered.extend(anew);
        }
        self.steps.push(Played { first, last: self.run.rev, at: when, entered, back_to });
    }

    /// The input that a step's first record tells of; `None` if nobody decided it.
    fn input(&self, place: usize, first: &Record, machine: &Machine) -> Option<Input> {
        Some(match first {
            Record::Started(started) => Input::Start(Start {
                driver: started.driver,
                data: set_by(&started.changes),
                by: By::caller(&started.by),
                at: started.at,
            }),
            Record::Transitioned(step) => self.input_of_transition(place, step, machine)?,
            Record::WorkEnded(ended) => self.input_of_end(ended, machine),
            Record::AttemptFailed(failed) => Input::AttemptFailed(AttemptFailed {
                state: failed.state.clone(),
                visit: failed.visit,
                branch: failed.branch,
                attempt: failed.attempt,
                reason: failed.reason.clone(),
                may_retry: failed.retry_at.is_some(),
                chance: 0,
                by: By::caller(&failed.by),
                at: failed.at,
            }),
            Record::FannedOut(fanned) => Input::FanOut(FanOut {
                state: fanned.state.clone(),
                visit: fanned.visit,
                items: items_in(&fanned.changes, &fanned.state),
                at: fanned.at,
            }),
            Record::BranchEnded(ended) => self.input_of_branch(ended, machine),
            Record::TimerFired(fired) => Input::Timer { timer: fired.timer.clone(), at: fired.at },
            Record::Paused(paused) => match paused.reason {
                PauseReason::Requested => Input::Control {
                    control: Control::Pause,
                    by: By { caller: paused.by.clone(), note: noted(&paused.detail) },
                    at: paused.at,
                },
                PauseReason::Pending | PauseReason::OverLimit | PauseReason::Quarantined => {
                    Input::Hold {
                        reason: paused.reason,
                        detail: paused.detail.clone(),
                        at: paused.at,
                    }
                }
                // What could not come to rest left no trace but this.
                PauseReason::Stuck => return None,
            },
            Record::Resumed(resumed) => Input::Control {
                control: Control::Resume,
                by: By::caller(&resumed.by),
                at: resumed.at,
            },
            Record::Cancelled(cancelled) => Input::Control {
                control: Control::Cancel,
                by: By { caller: cancelled.by.clone(), note: cancelled.reason.clone() },
                at: cancelled.at,
            },
            Record::Restored(restored) => self.input_of_rollback(restored)?,
            Record::Compensating(compensating) => Input::Compensate(Compensate {
                work: compensating.work.clone(),
                by: By { caller: compensating.by.clone(), note: compensating.note.clone() },
                at: compensating.at,
            }),
            Record::Compensated(made_good) => input_of_compensation(made_good),
            _ => return None,
        })
    }

    fn input_of_transition(
        &self,
        place: usize,
        step: &Transitioned,
        machine: &Machine,
    ) -> Option<Input> {
        let by = || By { caller: step.by.clone(), note: step.note.clone() };
        if let Some(timer) = self.fired(step) {
            return Some(Input::Timer { timer, at: step.at });
        }
        Some(match step.cause {
            Cause::Event => Input::Event(Event {
                name: step.event.clone(),
                data: object(&step.data),
                rev: None,
                evidence: self.evidence(place, machine, step.event.as_str()),
                by: by(),
                at: step.at,
            }),
            Cause::Done => {
                let state = step.ended_work.clone()?;
                Input::WorkDone(WorkDone {
                    evidence: self.evidence(place, machine, &format!("done.{state}")),
                    state,
                    visit: None,
                    branch: Branch::WHOLE,
                    output: object(&step.data["output"]),
                    rev: None,
                    by: by(),
                    at: step.at,
                })
            }
            Cause::Error => Input::WorkFailed(WorkFailed {
                state: step.ended_work.clone()?,
                visit: None,
                branch: Branch::WHOLE,
                reason: step.data["error"].as_str().unwrap_or_default().to_owned(),
                rev: None,
                by: by(),
                at: step.at,
            }),
            Cause::Placed => Input::Settle { at: step.at },
            Cause::Initial | Cause::Always | Cause::After => return None,
        })
    }

    /// The timer whose end a transition is: it was pending and due then, and is ended by this step.
    fn fired(&self, step: &Transitioned) -> Option<TimerId> {
        let ended = |timer: &TimerId| {
            let records = self.waiting.iter().map(|(_, record)| *record);
            let mut same = records.map_while(|record| match record {
                Record::Transitioned(other) if other.event == step.event => Some(other),
                _ => None,
            });
            same.any(|other| other.ended_timers.contains(timer))
        };
        let is_cause = |fires: &TimerFires| match fires {
            TimerFires::After { state, .. } => step.cause == Cause::After && *state == step.from,
            TimerFires::WorkDone { state } => {
                step.cause == Cause::Done && step.ended_work.as_ref() == Some(state)
            }
            TimerFires::Expired { state } => {
                step.cause == Cause::Error && step.ended_work.as_ref() == Some(state)
            }
            TimerFires::Event { name, .. } => step.cause == Cause::Event && *name == step.event,
        };
        let mut timers = self.run.timers.iter();
        let found =
            timers.find(|(id, timer)| timer.due == step.at && is_cause(&timer.fires) && ended(id));
        found.map(|(id, _)| id.clone())
    }

    fn input_of_end(&self, ended: &WorkEnded, machine: &Machine) -> Input {
        let (state, visit, branch) = (ended.state.clone(), Some(ended.visit), Branch::WHOLE);
        let (rev, by, at) = (None, By::caller(&ended.by), ended.at);
        if !ended.ok {
            let reason = ended.reason.clone().unwrap_or_default();
            return Input::WorkFailed(WorkFailed { state, visit, branch, reason, rev, by, at });
        }
        let output = self.outputs(&ended.changes, machine, &state);
        let evidence = Vec::new();
        Input::WorkDone(WorkDone { state, visit, branch, output, rev, evidence, by, at })
    }

    /// The outputs a state kept, read where they were kept.
    fn outputs(&self, changes: &[Change], machine: &Machine, state: &StateId) -> Map<String, Json> {
        let mut data = self.run.data.clone();
        for change in changes {
            // What does not fit is found when the record itself is folded.
            let _ = data.apply(change);
        }
        let kept = |name: &str| data.get(name).and_then(|value| serde_json::to_value(value).ok());
        let Some(ix) = machine.find(state.as_str()) else { return Map::new() };
        let outputs = &machine.state(ix).output;
        if outputs.is_empty() {
            let answer = kept(state.name()).map(|answer| ("answer".to_owned(), answer));
            return answer.into_iter().collect();
        }
        let outputs = outputs.iter();
        outputs.filter_map(|name| Some((name.to_string(), kept(name.as_str())?))).collect()
    }

    fn input_of_branch(&self, ended: &BranchEnded, machine: &Machine) -> Input {
        let (state, visit, branch) = (ended.state.clone(), Some(ended.visit), ended.branch);
        let (rev, by, at) = (None, By::caller(&ended.by), ended.at);
        if !ended.ok {
            let reason = ended.reason.clone().unwrap_or_default();
            return Input::WorkFailed(WorkFailed { state, visit, branch, reason, rev, by, at });
        }
        let outputs = machine.find(state.as_str()).map(|ix| &machine.state(ix).output);
        let index = branch.0.saturating_sub(1);
        let output = outputs.into_iter().flatten().filter_map(|name| {
            let place = format!("/{name}/{index}");
            ended.changes.iter().find_map(|change| match change {
                Change::Set(at, value) if at.as_str() == place => {
                    Some((name.to_string(), value.clone()))
                }
                Change::Set(..) | Change::Unset(_) | Change::Append(..) => None,
            })
        });
        let (output, evidence) = (output.collect(), Vec::new());
        Input::WorkDone(WorkDone { state, visit, branch, output, rev, evidence, by, at })
    }

    fn input_of_rollback(&self, restored: &Restored) -> Option<Input> {
        let Restoration::RolledBack { rev } = restored.why else { return None };
        let (past, past_at) = at(self.entries, rev).ok()?;
        Some(Input::Restore(Restore {
            why: restored.why.clone(),
            past: Box::new(past),
            past_at,
            going_on: Vec::new(),
            edits: Vec::new(),
            lasting: restored.lasting.clone(),
            compensations: match self.waiting.get(1) {
                Some((_, Record::Compensating(compensating))) if !compensating.cancels => {
                    compensating.work.clone()
                }
                _ => Vec::new(),
            },
            by: By { caller: restored.by.clone(), note: restored.note.clone() },
            at: restored.at,
        }))
    }

    /// How far what an event's transitions require was on record by then.
    fn evidence(&self, place: usize, machine: &Machine, event: &str) -> Vec<Evidence> {
        let needs = kernel::needs(machine, &self.run, event).into_iter();
        let counted = needs.map(|(requirement, since)| {
            let before = self.entries[..place].iter().filter(|entry| entry.rev >= since);
            let facts = before.filter_map(|entry| match &entry.body {
                EntryBody::Fact { observed, body, .. } => Some((body, *observed)),
                EntryBody::Record(_) => None,
            });
            let count = requirement.count(&facts.collect::<Vec<_>>());
            Evidence { requirement, since, count }
        });
        counted.collect()
    }
}

fn input_of_compensation(made_good: &Compensated) -> Input {
    let Compensated { state, visit, branch, at, .. } = made_good.clone();
    let by = By::caller(&made_good.by);
    if made_good.ok {
        return Input::CompensationDone(CompensationDone { state, visit, branch, by, at });
    }
    Input::CompensationFailed(AttemptFailed {
        state,
        visit,
        branch,
        attempt: 1,
        reason: made_good.reason.clone().unwrap_or_default(),
        may_retry: made_good.retry_at.is_some(),
        chance: 0,
        by,
        at,
    })
}

/// Whether what is decided is what was recorded. Hashes of machines do not count, so that a history can be held against
/// another definition; neither does when exactly work is tried again, which is up to chance.
fn agree(recorded: &Record, decided: &Record) -> bool {
    match (recorded, decided) {
        (Record::Started(recorded), Record::Started(decided)) => {
            let (workflow, machine) = (recorded.workflow.clone(), recorded.machine.clone());
            let mut decided = decided.clone();
            (decided.workflow, decided.machine) = (workflow, machine);
            *recorded == decided
        }
        (Record::AttemptFailed(recorded), Record::AttemptFailed(decided)) => {
            let mut decided = decided.clone();
            if recorded.retry_at.is_some() && decided.retry_at.is_some() {
                decided.retry_at = recorded.retry_at;
            }
            *recorded == decided
        }
        (Record::Compensated(recorded), Record::Compensated(decided)) => {
            let mut decided = decided.clone();
            if recorded.retry_at.is_some() && decided.retry_at.is_some() {
                decided.retry_at = recorded.retry_at;
            }
            *recorded == decided
        }
        (recorded, decided) => recorded == decided,
    }
}

fn as_json(record: &Record) -> Json {
    let body = record.body().ok().and_then(|body| serde_json::from_slice::<Json>(&body).ok());
    json!({ "kind": record.kind(), "body": body })
}

fn object(value: &Json) -> Map<String, Json> {
    value.as_object().cloned().unwrap_or_default()
}

fn noted(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// The attributes that changes set as a whole.
fn set_by(changes: &[Change]) -> Map<String, Json> {
    let set = changes.iter().filter_map(|change| match change {
        Change::Set(at, value) => Some((at.segments().next()?, value.clone())),
        Change::Unset(_) | Change::Append(..) => None,
    });
    set.collect()
}

/// The items of a fan-out: the kernel keeps them under a name of its own.
fn items_in(changes: &[Change], state: &StateId) -> Vec<Json> {
    let place = Pointer::attribute(kernel::items_of(state).as_str());
    let items = changes.iter().find_map(|change| match change {
        Change::Set(at, Json::Array(items)) if *at == place => Some(items),
        Change::Set(..) | Change::Unset(_) | Change::Append(..) => None,
    });
    items.cloned().unwrap_or_default()
}

/// An input in words.
fn told(input: &Input) -> String {
    let work = |state: &StateId, visit: Option<Visit>, branch: Branch| {
        let visit = visit.map(|visit| format!("#{visit}")).unwrap_or_default();
        let branch = if branch.is_whole() { String::new() } else { format!("[{branch}]") };
        format!("{state}{visit}{branch}")
    };
    match input {
        Input::Start(_) => "start".to_owned(),
        Input::Event(event) => format!("event {}", event.name),
        Input::WorkDone(done) => {
            format!("the end of {}", work(&done.state, done.visit, done.branch))
        }
        Input::WorkFailed(failed) => {
            format!("the failure of {}", work(&failed.state, failed.visit, failed.branch))
        }
        Input::AttemptFailed(failed) => format!(
            "the failure of attempt {} of {}",
            failed.attempt,
            work(&failed.state, Some(failed.visit), failed.branch)
        ),
        Input::FanOut(fan_out) => {
            format!("the branches of {}", work(&fan_out.state, Some(fan_out.visit), Branch::WHOLE))
        }
        Input::Timer { timer, .. } => format!("timer {timer}"),
        Input::Settle { .. } => "a move by SQL".to_owned(),
        Input::Hold { reason, .. } => format!("a hold, {}", reason.as_str()),
        Input::Restore(_) => "a rollback".to_owned(),
        Input::CompensationDone(done) => {
            format!("the making good of {}", work(&done.state, Some(done.visit), done.branch))
        }
        Input::CompensationFailed(failed) => format!(
            "a failure to make {} good",
            work(&failed.state, Some(failed.visit), failed.branch)
        ),
        Input::Compensate(_) => "a cancelling that makes good what was done".to_owned(),
        Input::Control { control, .. } => match control {
            Control::Pause => "pause".to_owned(),
            Control::Resume => "resume".to_owned(),
            Control::Cancel => "cancel".to_owned(),
        },
    }
}
