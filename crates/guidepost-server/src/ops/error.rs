//! Why an operation did not do what it was asked.

use std::fmt;

use guidepost_core::diagnostic::{Diagnostic, Explain};
use guidepost_core::id::{Rev, StateId, Version};
use guidepost_core::kernel::Rejected;
use guidepost_store::StoreError;
use serde::Serialize;
use serde_json::Value as Json;

use super::{Next, NotDone, Refusal};
use crate::words::Words;

/// Why an operation did not do what it was asked. Nothing was changed, unless the message says otherwise.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpError {
    /// The run did not take the input.
    #[error(transparent)]
    NotDone(Box<NotDone>),
    /// The store said no, or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no such workflow.
    #[error("there is no workflow `{name}`")]
    NoSuchWorkflow {
        /// What was asked for.
        name: String,
        /// A workflow with a similar name.
        closest: Option<String>,
    },
    /// The workflow has no such version.
    #[error("workflow `{name}` has no version `{version}`")]
    NoSuchVersion {
        /// The workflow.
        name: String,
        /// What was asked for.
        version: String,
        /// The newest there is.
        newest: Option<Version>,
    },
    /// There is no such state.
    #[error("{} `{state}`", stateless(.workflow.as_deref()))]
    NoSuchState {
        /// The workflow that was looked at; `None` for all.
        workflow: Option<String>,
        /// What was asked for.
        state: String,
        /// A state with a similar name.
        closest: Option<String>,
    },
    /// There is no such schedule.
    #[error("workflow `{workflow}` has no schedule{}", .name.as_ref().map(|name| format!(" `{name}`")).unwrap_or_default())]
    NoSuchSchedule {
        /// The workflow.
        workflow: String,
        /// What was asked for; `None` for any.
        name: Option<String>,
        /// The schedules it has.
        known: Vec<String>,
    },
    /// The definition has problems that prevent its use.
    #[error("{} in `{file}`, nothing saved", count(.problems.iter().filter(|p| p.is_error()).count(), "problem"))]
    BadDefinition {
        /// Where the text came from.
        file: String,
        /// All problems, warnings included, in the order of their places.
        problems: Vec<Diagnostic>,
    },
    /// The definition contains work that this door may not bring in.
    #[error("state `{state}` does `{work}` work, which a definition from here may not contain")]
    ForbiddenWork {
        /// The state.
        state: StateId,
        /// The sort of work.
        work: String,
    },
    /// A workflow that is stored cannot be compiled by this release.
    #[error("the stored definition of workflow `{name}` cannot be used: {problem}")]
    Unusable {
        /// The workflow.
        name: String,
        /// The first problem.
        problem: String,
    },
    /// Something is larger than it may be.
    #[error("{what} has {size}, and may have {max}")]
    TooLarge {
        /// What.
        what: &'static str,
        /// How large it is.
        size: String,
        /// How large it may be.
        max: String,
    },
    /// An argument makes no sense.
    #[error("{what}")]
    BadArgument {
        /// Which, and what is wrong with it.
        what: String,
        /// What would make sense.
        hint: Option<String>,
    },
    /// Other writers moved the run each time a decision was made.
    #[error("run `{run}` was moved by others {attempts} times while this was decided")]
    Contended {
        /// The run.
        run: String,
        /// How often it was tried.
        attempts: u32,
    },
    /// More timers are due than one call settles.
    #[error("run `{run}` has more due timers than one call settles; {settled} were settled")]
    Unsettled {
        /// The run.
        run: String,
        /// How many were.
        settled: usize,
    },
    /// There is no such record.
    #[error("run `{run}` has no record `{record}`")]
    NoSuchRecord {
        /// The run.
        run: String,
        /// What was asked for.
        record: String,
        /// The part of the run's record that it would be in: `history`, `thread`.
        part: &'static str,
    },
    /// The data has nothing at the place.
    #[error("run `{run}` has no data at `{path}`")]
    NoSuchData {
        /// The run.
        run: String,
        /// The place.
        path: String,
        /// The attributes there are.
        known: Vec<String>,
    },
}

/// What sort of failure it is, for exit codes and HTTP statuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The input is not legal as things are.
    NotLegal,
    /// The sender's rev is old.
    Stale,
    /// There is no such thing.
    NotFound,
    /// The request makes no sense as it is, whatever the state of things.
    Usage,
    /// A rule, or other arguments under the same key, forbid it.
    Refused,
    /// Trying again later may help.
    Unavailable,
    /// What is stored cannot be used.
    Damaged,
}

