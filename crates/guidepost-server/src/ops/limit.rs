//! The limits of a run and of all runs below it: looking at them, and setting them while they are alive.

use guidepost_core::budget::{Amount, Budget};
use guidepost_core::id::{RunNo, RunRef};
use guidepost_core::limits::{NAME_BYTES_MAX, TEXT_BYTES_MAX};
use guidepost_core::machine::Limits;
use guidepost_core::recorded::{Fact, FactBody, LimitsSet};
use guidepost_core::run::{PauseReason, Run, Status};
use guidepost_core::time::Timestamp;
use guidepost_store::RunFilter;
use serde::Serialize;

use super::current::Current;
use super::{OpError, Ops, Standing, bounds};

/// Limits to set.
#[derive(Debug, Clone, PartialEq)]
pub struct SetLimits {
    /// The run that has them.
    pub run: RunRef,
    /// Those to set; the others stay. None at all only shows them.
    pub limits: Limits,
    /// Why, in the caller's words.
    pub note: Option<String>,
    /// Who sets them.
    pub caller: String,
}

/// How much of a limit is spent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LimitNow {
    /// The short id of the run whose limit it is: the run itself, or one above it.
    pub run: String,
    /// The amounts.
    #[serde(flatten)]
    pub amount: Amount,
}

/// How a run stands with its limits.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Limited {
    /// The short ids of the runs that go on because of it.
    pub resumed: Vec<String>,
    /// How the run stands, its limits included.
    #[serde(flatten)]
    pub standing: Standing,
}

impl Ops {
    /// Sets limits of a run, and lets it and the runs below it go on that were paused by one that is no longer passed. What
    /// was set is on record. A run that has no limits gets some: what is done from then on counts, and its whole life. No
    /// limit at all only shows them.
    ///
    /// # Errors
    ///
    /// [`OpError::BadArgument`] if only runs above it have limits, and the failures of the store.
    pub async fn limit(&self, request: &SetLimits) -> Result<Limited, OpError> {
        bounds::check_text("the note", request.note.as_deref(), TEXT_BYTES_MAX)?;
        bounds::check_text("the caller's name", Some(&request.caller), NAME_BYTES_MAX)?;
        let current = self.current(&request.run).await?;
        let mut resumed = Vec::new();
        if request.limits != Limits::default() {
            expect_own(&current)?;
            let (limits, note) = (request.limits.clone(), request.note.clone());
            let body = FactBody::LimitsSet(LimitsSet { limits, note });
            let by = request.caller.clone();
            let fact = Fact { at: Some(self.world.now()), observed: true, by, body };
            self.store.record(&self.tenant, current.head.no, vec![fact]).await?;
            resumed = self.settle_below(current.head.no).await?;
        }
        let current = self.current(&current.head.no.into()).await?;
        Ok(Limited { resumed, standing: self.standing(&current).await? })
    }

    /// Settles a run and all live ones below it, and names those that go on by that.
    async fn settle_below(&self, run: RunNo) -> Result<Vec<String>, OpError> {
        let mut resumed = Vec::new();
        let mut waiting = vec![run];
        while let Some(run) = waiting.pop() {
            let before = self.store.load(&self.tenant, &run.into()).await?;
            let was_held = before.is_some_and(|before| is_held(&before.run));
            let current = self.current(&run.into()).await?;
            if was_held && !is_held(&current.run) {
                resumed.push(current.name());
            }
            let mut below = RunFilter {
                parent: Some(run),
                status: vec![Status::Running, Status::Waiting, Status::Paused],
                ..RunFilter::default()
            };
            loop {
                let page = self.store.runs(&self.tenant, &below).await?;
                waiting.extend(page.items.iter().map(|run| run.no));
                below.cursor = page.next;
                if below.cursor.is_none() {
                    break;
                }
            }
        }
        Ok(resumed)
    }
}

fn is_held(run: &Run) -> bool {
    run.paused.as_ref().is_some_and(|(reason, _)| *reason == PauseReason::OverLimit)
}

/// Refuses to set limits of a run that spends from those of a run above it: whoever set those decides.
fn expect_own(current: &Current) -> Result<(), OpError> {
    let (run, name) = (current.head.no, current.name());
    let has_own = current.budgets.iter().any(|budget| budget.run == run);
    match current.budgets.last().filter(|_| !has_own) {
        None => Ok(()),
        Some(above) => Err(OpError::BadArgument {
            what: format!("{name} has no limits of its own: those of {} hold for it", above.run),
            hint: Some(format!("set them there: guidepost limit {}", above.run)),
        }),
    }
}

/// How much of the limits in these budgets is spent.
pub(super) fn limits_now(budgets: &[Budget], now: Timestamp) -> Vec<LimitNow> {
    let limits = budgets.iter().flat_map(|budget| {
        let run = budget.run.to_string();
        let amounts = budget.amounts(now).into_iter();
        amounts.map(move |amount| LimitNow { run: run.clone(), amount })
    });
    limits.collect()
}
