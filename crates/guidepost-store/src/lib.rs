//! What Guidepost keeps. Read this file to use a store; the backends are for those who change one.
//!
//! [`Store`] has one method per use case, and each is one transaction: all of it is durable when the method returns with
//! success, none of it when it returns with an error that says so. There are two ways to write to a run:
//!
//! - [`Store::commit`] takes what the kernel decided. It succeeds only at the expected rev, which, and not any lock, keeps
//!   two writers apart.
//! - [`Store::record`] takes observed facts. It needs no rev and cannot conflict.
//!
//! `testing::conformance` (feature `testing`) is the definition of this trait; every backend passes it unchanged.

#[cfg(any(feature = "memory", feature = "sqlite"))]
mod bounds;
#[cfg(any(feature = "memory", feature = "sqlite"))]
mod chain;
#[cfg(any(feature = "memory", feature = "sqlite"))]
mod clock;
mod definition;
mod error;
#[cfg(any(feature = "memory", feature = "sqlite"))]
mod filter;
#[cfg(any(feature = "memory", feature = "sqlite"))]
mod fold;
#[cfg(feature = "memory")]
pub mod memory;
#[cfg(any(feature = "memory", feature = "sqlite"))]
mod payload;
mod place;
#[cfg(any(feature = "memory", feature = "sqlite"))]
mod refuse;
pub mod rows;
mod schedule;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod task;
#[cfg(feature = "testing")]
pub mod testing;
mod thread;

use async_trait::async_trait;
use guidepost_core::budget::Budget;
use guidepost_core::id::{Rev, RunId, RunNo, RunRef, Seq, Tenant, Version};
use guidepost_core::input::Evidence;
use guidepost_core::machine::{Limits, Requirement};
use guidepost_core::record::Record;
use guidepost_core::recorded::{Fact, FactBody};
use guidepost_core::run::{Driver, Run, Status};
use guidepost_core::time::Timestamp;
use serde::Serialize;

pub use self::definition::{
    Defined, NewVersion, Rewording, Source, StateRow, StateWording, StepRow, TransitionRow,
    TransitionWording, VersionSummary, Wanted, Wording, Workflow, WorkflowBody, WorkflowFilter,
    WorkflowSummary,
};
pub use self::error::StoreError;
pub use self::place::{Address, open};
pub use self::schedule::{
    LastRun, Moved, NewSchedule, Passed, ScheduleChange, ScheduleFilter, Scheduled,
};
pub use self::task::{
    Bound, CANCEL_QUEUE, Claim, Claimed, Held, Lease, NEVER, NewTask, NotATask, Task, TaskChange,
    TaskChanges, TaskFilter, TaskId,
};
pub use self::thread::{
    NewTurn, Role, Turn, TurnFilter, split_turn_id, thread_name, thread_of, turn_id,
};

/// The workflow of runs that are only recorded. Built in: it is never defined, and its states are what is observed.
pub const OBSERVED: &str = "observed";

/// How many items a page has when its filter does not say.
pub const PAGE_ITEMS: usize = 100;

