//! What a run was: its history with the machines it walked, and how people name a place in it.

use std::collections::HashMap;
use std::sync::Arc;

use guidepost_core::id::{Branch, Purpose, Rev, RunNo, StateId, Visit};
use guidepost_core::machine::{Checkpoints, Machine};
use guidepost_core::record::{Compensation, Lasting, Placed, Record};
use guidepost_core::recorded::FactBody;
use guidepost_core::run::{Run, Unfoldable};
use guidepost_core::time::Timestamp;
use guidepost_engine::call;
use guidepost_engine::history::{self, Milestone, Replay};
use guidepost_store::{Entry, EntryBody, RequestDigest, StoreError, TaskId};
use serde::Serialize;

use super::current::Current;
use super::error::count;
use super::{OpError, Ops, sensitive};

/// A place in a run's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// What was at a rev; if that is in the middle of a step, at the step's end.
    Rev(Rev),
    /// As people name it: a rev, a checkpoint, a visit of a state (`Review#2`), a state (its last visit), or a time.
    Named(String),
    /// The last visit of this state, whatever else has its name.
    State(StateId),
    /// So many steps before where it is.
    Steps(u64),
}

/// What a run was.
pub(super) struct Past {
    pub(super) entries: Vec<Entry>,
    pub(super) replay: Replay,
    /// The places on its way that still count.
    pub(super) way: Vec<Milestone>,
    machines: HashMap<(String, String), Arc<Machine>>,
    checkpoints: Option<Checkpoints>,
}

/// What the names of automatic checkpoints begin with; the rev follows.
const AUTOMATIC: &str = "auto-";

/// The rev an automatic checkpoint's name tells.
pub(super) fn automatic_rev(name: &str) -> Option<Rev> {
    name.strip_prefix(AUTOMATIC)?.parse().ok().map(Rev)
}

/// A piece of work that was made good before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MadeGood {
    /// The run that did it, if it is another: one that was launched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_no: Option<RunNo>,
    /// The step.
    pub state: StateId,
    /// Its visit.
    pub visit: Visit,
    /// Its branch; 0 without a fan-out.
    pub branch: Branch,
    /// The rev of that run at which it was made good.
    pub rev: Rev,
}

/// What was done, and what became of it.
#[derive(Debug, Default)]
pub(super) struct Deeds {
    /// What cannot be undone, or is not.
    pub(super) lasting: Vec<Lasting>,
    /// What was made good before.
    pub(super) made_good: Vec<MadeGood>,
}

impl Deeds {
    fn extend(&mut self, other: Self) {
        self.lasting.extend(other.lasting);
        self.made_good.extend(other.made_good);
    }
}

impl Ops {
    /// What was done after a rev and is not made good by this: it cannot be undone, or was made good before. That of the run,
    /// and then that of the runs it launched since and those below them.
    pub(super) async fn deeds(
        &self,
        current: &Current,
        past: &Past,
        after: Rev,
        made_good: &[Compensation],
    ) -> Result<Deeds, OpError> {
        let is_made_good = |piece: (&StateId, Visit, Branch)| {
            made_good.iter().any(|work| (&work.state, work.visit, work.branch) == piece)
        };
        let mut found = past.deeds(current, after)?;
        found.lasting.retain(|one| !is_made_good((&one.state, one.visit, one.branch)));
        let mut launches = past.launched(current, after)?;
        launches.retain(|task| !is_made_good((&task.state, task.visit, task.branch)));
        let mut below = self.runs_of(current, &launches).await?;
        while let Some(run) = below.pop() {
            let current = self.current(&run.into()).await?;
            let past = self.past(&current).await?;
            let mut own = past.deeds(&current, Rev(0))?;
            own.lasting.iter_mut().for_each(|one| one.run_no = Some(run));
            own.made_good.iter_mut().for_each(|one| one.run_no = Some(run));
            found.extend(own);
            below.extend(self.runs_of(&current, &past.launched(&current, Rev(0))?).await?);
        }
        Ok(found)
    }

    /// The runs that pieces of work launched, those that are deleted left out.
    async fn runs_of(&self, current: &Current, tasks: &[TaskId]) -> Result<Vec<RunNo>, OpError> {
        let mut runs = Vec::new();
        for task in tasks {
            let key = call::launch_key(&call::idempotency_key(current.head.id, task));
            let digest = RequestDigest::default();
            runs.extend(self.store.started(&self.tenant, &key, &digest).await?.map(|run| run.run));
        }
        Ok(runs)
    }

    /// Reads what a run was.
    pub(super) async fn past(&self, current: &Current) -> Result<Past, OpError> {
        let entries = history::read(&*self.store, &self.tenant, current.head.no).await?;
        let machines = self.machines_in(&entries, current).await?;
        let replay = history::replay(&entries, &|run: &Run| found(&machines, run));
        let way = history::lineage(&replay);
        let checkpoints = current.machine.checkpoints;
        Ok(Past { entries, replay, way, machines, checkpoints })
    }

