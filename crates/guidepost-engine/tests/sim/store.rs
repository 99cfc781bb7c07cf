//! The store as runners meet it: the real one in memory, behind a network that fails, and a ledger of what it handed out.

use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Poll;

use async_trait::async_trait;
use guidepost_core::id::{Purpose, Rev, RunId, RunNo, RunRef, Tenant};
use guidepost_core::machine::Concurrency;
use guidepost_core::record::{Done, Record};
use guidepost_core::recorded::FactBody;
use guidepost_core::time::{Span, Timestamp};
use guidepost_store::memory::Memory;
use guidepost_store::testing::Layer;
use guidepost_store::{
    Batch, CANCEL_QUEUE, Claim, Claimed, Committed, Created, Entry, EntryBody, Held, HistoryPage,
    Loaded, Moved, NewRun, NewTask, Page, RunFilter, RunSummary, ScheduleChange, ScheduleFilter,
    Scheduled, Store, StoreError, Task, TaskChange, TaskFilter, TaskId, Wanted, Workflow,
};

use crate::faults::{CALLS, Crashed, Faults, Rng, Side};
use crate::workflows::BEGINNING;

/// What is broken on purpose, to see that a checker notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    /// Results are taken without asking for whose attempt it is.
    NoFence,
    /// A result of a lost lease is taken for the present holder's.
    LostLeaseIgnored,
    /// What was decided at an old rev is written all the same.
    NoRevCheck,
    /// A batch is written twice.
    CommittedTwice,
    /// The state that is kept is not what the records say.
    OtherState,
    /// What is said with a result is said twice.
    SaidTwice,
    /// A record is not shown.
    RecordLost,
    /// Tasks of runs that ended are handed out.
    EndedRunsHandedOut,
    /// Nobody is told to cancel what was launched in vain.
    LaunchesForgotten,
    /// Every launch makes two runs.
    LaunchedTwice,
    /// Work that begins is not filed.
    TasksNotFiled,
    /// A key is used again when the step is entered anew.
    KeyOfTheState,
    /// Every attempt has a key of its own.
    KeyOfTheAttempt,
    /// Runners fire timers before they are due.
    TimersEarly,
    /// A timer that fired fires again.
    TimersTwice,
    /// Runners take more than they have slots for.
    SlotsIgnored,
    /// Tasks are handed out although a limit is passed.
    LimitsIgnored,
    /// A time that has come begins two runs.
    BegunTwice,
    /// A time that has come begins none.
    NotBegun,
    /// A run begins although the one before goes on.
    OverlapIgnored,
    /// Tasks are filed without what bounds how many of them go on at once.
    BoundsForgotten,
    /// Of what is to be made good, the last piece is forgotten.
    PieceForgotten,
    /// What is to be made good is made good in the order in which it was done.
    FirstThingsFirst,
    /// Work of the way ahead is handed out while a run makes good.
    AheadMeanwhile,
    /// What makes work good has the key of that work.
    KeyOfTheWork,
    /// Whoever works for one run is handed the tasks of all.
    RootIgnored,
    /// Whoever works for one run takes every run for one below it.
    RootMistaken,
    /// Tasks are handed to whoever declined them.
    DeclinedHandedOut,
    /// Whoever goes back is not told of work that did not end.
    CutOffForgotten,
}