/// What Guidepost keeps. One method is one transaction; none exposes a row or a connection.
///
/// Every method takes the tenant it acts for, and never sees another tenant's data: what belongs to somebody else does not
/// exist.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Where it keeps things, and what an acknowledged write survives.
    fn describe(&self) -> Description;

    /// Saves a version of a workflow and makes it the one new runs get. A structure the store has already gets no second
    /// number.
    ///
    /// Its schedules become those of the workflow. One that was there keeps when it is due, as long as its times are the same,
    /// whether it is paused, and what it did.
    ///
    /// Wording is replaced only where the definition's own text differs from what it said when it was last saved, so that
    /// saving the same file again never undoes a live edit. A text that differs anywhere, be it in a comment, becomes the
    /// version's text; the one before is kept.
    ///
    /// # Errors
    ///
    /// [`StoreError::Refused`] if a workflow of that name was written by SQL and has runs: its rows are its definition.
    async fn define(&self, tenant: &Tenant, new: NewVersion) -> Result<Defined, StoreError>;

    /// A workflow's version: the one of that number, the one with that hash, or the current one.
    async fn workflow(
        &self,
        tenant: &Tenant,
        name: &str,
        version: Wanted<'_>,
    ) -> Result<Option<Workflow>, StoreError>;

    /// Workflows by name, a page at a time.
    async fn workflows(
        &self,
        tenant: &Tenant,
        filter: &WorkflowFilter,
    ) -> Result<Page<WorkflowSummary>, StoreError>;

    /// All versions of a workflow, newest first. Empty if there is no such workflow, or if it is written by SQL.
    async fn versions(
        &self,
        tenant: &Tenant,
        name: &str,
    ) -> Result<Vec<VersionSummary>, StoreError>;

    /// Creates a run with its first records. A second call with the same key creates nothing and returns the first run.
    ///
    /// What it spends is counted as by [`Store::commit`], and its launch for the runs above it. If it has limits, it has a
    /// budget from then on.
    ///
    /// # Errors
    ///
    /// [`StoreError::KeyReused`] if the key was used for a start with other arguments, and [`StoreError::LeaseLost`] if the
    /// task that launches it ended or is somebody else's by now.
    async fn create(
        &self,
        tenant: &Tenant,
        new: NewRun,
        batch: Batch,
    ) -> Result<Created, StoreError>;

    /// The run an earlier start with this key created, if there was one: [`Store::create`] would find it too.
    ///
    /// # Errors
    ///
    /// [`StoreError::KeyReused`] if the key was used for a start with other arguments.
    async fn started(
        &self,
        tenant: &Tenant,
        key: &str,
        digest: &RequestDigest,
    ) -> Result<Option<Created>, StoreError>;

    /// A run's identity and present state.
    ///
    /// # Errors
    ///
    /// [`StoreError::Ambiguous`] if the reference is an agent's name and several live runs have it, and
    /// [`StoreError::Damaged`] if what is stored does not fold.
    async fn load(&self, tenant: &Tenant, run: &RunRef) -> Result<Option<Loaded>, StoreError>;

    /// Appends what the kernel decided to a run's history, with the state it leads to: all or nothing.
    ///
    /// `expected` is the rev the decision was made at.
    ///
    /// What the step spends is counted in the budgets of the run and of all runs above it. A limit that is reached by that is
    /// told in the history of the run that has it, in the same transaction. Once a limit is passed, tasks are filed without
    /// their lease, so that nothing begins. So are tasks with a [`Bound`]: those who have waited longer come first.
    ///
    /// # Errors
    ///
    /// - [`StoreError::Conflict`]: the history has moved on. Reload, decide again. So is a pause for a limit that is passed no
    ///   more: whoever raised it meanwhile looks for paused runs only once.
    /// - [`StoreError::LeaseLost`]: the attempt whose result it takes is not the present one any more. Drop the result.
    /// - [`StoreError::Failed`]: nothing was written.
    /// - [`StoreError::Unavailable`]: the outcome is unknown; the batch may be durable. Reload before trying again.
    async fn commit(
        &self,
        tenant: &Tenant,
        run: RunNo,
        expected: Rev,
        batch: Batch,
    ) -> Result<Committed, StoreError>;

    /// Appends observed facts to a run's history. Needs no rev, and makes nobody's rev stale. Facts that do not say when
    /// they happened are taken to have happened when they are recorded, by this machine's clock.
    ///
    /// A run that is over, or whose agent was deleted by SQL, takes facts as any other. What SQL wrote is sealed first, and
    /// no facts at all just seal. What facts say was spent is counted as by [`Store::commit`], and limits that a fact sets
    /// count from then on. A run that had none has a budget from then on, in which nothing is spent yet.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoSuchRun`], and [`StoreError::Unavailable`] as for [`Store::commit`].
    async fn record(
        &self,
        tenant: &Tenant,
        run: RunNo,
        facts: Vec<Fact>,
    ) -> Result<Recorded, StoreError>;

    /// What became of an earlier request, if it is on record after `since`.
    async fn outcome(
        &self,
        tenant: &Tenant,
        run: RunNo,
        since: Rev,
        request: &RequestDigest,
    ) -> Result<Option<Outcome>, StoreError>;

    /// How many facts meet each requirement, counted from the rev given with it.
    ///
    /// A requirement's name is compared with the name of an action or an artifact, the question of a decision, and the
    /// receiver of a message.
    async fn evidence(
        &self,
        tenant: &Tenant,
        run: RunNo,
        needs: &[(Requirement, Rev)],
    ) -> Result<Vec<Evidence>, StoreError>;

    /// A page of a run's history.
    async fn history(
        &self,
        tenant: &Tenant,
        run: RunNo,
        page: &HistoryPage,
    ) -> Result<Page<Entry>, StoreError>;

    /// Runs, newest first, a page at a time.
    async fn runs(
        &self,
        tenant: &Tenant,
        filter: &RunFilter,
    ) -> Result<Page<RunSummary>, StoreError>;

    /// Runs with a timer that is due, or a move by SQL that is not settled; those longest due first. Then those that go on
    /// although a limit is passed. At most `limit`.
    async fn due(
        &self,
        tenant: &Tenant,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<RunNo>, StoreError>;

    /// What was recorded after a place in the order of recording, over all runs: the feed for those who follow along.
    /// Without a place nothing is listed, and the answer says where the feed is now.
    ///
    /// A place stays good when runs are deleted; what is gone is passed over.
    async fn changes(
        &self,
        tenant: &Tenant,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Changes, StoreError>;

    /// Hands out tasks whose attempt took too long, then those that are ready: in the order of [`Claim::queues`].
    /// Tasks of a run that is paused, or for which a limit is passed, are not handed out, but for those that took too long.
    ///
    /// Of tasks with a [`Bound`], no more are handed out than the workflow's [`NewVersion::concurrency`] allows, whoever
    /// holds the others. Leases of such tasks that ran out are taken back, so that nobody who comes late is one too many. A run
    /// counts as begun from its first task with a bound until it is over. One that finds no place is
    /// handed out all the same if a run above it has one: that run waits for it.
    async fn claim(&self, tenant: &Tenant, claim: &Claim) -> Result<Vec<Claimed>, StoreError>;

    /// Extends leases, never beyond a task's deadline. Gives those that are lost: the task ended, or somebody else holds
    /// it by now.
    async fn extend(
        &self,
        tenant: &Tenant,
        owner: &str,
        held: &[Held],
        until: Timestamp,
    ) -> Result<Vec<Held>, StoreError>;

    /// Gives tasks back, to be claimed by anybody at once. Those that are lost are passed over.
    async fn release(
        &self,
        tenant: &Tenant,
        owner: &str,
        held: &[Held],
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Gives tasks back that were claimed and not begun, as if they had not been claimed: to be claimed by anybody at once,
    /// and the attempt does not count. Those that are lost are passed over.
    async fn decline(
        &self,
        tenant: &Tenant,
        owner: &str,
        held: &[Held],
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Lets a task wait for the end of the run it launched. It is ready again when that run has ended, even if it has
    /// already.
    ///
    /// # Errors
    ///
    /// [`StoreError::LeaseLost`].
    async fn park(
        &self,
        tenant: &Tenant,
        held: &Held,
        child: RunNo,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Ends a task that no run waits for any more. One that is lost is passed over.
    async fn drop_task(&self, tenant: &Tenant, held: &Held) -> Result<(), StoreError>;

    /// Tasks by run, state, visit and branch, a page at a time.
    async fn tasks(&self, tenant: &Tenant, filter: &TaskFilter) -> Result<Page<Task>, StoreError>;

    /// What was said in the threads of a run, thread after thread in the order they began, a page at a time.
    async fn turns(&self, tenant: &Tenant, filter: &TurnFilter) -> Result<Page<Turn>, StoreError>;

    /// Deletes a run and the runs below it, with all that belongs to them: histories, facts, tasks, threads, the keys that
    /// started them. Gives the runs that are gone. Their numbers are never given again.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoSuchRun`], and [`StoreError::Refused`] if one of them is not over, or somebody waits for one: but for a
    /// run that was created and never begun, a run is cancelled first.
    async fn delete(&self, tenant: &Tenant, run: RunNo) -> Result<Vec<RunNo>, StoreError>;

    /// Checks a run's history: numbering, hash chain, payload digests, and that it folds to the stored state.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoSuchRun`]. What is wrong with a history is an answer, not an error.
    async fn verify(&self, tenant: &Tenant, run: RunNo) -> Result<Verified, StoreError>;

    /// The record of a run's history that has this hash, in the form of [`Verified::head`]. A history whose chain is whole
    /// is up to that record what it was when the hash was published. `Seq(0)` if it is what the first record is chained to.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoSuchRun`].
    async fn record_with_hash(
        &self,
        tenant: &Tenant,
        run: RunNo,
        hash: &str,
    ) -> Result<Option<Seq>, StoreError>;

    /// Schedules by workflow and name, a page at a time; or those that are due.
    async fn schedules(
        &self,
        tenant: &Tenant,
        filter: &ScheduleFilter,
    ) -> Result<Page<Scheduled>, StoreError>;

    /// Moves a schedule on, and creates the run that begins by it, if one does: both or neither. `None`, and nothing is
    /// changed, if the schedule is not any more as it was in what it says, when it is due, whether it is paused and which run it
    /// began last: whoever came first has moved it.
    ///
    /// A run is created as by [`Store::create`].
    ///
    /// # Errors
    ///
    /// As for [`Store::create`].
    async fn move_schedule(
        &self,
        tenant: &Tenant,
        before: &Scheduled,
        change: ScheduleChange,
    ) -> Result<Option<Moved>, StoreError>;

    /// Edits a state's wording, live. Every revision is kept.
    ///
    /// # Errors
    ///
    /// [`StoreError::Refused`] if there is no such workflow or state.
    async fn reword(&self, tenant: &Tenant, edit: Rewording) -> Result<(), StoreError>;

    /// The present wording of a workflow. Empty if there is no such workflow.
    async fn wording(&self, tenant: &Tenant, workflow: &str) -> Result<Wording, StoreError>;
}

/// Where a store keeps things, and what an acknowledged write survives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Description {
    /// The backend: `sqlite`, `memory` …
    pub backend: &'static str,
    /// The place, as a URL without secrets.
    pub url: String,
    /// What an acknowledged write survives.
    pub durability: Durability,
}

/// What an acknowledged write survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// Loss of power.
    Disk,
    /// Death of the process, but not loss of power.
    Process,
    /// Nothing: it is gone with the process.
    None,
}

/// A run to create.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRun {
    /// Its identity.
    pub id: RunId,
    /// The workflow; its state after the first records is in the batch.
    pub workflow: String,
    /// The version of the workflow; `None` for one written by SQL and for `observed`.
    pub version: Option<Version>,
    /// The agent's name.
    pub agent: Option<String>,
    /// What it is to reach.
    pub goal: Option<String>,
    /// Who does the work.
    pub driver: Driver,
    /// The run that launched it.
    pub parent: Option<RunNo>,
    /// The task that launches it: it must still be held, and from then on waits for the run's end, as by [`Store::park`].
    pub launched_by: Option<Held>,
    /// The user's sitting it belongs to.
    pub session: Option<String>,
    /// The starter's own id for it, and a digest of the other arguments: makes a repeat harmless.
    pub key: Option<(String, RequestDigest)>,
    /// When.
    pub at: Timestamp,
}

impl NewRun {
    /// A run of a workflow that nobody and nothing else belongs to.
    #[must_use]
    pub fn new(
        id: RunId,
        workflow: &str,
        version: Option<Version>,
        driver: Driver,
        at: Timestamp,
    ) -> Self {
        Self {
            id,
            workflow: workflow.to_owned(),
            version,
            agent: None,
            goal: None,
            driver,
            parent: None,
            launched_by: None,
            session: None,
            key: None,
            at,
        }
    }
}

/// What the kernel decided, and the state it leads to.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// The records, in order. Their seqs and revs follow on those there are.
    pub records: Vec<Record>,
    /// The run with these records applied.
    pub run: Run,
    /// The path of the innermost state that contains all active leaves; empty for the root.
    pub current_state: String,
    /// The paths of all active leaves, in document order.
    pub leaves: Vec<String>,
    /// The request that caused it, so that a repeat can be told.
    pub request: Option<RequestDigest>,
    /// When it is recorded.
    pub recorded_at: Timestamp,
    /// What it does to the run's tasks.
    pub tasks: TaskChanges,
    /// How many steps it enters.
    pub steps: u64,
    /// The limits of the run's workflow. They count when the run is created.
    pub limits: Limits,
    /// What a commit claims for whoever makes it, once its own changes are made and in the same transaction: hands it frees
    /// take on more at no price of their own. Nothing is claimed if nothing is committed, nor when a run is created.
    pub claim: Option<Claim>,
}

