//! Agents that answer from a script: for trying things out, demos, tests and replays.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Map, Value as Json};

use super::Handler;
use crate::call::{Call, Failure, Outcome};

/// Answers from a script.
///
/// Which answer it gives depends on nothing but the step, the visit and the branch, so that a repeat after a crash gets the
/// same one: `answers` has an entry per step, by its path or its own name. A list gives the n-th visit, or the n-th branch
/// of a fan-out, its n-th item, and the last one to all further; an object with only `error` is a failure, one with
/// `attempts` as a list gives the n-th attempt its n-th item.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scripted {
    /// Answers by step.
    pub answers: Map<String, Json>,
    /// How long each answer takes.
    pub delay: Duration,
}

#[async_trait]
impl Handler for Scripted {
    async fn perform(&self, call: Call) -> Outcome {
        tokio::time::sleep(self.delay).await;
        let state = &call.task.state;
        let entry = self.answers.get(state.as_str()).or_else(|| self.answers.get(state.name()));
        let Some(entry) = entry else {
            let known: Vec<_> = self.answers.keys().map(String::as_str).collect();
            let reason = format!("the script has no answer for `{state}`, only for {known:?}");
            return Outcome::Failed(Failure::lasting(reason));
        };
        let turn = match call.task.branch.0 {
            0 => call.task.visit.0,
            branch => u64::from(branch),
        };
        let answer = match entry.as_object().and_then(|fields| fields.get("attempts")) {
            Some(attempts) => nth(attempts, u64::from(call.attempt)),
            None => nth(entry, turn),
        };
        match answer.as_object().filter(|fields| fields.len() == 1).and_then(|f| f.get("error")) {
            Some(error) => {
                let reason = error.as_str().map_or_else(|| error.to_string(), str::to_owned);
                Outcome::Failed(Failure::passing(reason))
            }
            None => Outcome::Done(answer),
        }
    }
}

/// The n-th item, counted from 1, or the last; what is no list is the same every time.
fn nth(entry: &Json, number: u64) -> Json {
    let Json::Array(items) = entry else { return entry.clone() };
    let index = usize::try_from(number.saturating_sub(1)).unwrap_or(usize::MAX);
    items.get(index).or_else(|| items.last()).cloned().unwrap_or(Json::Null)
}
