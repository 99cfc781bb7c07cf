//! Runs that begin by themselves: what a schedule that is due asks for, done in one transaction.

use guidepost_core::id::{RunId, Tenant};
use guidepost_core::input::{By, Input, Start};
use guidepost_core::kernel;
use guidepost_core::run::{Driver, Run};
use guidepost_core::schedule::Settled;
use guidepost_core::time::Timestamp;
use guidepost_store::{
    Batch, Moved, NewRun, Passed, RequestDigest, ScheduleChange, Scheduled, Store, StoreError,
    Wanted,
};

use crate::machines::{Found, Machines, NoMachine};
use crate::plan;
use crate::world::World;

/// Does what is to be done about a schedule: moves it on, and begins the run that is due, if one is. `None` if somebody else
/// came first.
///
/// A run that cannot begin is passed over, and why stands with the schedule.
///
/// # Errors
///
/// The failures of the store. After [`StoreError::Unavailable`] the run may have begun; then the schedule has moved on.
pub async fn settle(
    store: &dyn Store,
    tenant: &Tenant,
    machines: &Machines,
    world: &dyn World,
    before: &Scheduled,
    settled: &Settled,
) -> Result<Option<Moved>, StoreError> {
    let mut change = ScheduleChange {
        due: settled.next,
        is_paused: before.is_paused,
        passed: settled.passed.map(|(at, why)| Passed { at, why: why.to_owned() }),
        begun: None,
    };
    if let Some(due) = settled.begin {
        match machines.find(store, tenant, &before.workflow, Wanted::Current).await {
            Ok(found) => match begin(&found, before, due, world.new_run_id(), world.now()) {
                Ok((new, batch)) => change.begun = Some((due, Box::new(new), Box::new(batch))),
                Err(why) => change.passed = Some(Passed { at: due, why }),
            },
            Err(NoMachine::Store(error)) => return Err(error),
            Err(error) => change.passed = Some(Passed { at: due, why: error.to_string() }),
        }
    }
    let passed_over = ScheduleChange { begun: None, ..change.clone() };
    match (store.move_schedule(tenant, before, change).await, settled.begin) {
        (Err(StoreError::Refused { what, .. }), Some(at)) => {
            let change = ScheduleChange { passed: Some(Passed { at, why: what }), ..passed_over };
            store.move_schedule(tenant, before, change).await
        }
        (outcome, _) => outcome,
    }
}

/// The run that begins for a time.
///
/// # Errors
///
/// Why it cannot begin.
fn begin(
    found: &Found,
    before: &Scheduled,
    due: Timestamp,
    id: RunId,
    now: Timestamp,
) -> Result<(NewRun, Batch), String> {
    let machine = &*found.machine;
    let Scheduled { workflow, name, schedule, .. } = before;
    let start = Input::Start(Start {
        driver: Driver::Engine,
        data: schedule.input_at(due),
        by: By::caller(format!("schedule:{name}")),
        at: now,
    });
    let none = Run::default();
    let (decision, run) =
        kernel::decide_all(machine, &none, &start).map_err(|refused| refused.to_string())?;
    let batch = plan::batch(machine, &none, decision, run, None, now, |_| None);
    let new = NewRun {
        id,
        workflow: workflow.clone(),
        version: found.version,
        agent: None,
        goal: Some(schedule.goal.clone().unwrap_or_else(|| format!("{name}, due {due}"))),
        driver: Driver::Engine,
        parent: None,
        launched_by: None,
        session: None,
        // A time begins one run, even if its schedule is taken away and given again.
        key: Some((format!("schedule {workflow}@{name} {due}"), RequestDigest::default())),
        at: now,
    };
    Ok((new, batch))
}
