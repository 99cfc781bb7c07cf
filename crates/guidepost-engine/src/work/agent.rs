//! Agents that a workflow describes.

use std::time::Duration;

use async_trait::async_trait;
use guidepost_core::machine::{Agent, Scripted};
use serde_json::Value as Json;

use super::Handler;
use crate::call::{Call, Failure, Outcome};

/// Asks the agent the workflow describes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Agents;

#[async_trait]
impl Handler for Agents {
    async fn perform(&self, call: Call) -> Outcome {
        match &call.agent {
            Some(Agent::Scripted(scripted)) => {
                let delay = u64::try_from(scripted.delay.0).unwrap_or(0);
                tokio::time::sleep(Duration::from_nanos(delay)).await;
                scripted_answer(scripted, &call)
            }
            Some(Agent::Worker) | None => {
                let name = call.name.as_deref().unwrap_or_default();
                Outcome::Failed(Failure::lasting(format!("nobody here is the agent `{name}`")))
            }
        }
    }
}

/// The answer that was written down.
fn scripted_answer(scripted: &Scripted, call: &Call) -> Outcome {
    let state = &call.task.state;
    let entry = scripted.answers.get(state.as_str()).or_else(|| scripted.answers.get(state.name()));
    let Some(entry) = entry else {
        let known: Vec<_> = scripted.answers.keys().map(String::as_str).collect();
        let reason = format!("the script has no answer for `{state}`, only for {known:?}");
        return Outcome::Failed(Failure::lasting(reason));
    };
    let turn = match call.task.branch.0 {
        0 => call.task.visit.0,
        branch => u64::from(branch),
    };
    let answer = nth(entry, turn);
    let answer = match answer.as_object().and_then(|fields| fields.get("attempts")) {
        Some(attempts) => nth(attempts, u64::from(call.attempt)),
        None => answer,
    };
    match answer.as_object().filter(|fields| fields.len() == 1).and_then(|f| f.get("error")) {
        Some(error) => {
            let reason = error.as_str().map_or_else(|| error.to_string(), str::to_owned);
            Outcome::Failed(Failure::passing(reason))
        }
        None => Outcome::Done(answer),
    }
}

/// The n-th item, counted from 1, or the last; what is no list is the same every time.
fn nth(entry: &Json, number: u64) -> Json {
    let Json::Array(items) = entry else { return entry.clone() };
    let index = usize::try_from(number.saturating_sub(1)).unwrap_or(usize::MAX);
    items.get(index).or_else(|| items.last()).cloned().unwrap_or(Json::Null)
}