/// Identifies a request by what was asked: equal requests have equal digests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RequestDigest(pub [u8; 16]);

/// A run that was created, or found by its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// Its number.
    pub run: RunNo,
    /// Its identity.
    pub id: RunId,
    /// Whether it is new.
    pub is_new: bool,
}

/// A run's identity, which no decision changes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Head {
    /// Its number.
    pub no: RunNo,
    /// Its identity.
    pub id: RunId,
    /// The version of its workflow; `None` while it follows rows.
    pub version: Option<Version>,
    /// The agent's name.
    pub agent: Option<String>,
    /// What it is to reach.
    pub goal: Option<String>,
    /// The run that launched it.
    pub parent: Option<RunNo>,
    /// The run at the top of its tree; its own number if it has no parent.
    pub root: RunNo,
    /// The user's sitting it belongs to.
    pub session: Option<String>,
    /// The last record's number.
    pub seq: Seq,
    /// How many of the last records no hash seals yet, because SQL wrote them.
    pub unsealed: u64,
    /// How often the text of its version was replaced by one of equal structure.
    pub revision: u64,
    /// When it began.
    pub created_at: Timestamp,
    /// When its state last changed.
    pub updated_at: Timestamp,
}

/// A run as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// Who it is.
    pub head: Head,
    /// Its state of execution.
    pub run: Run,
    /// What it spends from: its own budget, if it has limits, and those of the runs above it, by their numbers.
    pub budgets: Vec<Budget>,
}