impl Kind {
    /// What sort of failure it is that a run does not take an input.
    #[must_use]
    pub fn of(rejected: &Rejected) -> Self {
        match rejected {
            Rejected::Stale { .. } => Self::Stale,
            Rejected::BadStart { .. } | Rejected::Unbound { .. } => Self::Usage,
            _ => Self::NotLegal,
        }
    }
}

/// An error as JSON: the fields of problem details (RFC 9457) that do not depend on the door.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Problem {
    /// Stable identifier with a page in the reference.
    pub code: &'static str,
    /// What sort of failure it is.
    pub kind: Kind,
    /// What happened.
    pub message: String,
    /// What to try next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The rev it is at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rev: Option<Rev>,
    /// The innermost states it is in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub states: Vec<StateId>,
    /// What is legal now.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub next: Vec<Next>,
    /// Problems in a definition or in data, one by one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Json>,
}

impl OpError {
    /// What sort of failure it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::NotDone(not_done) => match &not_done.refusal {
                Refusal::Rejected(rejected) => Kind::of(rejected),
                Refusal::RevAhead { .. } => Kind::Usage,
            },
            Self::Store(error) => store_kind(error),
            Self::NoSuchWorkflow { .. }
            | Self::NoSuchVersion { .. }
            | Self::NoSuchState { .. }
            | Self::NoSuchSchedule { .. }
            | Self::NoSuchRecord { .. }
            | Self::NoSuchData { .. } => Kind::NotFound,
            Self::BadDefinition { .. } | Self::TooLarge { .. } | Self::BadArgument { .. } => {
                Kind::Usage
            }
            Self::ForbiddenWork { .. } => Kind::Refused,
            Self::Contended { .. } | Self::Unsettled { .. } => Kind::Unavailable,
            Self::Unusable { .. } => Kind::Damaged,
        }
    }

    /// The error as JSON shows it.
    #[must_use]
    pub fn problem(&self) -> Problem {
        let mut problem = Problem {
            code: self.code(),
            kind: self.kind(),
            message: self.to_string(),
            hint: self.hint(),
            run: None,
            rev: None,
            states: Vec::new(),
            next: Vec::new(),
            problems: Vec::new(),
        };
        match self {
            Self::NotDone(not_done) => {
                problem.run = Some(not_done.run.clone()).filter(|run| !run.is_empty());
                problem.rev = problem.run.as_ref().map(|_| not_done.rev);
                problem.states.clone_from(&not_done.states);
                problem.next.clone_from(&not_done.next);
                problem.problems = not_done.problems();
            }
            Self::BadDefinition { problems, .. } => problem.problems = as_json(problems),
            _ => {}
        }
        problem
    }

    /// What to try next, in a door's words.
    #[must_use]
    pub fn advice(&self, words: Words) -> Option<String> {
        Some(match self {
            Self::NotDone(not_done) => return not_done.advice(words),
            Self::Store(error) => return store_advice(error, words),
            Self::NoSuchState { closest, .. } => {
                return closest.as_ref().map(|closest| format!("did you mean `{closest}`?"));
            }
            Self::NoSuchWorkflow { closest: Some(closest), .. } => {
                format!("did you mean `{closest}`?")
            }
            Self::NoSuchWorkflow { closest: None, .. } => {
                format!("list the workflows there are with {}", words.find_workflows())
            }
            Self::NoSuchVersion { name, newest: Some(newest), .. } => {
                format!("the newest is `{name}@{newest}`")
            }
            Self::NoSuchVersion { .. } => {
                "it is written by SQL and has no versions; leave the `@` out".to_owned()
            }
            Self::NoSuchSchedule { known, .. } if known.is_empty() => {
                "write it under `schedules:` of the workflow, and save that".to_owned()
            }
            Self::NoSuchSchedule { known, .. } => format!("there is {}", known.join(", ")),
            Self::BadDefinition { .. } => "correct them and try again".to_owned(),
            Self::ForbiddenWork { .. } => {
                "a person can save it with `guidepost apply`, or allow such work when starting the server"
                    .to_owned()
            }
            Self::Unusable { name, .. } => {
                words.person(&format!("guidepost show {name}"), "see its text and correct it")
            }
            Self::TooLarge { .. } => {
                "keep large things in files and send a reference to them".to_owned()
            }
            Self::BadArgument { hint, .. } => return hint.clone(),
            Self::Contended { .. } => "read the run again, then decide anew".to_owned(),
            Self::Unsettled { .. } => "call again to settle more".to_owned(),
            Self::NoSuchRecord { run, part, .. } => {
                format!("list the records there are with {}", words.read(run, part))
            }
            Self::NoSuchData { known, .. } if known.is_empty() => "it has no data yet".to_owned(),
            Self::NoSuchData { known, .. } => format!("there is {}", known.join(", ")),
        })
    }
}

