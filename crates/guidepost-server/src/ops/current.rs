//! A run as it is now: loaded, with its machine, and settled.

use std::sync::Arc;
use std::time::Duration;

use guidepost_core::id::{RunRef, StateId};
use guidepost_core::input::Input;
use guidepost_core::kernel::{self, Decision};
use guidepost_core::machine::{Machine, StateIx};
use guidepost_core::run::Run;
use guidepost_core::time::Timestamp;
use guidepost_store::{Batch, Head, RequestDigest, StoreError};

use super::{OpError, Ops};

/// Inputs one call settles at most: a timer that renews itself every second catches up a quarter of an hour per call.
const SETTLED_MAX: usize = 1_000;

/// How often an operation starts again because somebody else moved the run. Each time somebody gets on, so a run that is
/// moved this often within one call is in use by hundreds.
pub(super) const ATTEMPTS_MAX: u32 = 50;

/// The longest pause before it starts again. All pauses together stay below a few seconds.
const PAUSE_MAX_MS: u64 = 64;

/// How many runs with due timers a list settles before it is read.
const DUE_MAX: usize = 100;

/// A run as it is now.
pub(super) struct Current {
    /// Who it is.
    pub(super) head: Head,
    /// Its state of execution.
    pub(super) run: Run,
    /// What it walks.
    pub(super) machine: Arc<Machine>,
}

impl Current {
    /// Its short id.
    pub(super) fn name(&self) -> String {
        self.head.no.to_string()
    }

    /// A decision about it, ready to commit.
    pub(super) fn batch(
        &self,
        decision: Decision,
        request: Option<RequestDigest>,
        at: Timestamp,
    ) -> Result<Batch, OpError> {
        let no = self.head.no;
        batch(&self.machine, self.run.clone(), decision, request, at)
            .map_err(|what| StoreError::Damaged { run: no, what }.into())
    }
}

impl Ops {
    /// Loads a run and settles what came due while nobody looked.
    pub(super) async fn current(&self, run: &RunRef) -> Result<Current, OpError> {
        let mut current = self.load(run).await?;
        let mut conflicts: u32 = 0;
        for settled in 0.. {
            let now = self.world.now();
            let Some(input) = unsettled(&current.run, now) else { break };
            if settled == SETTLED_MAX {
                return Err(OpError::Unsettled { run: current.name(), settled });
            }
            // A run that its machine no longer fits is shown as it is; whoever moves it hears about it.
            let Ok(decision) = kernel::decide(&current.machine, &current.run, &input) else {
                break;
            };
            let batch = current.batch(decision, None, now)?;
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

    /// Settles runs that came due, so that a list shows them as they are. What one of them fails with is told to whoever
    /// asks for that run, and never hides the others.
    pub(super) async fn settle_due(&self) -> Result<(), OpError> {
        let due = self.store.due(&self.tenant, self.world.now(), DUE_MAX).await?;
        for run in due {
            drop(self.current(&run.into()).await);
        }
        Ok(())
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
        Ok(Current { head: loaded.head, run: loaded.run, machine })
    }
}

/// What is to be made good: moves by SQL first, then the timer that has been due the longest.
fn unsettled(run: &Run, now: Timestamp) -> Option<Input> {
    if run.is_unsettled() {
        return Some(Input::Settle { at: now });
    }
    let (timer, due) = run.next_timer().filter(|(_, due)| *due <= now)?;
    Some(Input::Timer { timer: timer.clone(), at: due })
}

/// A decision with the state it leads to.
///
/// # Errors
///
/// In words, if the run does not fold, which means that it was damaged before.
pub(super) fn batch(
    machine: &Machine,
    mut run: Run,
    decision: Decision,
    request: Option<RequestDigest>,
    recorded_at: Timestamp,
) -> Result<Batch, String> {
    run.apply_all(&decision.records).map_err(|misfit| misfit.to_string())?;
    let leaves = kernel::leaves(machine, &run);
    Ok(Batch {
        records: decision.records,
        current_state: common(machine, &leaves).as_str().to_owned(),
        leaves: leaves.iter().map(|ix| machine.state(*ix).id.to_string()).collect(),
        run,
        request,
        recorded_at,
        tasks: Default::default(),
    })
}

/// The innermost state that contains all of these, or is the only one of them.
fn common(machine: &Machine, leaves: &[StateIx]) -> StateId {
    let Some((first, others)) = leaves.split_first() else { return StateId::root() };
    let mut candidates = std::iter::once(*first).chain(machine.ancestors(*first));
    let contains = |outer: StateIx| {
        others.iter().all(|leaf| *leaf == outer || machine.is_inside(*leaf, outer))
    };
    candidates
        .find(|outer| contains(*outer))
        .map_or_else(StateId::root, |ix| machine.state(ix).id.clone())
}

/// The innermost states a run is in, in document order.
pub(super) fn leaf_ids(machine: &Machine, run: &Run) -> Vec<StateId> {
    kernel::leaves(machine, run).into_iter().map(|ix| machine.state(ix).id.clone()).collect()
}