/// What a commit made durable.
#[derive(Debug, Clone, PartialEq)]
pub struct Committed {
    /// The last record's seq.
    pub seq: Seq,
    /// The run's rev.
    pub rev: Rev,
    /// Whether a snapshot of the data was stored with it.
    pub snapshot: bool,
    /// The budgets it spends from, with what it spent.
    pub budgets: Vec<Budget>,
    /// What it claimed.
    pub claimed: Vec<Claimed>,
}

/// Whether one of these budgets has a limit that is passed at a time.
#[must_use]
pub fn is_over(budgets: &[Budget], now: Timestamp) -> bool {
    budgets.iter().any(|budget| budget.passed(now).is_some())
}

/// What recording made durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Recorded {
    /// The first fact's seq.
    pub first: Seq,
    /// The last fact's seq.
    pub last: Seq,
    /// The run's rev, which recording did not change.
    pub rev: Rev,
}

/// What an earlier request led to.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The rev after it.
    pub rev: Rev,
    /// The records it made, in order.
    pub records: Vec<Record>,
}

/// A part of a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryPage {
    /// Newest first, or oldest first.
    pub newest_first: bool,
    /// Only kinds of these names; empty means all.
    pub kinds: Vec<String>,
    /// Only records beyond this seq, in reading order; `None` means from the start.
    pub beyond: Option<Seq>,
    /// At most so many.
    pub limit: usize,
}