/// What the store said and did, kept apart from the store's own books.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// The attempt that was handed out last.
    handed_out: BTreeMap<TaskId, u32>,
    /// Attempts whose result was taken.
    settled: BTreeSet<Held>,
    /// When a rev was committed, by the true clock.
    pub(crate) committed_at: BTreeMap<(RunNo, Rev), Timestamp>,
    /// Which launches each parent asked for.
    pub(crate) launches: BTreeMap<RunNo, BTreeSet<String>>,
    /// Results that were taken and should not have been.
    pub(crate) stale_results: Vec<String>,
    /// Tasks that were handed out after the end of their run.
    pub(crate) late_starts: Vec<String>,
    /// Tasks that were handed out after a limit was passed, by what is on record.
    pub(crate) starts_over_limit: Vec<String>,
    /// Where more of a workflow went on at once than it allows.
    pub(crate) over_bounds: Vec<String>,
    /// Work of the way ahead that was handed out while its run made good what it did.
    pub(crate) starts_meanwhile: Vec<String>,
    /// How often a task was handed to a runner that had declined it: once may be, if the claim was under way.
    declined: BTreeMap<(String, TaskId), u32>,
    /// Where it was more than that.
    pub(crate) insisted: Vec<String>,
}

/// What a seed decides about the store.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) rng: Rng,
    pub(crate) faults: Faults,
    pub(crate) broken: Option<Broken>,
    /// The true time.
    pub(crate) now: Timestamp,
    /// How far each node's clock is ahead, in nanoseconds.
    pub(crate) skews: Vec<i64>,
    /// Whether a handler calls, which can vanish between two calls; else the world does, which sees to that itself.
    pub(crate) is_handler: bool,
    /// The caller is to vanish.
    pub(crate) is_crashing: bool,
    pub(crate) crashed: Crashed,
    pub(crate) ledger: Ledger,
}

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct SimStore {
    pub(crate) real: Memory,
    state: Mutex<State>,
}

fn unavailable(what: &str) -> StoreError {
    StoreError::Unavailable { url: "sim:".to_owned(), what: what.to_owned(), source: None }
}

/// The answer of a future that waits for nothing; `None` if it waits after all.
pub(crate) fn poll_once<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

