//! A run as it is now: loaded, with its machine, and settled.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use guidepost_core::budget::Budget;
use guidepost_core::id::{RunNo, RunRef, StateId};
use guidepost_core::input::{By, Control, Input};
use guidepost_core::kernel::{self, Decision};
use guidepost_core::machine::Machine;
use guidepost_core::run::{PauseReason, Run};
use guidepost_core::time::Timestamp;
use guidepost_engine::plan;
use guidepost_store::{Batch, Head, Loaded, RequestDigest, StoreError, is_over};

use super::{Damage, OpError, Ops};

/// Inputs one call settles at most: a timer that renews itself every second catches up a quarter of an hour per call.
const SETTLED_MAX: usize = 1_000;

/// How often an operation starts again because somebody else moved the run. Each time somebody gets on, so a run that is
/// moved this often within one call is in use by hundreds.
pub(super) const ATTEMPTS_MAX: u32 = 50;

/// The longest pause before it starts again. All pauses together stay below a few seconds.
const PAUSE_MAX_MS: u64 = 64;

/// How many runs with due timers a list settles before it is read, and how many it asks for at once. More are settled by
/// the next lists; those of them that are listed are marked.
const DUE_MAX: usize = 1_000;
const DUE_BATCH: usize = 100;

/// How many runs that are still due are known by number, to mark them in a list.
const DUE_MARKED_MAX: usize = 100_000;

/// A run as it is now.
pub(super) struct Current {
    /// Who it is.
    pub(super) head: Head,
    /// Its state of execution.
    pub(super) run: Run,
    /// What it walks.
    pub(super) machine: Arc<Machine>,
    /// The budgets it spends from.
    pub(super) budgets: Vec<Budget>,
}

/// Runs that are still due after what was due was settled.
pub(super) struct Overdue {
    /// All of them.
    pub(super) runs: BTreeSet<RunNo>,
    /// Those of them that cannot be read, and why.
    pub(super) damaged: BTreeMap<RunNo, Damage>,
}

impl Current {
    /// Its short id.
    pub(super) fn name(&self) -> String {
        self.head.no.to_string()
    }

    /// A decision about it, ready to commit.
    pub(super) fn batch(
        &self,
        (decision, after): (Decision, Run),
        request: Option<RequestDigest>,
        at: Timestamp,
    ) -> Batch {
        plan::batch(&self.machine, &self.run, decision, after, request, at, |_| None)
    }
}

impl Ops {
    /// Loads a run and settles what came due while nobody looked.
    pub(super) async fn current(&self, run: &RunRef) -> Result<Current, OpError> {
        let mut current = self.load(run).await?;
        let mut conflicts: u32 = 0;
        for settled in 0.. {
            let now = self.world.now();
            let Some(input) = unsettled(&current, now) else { break };
            if settled == SETTLED_MAX {
                return Err(OpError::Unsettled { run: current.name(), settled });
            }
            // A run that its machine no longer fits is shown as it is; whoever moves it hears about it.
            let Ok(decided) = kernel::decide_all(&current.machine, &current.run, &input) else {
                break;
            };
            let batch = current.batch(decided, None, now);
            match self.commit(&mut current, batch).await {
                Ok(()) => {}
                Err(OpError::Store(StoreError::Conflict { .. })) if conflicts < ATTEMPTS_MAX => {
                    conflicts += 1;
                    self.make_way(conflicts).await;
                    current = self.load(run).await?;
                }
                Err(error) => return Err(error),
            }
        }
        self.seal(&mut current).await;
        Ok(current)
    }

    /// Seals what SQL wrote to a run that nothing is left to settle in: the end of one whose agent was deleted. Should that
    /// fail, whoever looks at the run next tries again; nobody needs it to read.
    async fn seal(&self, current: &mut Current) {
        if current.head.unsealed > 0
            && !current.run.is_unsettled()
            && self.store.record(&self.tenant, current.head.no, Vec::new()).await.is_ok()
        {
            current.head.unsealed = 0;
        }
    }

