//! Where two runs part, and what differs.

use guidepost_core::id::RunRef;
use guidepost_engine::history::{self, Difference};
use guidepost_store::StoreError;
use serde::Serialize;
use serde_json::Value as Json;

use super::{OpError, Ops, sensitive};

/// Two runs, compared.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunsDiffer {
    /// The short ids of both.
    pub runs: [String; 2],
    /// Whether they took the same way to the same end.
    pub is_same: bool,
    /// What differs.
    #[serde(flatten)]
    pub difference: Difference,
}

impl Ops {
    /// Compares two runs: where they part, and what differs. Who did something and when does not count.
    ///
    /// # Errors
    ///
    /// [`OpError::Store`] if there is no such run, and the failures of the store.
    pub async fn diff(&self, a: &RunRef, b: &RunRef) -> Result<RunsDiffer, OpError> {
        let (first, second) = (self.current(a).await?, self.current(b).await?);
        let of_a = history::read(&*self.store, &self.tenant, first.head.no).await?;
        let of_b = history::read(&*self.store, &self.tenant, second.head.no).await?;
        let found = history::diff((first.head.id, &of_a), (second.head.id, &of_b));
        let mut difference = found.map_err(|misfit| StoreError::Damaged {
            run: first.head.no,
            what: misfit.to_string(),
        })?;
        let is_same = difference.is_none();
        for machine in [&first.machine, &second.machine] {
            sensitive::hide(machine, &mut difference.a.parts_with);
            sensitive::hide(machine, &mut difference.b.parts_with);
            for differing in &mut difference.data {
                for side in [&mut differing.a, &mut differing.b].into_iter().flatten() {
                    let mut placed =
                        Json::from(vec![Json::from(differing.at.as_str()), side.take()]);
                    sensitive::hide(machine, &mut placed);
                    *side = placed[1].take();
                }
            }
        }
        Ok(RunsDiffer { runs: [first.name(), second.name()], is_same, difference })
    }
}