impl SimStore {
    pub(crate) fn new(seed: u64, nodes: usize, broken: Option<Broken>) -> Arc<Self> {
        let state = State {
            rng: Rng::new(seed ^ 0x5f0e),
            faults: Faults::none(),
            broken,
            now: BEGINNING,
            skews: vec![0; nodes],
            is_handler: false,
            is_crashing: false,
            crashed: Crashed::new(),
            ledger: Ledger::default(),
        };
        Arc::new(Self { real: Memory::new(), state: Mutex::new(state) })
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn is_broken(&self, how: Broken) -> bool {
        self.state().broken == Some(how)
    }

    /// The real store's answer to a question that is no part of the simulation.
    pub(crate) fn ask<T>(&self, future: impl Future<Output = Result<T, StoreError>>) -> T {
        poll_once(future).expect("the memory store waits for nothing").unwrap()
    }

    pub(crate) fn run(&self, run: RunNo) -> Option<Loaded> {
        self.ask(self.real.load(&Tenant::default(), &RunRef::No(run)))
    }

    /// A call with everything that can happen to it on the way there and back.
    async fn call<T>(
        &self,
        name: &'static str,
        act: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let is_handler = self.state().is_handler;
        if is_handler {
            assert!(CALLS.contains(&name), "`{name}` is not in the list of what handlers call");
            self.pause().await;
            self.crash(name, Side::Before).await;
        }
        if self.draws(|faults| faults.refused) {
            return Err(unavailable(name));
        }
        let answer = act.await;
        if is_handler {
            self.crash(name, Side::After).await;
        }
        if self.draws(|faults| faults.unanswered) {
            return Err(unavailable(name));
        }
        answer
    }

    fn draws(&self, chance: impl Fn(&Faults) -> u64) -> bool {
        let state = &mut *self.state();
        let chance = chance(&state.faults);
        state.rng.permille(chance)
    }

    /// Lets others go on in between.
    async fn pause(&self) {
        let mut has_paused = false;
        poll_fn(|_| {
            if std::mem::replace(&mut has_paused, true) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    async fn crash(&self, name: &'static str, side: Side) {
        let crashes = {
            let state = &mut *self.state();
            let crashes = state.faults.crashes((name, side), &mut state.rng);
            if crashes {
                state.is_crashing = true;
                state.crashed.insert((name, side));
            }
            crashes
        };
        if crashes {
            std::future::pending::<()>().await;
        }
    }

    /// What a commit asks for, before it is done: the attempt it is a result of must be the present one.
    fn expect_present(&self, held: &Held) -> Option<String> {
        let state = &*self.state();
        let last = state.ledger.handed_out.get(&held.task);
        match last {
            Some(last) if *last != held.attempt => Some(format!(
                "a result of attempt {} of {} was taken after attempt {last} was handed out",
                held.attempt, held.task
            )),
            _ if state.ledger.settled.contains(held) => {
                Some(format!("two results of attempt {} of {} were taken", held.attempt, held.task))
            }
            _ => None,
        }
    }

    /// A commit from outside the engine, to which nothing happens.
    pub(crate) fn operate(&self, run: RunNo, expected: Rev, mut batch: Batch) {
        self.spoil(&mut batch);
        let committed = self.ask(self.real.commit(&Tenant::default(), run, expected, batch));
        self.note_time(run, expected, committed.rev);
    }

    /// What is broken about what is to be made good, and what is said about what is not.
    fn spoil(&self, batch: &mut Batch) {
        let broken = self.state().broken;
        for record in &mut batch.records {
            if let (Record::Restored(restored), Some(Broken::CutOffForgotten)) = (record, broken) {
                restored.lasting.retain(|one| one.how != Done::Begun);
            }
        }
        let records = batch.records.iter_mut().filter_map(|record| match record {
            Record::Compensating(compensating) if compensating.work.len() > 1 => Some(compensating),
            _ => None,
        });
        for compensating in records {
            match broken {
                Some(Broken::PieceForgotten) => drop(compensating.work.pop()),
                Some(Broken::FirstThingsFirst) => compensating.work.reverse(),
                _ => continue,
            }
            if let Some(undoing) = &mut batch.run.undoing {
                undoing.work = compensating.work.as_slice().into();
            }
        }
    }

    fn note_time(&self, run: RunNo, before: Rev, after: Rev) {
        let state = &mut *self.state();
        for rev in before.0 + 1..=after.0 {
            state.ledger.committed_at.insert((run, Rev(rev)), state.now);
        }
    }

    /// Whether the last word on record about a limit that holds for a run is that it is passed.
    pub(crate) fn is_over_limit(&self, run: RunNo) -> bool {
        let kinds = vec!["limit_reached".to_owned(), "limits_set".to_owned()];
        let page = HistoryPage { newest_first: true, kinds, beyond: None, limit: 1_000 };
        let above = self.run(run).into_iter().flat_map(|loaded| loaded.budgets);
        above.into_iter().any(|budget| {
            let told = self.ask(self.real.history(&Tenant::default(), budget.run, &page)).items;
            let since_set = told.iter().map_while(|entry| match &entry.body {
                EntryBody::Fact { body: FactBody::LimitReached(reached), .. } => Some(reached),
                _ => None,
            });
            since_set.into_iter().any(|reached| reached.is_hard)
        })
    }

    /// Notes that somebody holds a task, if nobody may begin it any more.
    fn note_start(&self, task: &TaskId) {
        if self.is_over_limit(task.run) {
            let told = format!("{task} was begun after a limit was passed");
            self.state().ledger.starts_over_limit.push(told);
        }
        let makes_good = self.run(task.run).is_some_and(|loaded| loaded.run.undoing.is_some());
        if makes_good && !task.purpose.is_compensation() {
            let told = format!("{task} was begun while its run made good what it did");
            self.state().ledger.starts_meanwhile.push(told);
        }
    }

    fn note_commit(&self, run: RunNo, batch: &Batch, stale: Option<String>) {
        let ledger = &mut self.state().ledger;
        ledger.stale_results.extend(stale);
        let is_end = |change: &TaskChange| !matches!(change, TaskChange::Forgive);
        if let Some(held) = &batch.tasks.fence
            && batch.tasks.changes.iter().any(is_end)
        {
            ledger.settled.insert(held.clone());
        }
        for change in &batch.tasks.changes {
            if let TaskChange::File(new) = change
                && new.lease.is_some()
            {
                ledger.handed_out.insert(id_of(run, new), 1);
            }
        }
    }

    /// A commit, with what is broken about it.
    async fn commit_it(
        &self,
        tenant: &Tenant,
        run: RunNo,
        expected: Rev,
        batch: Batch,
    ) -> Result<Committed, StoreError> {
        let broken = self.state().broken;
        let stale = batch.tasks.fence.as_ref().and_then(|held| self.expect_present(held));
        let mut given = batch.clone();
        given.claim = given.claim.map(|wish| self.asked(wish));
        match broken {
            Some(Broken::NoFence) => given.tasks.fence = None,
            Some(Broken::LostLeaseIgnored) => {
                if let Some(held) = &mut given.tasks.fence {
                    let filter =
                        TaskFilter { run: Some(run), limit: 1_000, ..TaskFilter::default() };
                    let tasks = self.real.tasks(tenant, &filter).await?.items;
                    if let Some(present) = tasks.into_iter().find(|task| task.id == held.task) {
                        held.attempt = present.attempt;
                    }
                }
            }
            Some(Broken::OtherState) => {
                given.run.active.values_mut().for_each(|active| active.failures += 1);
            }
            Some(Broken::SaidTwice) => {
                let said = given.tasks.changes.iter();
                let said = said.filter(|change| matches!(change, TaskChange::Say(_)));
                let again: Vec<TaskChange> = said.cloned().collect();
                given.tasks.changes.extend(again);
            }
            Some(Broken::BoundsForgotten) => {
                for change in &mut given.tasks.changes {
                    if let TaskChange::File(new) = change {
                        new.bound = None;
                    }
                }
            }
            Some(Broken::TasksNotFiled) => {
                given.tasks.changes.retain(|change| !matches!(change, TaskChange::File(_)));
            }
            _ => {}
        }
        let answer = match self.real.commit(tenant, run, expected, given.clone()).await {
            Err(StoreError::Conflict { present, .. }) if broken == Some(Broken::NoRevCheck) => {
                self.real.commit(tenant, run, present, given.clone()).await
            }
            answer => answer,
        };
        let mut committed = answer?;
        for task in self.held_at_once(run, &given) {
            self.note_start(&task);
        }
        self.note_commit(run, &batch, stale);
        let mut rev = committed.rev;
        if broken == Some(Broken::CommittedTwice) && !given.run.status.is_ended() {
            (given.tasks, given.claim) = (guidepost_store::TaskChanges::default(), None);
            rev = self.real.commit(tenant, run, rev, given).await?.rev;
        }
        self.note_time(run, expected, rev);
        if let Some(wish) = &batch.claim {
            committed.claimed = self.handed_out(tenant, wish, committed.claimed).await?;
        }
        Ok(committed)
    }

    /// The tasks a batch filed in somebody's hands.
    fn held_at_once(&self, run: RunNo, batch: &Batch) -> Vec<TaskId> {
        let filed = batch.tasks.changes.iter().filter_map(|change| match change {
            TaskChange::File(new) if new.lease.is_some() => Some(id_of(run, new)),
            _ => None,
        });
        let filter = TaskFilter { run: Some(run), limit: 1_000, ..TaskFilter::default() };
        let tasks = self.ask(self.real.tasks(&Tenant::default(), &filter)).items;
        let is_held = |id: &TaskId| tasks.iter().any(|task| task.id == *id && task.owner.is_some());
        filed.filter(is_held).collect()
    }

    /// A claim, with what is broken about it.
    async fn claim_it(&self, tenant: &Tenant, claim: &Claim) -> Result<Vec<Claimed>, StoreError> {
        let claimed = self.real.claim(tenant, &self.asked(claim.clone())).await?;
        self.handed_out(tenant, claim, claimed).await
    }

    /// What is asked for instead of a claim.
    fn asked(&self, mut claim: Claim) -> Claim {
        match self.state().broken {
            Some(Broken::DeclinedHandedOut) => claim.except = Arc::default(),
            Some(Broken::RootIgnored) => claim.root = None,
            _ => {}
        }
        claim
    }

    /// What is given for a claim, noted.
    async fn handed_out(
        &self,
        tenant: &Tenant,
        claim: &Claim,
        mut claimed: Vec<Claimed>,
    ) -> Result<Vec<Claimed>, StoreError> {
        let broken = self.state().broken;
        match broken {
            Some(Broken::LaunchesForgotten) => {
                claimed.retain(|claimed| claimed.task.queue != CANCEL_QUEUE);
            }
            Some(Broken::EndedRunsHandedOut) => {
                let past = self.state().ledger.handed_out.keys().next().cloned();
                claimed
                    .extend(past.map(|id| Claimed { task: made_up(id, claim), timed_out: false }));
            }
            Some(Broken::AheadMeanwhile) => {
                let filter = TaskFilter { limit: 1_000, ..TaskFilter::default() };
                let tasks = self.real.tasks(tenant, &filter).await?.items;
                let good = tasks.into_iter().find(|task| task.id.purpose.is_compensation());
                let ahead = good.map(|task| TaskId { purpose: Purpose::Work, ..task.id });
                claimed
                    .extend(ahead.map(|id| Claimed { task: made_up(id, claim), timed_out: false }));
            }
            Some(Broken::LimitsIgnored) => {
                let filter = TaskFilter { limit: 1_000, ..TaskFilter::default() };
                let tasks = self.real.tasks(tenant, &filter).await?.items;
                let free = tasks.into_iter().find(|task| {
                    task.owner.is_none() && task.child.is_none() && self.is_over_limit(task.id.run)
                });
                claimed.extend(free.map(|task| Claimed { task, timed_out: false }));
            }
            _ => {}
        }
        for Claimed { task, timed_out } in &claimed {
            if !timed_out && task.queue != CANCEL_QUEUE {
                self.note_start(&task.id);
            }
            let is_over = self.run(task.id.run).is_none_or(|loaded| loaded.run.status.is_ended());
            let ledger = &mut self.state().ledger;
            if is_over && task.queue != CANCEL_QUEUE {
                ledger
                    .late_starts
                    .push(format!("{} was handed out after the end of its run", task.id));
            }
            if !timed_out {
                ledger.handed_out.insert(task.id.clone(), task.attempt);
            }
        }
        self.note_bounds();
        self.note_insistence(&claim.owner, &claimed);
        Ok(claimed)
    }

    /// Notes what was handed out to a runner that had declined it.
    fn note_insistence(&self, owner: &str, claimed: &[Claimed]) {
        let ledger = &mut self.state().ledger;
        for Claimed { task, timed_out } in claimed {
            let again = ledger.declined.get_mut(&(owner.to_owned(), task.id.clone()));
            let Some(times) = again.filter(|_| !timed_out) else { continue };
            *times += 1;
            if *times > 1 {
                ledger.insisted.push(format!("{owner} was asked again for {}", task.id));
            }
        }
    }

    /// Notes which workflows have more going on than they allow.
    fn note_bounds(&self) {
        let filter = TaskFilter { limit: 1_000, ..TaskFilter::default() };
        let tasks = self.ask(self.real.tasks(&Tenant::default(), &filter)).items;
        let is_held = |task: &&Task| task.owner.is_some() && task.queue != CANCEL_QUEUE;
        let held: Vec<&Task> = tasks.iter().filter(is_held).collect();
        for known in crate::workflows::KNOWN.iter() {
            let machine = &known.machine;
            let is_live = |run: &RunNo| {
                let loaded = self.run(*run);
                loaded
                    .is_some_and(|it| it.run.workflow == machine.name && !it.run.status.is_ended())
            };
            let name_of = |task: &Task| {
                let work = machine.state(machine.find(task.id.state.as_str())?).work.as_ref()?;
                Some(Concurrency::name_of(work.kind, work.name.as_deref()))
            };
            let mut over = Vec::new();
            for (name, most) in &machine.concurrency.work {
                let of_name = |task: &&&Task| {
                    is_live(&task.id.run)
                        && name_of(task)
                            .is_some_and(|it| Concurrency::names(&it).any(|it| it == name))
                };
                let count = held.iter().filter(of_name).count();
                if count as u64 > *most {
                    over.push(format!("{count} of `{name}` went on at once, and {most} may"));
                }
            }
            if let Some(most) = machine.concurrency.runs {
                let begun = self.state().ledger.handed_out.keys().map(|task| task.run).collect();
                let begun: BTreeSet<RunNo> = begun;
                let count = begun.iter().filter(|run| is_live(run)).count();
                if count as u64 > most {
                    over.push(format!("{count} runs had begun at once, and {most} may"));
                }
            }
            self.state().ledger.over_bounds.extend(over);
        }
    }
}

fn id_of(run: RunNo, new: &NewTask) -> TaskId {
    let NewTask { state, visit, branch, purpose, .. } = new.clone();
    TaskId { run, state, visit, branch, purpose }
}

fn made_up(id: TaskId, claim: &Claim) -> Task {
    Task {
        id,
        kind: guidepost_core::machine::WorkKind::Task,
        queue: claim.queues.iter().find(|it| *it != CANCEL_QUEUE).cloned().unwrap_or_default(),
        filed_at: claim.now,
        ready_at: claim.until,
        owner: Some(claim.owner.clone()),
        attempt: 99,
        lost: 0,
        deadline: None,
        child: None,
        bound_to: None,
    }
}

/// The clock and the ids of one node.
pub(crate) struct NodeWorld {
    pub(crate) store: Arc<SimStore>,
    pub(crate) node: usize,
}

impl guidepost_engine::world::World for NodeWorld {
    fn now(&self) -> Timestamp {
        let state = self.store.state();
        state.now.after(Span(state.skews[self.node]))
    }

    fn new_run_id(&self) -> RunId {
        let rng = &mut self.store.state().rng;
        RunId(uuid::Uuid::from_u64_pair(rng.next(), rng.next()))
    }

    fn any_number(&self) -> u64 {
        self.store.state().rng.next()
    }
}

#[async_trait]
impl Layer for SimStore {
    fn inner(&self) -> &dyn Store {
        &self.real
    }

    async fn workflow(
        &self,
        tenant: &Tenant,
        name: &str,
        version: Wanted<'_>,
    ) -> Result<Option<Workflow>, StoreError> {
        self.call("workflow", self.real.workflow(tenant, name, version)).await
    }

    async fn create(
        &self,
        tenant: &Tenant,
        new: NewRun,
        batch: Batch,
    ) -> Result<Created, StoreError> {
        if let (Some(parent), Some((key, _))) = (new.parent, &new.key) {
            self.state().ledger.launches.entry(parent).or_default().insert(key.clone());
        }
        if self.is_broken(Broken::LaunchedTwice) && new.parent.is_some() {
            let id = RunId(uuid::Uuid::from_u128(!new.id.0.as_u128()));
            let another = NewRun { id, key: None, launched_by: None, ..new.clone() };
            self.real.create(tenant, another, batch.clone()).await?;
        }
        self.call("create", self.real.create(tenant, new, batch)).await
    }

    async fn load(&self, tenant: &Tenant, run: &RunRef) -> Result<Option<Loaded>, StoreError> {
        self.call("load", self.real.load(tenant, run)).await
    }

    async fn commit(
        &self,
        tenant: &Tenant,
        run: RunNo,
        expected: Rev,
        batch: Batch,
    ) -> Result<Committed, StoreError> {
        self.call("commit", self.commit_it(tenant, run, expected, batch)).await
    }

    async fn history(
        &self,
        tenant: &Tenant,
        run: RunNo,
        page: &HistoryPage,
    ) -> Result<Page<Entry>, StoreError> {
        let mut page = self.real.history(tenant, run, page).await?;
        match self.state().broken {
            Some(Broken::RecordLost) if page.items.len() > 2 => {
                page.items.remove(1);
            }
            Some(Broken::TimersTwice) => crate::checkers::repeat_timers(&mut page.items),
            _ => {}
        }
        Ok(page)
    }

    async fn runs(
        &self,
        tenant: &Tenant,
        filter: &RunFilter,
    ) -> Result<Page<RunSummary>, StoreError> {
        self.call("runs", self.real.runs(tenant, filter)).await
    }

    async fn due(
        &self,
        tenant: &Tenant,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<RunNo>, StoreError> {
        self.call("due", self.real.due(tenant, now, limit)).await
    }

    async fn claim(&self, tenant: &Tenant, claim: &Claim) -> Result<Vec<Claimed>, StoreError> {
        self.call("claim", self.claim_it(tenant, claim)).await
    }

    async fn extend(
        &self,
        tenant: &Tenant,
        owner: &str,
        held: &[Held],
        until: Timestamp,
    ) -> Result<Vec<Held>, StoreError> {
        self.call("extend", self.real.extend(tenant, owner, held, until)).await
    }

    async fn release(
        &self,
        tenant: &Tenant,
        owner: &str,
        held: &[Held],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.call("release", self.real.release(tenant, owner, held, now)).await
    }

    async fn decline(
        &self,
        tenant: &Tenant,
        owner: &str,
        held: &[Held],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        for held in held {
            let declined = (owner.to_owned(), held.task.clone());
            self.state().ledger.declined.entry(declined).or_default();
        }
        self.call("decline", self.real.decline(tenant, owner, held, now)).await
    }

    async fn schedules(
        &self,
        tenant: &Tenant,
        filter: &ScheduleFilter,
    ) -> Result<Page<Scheduled>, StoreError> {
        let mut found = self.call("schedules", self.real.schedules(tenant, filter)).await?;
        if self.is_broken(Broken::OverlapIgnored) {
            let last = found.items.iter_mut().filter_map(|schedule| schedule.last.as_mut());
            last.for_each(|last| last.is_live = false);
        }
        Ok(found)
    }

    async fn move_schedule(
        &self,
        tenant: &Tenant,
        before: &Scheduled,
        mut change: ScheduleChange,
    ) -> Result<Option<Moved>, StoreError> {
        let begun = change.begun.clone().filter(|_| self.is_broken(Broken::BegunTwice));
        if let Some((_, new, batch)) = begun {
            let id = RunId(uuid::Uuid::from_u128(!new.id.0.as_u128()));
            self.real.create(tenant, NewRun { id, key: None, ..*new }, *batch).await?;
        }
        if self.is_broken(Broken::NotBegun) && before.last.is_some() {
            change.begun = None;
        }
        self.call("move_schedule", self.real.move_schedule(tenant, before, change)).await
    }

    async fn drop_task(&self, tenant: &Tenant, held: &Held) -> Result<(), StoreError> {
        self.call("drop_task", self.real.drop_task(tenant, held)).await
    }
}

/// All of a run's history, as the store shows it.
pub(crate) fn history(store: &SimStore, run: RunNo) -> Vec<Entry> {
    let page = HistoryPage { newest_first: false, kinds: Vec::new(), beyond: None, limit: 1_000 };
    store.ask(Store::history(store, &Tenant::default(), run, &page)).items
}
