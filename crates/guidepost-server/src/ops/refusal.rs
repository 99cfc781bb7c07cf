//! Why a run did not take an input.

use guidepost_core::diagnostic::Explain;
use guidepost_core::id::{Rev, StateId};
use guidepost_core::kernel::Rejected;
use guidepost_core::run::{PauseReason, Status};
use guidepost_core::time::Timestamp;
use serde::Serialize;
use serde_json::Value as Json;

use super::Next;
use super::error::as_json;
use crate::words::Words;

/// An input the run did not take, and how the run stands.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{refusal}")]
pub struct NotDone {
    /// Why.
    pub refusal: Refusal,
    /// The run's short id; empty if it was not created.
    pub run: String,
    /// The rev it is at.
    pub rev: Rev,
    /// The innermost states it is in.
    pub states: Vec<StateId>,
    /// What is legal now.
    pub next: Vec<Next>,
    /// The names of the fields that were sent.
    pub sent: Vec<String>,
    /// What moved the run last, if the sender's rev was old.
    pub moved: Option<LastMove>,
}

/// Why a run did not take an input.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// The kernel refused it.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// The sender claims to have seen what has not happened.
    #[error("rev {seen} does not exist yet: the run is at rev {present}")]
    RevAhead {
        /// The rev sent.
        seen: Rev,
        /// The rev the run is at.
        present: Rev,
    },
}

/// The move that made a rev old.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LastMove {
    /// The event.
    pub event: String,
    /// Who sent it; empty if nobody did.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

impl NotDone {
    /// What to try next, in a door's words.
    pub(super) fn advice(&self, words: Words) -> Option<String> {
        match &self.refusal {
            // The reason says what helps.
            Refusal::Rejected(Rejected::NotRunning {
                reason: Some(PauseReason::OverLimit),
                detail,
                ..
            }) => detail.split_once(": ").map(|(_, told)| told.to_owned()),
            Refusal::Rejected(Rejected::NotRunning { status: Status::Paused, .. }) => {
                Some(words.person(&format!("guidepost resume {}", self.run), "resume it"))
            }
            Refusal::Rejected(Rejected::BadStart { .. }) => {
                Some(format!("send what is missing as {}", words.choose("input", "--input JSON")))
            }
            Refusal::Rejected(rejected) => rejected.hint(),
            Refusal::RevAhead { present, .. } => {
                Some(format!("send {}", words.argument("rev", present)))
            }
        }
    }

    /// What is wrong with the data that was sent, one by one.
    pub(super) fn problems(&self) -> Vec<Json> {
        match &self.refusal {
            Refusal::Rejected(
                Rejected::BadData { problems, .. } | Rejected::BadStart { problems },
            ) => as_json(problems),
            Refusal::Rejected(_) | Refusal::RevAhead { .. } => Vec::new(),
        }
    }
}
