//! From a decision to what is committed: the records, the state they lead to, the tasks they begin and end, and what is said
//! in the threads of agents.

mod said;

use guidepost_core::budget::Budget;
use guidepost_core::effect::Effect;
use guidepost_core::id::{Branch, Purpose, RunNo, StateId, Visit};
use guidepost_core::input::Input;
use guidepost_core::kernel::{self, Decision};
use guidepost_core::machine::{
    Agent, Concurrency, Limits, Machine, StateIx, StateKind, Work, WorkKind,
};
use guidepost_core::record::{Compensation, Paused, Record};
use guidepost_core::run::{PauseReason, Run, Status};
use guidepost_core::time::{Span, Timestamp};
use guidepost_store::{
    Batch, Bound, Lease, NEVER, NewTask, RequestDigest, TaskChange, TaskChanges, TaskId,
};

/// The queue of questions, which nobody serves: people answer by events.
pub const ASK_QUEUE: &str = "ask";

/// How long what is being ended may take, until that is on record.
pub(crate) const ENDING: Span = Span(3_000_000_000);

/// The queue of agents that the workflow itself describes.
pub const AGENT_QUEUE: &str = "agent";

/// The queue a piece of work is handed out in. Whoever serves an agent or a kind of task serves a queue of its own, so that
/// nobody looks through work that is not for them.
#[must_use]
pub fn queue_of(machine: &Machine, work: &Work) -> String {
    queue_named(machine, work.kind, work.name.as_deref().unwrap_or_default())
}

fn queue_named(machine: &Machine, kind: WorkKind, name: &str) -> String {
    match kind {
        WorkKind::Agent if matches!(machine.agents.get(name), Some(Agent::Scripted(_))) => {
            AGENT_QUEUE.to_owned()
        }
        WorkKind::Agent | WorkKind::Task | WorkKind::Invoke => {
            format!("{}:{name}", kind.as_str())
        }
        WorkKind::Tool | WorkKind::Http | WorkKind::Exec | WorkKind::Run | WorkKind::Wait => {
            kind.as_str().to_owned()
        }
        WorkKind::Ask => ASK_QUEUE.to_owned(),
    }
}

/// A decision, ready to commit.
///
/// - `before` and `after`: the run as the decision found it, and with its records applied.
/// - `lease`: who takes a piece of work of this queue at once; `None` leaves it to whoever claims it.
pub fn batch(
    machine: &Machine,
    before: &Run,
    decision: Decision,
    after: Run,
    request: Option<RequestDigest>,
    recorded_at: Timestamp,
    mut lease: impl FnMut(&str) -> Option<Lease>,
) -> Batch {
    let mut changes = Vec::new();
    for (number, record) in decision.records.iter().enumerate() {
        changes.extend(ended_by(record, before));
        let until = &decision.records[..=number];
        changes.extend(said::answer(until, machine, before).map(TaskChange::Say));
    }
    for effect in &decision.effects {
        let asked = asked_by(effect, machine, before, &after, recorded_at, &mut lease);
        let begins = matches!(asked, Some(TaskChange::File(_)));
        changes.extend(asked);
        if begins {
            changes.extend(said::prompt(effect, machine, &after).map(TaskChange::Say));
        }
    }
    let leaves = kernel::leaves(machine, &after);
    let steps = decision.records.iter().map(|record| steps_of(machine, record)).sum();
    Batch {
        records: decision.records,
        current_state: common(machine, &leaves).as_str().to_owned(),
        leaves: leaves.iter().map(|ix| machine.state(*ix).id.to_string()).collect(),
        run: after,
        request,
        recorded_at,
        tasks: TaskChanges { fence: None, changes },
        steps,
        limits: machine.limits.clone(),
        claim: None,
    }
}

/// The tasks that are filed for a run, of this number, as long as its work goes on: one for a state's work, or for each
/// branch of it that has begun, in no order.
#[must_use]
pub fn tasks_of(machine: &Machine, run: &Run, no: RunNo) -> Vec<TaskId> {
    if run.status.is_ended() {
        return Vec::new();
    }
    let task = |state: &StateId, visit: Visit, branch: Branch, purpose: Purpose| TaskId {
        run: no,
        state: state.clone(),
        visit,
        branch,
        purpose,
    };
    if let Some(undoing) = &run.undoing {
        // Until what was done is made good no other work begins.
        let (first, purpose) = (undoing.first().into_iter(), undoing.purpose());
        return first.map(|work| task(&work.state, work.visit, work.branch, purpose)).collect();
    }
    let mut tasks = Vec::new();
    for (state, active) in run.active.iter().filter(|(_, active)| !active.work_ended) {
        let ix = machine.find(state.as_str());
        let work = ix.and_then(|ix| Some((ix, machine.state(ix).work.as_ref()?)));
        if !work.is_some_and(|(ix, work)| is_filed(machine, run, ix, work)) {
            continue;
        }
        let branches: Vec<Branch> = match &active.fan {
            None => vec![Branch::WHOLE],
            Some(fan) => fan.open.keys().copied().collect(),
        };
        let branches = branches.into_iter();
        tasks.extend(branches.map(|branch| task(state, active.visit, branch, Purpose::Work)));
    }
    tasks
}

