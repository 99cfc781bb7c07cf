//! Taking a run back to an earlier place. The history stays.

use guidepost_core::id::{Rev, RunRef, Version};
use guidepost_core::input::{By, Input, Restore};
use guidepost_core::kernel::{self, Refused, Rejected};
use guidepost_core::limits::{NAME_BYTES_MAX, ROLLBACK_STEPS_MAX, TEXT_BYTES_MAX};
use guidepost_core::machine::Machine;
use guidepost_core::machine::schema::{Mismatch, listed};
use guidepost_core::record::{Compensation, Done, Lasting, Restoration};
use guidepost_core::run::Run;
use guidepost_core::time::Timestamp;
use guidepost_engine::{history, plan};
use guidepost_store::{Batch, StoreError};
use serde::Serialize;

use super::current::{ATTEMPTS_MAX, Current, leaf_ids};
use super::error::count;
use super::{NotDone, OpError, Ops, Place, Refusal, Standing, bounds, sensitive};

/// A run to take back.
#[derive(Debug, Clone, PartialEq)]
pub struct Rollback {
    /// The run.
    pub run: RunRef,
    /// Where to.
    pub to: Place,
    /// Whether to go back although something was done since that cannot be undone, or is to be made good.
    pub confirm: bool,
    /// Whether to make good what was done since, as far as its steps say how.
    pub compensate: bool,
    /// Why, in the caller's words.
    pub note: Option<String>,
    /// Who wants it.
    pub caller: String,
}

/// A run that was taken back, or would be.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RolledBack {
    /// Whether it was. If not, nothing changed: what is lasting has to be confirmed first.
    pub is_done: bool,
    /// The rev whose state it is.
    pub to: Rev,
    /// How many steps of its way that takes back.
    pub steps: u64,
    /// The version of its workflow the run was in, if that place is in another: migrations since are taken back too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_version: Option<Version>,
    /// What makes good what was done since, in the order in which it is done.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub compensations: Vec<Compensation>,
    /// What was done since or was cut off since, and cannot be undone, latest first.
    pub lasting: Vec<Lasting>,
    /// How the run stands.
    #[serde(flatten)]
    pub standing: Standing,
}

impl Ops {
    /// Takes a run back to an earlier place: steps before it keep their results, work at it begins anew, later work,
    /// questions and timers are cancelled.
    ///
    /// What was done since and can be made good is made good first, the last first; the engine does that, and the run goes
    /// on from there when all is done. That, and what was done since and cannot be undone, has to be confirmed; without that
    /// the answer names it and nothing happens.
    ///
    /// # Errors
    ///
    /// [`OpError::BadArgument`] if there is no such place, or it lies further back than the workflow's
    /// `max_rollback_steps`; [`OpError::NotDone`] if the run was over there; and the failures of the store.
    pub async fn roll_back(&self, request: &Rollback) -> Result<RolledBack, OpError> {
        bounds::check_text("the note", request.note.as_deref(), TEXT_BYTES_MAX)?;
        bounds::check_text("the caller's name", Some(&request.caller), NAME_BYTES_MAX)?;
        for attempt in 1..=ATTEMPTS_MAX {
            let mut current = self.current(&request.run).await?;
            let past = self.past(&current).await?;
            let to = past.find(&request.to)?;
            let steps = past.steps_after(to);
            check_steps(&current.machine, steps)?;
            let compensations = match request.compensate {
                true => past.compensations(&current, to)?,
                false => Vec::new(),
            };
            let mut lasting = self.lasting(&current, &past, to, &compensations).await?;
            if !request.compensate {
                let pending = history::pending(&current.run, to).iter();
                lasting.extend(pending.map(|work| left(&current, work)));
            }
            let told = sensitive::shown(&current.machine, &compensations);
            let asks = !lasting.is_empty() || !compensations.is_empty();
            let (run, past_at, machine) = past.at(&current, to)?;
            let is_migrated = run.machine != current.run.machine;
            let left_version = current.head.version.filter(|_| is_migrated);
            let now = self.world.now();
            let input = Input::Restore(Restore {
                why: Restoration::RolledBack { rev: to },
                past: Box::new(run),
                past_at,
                going_on: Vec::new(),
                edits: Vec::new(),
                lasting: lasting.clone(),
                compensations,
                by: By { caller: request.caller.clone(), note: request.note.clone() },
                at: now,
            });
            // What would be refused is refused before anybody confirms it.
            let batch = restored(&machine, &current, &current.run, &input, now)?;
            let answer = |is_done, standing| {
                let compensations = told;
                RolledBack { is_done, to, steps, left_version, compensations, lasting, standing }
            };
            if asks && !request.confirm {
                return Ok(answer(false, self.standing(&current).await?));
            }
            match self.commit(&mut current, batch).await {
                Ok(()) => {
                    current = self.current(&current.head.no.into()).await?;
                    return Ok(answer(true, self.standing(&current).await?));
                }
                Err(OpError::Store(StoreError::Conflict { .. })) => self.make_way(attempt).await,
                Err(error) => return Err(error),
            }
        }
        let run = self.current(&request.run).await?.name();
        Err(OpError::Contended { run, attempts: ATTEMPTS_MAX })
    }
}

/// What was to be made good and is not after all.
fn left(current: &Current, work: &Compensation) -> Lasting {
    let machine = &current.machine;
    let step = machine.find(work.state.as_str()).and_then(|ix| machine.state(ix).work.as_ref());
    let compensate = step.and_then(|step| step.spec.get("compensate")).cloned().unwrap_or_default();
    let Compensation { state, visit, branch, .. } = work.clone();
    Lasting { run_no: None, state, visit, branch, how: Done::Ended, compensate }
}

fn check_steps(machine: &Machine, steps: u64) -> Result<(), OpError> {
    let max = machine.limits.max_rollback_steps.unwrap_or(ROLLBACK_STEPS_MAX);
    if steps <= max {
        return Ok(());
    }
    Err(OpError::BadArgument {
        what: format!(
            "that is {} back, and the workflow allows {max}",
            count(usize::try_from(steps).unwrap_or(usize::MAX), "step")
        ),
        hint: Some("take a later place, or raise `max_rollback_steps` under `limits:`".to_owned()),
    })
}

/// A restoration, decided and ready to commit.
pub(super) fn restored(
    machine: &Machine,
    current: &Current,
    before: &Run,
    input: &Input,
    now: Timestamp,
) -> Result<Batch, OpError> {
    let decided = kernel::decide_all(machine, before, input);
    let (decision, after) = decided.map_err(|refused| match refused {
        Refused::Rejected(rejected) => match *rejected {
            Rejected::BadStart { problems } => misfit(&problems),
            rejected => OpError::NotDone(Box::new(NotDone {
                refusal: Refusal::Rejected(rejected),
                run: current.name(),
                rev: current.run.rev,
                states: leaf_ids(&current.machine, &current.run),
                next: current.next(),
                sent: Vec::new(),
                moved: None,
            })),
        },
        Refused::Unfoldable(misfit) => {
            StoreError::Damaged { run: current.head.no, what: misfit.to_string() }.into()
        }
    })?;
    Ok(plan::batch(machine, before, decision, after, None, now, |_| None))
}

/// Values that do not fit their attributes.
fn misfit(problems: &[Mismatch]) -> OpError {
    OpError::BadArgument {
        what: format!("the data does not fit: {}", listed(problems)),
        hint: Some("`guidepost show WORKFLOW` lists what its attributes take".to_owned()),
    }
}