/// One record of a history.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its number.
    pub seq: Seq,
    /// The run's rev when it was recorded; for a record of the kernel, the rev it made.
    pub rev: Rev,
    /// When it happened.
    pub at: Timestamp,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// What it says.
    pub body: EntryBody,
}

/// What a record says.
#[derive(Debug, Clone, PartialEq)]
pub enum EntryBody {
    /// What the kernel decided.
    Record(Record),
    /// What an agent did.
    Fact {
        /// Who reported it.
        by: String,
        /// Whether the engine or telemetry saw it.
        observed: bool,
        /// The fact.
        body: FactBody,
    },
}

/// Which runs are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Words that must all occur in the goal, the agent's name or the workflow's.
    pub query: Option<String>,
    /// Only these statuses; empty means all.
    pub status: Vec<Status>,
    /// Only this workflow.
    pub workflow: Option<String>,
    /// Only runs whose innermost common state, or one of whose leaves, has this name or path.
    pub state: Option<String>,
    /// Only this agent.
    pub agent: Option<String>,
    /// Only runs launched by this one.
    pub parent: Option<RunNo>,
    /// Only runs created at this time or later.
    pub since: Option<Timestamp>,
    /// At most so many; 0 means the default of 100.
    pub limit: usize,
    /// Where the page before ended.
    pub cursor: Option<String>,
}

/// A run in a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunSummary {
    /// Its number.
    pub no: RunNo,
    /// Its identity.
    pub id: RunId,
    /// Its workflow.
    pub workflow: String,
    /// The version of it.
    pub version: Option<Version>,
    /// The agent's name.
    pub agent: Option<String>,
    /// What it is to reach.
    pub goal: Option<String>,
    /// What it is doing.
    pub status: Status,
    /// The innermost state that contains all active leaves.
    pub current_state: String,
    /// All active leaves.
    pub leaves: Vec<String>,
    /// Its rev.
    pub rev: Rev,
    /// When it began.
    pub created_at: Timestamp,
    /// When its state last changed.
    pub updated_at: Timestamp,
    /// What of all this cannot be read, and is left empty, so that one damaged run hides no others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub damaged: Option<String>,
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where to go on; `None` at the end.
    pub next: Option<String>,
}

/// A part of the feed of what is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// The records, in the order they were recorded. Those of one run are in the order of its history.
    pub items: Vec<(RunNo, Seq)>,
    /// The place after them, to ask for what comes next.
    pub at: u64,
}

/// What checking a history found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// How many records were checked.
    pub records: u64,
    /// How many of them carry no hash yet, because SQL wrote them and no process has touched the run since.
    pub unsealed: u64,
    /// The hash of the last sealed record, in hexadecimal: publish it, and the history before it can never be changed
    /// without this value changing.
    pub head: String,
    /// What is wrong, in order of seq; empty if nothing is.
    pub problems: Vec<Problem>,
}

/// Something wrong with a history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The record; 0 for the stored state.
    pub seq: Seq,
    /// What is wrong with it.
    pub what: String,
}