/// Whether work is filed as a task: what the engine does, and questions, which people find in the list.
fn is_filed(machine: &Machine, run: &Run, ix: StateIx, work: &Work) -> bool {
    work.kind == WorkKind::Ask || kernel::is_engines(machine, run, ix)
}

/// A pause that needs no machine, for a run whose machine cannot be had; `None` if it does not go on anyway.
pub(crate) fn quarantine(run: &Run, why: &str, at: Timestamp) -> Option<Batch> {
    if !matches!(run.status, Status::Running | Status::Waiting) {
        return None;
    }
    let detail = why.to_owned();
    let paused = Paused { reason: PauseReason::Quarantined, detail, by: String::new(), at };
    let records = vec![Record::from(paused)];
    let mut after = run.clone();
    after.apply_all(&records).ok()?;
    let leaves = leaves_by_name(&after);
    Some(Batch {
        records,
        current_state: common_by_name(&leaves),
        leaves,
        run: after,
        request: None,
        recorded_at: at,
        tasks: TaskChanges::default(),
        steps: 0,
        limits: Limits::default(),
        claim: None,
    })
}

/// The innermost active states, as their names tell it: a state's name begins with that of what it is in.
fn leaves_by_name(run: &Run) -> Vec<String> {
    let names = || run.active.keys().map(StateId::as_str).filter(|name| !name.is_empty());
    let is_leaf = |name: &&str| !names().any(|other| is_below(other, name));
    names().filter(is_leaf).map(str::to_owned).collect()
}

fn is_below(inner: &str, outer: &str) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('.'))
}

/// The innermost state that contains all of these, as their names tell it; the root's name is empty.
fn common_by_name(leaves: &[String]) -> String {
    let Some((first, others)) = leaves.split_first() else { return String::new() };
    let mut outer = first.as_str();
    while !others.iter().all(|leaf| leaf == outer || is_below(leaf, outer)) {
        outer = outer.rsplit_once('.').map_or("", |(outer, _)| outer);
        if outer.is_empty() {
            break;
        }
    }
    outer.to_owned()
}

/// How many steps a record enters: atomic states, those that are an end left out.
fn steps_of(machine: &Machine, record: &Record) -> u64 {
    let Record::Transitioned(step) = record else { return 0 };
    let is_step = |state: &&StateId| {
        let ix = machine.find(state.as_str());
        ix.is_some_and(|ix| matches!(machine.state(ix).kind, StateKind::Atomic))
    };
    step.entered.iter().filter(is_step).count() as u64
}

/// The end of a task that a record is.
fn ended_by(record: &Record, before: &Run) -> Option<TaskChange> {
    let mut purpose = Purpose::Work;
    let (state, visit, branch) = match record {
        Record::WorkEnded(ended) => (ended.state.clone(), ended.visit, None),
        Record::BranchEnded(ended) => (ended.state.clone(), ended.visit, Some(ended.branch)),
        Record::Transitioned(step) => {
            let state = step.ended_work.clone()?;
            let visit = before.active.get(&state)?.visit;
            (state, visit, None)
        }
        Record::Compensated(made_good) if made_good.ok => {
            purpose = compensation(before);
            (made_good.state.clone(), made_good.visit, Some(made_good.branch))
        }
        Record::Resumed(_) => return Some(TaskChange::Forgive),
        _ => return None,
    };
    Some(TaskChange::End { state, visit, branch, purpose })
}

/// What the tasks of a run are for that make its work good.
fn compensation(run: &Run) -> Purpose {
    run.undoing.as_ref().map_or(Purpose::Work, |undoing| undoing.purpose())
}