    /// Settles runs that came due, so that a list shows them as they are, and gives those that are still due: what was too
    /// much for one list, or cannot be settled. What a run fails with is told to whoever asks for it, and never hides the
    /// others.
    pub(super) async fn settle_due(&self) -> Result<Overdue, OpError> {
        let now = self.world.now();
        let mut tried: BTreeSet<RunNo> = BTreeSet::new();
        let mut damaged = BTreeMap::new();
        while tried.len() < DUE_MAX {
            // What cannot be settled stays due, and comes first.
            let due = self.store.due(&self.tenant, now, tried.len() + DUE_BATCH).await?;
            let fresh = due.into_iter().filter(|run| !tried.contains(run)).take(DUE_BATCH);
            let fresh: Vec<RunNo> = fresh.collect();
            if fresh.is_empty() {
                break;
            }
            for run in fresh {
                let damage = self.current(&run.into()).await.err().as_ref().and_then(Damage::of);
                damaged.extend(damage.map(|damage| (run, damage)));
                tried.insert(run);
            }
        }
        let runs = match tried.is_empty() {
            true => Vec::new(),
            false => self.store.due(&self.tenant, now, DUE_MARKED_MAX).await?,
        };
        Ok(Overdue { runs: runs.into_iter().collect(), damaged })
    }

    /// Makes a decision durable, and the run what it leads to.
    pub(super) async fn commit(&self, current: &mut Current, batch: Batch) -> Result<(), OpError> {
        // Some inputs mean nothing: resuming a run that is not paused, say.
        if batch.records.is_empty() {
            return Ok(());
        }
        let mut run = batch.run.clone();
        let (expected, at) = (current.run.rev, batch.recorded_at);
        let committed = self.store.commit(&self.tenant, current.head.no, expected, batch).await?;
        if committed.snapshot {
            run.snapshot_taken();
        }
        current.run = run;
        current.budgets = committed.budgets;
        current.head.seq = committed.seq;
        current.head.unsealed = 0;
        current.head.updated_at = at;
        Ok(())
    }

    /// Pauses before the next attempt, the longer and the more unlike others the more there were.
    pub(super) async fn make_way(&self, attempts: u32) {
        let longest = 2_u64.saturating_pow(attempts).min(PAUSE_MAX_MS);
        tokio::time::sleep(Duration::from_millis(self.world.any_number() % longest)).await;
    }

    async fn load(&self, run: &RunRef) -> Result<Current, OpError> {
        let loaded = self.store.load(&self.tenant, run).await?;
        let loaded = loaded.ok_or_else(|| StoreError::NoSuchRun(run.clone()))?;
        let machine = self.machine_of(&loaded.head, &loaded.run).await?;
        let Loaded { head, run, budgets } = loaded;
        Ok(Current { head, run, machine, budgets })
    }
}

/// What is to be made good: a limit that is passed, or was and was raised since; moves by SQL; the timer that has been due
/// the longest.
fn unsettled(current: &Current, now: Timestamp) -> Option<Input> {
    let Current { run, budgets, .. } = current;
    if let Some(hold) = plan::over_limit(run, budgets, now) {
        return Some(hold);
    }
    let is_held = run.paused.as_ref().is_some_and(|(why, _)| *why == PauseReason::OverLimit);
    if is_held && !is_over(budgets, now) {
        return Some(Input::Control { control: Control::Resume, by: By::default(), at: now });
    }
    if run.is_unsettled() {
        return Some(Input::Settle { at: now });
    }
    let (timer, due) = run.next_timer().filter(|(_, due)| *due <= now)?;
    Some(Input::Timer { timer: timer.clone(), at: due })
}

/// The innermost states a run is in, in document order.
pub(super) fn leaf_ids(machine: &Machine, run: &Run) -> Vec<StateId> {
    kernel::leaves(machine, run).into_iter().map(|ix| machine.state(ix).id.clone()).collect()
}
