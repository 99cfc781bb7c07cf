//! A new run that begins where another was, with other data if wished.

use guidepost_core::data::{Change, Pointer};
use guidepost_core::id::{Rev, RunRef};
use guidepost_core::input::{By, Input, Restore};
use guidepost_core::limits::{NAME_BYTES_MAX, PAYLOAD_BYTES_MAX, TEXT_BYTES_MAX};
use guidepost_core::record::{Lasting, Restoration};
use guidepost_core::run::Run;
use guidepost_store::{NewRun, Wanted, WorkflowBody};
use serde::Serialize;
use serde_json::{Map, Value as Json, json};

use super::rollback::restored;
use super::{OpError, Ops, Place, Standing, bounds, digest};

/// A run to fork.
#[derive(Debug, Clone, PartialEq)]
pub struct Fork {
    /// The run.
    pub run: RunRef,
    /// Where in its history; `None` means where it is.
    pub at: Option<Place>,
    /// Other values in its data, by attribute or by JSON Pointer (`/lead/name`).
    pub set: Map<String, Json>,
    /// The caller's own id for the new run: a repeat with the same key gives the same run.
    pub key: Option<String>,
    /// Whether to fork although something was done after that place that cannot be undone, and may be done again.
    pub confirm: bool,
    /// Why, in the caller's words.
    pub note: Option<String>,
    /// Who wants it.
    pub caller: String,
}

/// A fork, or what it would repeat.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Forked {
    /// Whether there is one. If not, nothing changed: what is lasting has to be confirmed first.
    pub is_done: bool,
    /// Whether it is new, and not found by its key.
    pub is_new: bool,
    /// The run it began in.
    pub origin: String,
    /// The rev whose state it began with.
    pub from: Rev,
    /// What the other run did after that and the fork may do again, latest first.
    pub lasting: Vec<Lasting>,
    /// How the fork stands; if it was not made, how the other run does.
    #[serde(flatten)]
    pub standing: Standing,
}

impl Ops {
    /// Begins a run where another was. The other is left alone.
    ///
    /// # Errors
    ///
    /// [`OpError::BadArgument`] if there is no such place; [`OpError::NotDone`] if the run was over there, or the data
    /// does not fit; and the failures of the store.
    pub async fn fork(&self, request: &Fork) -> Result<Forked, OpError> {
        bounds::check_text("the note", request.note.as_deref(), TEXT_BYTES_MAX)?;
        bounds::check_text("the caller's name", Some(&request.caller), NAME_BYTES_MAX)?;
        bounds::check_text("the key", request.key.as_deref(), NAME_BYTES_MAX)?;
        bounds::check_json("the data", &request.set, PAYLOAD_BYTES_MAX)?;
        let current = self.current(&request.run).await?;
        let past = self.past(&current).await?;
        let from = past.find(request.at.as_ref().unwrap_or(&Place::Rev(current.run.rev)))?;
        let origin = current.name();
        let lasting = self.deeds(&current, &past, from, &[]).await?.lasting;
        if !lasting.is_empty() && !request.confirm {
            let standing = self.standing(&current).await?;
            let (is_done, is_new) = (false, false);
            return Ok(Forked { is_done, is_new, origin, from, lasting, standing });
        }
        let (run, past_at, machine) = past.at(&current, from)?;
        let now = self.world.now();
        let (workflow, driver) = (run.workflow.clone(), run.driver);
        let version = match run.machine.as_str() {
            "" => None,
            hash => self.store.workflow(&self.tenant, &workflow, Wanted::Hash(hash)).await?,
        };
        let version = version.and_then(|found| match found.body {
            WorkflowBody::Versioned { version, .. } => Some(version),
            WorkflowBody::Open(_) => None,
        });
        let input = Input::Restore(Restore {
            why: Restoration::Forked { run: current.head.id, rev: from },
            past: Box::new(run),
            past_at,
            going_on: Vec::new(),
            edits: edits(&request.set),
            lasting: Vec::new(),
            compensations: Vec::new(),
            by: By { caller: request.caller.clone(), note: request.note.clone() },
            at: now,
        });
        let batch = restored(&machine, &current, &Run::default(), &input, now)?;
        let digest =
            digest::of(&json!({ "fork": current.head.id, "at": from, "set": request.set }));
        let new = NewRun {
            agent: current.head.agent.clone(),
            goal: current.head.goal.clone(),
            session: current.head.session.clone(),
            key: request.key.clone().map(|key| (key, digest)),
            ..NewRun::new(self.world.new_run_id(), &workflow, version, driver, now)
        };
        let created = self.store.create(&self.tenant, new, batch).await?;
        let fork = self.current(&created.run.into()).await?;
        let standing = self.standing(&fork).await?;
        let is_new = created.is_new;
        Ok(Forked { is_done: true, is_new, origin, from, lasting, standing })
    }
}

/// Values at their places: an attribute's name, or a pointer into one.
fn edits(set: &Map<String, Json>) -> Vec<Change> {
    let edits = set.iter().map(|(place, value)| {
        let at = match place.starts_with('/') {
            true => Pointer::from(place.as_str()),
            false => Pointer::attribute(place),
        };
        Change::Set(at, value.clone())
    });
    edits.collect()
}
