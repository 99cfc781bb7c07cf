//! What transitions answer: events, and what happens inside the machine.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use crate::id::EventName;
use crate::machine::{Delay, Machine, StateIx};
use crate::record::Cause;

/// Something transitions may answer.
#[derive(Debug, Clone)]
pub(super) struct Occurrence {
    pub(super) what: Happening,
    pub(super) name: EventName,
    /// What it carries: one JSON object.
    pub(super) data: Arc<Map<String, Json>>,
}

/// What sort of occurrence, and whose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Happening {
    /// An event was sent.
    Event,
    /// A delay of a state ran out.
    After(StateIx, u32),
    /// A state is complete.
    Complete(StateIx),
    /// A state's work ended well.
    WorkDone(StateIx),
    /// A state's work failed.
    WorkFailed(StateIx),
}

impl Happening {
    /// The state whose work came to its end.
    pub(super) fn ended_work(self) -> Option<StateIx> {
        match self {
            Self::WorkDone(ix) | Self::WorkFailed(ix) => Some(ix),
            Self::Event | Self::After(..) | Self::Complete(_) => None,
        }
    }

    pub(super) fn cause(self) -> Cause {
        match self {
            Self::Event => Cause::Event,
            Self::After(..) => Cause::After,
            Self::Complete(_) | Self::WorkDone(_) => Cause::Done,
            Self::WorkFailed(_) => Cause::Error,
        }
    }
}

/// Whether an event's name is one that only the machine itself may use.
pub(crate) fn is_reserved(event: &str) -> bool {
    event.starts_with("xstate.")
}

impl Occurrence {
    pub(super) fn event(name: EventName, data: &Map<String, Json>) -> Self {
        Self { what: Happening::Event, name, data: Arc::new(data.clone()) }
    }

    pub(super) fn after(machine: &Machine, ix: StateIx, delay: u32) -> Self {
        let after = match machine.state(ix).delays.get(delay as usize) {
            Some(Delay::Fixed(span)) => (span.0 / 1_000_000).to_string(),
            Some(Delay::Computed(expr)) => expr.source().to_owned(),
            Some(Delay::Unbound(name)) => name.clone(),
            None => delay.to_string(),
        };
        let name = format!("xstate.after.{after}.{}", xstate_id(machine, ix));
        Self::internal(Happening::After(ix, delay), name, Map::new())
    }

    pub(super) fn complete(machine: &Machine, ix: StateIx, output: Json) -> Self {
        let name = format!("xstate.done.state.{}", xstate_id(machine, ix));
        let data = Map::from_iter([("output".to_owned(), output)]);
        Self::internal(Happening::Complete(ix), name, data)
    }

    pub(super) fn work_done(machine: &Machine, ix: StateIx, output: &Map<String, Json>) -> Self {
        let name = format!("xstate.done.actor.{}", actor_id(machine, ix));
        let data = Map::from_iter([("output".to_owned(), Json::Object(output.clone()))]);
        Self::internal(Happening::WorkDone(ix), name, data)
    }

    pub(super) fn work_failed(machine: &Machine, ix: StateIx, reason: &str) -> Self {
        let name = format!("xstate.error.actor.{}", actor_id(machine, ix));
        let data = Map::from_iter([("error".to_owned(), Json::String(reason.to_owned()))]);
        Self::internal(Happening::WorkFailed(ix), name, data)
    }

    fn internal(what: Happening, name: String, data: Map<String, Json>) -> Self {
        Self { what, name: EventName::from(name), data: Arc::new(data) }
    }
}

/// A state's id as XState names it: the machine's name and the path.
fn xstate_id(machine: &Machine, ix: StateIx) -> String {
    if ix == Machine::ROOT {
        machine.name.clone()
    } else {
        format!("{}.{}", machine.name, machine.state(ix).id)
    }
}

/// The id of the work of a state, as XState names it: the one it was given, else its place.
fn actor_id(machine: &Machine, ix: StateIx) -> String {
    let work = machine.state(ix).work.as_ref();
    match work.and_then(|work| work.spec.get("id")).and_then(Json::as_str) {
        Some(id) => id.to_owned(),
        None => format!("0.{}", xstate_id(machine, ix)),
    }
}
