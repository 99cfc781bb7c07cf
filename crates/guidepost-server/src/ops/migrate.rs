//! Taking live runs to another version of their workflow, and adding a step to one.

use std::sync::Arc;

use guidepost_core::diagnostic::closest;
use guidepost_core::id::{AttributeName, Rev, RunNo, RunRef, StateId, Version, name_and_version};
use guidepost_core::input::{By, Input, Restore};
use guidepost_core::limits::{NAME_BYTES_MAX, PAYLOAD_BYTES_MAX, TEXT_BYTES_MAX};
use guidepost_core::machine::{Machine, WorkKind};
use guidepost_core::record::{Lasting, Renamed, Restoration};
use guidepost_core::run::Status;
use guidepost_core::workflow;
use guidepost_engine::history::{self, Obstacle};
use guidepost_store::{RunFilter, StoreError};
use serde::Serialize;
use serde_json::{Map, Value as Json, json};

use super::current::{ATTEMPTS_MAX, Current};
use super::rollback::restored;
use super::{Allowed, Define, OpError, Ops, bounds};

/// Runs listed at a time.
const PAGE: usize = 100;

/// Values for what is no attribute of a version.
fn unknown<'a>(
    machine: &'a Machine,
    set: &'a Map<String, Json>,
) -> impl Iterator<Item = Obstacle> + 'a {
    let names = || machine.attributes.keys().map(AttributeName::as_str);
    set.keys().filter(move |name| names().all(|known| known != name.as_str())).map(move |name| {
        Obstacle {
            what: format!("`{name}` is to be set, and the version has no such attribute"),
            hint: closest(name, names()).map(|meant| format!("did you mean `{meant}`?")),
        }
    })
}

/// Runs to take to another version.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Migrate {
    /// The runs.
    pub runs: Vec<RunRef>,
    /// A workflow whose live runs are all meant, besides.
    pub workflow: Option<String>,
    /// The version: its number, or with the workflow's name, `bugfix@3`.
    pub to: String,
    /// States that are called otherwise there.
    pub map: Vec<Renamed>,
    /// Values the runs are to have there, by attribute: what the version requires and they do not have, say.
    pub set: Map<String, Json>,
    /// Whether only to tell what would become of them.
    pub dry_run: bool,
    /// Whether to migrate a run although work begins anew in it that is going on and cannot be undone.
    pub confirm: bool,
    /// Why, in the caller's words.
    pub note: Option<String>,
    /// Who wants it.
    pub caller: String,
}

/// What became of each run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Migrated {
    /// Whether nothing was changed.
    pub is_dry_run: bool,
    /// The runs, in the order asked for.
    pub runs: Vec<MigratedRun>,
}

impl Migrated {
    /// Whether every run is where it was to be, or would be.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        let stays =
            |run: &MigratedRun| matches!(run.outcome, Outcome::Refused | Outcome::Unconfirmed);
        !self.runs.iter().any(stays)
    }
}

/// What became of one run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MigratedRun {
    /// The run's short id.
    pub run: String,
    /// What became of it.
    pub outcome: Outcome,
    /// The version it was in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Version>,
    /// The version it is in, or was to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Version>,
    /// The rev it is at.
    pub rev: Rev,
    /// The innermost states it is in, each with its name there.
    pub states: Vec<Renamed>,
    /// What the version has no place for, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<String>,
    /// Work that is going on, cannot be undone, and begins anew there: in a state that is called otherwise, or that does
    /// something else.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lasting: Vec<Lasting>,
    /// Why it was not migrated.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub obstacles: Vec<Obstacle>,
}

/// What became of a run that was to be migrated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is in the version now.
    Migrated,
    /// It could be.
    WouldMigrate,
    /// It was there already.
    Unchanged,
    /// It stays where it is until somebody confirms that work begins anew.
    Unconfirmed,
    /// It stays where it is; the obstacles say why.
    Refused,
}

/// A step to add to a live run.
#[derive(Debug, Clone, PartialEq)]
pub struct AddStep {
    /// The run.
    pub run: RunRef,
    /// The step, as under `steps:`.
    pub step: Json,
    /// Who adds it.
    pub caller: String,
}

