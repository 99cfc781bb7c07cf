//! Names for places in a run's history, and the list of all there are.

use guidepost_core::id::{Rev, RunRef};
use guidepost_core::limits::NAME_BYTES_MAX;
use guidepost_core::recorded::{self, Fact, FactBody};
use guidepost_core::time::Timestamp;
use guidepost_engine::history::Milestone;
use serde::Serialize;

use super::past::automatic_rev;
use super::{OpError, Ops, Place, bounds};

/// A name for a place in a run's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The run.
    pub run: RunRef,
    /// The name; `None` gives none and only lists.
    pub name: Option<String>,
    /// The place; `None` means where the run is.
    pub at: Option<Place>,
    /// Who gives it.
    pub caller: String,
}

/// The places a run can be taken back to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checkpointed {
    /// The run's short id.
    pub run: String,
    /// The rev it is at.
    pub rev: Rev,
    /// The places with a name, in the order of their revs.
    pub checkpoints: Vec<NamedPlace>,
    /// The steps of its way, oldest first: each can be gone back to by the visit of a state.
    pub steps: Vec<Milestone>,
}

/// A place with a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NamedPlace {
    /// Its name.
    pub name: String,
    /// The rev it means.
    pub rev: Rev,
    /// When it got its name.
    pub named_at: Timestamp,
    /// Whether it got its name by the workflow's `checkpoints:`, without anybody's doing.
    #[serde(rename = "automatic")]
    pub is_automatic: bool,
}

impl Ops {
    /// Names a place in a run's history, and lists all there are. A name given again means the new place. Nothing is
    /// copied, and nobody's rev is made stale.
    ///
    /// # Errors
    ///
    /// [`OpError::BadArgument`] if the name would be read as something else, or there is no such place; and the failures
    /// of the store.
    pub async fn checkpoint(&self, request: &Checkpoint) -> Result<Checkpointed, OpError> {
        bounds::check_text("the name", request.name.as_deref(), NAME_BYTES_MAX)?;
        bounds::check_text("the caller's name", Some(&request.caller), NAME_BYTES_MAX)?;
        let current = self.current(&request.run).await?;
        let mut past = self.past(&current).await?;
        if let Some(name) = &request.name {
            check_name(name)?;
            let rev = past.find(request.at.as_ref().unwrap_or(&Place::Rev(current.run.rev)))?;
            let body = FactBody::Checkpoint(recorded::Checkpoint { name: name.clone(), rev });
            let by = request.caller.clone();
            let fact = Fact { at: Some(self.world.now()), observed: true, by, body };
            self.store.record(&self.tenant, current.head.no, vec![fact]).await?;
            past = self.past(&current).await?;
        }
        let named = past.named().into_iter();
        let named = named.map(|(name, rev, named_at)| NamedPlace {
            name: name.to_owned(),
            rev,
            named_at,
            is_automatic: false,
        });
        let automatic = past.automatic().into_iter().map(|(name, place)| NamedPlace {
            name,
            rev: place.rev,
            named_at: place.at,
            is_automatic: true,
        });
        let mut checkpoints: Vec<NamedPlace> = named.chain(automatic).collect();
        checkpoints.sort_by_key(|place| place.rev);
        Ok(Checkpointed { run: current.name(), rev: current.run.rev, checkpoints, steps: past.way })
    }
}

/// Refuses a name that would be read as a rev, a visit, a time or an automatic checkpoint.
fn check_name(name: &str) -> Result<(), OpError> {
    let is_other = name.parse::<u64>().is_ok()
        || name.parse::<Timestamp>().is_ok()
        || automatic_rev(name).is_some();
    if !name.trim().is_empty() && !name.contains('#') && !is_other {
        return Ok(());
    }
    Err(OpError::BadArgument {
        what: format!("`{name}` cannot be a checkpoint's name: it would be read as another place"),
        hint: Some("use a word, such as `before-release`".to_owned()),
    })
}