fn asked_by(
    effect: &Effect,
    machine: &Machine,
    before: &Run,
    run: &Run,
    now: Timestamp,
    lease: &mut impl FnMut(&str) -> Option<Lease>,
) -> Option<TaskChange> {
    match effect {
        Effect::StartWork { state, visit, branch } => {
            new_task(machine, run, state, *visit, *branch, now, lease).map(TaskChange::File)
        }
        Effect::Compensate { state, visit, branch } => {
            let work = run.compensation(state, *visit, *branch)?;
            Some(TaskChange::File(compensating_task(machine, work, compensation(run), now, lease)))
        }
        Effect::RetryCompensation { state, visit, branch, at } => {
            let (state, visit, branch) = (state.clone(), *visit, *branch);
            Some(TaskChange::Retry { state, visit, branch, purpose: compensation(run), at: *at })
        }
        Effect::CancelCompensation { state, visit, branch } => {
            let (state, visit, branch) = (state.clone(), *visit, Some(*branch));
            Some(TaskChange::End { state, visit, branch, purpose: compensation(before) })
        }
        Effect::RetryWork { state, visit, branch, at } => {
            let (state, visit, branch) = (state.clone(), *visit, *branch);
            Some(TaskChange::Retry { state, visit, branch, purpose: Purpose::Work, at: *at })
        }
        Effect::CancelWork { state, visit } => {
            let (state, visit, branch) = (state.clone(), *visit, None);
            Some(TaskChange::End { state, visit, branch, purpose: Purpose::Work })
        }
        Effect::Log { message } => {
            tracing::info!(workflow = run.workflow, "{message}");
            None
        }
    }
}

fn new_task(
    machine: &Machine,
    run: &Run,
    state: &StateId,
    visit: Visit,
    branch: Branch,
    now: Timestamp,
    lease: &mut impl FnMut(&str) -> Option<Lease>,
) -> Option<NewTask> {
    let ix = machine.find(state.as_str())?;
    let work = machine.state(ix).work.as_ref()?;
    if !is_filed(machine, run, ix, work) {
        return None;
    }
    let is_question = work.kind == WorkKind::Ask;
    let queue = queue_of(machine, work);
    let bound = bound(machine, work.kind, work.name.as_deref()).filter(|_| !is_question);
    Some(NewTask {
        state: state.clone(),
        visit,
        branch,
        purpose: Purpose::Work,
        kind: work.kind,
        ready_at: if is_question { NEVER } else { now },
        timeout: until_over(work.kind, work.timeout),
        lease: if is_question || bound.is_some() { None } else { lease(&queue) },
        queue,
        bound,
    })
}

/// The task that makes a piece of work good. Whoever drives the run, the engine does that.
fn compensating_task(
    machine: &Machine,
    work: &Compensation,
    purpose: Purpose,
    now: Timestamp,
    lease: &mut impl FnMut(&str) -> Option<Lease>,
) -> NewTask {
    let queue = queue_named(machine, work.kind, work.name.as_deref().unwrap_or_default());
    let bound = bound(machine, work.kind, work.name.as_deref());
    NewTask {
        state: work.state.clone(),
        visit: work.visit,
        branch: work.branch,
        purpose,
        kind: work.kind,
        ready_at: now,
        timeout: until_over(work.kind, work.timeout),
        lease: if bound.is_some() { None } else { lease(&queue) },
        queue,
        bound,
    }
}

/// How long a try may take until somebody else finds that it took too long. Whoever runs a command ends it at its timeout,
/// and says so when all of it is gone.
fn until_over(kind: WorkKind, timeout: Option<Span>) -> Option<Span> {
    match kind {
        WorkKind::Exec => timeout.map(|timeout| Span(timeout.0.saturating_add(ENDING.0))),
        _ => timeout,
    }
}

/// What bounds how much of such work goes on at once. Such a task is claimed, not taken by whoever files it: that is where
/// it is counted, and where those who have waited longer come first.
fn bound(machine: &Machine, kind: WorkKind, name: Option<&str>) -> Option<Bound> {
    let work = Concurrency::name_of(kind, name);
    machine.concurrency.bounds(&work).then(|| Bound { workflow: machine.name.clone(), work })
}

/// The pause that is due for a run that takes inputs although a limit it spends from is passed.
#[must_use]
pub fn over_limit(run: &Run, budgets: &[Budget], now: Timestamp) -> Option<Input> {
    match run.status {
        Status::Running | Status::Waiting => {}
        Status::Paused | Status::Completed | Status::Failed | Status::Cancelled => return None,
    }
    let (budget, passed) = budgets.iter().find_map(|budget| Some((budget, budget.passed(now)?)))?;
    let detail = budget.explained(&passed);
    Some(Input::Hold { reason: PauseReason::OverLimit, detail, at: now })
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