impl Ops {
    /// Takes runs to another version of their workflow. Each for itself: one that cannot go stays where it is, and says
    /// why; and so does one in which work would begin anew that cannot be undone, until that is confirmed. Going back is a
    /// migration to the version before, or a rollback to before it.
    ///
    /// # Errors
    ///
    /// [`OpError::NoSuchVersion`] and [`OpError::NoSuchWorkflow`]; [`OpError::BadArgument`] if no run is named or the
    /// version belongs to another workflow; and the failures of the store. Runs before the one that failed are migrated.
    pub async fn migrate(&self, request: &Migrate) -> Result<Migrated, OpError> {
        bounds::check_text("the note", request.note.as_deref(), TEXT_BYTES_MAX)?;
        bounds::check_text("the caller's name", Some(&request.caller), NAME_BYTES_MAX)?;
        bounds::check_json("the data", &request.set, PAYLOAD_BYTES_MAX)?;
        let mut refs = request.runs.clone();
        if let Some(workflow) = &request.workflow {
            refs.extend(self.live_runs(workflow).await?.into_iter().map(RunRef::from));
        } else if refs.is_empty() {
            return Err(OpError::BadArgument {
                what: "no run is named".to_owned(),
                hint: Some("name runs, or all of a workflow with `--all WORKFLOW`".to_owned()),
            });
        }
        let mut runs = Vec::with_capacity(refs.len());
        for run in &refs {
            runs.push(self.migrate_one(run, request, None).await?);
        }
        Ok(Migrated { is_dry_run: request.dry_run, runs })
    }

    /// Takes one run to another version: only if it is bound to the structure `seen`, where that is named.
    async fn migrate_one(
        &self,
        run: &RunRef,
        request: &Migrate,
        seen: Option<&str>,
    ) -> Result<MigratedRun, OpError> {
        for attempt in 1..=ATTEMPTS_MAX {
            let mut current = self.current(run).await?;
            if seen.is_some_and(|seen| seen != current.run.machine) {
                let (expected, present) = (current.run.rev, current.run.rev);
                return Err(StoreError::Conflict { expected, present }.into());
            }
            let (new, to) = self.target(&current.run.workflow, &request.to).await?;
            let now = self.world.now();
            let mut run = current.run.clone();
            for (name, value) in &request.set {
                run.data = run.data.with(name, value);
            }
            let mut found = history::migration(&current.machine, &new, &run, &request.map, now);
            found.obstacles.extend(unknown(&new, &request.set));
            let from = current.head.version;
            let is_there = new.hash == current.run.machine;
            let can_go = !is_there && found.obstacles.is_empty();
            let lasting = match can_go {
                true => self.begun_anew(&current, &found.going_on).await?,
                false => Vec::new(),
            };
            let outcome = match (is_there, can_go, request.dry_run) {
                (true, ..) => Outcome::Unchanged,
                (false, false, _) => Outcome::Refused,
                (false, true, true) => Outcome::WouldMigrate,
                (false, true, false) if !lasting.is_empty() && !request.confirm => {
                    Outcome::Unconfirmed
                }
                (false, true, false) => Outcome::Migrated,
            };
            let mut answer = MigratedRun {
                run: current.name(),
                outcome,
                from,
                to: Some(to),
                rev: current.run.rev,
                states: found.states,
                dropped: if is_there { Vec::new() } else { found.dropped },
                lasting: lasting.clone(),
                obstacles: if is_there { Vec::new() } else { found.obstacles },
            };
            if outcome != Outcome::Migrated {
                return Ok(answer);
            }
            let input = Input::Restore(Restore {
                why: Restoration::Migrated {
                    from: current.run.machine.clone(),
                    renamed: request.map.clone(),
                },
                past: Box::new(found.run),
                past_at: now,
                going_on: found.going_on,
                edits: found.edits,
                lasting,
                compensations: Vec::new(),
                by: By { caller: request.caller.clone(), note: request.note.clone() },
                at: now,
            });
            let batch = restored(&new, &current, &current.run, &input, now)?;
            match self.commit(&mut current, batch).await {
                Ok(()) => {
                    answer.rev = current.run.rev;
                    return Ok(answer);
                }
                Err(OpError::Store(StoreError::Conflict { .. })) => self.make_way(attempt).await,
                Err(error) => return Err(error),
            }
        }
        let run = self.current(run).await?.name();
        Err(OpError::Contended { run, attempts: ATTEMPTS_MAX })
    }

