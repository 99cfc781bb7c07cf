//! A piece of work as whoever does it sees it: everything worked out, nothing to look up.

use std::time::Duration;

use guidepost_core::id::{Purpose, RunId, RunNo};
use guidepost_core::input::{AttemptFailed, By, CompensationDone, Input, WorkDone};
use guidepost_core::kernel;
use guidepost_core::machine::expr::Scope;
use guidepost_core::machine::{Agent, Machine, Work, WorkKind};
use guidepost_core::run::Run;
use guidepost_core::time::Timestamp;
use guidepost_store::{Held, Task, TaskId};
use serde_json::{Map, Value as Json};

use crate::work::exec;

/// A piece of work to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// Which piece of work of which run.
    pub task: TaskId,
    /// The run's workflow.
    pub workflow: String,
    /// What sort of work.
    pub kind: WorkKind,
    /// The name of what is called: the agent, tool, task or child workflow.
    pub name: Option<String>,
    /// The agent that is asked, if the workflow describes it.
    pub agent: Option<Agent>,
    /// What it is told, rendered.
    pub prompt: Option<String>,
    /// Everything else the definition says about it, rendered.
    pub spec: Json,
    /// The attributes it is to give.
    pub output: Vec<String>,
    /// Identifies the work to the outside: the same over attempts and recoveries, another when the step is entered anew.
    pub key: String,
    /// Which try, counted from 1 over everybody who tried.
    pub attempt: u32,
    /// How long this try may take.
    pub timeout: Option<Duration>,
    /// The run it launched on an earlier try, if it is a child workflow.
    pub child: Option<RunNo>,
}

/// What became of a piece of work.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It is done. A step with one output keeps any value as it; one with several takes them from an object.
    Done(Json),
    /// This try failed.
    Failed(Failure),
    /// It goes on elsewhere, and the task is claimed again when that has ended.
    Parked,
    /// Nobody waits for it any more.
    Dropped,
    /// Whoever was asked may not do it, or lacks what it takes, and did nothing. The reason says what would let it. The
    /// task is given back as if it had not been claimed, and this engine leaves it to others from then on.
    Declined(String),
}

/// Why a try failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Failure {
    /// In words.
    pub reason: String,
    /// Whether trying again may help.
    pub may_retry: bool,
}

impl Failure {
    /// Trying again may help.
    pub fn passing(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), may_retry: true }
    }

    /// Trying again would fail the same way.
    pub fn lasting(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), may_retry: false }
    }
}

/// What the definition says about how the work is organised, and not to whoever does it.
pub const NOT_TOLD: [&str; 7] =
    ["for_each", "concurrency", "join", "expires", "irreversible", "compensate", "live"];

impl Call {
    /// What a task asks for: the work of a state, or what makes it good.
    ///
    /// # Errors
    ///
    /// Why it cannot be said: a text of it has no value.
    pub fn of(id: RunId, machine: &Machine, run: &Run, task: &Task) -> Result<Self, Failure> {
        if task.id.purpose.is_compensation() {
            return Self::compensating(id, machine, run, task);
        }
        let ix = machine.find(task.id.state.as_str());
        let work = ix.and_then(|ix| Some((machine.state(ix), machine.state(ix).work.as_ref()?)));
        let Some((state, work)) = work else {
            let reason = format!("`{}` has no work in this version", task.id.state);
            return Err(Failure::lasting(reason));
        };
        let (prompt, spec) =
            rendered(work, &kernel::scope_of_work(run, &task.id.state, task.id.branch))?;
        Ok(Self {
            task: task.id.clone(),
            workflow: machine.name.clone(),
            kind: work.kind,
            name: work.name.clone(),
            agent: work.name.as_ref().and_then(|name| machine.agents.get(name)).cloned(),
            prompt,
            spec,
            output: state.output.iter().map(ToString::to_string).collect(),
            key: idempotency_key(id, &task.id),
            attempt: task.attempt,
            timeout: work
                .timeout
                .and_then(|span| u64::try_from(span.0).ok())
                .map(Duration::from_nanos),
            child: task.child,
        })
    }

    /// What makes a piece of work good.
    fn compensating(id: RunId, machine: &Machine, run: &Run, task: &Task) -> Result<Self, Failure> {
        let is_asked =
            run.undoing.as_ref().is_some_and(|undoing| undoing.purpose() == task.id.purpose);
        let work =
            run.compensation(&task.id.state, task.id.visit, task.id.branch).filter(|_| is_asked);
        let over = || Failure::lasting(format!("`{}` is not being made good", task.id.piece()));
        let work = work.ok_or_else(over)?;
        Ok(Self {
            task: task.id.clone(),
            workflow: machine.name.clone(),
            kind: work.kind,
            name: work.name.clone(),
            agent: work.name.as_ref().and_then(|name| machine.agents.get(name)).cloned(),
            prompt: work.prompt.clone(),
            spec: work.spec.clone(),
            output: Vec::new(),
            key: idempotency_key(id, &task.id),
            attempt: task.attempt,
            timeout: work
                .timeout
                .and_then(|span| u64::try_from(span.0).ok())
                .map(Duration::from_nanos),
            child: None,
        })
    }