    /// The machines a history walked, those that are gone left out.
    async fn machines_in(
        &self,
        entries: &[Entry],
        current: &Current,
    ) -> Result<HashMap<(String, String), Arc<Machine>>, OpError> {
        let mut machines = HashMap::new();
        let of_run = |run: &Run| (run.workflow.clone(), run.machine.clone());
        machines.insert(of_run(&current.run), Arc::clone(&current.machine));
        for (_, record) in history::records(entries) {
            let (workflow, machine) = match record {
                Record::Started(started) => (&started.workflow, &started.machine),
                Record::Restored(restored) => (&restored.workflow, &restored.machine),
                // A run that SQL put into a workflow follows its rows, and no record binds it to anything else.
                Record::Placed(Placed { workflow: Some(_), .. }) => {
                    let machine = Arc::clone(&current.machine);
                    return Ok(HashMap::from([((String::new(), String::new()), machine)]));
                }
                _ => continue,
            };
            let key = (workflow.clone(), machine.clone());
            if machines.contains_key(&key) {
                continue;
            }
            let run = Run { workflow: key.0.clone(), machine: key.1.clone(), ..Run::default() };
            match self.machine_of(&current.head, &run).await {
                Ok(machine) => drop(machines.insert(key, machine)),
                Err(OpError::NoSuchWorkflow { .. } | OpError::NoSuchVersion { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(machines)
    }
}

fn found(machines: &HashMap<(String, String), Arc<Machine>>, run: &Run) -> Option<Arc<Machine>> {
    let key = (run.workflow.clone(), run.machine.clone());
    machines.get(&key).or_else(|| machines.get(&Default::default())).cloned()
}

impl Past {
    /// The machine a run was bound to.
    pub(super) fn machine_of(&self, run: &Run) -> Option<Arc<Machine>> {
        found(&self.machines, run)
    }

    /// The run as it was at a rev, when it had come there, and its machine.
    pub(super) fn at(
        &self,
        current: &Current,
        rev: Rev,
    ) -> Result<(Run, Timestamp, Arc<Machine>), OpError> {
        let damaged = |what: String| StoreError::Damaged { run: current.head.no, what };
        let (mut run, at) =
            history::at(&self.entries, rev).map_err(|misfit| damaged(misfit.to_string()))?;
        if self.machines.contains_key(&Default::default()) {
            run.workflow.clone_from(&current.run.workflow);
            run.machine.clone_from(&current.run.machine);
        }
        let machine = self.machine_of(&run);
        let gone = || damaged(format!("the version it followed at rev {rev} is gone"));
        Ok((run, at, machine.ok_or_else(gone)?))
    }

    /// What the run itself did after a rev and cannot be undone, or made good before.
    fn deeds(&self, current: &Current, after: Rev) -> Result<Deeds, OpError> {
        let run = current.head.no;
        let damaged = |misfit: Unfoldable| StoreError::Damaged { run, what: misfit.to_string() };
        let found =
            history::lasting(&self.entries, &self.replay, after, &|run: &Run| self.machine_of(run));
        let mut lasting = found.map_err(damaged)?;
        lasting.iter_mut().for_each(|one| sensitive::hide_remedy(&current.machine, one));
        let found = history::made_good(&self.entries, after).map_err(damaged)?;
        let made_good = found.into_iter().map(|((state, visit, branch), rev)| MadeGood {
            run_no: None,
            state,
            visit,
            branch,
            rev,
        });
        Ok(Deeds { lasting, made_good: made_good.collect() })
    }

    /// The work after a rev that launched runs.
    fn launched(&self, current: &Current, after: Rev) -> Result<Vec<TaskId>, OpError> {
        let run = current.head.no;
        let found = history::launched(&self.entries, &self.replay, after, &|run: &Run| {
            self.machine_of(run)
        });
        let found =
            found.map_err(|misfit| StoreError::Damaged { run, what: misfit.to_string() })?;
        let task =
            |(state, visit, branch)| TaskId { run, state, visit, branch, purpose: Purpose::Work };
        Ok(found.into_iter().map(task).collect())
    }

    /// What makes good what was done after a rev, and what is left of that.
    pub(super) fn compensations(
        &self,
        current: &Current,
        after: Rev,
    ) -> Result<Vec<Compensation>, OpError> {
        let found = history::compensations(&self.entries, after, &|run: &Run| self.machine_of(run));
        let found = found.map_err(|misfit| {
            OpError::from(StoreError::Damaged { run: current.head.no, what: misfit.to_string() })
        })?;
        match found.unsayable.first() {
            None => Ok(found.work),
            Some((state, visit, _, why)) => Err(OpError::BadArgument {
                what: format!("what makes `{state}#{visit}` good cannot be worked out: {why}"),
                hint: Some(
                    "with --no-compensate nothing is made good; correct the rest by hand"
                        .to_owned(),
                ),
            }),
        }
    }

    /// How many steps of its way came after a rev.
    pub(super) fn steps_after(&self, rev: Rev) -> u64 {
        self.way.iter().filter(|place| place.rev > rev).count() as u64
    }

    /// The names given to revs, oldest first; of several of one name the last.
    pub(super) fn named(&self) -> Vec<(&str, Rev, Timestamp)> {
        let mut named: Vec<(&str, Rev, Timestamp)> = Vec::new();
        for entry in &self.entries {
            if let EntryBody::Fact { body: FactBody::Checkpoint(checkpoint), .. } = &entry.body {
                named.retain(|(name, ..)| *name != checkpoint.name);
                named.push((&checkpoint.name, checkpoint.rev, entry.at));
            }
        }
        named
    }

    /// The automatic checkpoints there are, by name, oldest first.
    pub(super) fn automatic(&self) -> Vec<(String, &Milestone)> {
        let Some(checkpoints) = self.checkpoints else { return Vec::new() };
        let kept = history::automatic(&self.way, checkpoints).into_iter();
        kept.map(|place| (format!("{AUTOMATIC}{}", place.rev), place)).collect()
    }

    /// The rev a place means: one at which the run was at rest.
    pub(super) fn find(&self, place: &Place) -> Result<Rev, OpError> {
        let rev = match place {
            Place::Rev(rev) => *rev,
            Place::Steps(steps) => return self.back(*steps),
            Place::Named(name) => self.named_rev(name)?,
            Place::State(state) => {
                let entered = self
                    .replay
                    .steps
                    .iter()
                    .rev()
                    .find(|step| step.entered.iter().any(|(entered, _)| entered == state));
                entered.map(|step| step.last).ok_or_else(|| {
                    no_place(
                        format!("the run has not been in `{state}`"),
                        "`guidepost checkpoint RUN` lists the places there are",
                    )
                })?
            }
        };
        let step = self.replay.steps.iter().find(|step| step.last >= rev);
        match step {
            Some(step) if rev > Rev(0) => Ok(step.last),
            _ => Err(no_place(
                format!("there is no rev {rev}: the run is at rev {}", self.replay.records),
                "`guidepost checkpoint RUN` lists the places there are",
            )),
        }
    }

    fn back(&self, steps: u64) -> Result<Rev, OpError> {
        let present = self.way.len().saturating_sub(1);
        let at = usize::try_from(steps).ok().and_then(|steps| present.checked_sub(steps));
        at.and_then(|at| self.way.get(at)).map(|place| place.rev).ok_or_else(|| {
            no_place(
                format!("the run has come {}, and is to go back {steps}", count(present, "step")),
                "go back fewer",
            )
        })
    }

    fn named_rev(&self, name: &str) -> Result<Rev, OpError> {
        if let Some((_, rev, _)) = self.named().into_iter().find(|(known, ..)| *known == name) {
            return Ok(rev);
        }
        if let Ok(rev) = name.parse() {
            return Ok(Rev(rev));
        }
        if let Some(rev) = automatic_rev(name) {
            return match self.automatic().iter().find(|(known, _)| known == name) {
                Some((_, place)) => Ok(place.rev),
                None => Err(no_place(
                    format!("there is no automatic checkpoint `{name}`, or none any more"),
                    &format!(
                        "`guidepost checkpoint RUN --list` lists those there are; `--to {rev}` goes to the rev itself"
                    ),
                )),
            };
        }
        let entered = self.replay.steps.iter().rev().find(|step| {
            step.entered.iter().any(|(state, visit)| {
                name == state.as_str()
                    || name == state.name()
                    || name
                        .strip_prefix(state.as_str())
                        .is_some_and(|rest| rest == format!("#{visit}"))
                    || name
                        .strip_prefix(state.name())
                        .is_some_and(|rest| rest == format!("#{visit}"))
            })
        });
        if let Some(step) = entered {
            return Ok(step.last);
        }
        let Ok(time) = name.parse::<Timestamp>() else {
            return Err(no_place(
                format!("the run has no place `{name}`"),
                "expected a rev, a checkpoint, a state's visit such as `Review#2`, or a time; \
                 `guidepost checkpoint RUN` lists them",
            ));
        };
        let before = self.replay.steps.iter().rev().find(|step| step.at <= time);
        before.map(|step| step.last).ok_or_else(|| {
            no_place(format!("the run had not begun at {name}"), "take a later time")
        })
    }
}

fn no_place(what: String, hint: &str) -> OpError {
    OpError::BadArgument { what, hint: Some(hint.to_owned()) }
}