/// What to try after a failure of the store. The store's own advice names commands.
fn store_advice(error: &StoreError, words: Words) -> Option<String> {
    match (error, words) {
        (StoreError::NoSuchRun(_), _) => {
            Some(format!("list the runs there are with {}", words.find_runs()))
        }
        (StoreError::Ambiguous { .. }, _) => {
            Some(format!("name the run by its id; list them with {}", words.find_runs()))
        }
        (StoreError::Damaged { run, .. }, Words::Tools) => Some(format!(
            "other runs are not affected; {}",
            words.person(&format!("guidepost verify {run}"), "see where")
        )),
        (StoreError::ReadOnly { .. }, Words::Tools) => {
            Some("tell a person: the disk is to be checked, and the server restarted".to_owned())
        }
        _ => error.hint(),
    }
}

fn store_kind(error: &StoreError) -> Kind {
    match error {
        StoreError::NoSuchRun(_) => Kind::NotFound,
        StoreError::Ambiguous { .. } | StoreError::BadUrl { .. } => Kind::Usage,
        StoreError::KeyReused { .. } | StoreError::Refused { .. } => Kind::Refused,
        StoreError::Damaged { .. }
        | StoreError::Malformed { .. }
        | StoreError::NewerSchema { .. } => Kind::Damaged,
        StoreError::Conflict { .. }
        | StoreError::Busy { .. }
        | StoreError::Failed { .. }
        | StoreError::Unavailable { .. }
        | StoreError::ReadOnly { .. } => Kind::Unavailable,
        _ => Kind::Unavailable,
    }
}

/// Each item as JSON.
pub(super) fn as_json<T: Serialize>(items: &[T]) -> Vec<Json> {
    items.iter().filter_map(|item| serde_json::to_value(item).ok()).collect()
}

impl Explain for OpError {
    fn code(&self) -> &'static str {
        match self {
            Self::NotDone(not_done) => match &not_done.refusal {
                Refusal::Rejected(rejected) => rejected.code(),
                Refusal::RevAhead { .. } => "GP0412",
            },
            Self::Store(error) => error.code(),
            Self::NoSuchWorkflow { .. } => "GP0401",
            Self::NoSuchVersion { .. } => "GP0402",
            Self::BadDefinition { .. } => "GP0403",
            Self::ForbiddenWork { .. } => "GP0404",
            Self::Unusable { .. } => "GP0405",
            Self::TooLarge { .. } => "GP0406",
            Self::BadArgument { .. } => "GP0407",
            Self::Contended { .. } => "GP0408",
            Self::Unsettled { .. } => "GP0409",
            Self::NoSuchRecord { .. } => "GP0410",
            Self::NoSuchData { .. } => "GP0411",
            Self::NoSuchState { .. } => "GP0413",
            Self::NoSuchSchedule { .. } => "GP0414",
        }
    }

    fn hint(&self) -> Option<String> {
        self.advice(Words::Commands)
    }
}

/// Which workflow has no such state.
fn stateless(workflow: Option<&str>) -> String {
    match workflow {
        Some(workflow) => format!("workflow `{workflow}` has no state"),
        None => "no workflow has a state".to_owned(),
    }
}

/// A count with its noun: `1 problem`, `2 problems`.
pub(crate) fn count(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

/// What keeps a run from being read. A list tells it in the run's place, so that one damaged run hides no others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Damage {
    /// The error's code, which has a page in `docs/errors/`.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
}

impl Damage {
    /// What an error says about one run; `None` if it says something about the store, or the moment.
    pub(super) fn of(error: &OpError) -> Option<Self> {
        (error.kind() == Kind::Damaged)
            .then(|| Self { code: error.code(), message: error.to_string() })
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "damaged[{}]: {}", self.code, self.message)
    }
}