    /// Work of a run that is going on and cannot be undone, and that begins anew in another version: all but that of the
    /// states in which it goes on.
    async fn begun_anew(
        &self,
        current: &Current,
        going_on: &[StateId],
    ) -> Result<Vec<Lasting>, OpError> {
        let Current { run, machine, .. } = current;
        let open = run.active.iter().filter(|(_, active)| !active.work_ended);
        let anew: Vec<(&StateId, WorkKind)> = open
            .filter(|(state, _)| !going_on.contains(state))
            .filter_map(|(state, _)| {
                let work = machine.state(machine.find(state.as_str())?).work.as_ref()?;
                Some((state, work.kind))
            })
            .collect();
        if anew.is_empty() {
            return Ok(Vec::new());
        }
        let past = self.past(current).await?;
        let mut lasting = self.deeds(current, &past, run.rev, &[]).await?.lasting;
        lasting.retain(|one| match one.run_no {
            None => anew.iter().any(|(state, _)| **state == one.state),
            Some(_) => anew.iter().any(|(_, kind)| *kind == WorkKind::Run),
        });
        Ok(lasting)
    }

    /// A version of a run's workflow.
    async fn target(&self, workflow: &str, to: &str) -> Result<(Arc<Machine>, Version), OpError> {
        let reference = match name_and_version(to) {
            (name, Some(_)) if name != workflow => {
                return Err(OpError::BadArgument {
                    what: format!("the run is in workflow `{workflow}`, and `{to}` is of another"),
                    hint: Some(format!("name a version of its own: `{workflow}@N`")),
                });
            }
            (_, Some(_)) => to.to_owned(),
            (number, None) => format!("{workflow}@{number}"),
        };
        let found = self.find_workflow(&reference).await?;
        let no_version = || OpError::BadArgument {
            what: format!("workflow `{workflow}` is written by SQL and has no versions"),
            hint: Some("its runs follow its rows: edit those".to_owned()),
        };
        Ok((found.machine, found.version.ok_or_else(no_version)?))
    }

    async fn live_runs(&self, workflow: &str) -> Result<Vec<RunNo>, OpError> {
        self.check_workflow(workflow).await?;
        let mut filter = RunFilter {
            workflow: Some(workflow.to_owned()),
            status: Status::ALL.into_iter().filter(|status| !status.is_ended()).collect(),
            limit: PAGE,
            ..RunFilter::default()
        };
        let mut runs = Vec::new();
        loop {
            let page = self.store.runs(&self.tenant, &filter).await?;
            runs.extend(page.items.iter().map(|run| run.no));
            if page.next.is_none() {
                runs.reverse();
                return Ok(runs);
            }
            filter.cursor = page.next;
        }
    }

    /// Adds a step at the end of a live run: a new version of its workflow has it after the present last one, and the run
    /// is migrated to that version. Other runs stay in theirs.
    ///
    /// # Errors
    ///
    /// [`OpError::BadArgument`] if the workflow is no plain list of steps; [`OpError::BadDefinition`] if the step cannot
    /// be read; [`OpError::NotDone`] if the run is over; and the failures of the store.
    pub async fn add_step(&self, request: &AddStep) -> Result<MigratedRun, OpError> {
        for attempt in 1..=ATTEMPTS_MAX {
            match self.try_add_step(request).await {
                // Somebody else changed its steps meanwhile: they are read again, so that none gets lost.
                Err(OpError::Store(StoreError::Conflict { .. })) => self.make_way(attempt).await,
                other => return other,
            }
        }
        let run = self.current(&request.run).await?.name();
        Err(OpError::Contended { run, attempts: ATTEMPTS_MAX })
    }

    async fn try_add_step(&self, request: &AddStep) -> Result<MigratedRun, OpError> {
        let current = self.current(&request.run).await?;
        let reference = match current.head.version {
            Some(version) => format!("{}@{version}", current.run.workflow),
            None => current.run.workflow.clone(),
        };
        let source = self.find_workflow(&reference).await?.source;
        let no_list = || OpError::BadArgument {
            what: format!("workflow `{reference}` is no plain list of steps"),
            hint: Some(
                "save a new version with `guidepost apply`, then migrate the run".to_owned(),
            ),
        };
        let source = source.ok_or_else(no_list)?;
        let mut definition =
            workflow::as_json(&source.text, &source.file).map_err(|_| no_list())?;
        definition
            .get_mut("steps")
            .and_then(Json::as_array_mut)
            .ok_or_else(no_list)?
            .push(request.step.clone());
        let define = Define {
            text: json!(definition).to_string(),
            file: source.file,
            save: true,
            allowed: Allowed::Everything,
            caller: request.caller.clone(),
        };
        let defined = self.define(&define).await?;
        let to = defined.version().map(|version| version.to_string()).unwrap_or_default();
        let migrate = Migrate { to, caller: request.caller.clone(), ..Migrate::default() };
        self.migrate_one(&request.run, &migrate, Some(&current.run.machine)).await
    }
}
