//! Runs that begin by themselves: what a schedule that is due asks for, done in one transaction.

use guidepost_core::id::{RunId, Tenant};
use guidepost_core::input::{By, Input, Start};
use guidepost_core::kernel::{self, Refused, Rejected};
use guidepost_core::run::{Driver, Run};
use guidepost_core::schedule::Settled;
use guidepost_core::time::Timestamp;
use guidepost_store::{
    Batch, Moved, NewRun, Passed, RequestDigest, ScheduleChange, Scheduled, Store, StoreError,
    Wanted,
};

use crate::machines::{Found, Machines, NoMachine};
use crate::plan;
use crate::runner::is_general;
use crate::world::World;

/// Does what is to be done about a schedule: moves it on, and begins the run that is due, if one is. `None` if somebody else
/// came first.
///
/// A run that cannot begin, however often it is tried, is passed over, and why stands with the schedule.
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
        passed: settled.passed.map(|(at, why)| Passed {
            at,
            why: why.to_owned(),
            is_failure: false,
        }),
        begun: None,
    };
    if let Some(due) = settled.begin {
        match machines.find(store, tenant, &before.workflow, Wanted::Current).await {
            Ok(found) => match begin(&found, before, due, world.new_run_id(), world.now()) {
                Ok((new, batch)) => change.begun = Some((due, Box::new(new), Box::new(batch))),
                Err(why) => change.passed = Some(failed(due, why)),
            },
            Err(NoMachine::Store(error)) if is_general(&error) => return Err(error),
            Err(error) => change.passed = Some(failed(due, error.to_string())),
        }
    }
    let passed_over = ScheduleChange { begun: None, ..change.clone() };
    match (store.move_schedule(tenant, before, change).await, settled.begin) {
        (Err(error), Some(at)) if !is_general(&error) => {
            let passed = Some(failed(at, error.to_string()));
            store.move_schedule(tenant, before, ScheduleChange { passed, ..passed_over }).await
        }
        (outcome, _) => outcome,
    }
}

/// A time for which no run can begin.
fn failed(at: Timestamp, why: String) -> Passed {
    Passed { at, why, is_failure: true }
}

/// Why the kernel begins no run, with all that is wrong with its data.
fn why(refused: &Refused) -> String {
    let why = refused.to_string();
    match refused {
        Refused::Rejected(rejected) => match &**rejected {
            Rejected::BadStart { problems } => {
                let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
                format!("{why}: {}", problems.join("; "))
            }
            _ => why,
        },
        Refused::Unfoldable(_) => why,
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
        kernel::decide_all(machine, &none, &start).map_err(|refused| why(&refused))?;
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
