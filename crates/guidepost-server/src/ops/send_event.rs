//! Sending an event to a run.

use guidepost_core::id::{EventName, Rev, RunRef, StateId};
use guidepost_core::input::{By, Event, Input};
use guidepost_core::limits::{NAME_BYTES_MAX, PAYLOAD_BYTES_MAX, TEXT_BYTES_MAX};
use guidepost_core::record::Record;
use guidepost_engine::plan;
use serde::Serialize;
use serde_json::{Map, Value as Json, json};

use super::advance::{Advanced, Request};
use super::way::innermost;
use super::{OpError, Ops, Standing, bounds, digest};

/// An event to send.
#[derive(Debug, Clone, PartialEq)]
pub struct SendEvent {
    /// The run.
    pub run: RunRef,
    /// The event's name.
    pub event: String,
    /// What it carries.
    pub data: Map<String, Json>,
    /// The rev the sender last saw. It makes a repeat harmless, and refuses the event if the state that would take it
    /// has been entered or left since. `None` means "whatever is now".
    pub rev: Option<Rev>,
    /// Why, in the sender's words.
    pub note: Option<String>,
    /// Who sends it.
    pub caller: String,
}

/// What an input did to a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Moved {
    /// The rev after it. If that is less than the standing's, the input was a repeat, and others moved the run since.
    pub after: Rev,
    /// The innermost states that were left.
    pub left: Vec<StateId>,
    /// The innermost states that were entered.
    pub entered: Vec<StateId>,
    /// Whether the same request had been done before, so that nothing was changed now.
    pub is_repeat: bool,
    /// How the run stands.
    #[serde(flatten)]
    pub standing: Standing,
}

impl Ops {
    /// Sends an event to a run. A repeat with the same rev, event, data and caller changes nothing and gets the answer
    /// the first one got.
    ///
    /// # Errors
    ///
    /// [`OpError::NotDone`] if the event is not legal now, with what is; [`OpError::TooLarge`]; and the failures of the
    /// store.
    pub async fn send_event(&self, event: &SendEvent) -> Result<Moved, OpError> {
        bounds::check_text("the event's name", Some(&event.event), NAME_BYTES_MAX)?;
        bounds::check_text("the note", event.note.as_deref(), TEXT_BYTES_MAX)?;
        bounds::check_text("the caller's name", Some(&event.caller), NAME_BYTES_MAX)?;
        bounds::check_json("the event's data", &event.data, PAYLOAD_BYTES_MAX)?;
        let request = Request {
            seen: event.rev.map(|rev| (rev, digest_of(event))),
            sent: event.data.keys().cloned().collect(),
            event: event.event.clone(),
        };
        let advanced = self
            .advance(&event.run, &request, |evidence, at| {
                Input::Event(Event {
                    name: EventName::from(event.event.as_str()),
                    data: event.data.clone(),
                    rev: event.rev,
                    evidence,
                    by: By { caller: event.caller.clone(), note: event.note.clone() },
                    at,
                })
            })
            .await?;
        self.moved(advanced).await
    }

    /// The answer for a run that was moved.
    pub(super) async fn moved(&self, advanced: Advanced) -> Result<Moved, OpError> {
        let (left, entered) = net(&advanced.records);
        let mut current = advanced.current;
        // What it did may have passed a limit, which whoever did it is told. That it is done is true even if that fails.
        if plan::over_limit(&current.run, &current.budgets, self.world.now()).is_some() {
            current = self.current(&current.head.no.into()).await.unwrap_or(current);
        }
        Ok(Moved {
            after: advanced.rev,
            left,
            entered,
            is_repeat: advanced.is_repeat,
            standing: self.standing(&current).await?,
        })
    }
}

fn digest_of(event: &SendEvent) -> guidepost_store::RequestDigest {
    digest::of(&json!({
        "rev": event.rev,
        "event": event.event,
        "data": event.data,
        "caller": event.caller,
    }))
}

/// The innermost states that records leave and enter, those passed on the way left out.
fn net(records: &[Record]) -> (Vec<StateId>, Vec<StateId>) {
    let mut left: Vec<StateId> = Vec::new();
    let mut entered: Vec<StateId> = Vec::new();
    for record in records {
        let Record::Transitioned(step) = record else { continue };
        for state in &step.exited {
            match entered.iter().position(|known| known == state) {
                Some(at) => drop(entered.remove(at)),
                None => left.push(state.clone()),
            }
        }
        entered.extend(step.entered.iter().cloned());
    }
    (innermost(&left), innermost(&entered))
}