    /// The cancelling of what a run launched and has no use for any more.
    pub(crate) fn cancel(task: &Task) -> Self {
        Self {
            task: task.id.clone(),
            workflow: String::new(),
            kind: task.kind,
            name: None,
            agent: None,
            prompt: None,
            spec: Json::Null,
            output: Vec::new(),
            key: String::new(),
            attempt: task.attempt,
            timeout: None,
            child: task.child,
        }
    }
}

/// What whoever does a piece of work is told, with every text worked out: the prompt, and everything else.
///
/// # Errors
///
/// Why it cannot be said: a text of it has no value.
pub(crate) fn rendered(work: &Work, scope: &Scope) -> Result<(Option<String>, Json), Failure> {
    let prompt = work.prompt.as_ref().map(|prompt| prompt.render(scope)).transpose();
    let prompt =
        prompt.map_err(|error| Failure::lasting(format!("the prompt has no value: {error}")))?;
    if work.kind == WorkKind::Exec {
        work.spec.as_object().map_or(Ok(()), exec::expect_no_data_in_text)?;
    }
    let mut spec = Map::new();
    let given = work.spec.as_object().into_iter().flatten();
    for (key, value) in given.filter(|(key, _)| !NOT_TOLD.contains(&key.as_str())) {
        let filled = kernel::filled_in(value, scope)
            .map_err(|error| Failure::lasting(format!("`{key}` has no value: {error}")))?;
        spec.insert(key.clone(), filled);
    }
    Ok((prompt, Json::Object(spec)))
}

/// Hash of run, step, visit and branch, and of whether it is the step's work or makes that good: 32 hexadecimal digits.
#[must_use]
pub fn idempotency_key(run: RunId, task: &TaskId) -> String {
    hash_of(run, task, 0).to_hex().as_str()[..32].to_owned()
}

/// The key under which the child workflow of a piece of work is launched, so that there is one for it at most.
///
/// - `key`: the [`idempotency_key`] of the work.
#[must_use]
pub fn launch_key(key: &str) -> String {
    format!("launch {key}")
}

/// A number that looks like chance and is the same whenever this attempt is decided.
#[must_use]
pub fn chance(run: RunId, task: &TaskId, attempt: u32) -> u64 {
    let hash = hash_of(run, task, attempt);
    let mut first = [0; 8];
    first.copy_from_slice(&hash.as_bytes()[..8]);
    u64::from_le_bytes(first)
}

fn hash_of(run: RunId, task: &TaskId, attempt: u32) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(run.0.as_bytes());
    hasher.update(&task.visit.0.to_le_bytes());
    hasher.update(&task.branch.0.to_le_bytes());
    hasher.update(&attempt.to_le_bytes());
    hasher.update(task.state.as_str().as_bytes());
    match task.purpose {
        Purpose::Work => {}
        // Other work than the one it makes good, so whoever does it is to do it. No name ends so.
        // However often it is asked for, it is the same deed.
        Purpose::Compensation(_) => drop(hasher.update(b"\0compensate")),
    }
    hasher.finalize()
}

/// The good end of a task, as its run hears of it. Of one that makes work good, nothing it gave is kept.
#[must_use]
pub fn done(task: &TaskId, output: Map<String, Json>, by: By, at: Timestamp) -> Input {
    let TaskId { state, visit, branch, purpose, .. } = task.clone();
    match purpose {
        Purpose::Work => Input::WorkDone(WorkDone {
            state,
            visit: Some(visit),
            branch,
            output,
            rev: None,
            evidence: Vec::new(),
            by,
            at,
        }),
        Purpose::Compensation(_) => {
            Input::CompensationDone(CompensationDone { state, visit, branch, by, at })
        }
    }
}

/// The failure of an attempt, as its run hears of it.
#[must_use]
pub fn failed(run: RunId, held: &Held, failure: &Failure, by: By, at: Timestamp) -> Input {
    let TaskId { state, visit, branch, purpose, .. } = held.task.clone();
    let failed = AttemptFailed {
        state,
        visit,
        branch,
        attempt: held.attempt,
        reason: failure.reason.clone(),
        may_retry: failure.may_retry,
        chance: chance(run, &held.task, held.attempt),
        by,
        at,
    };
    match purpose {
        Purpose::Work => Input::AttemptFailed(failed),
        Purpose::Compensation(_) => Input::CompensationFailed(failed),
    }
}

/// A value as the outputs a step declares.
///
/// # Errors
///
/// What is missing or of no use.
pub(crate) fn outputs(names: &[String], value: Json) -> Result<Map<String, Json>, Failure> {
    match (names, value) {
        (_, Json::Object(fields)) if names.iter().all(|name| fields.contains_key(name)) => {
            Ok(fields)
        }
        ([name], value) => Ok(Map::from_iter([(name.clone(), value)])),
        ([], Json::Null) => Ok(Map::new()),
        ([], value) => Ok(Map::from_iter([("result".to_owned(), value)])),
        (names, Json::Object(fields)) => {
            let missing: Vec<_> = names.iter().filter(|name| !fields.contains_key(*name)).collect();
            Err(Failure::passing(format!("the result lacks {missing:?}")))
        }
        (names, _) => Err(Failure::passing(format!("the result is no object with {names:?}"))),
    }
}

/// An error with its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
