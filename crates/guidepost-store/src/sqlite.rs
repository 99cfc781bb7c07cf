//! Everything in one SQLite file, which any number of processes may use at once.
//!
//! One thread per store puts all waiting writes into one durable transaction; reads go past it on connections of
//! their own. Nothing is cached from one call to the next, since other processes, and people with a shell, write too.
//! `migrations/` is the schema, which is an interface of its own; `queries/` has one file per statement.

mod budgets;
mod catalogue;
mod claim;
mod delete;
mod fault;
mod location;
mod outcome;
mod payload;
mod read;
mod readers;
mod row;
mod same_file;
mod schedules;
mod schema;
mod tasks;
mod threads;
mod write;
mod writer;

use std::sync::Arc;

use async_trait::async_trait;
use guidepost_core::id::{Rev, RunNo, RunRef, Seq, Tenant};
use guidepost_core::input::Evidence;
use guidepost_core::machine::Requirement;
use guidepost_core::recorded::Fact;
use guidepost_core::time::Timestamp;

pub use self::location::Location;
use self::readers::Readers;
use self::writer::{Length, Writer};
use crate::{
    Batch, Changes, Claim, Claimed, Committed, Created, Defined, Description, Entry, Held,
    HistoryPage, Loaded, Moved, NewRun, NewVersion, Outcome, Page, Recorded, RequestDigest,
    Rewording, RunFilter, RunSummary, ScheduleChange, ScheduleFilter, Scheduled, Store, StoreError,
    Task, TaskFilter, Turn, TurnFilter, Verified, VersionSummary, Wanted, Wording, Workflow,
    WorkflowFilter, WorkflowSummary,
};

/// How long a call waits for another process to end its transaction.
const BUSY_SECONDS: u64 = 5;

/// A store in one SQLite file.
///
/// Dropping a call midway does not undo it: what was handed to the writer is written.
#[derive(Debug)]
pub struct Sqlite {
    location: Location,
    writer: Writer,
    readers: Arc<Readers>,
}

impl Sqlite {
    /// Opens the file, creating it or bringing its schema up to date if need be.
    ///
    /// # Errors
    ///
    /// [`StoreError::NewerSchema`] if a newer release made it, [`StoreError::OtherBuild`] if another build did that has other
    /// tables, [`StoreError::BadUrl`] if it is no store,
    /// [`StoreError::Busy`] if another process holds it, and [`StoreError::Failed`] if it cannot be read.
    pub fn open(location: &Location) -> Result<Self, StoreError> {
        let connection = schema::open(location)?;
        Ok(Self {
            location: location.clone(),
            writer: Writer::start(connection, location.clone()),
            readers: Arc::new(Readers::new(location.clone())),
        })
    }
}

#[async_trait]
impl Store for Sqlite {
    fn describe(&self) -> Description {
        Description {
            backend: "sqlite",
            url: self.location.url(),
            durability: self.location.durability,
        }
    }

    async fn define(&self, tenant: &Tenant, new: NewVersion) -> Result<Defined, StoreError> {
        let tenant = tenant.clone();
        self.writer.write(move |db| catalogue::define(db, &tenant, &new)).await
    }

    async fn workflow(
        &self,
        tenant: &Tenant,
        name: &str,
        version: Wanted<'_>,
    ) -> Result<Option<Workflow>, StoreError> {
        let (tenant, name) = (tenant.clone(), name.to_owned());
        let wanted = catalogue::OwnedWanted::from(version);
        self.readers.read(move |db| catalogue::workflow(db, &tenant, &name, &wanted)).await
    }

    async fn workflows(
        &self,
        tenant: &Tenant,
        filter: &WorkflowFilter,
    ) -> Result<Page<WorkflowSummary>, StoreError> {
        let (tenant, filter) = (tenant.clone(), filter.clone());
        self.readers.read(move |db| catalogue::list(db, &tenant, &filter)).await
    }

    async fn versions(
        &self,
        tenant: &Tenant,
        name: &str,
    ) -> Result<Vec<VersionSummary>, StoreError> {
        let (tenant, name) = (tenant.clone(), name.to_owned());
        self.readers.read(move |db| catalogue::versions(db, &tenant, &name)).await
    }

    async fn create(
        &self,
        tenant: &Tenant,
        new: NewRun,
        batch: Batch,
    ) -> Result<Created, StoreError> {
        let tenant = tenant.clone();
        let step = write::Step::new(batch)?;
        self.writer.write(move |db| write::create(db, &tenant, &new, &step)).await
    }

    async fn started(
        &self,
        tenant: &Tenant,
        key: &str,
        digest: &RequestDigest,
    ) -> Result<Option<Created>, StoreError> {
        let (tenant, key, digest) = (tenant.clone(), key.to_owned(), *digest);
        self.readers.read(move |db| write::created_before(db, &tenant, &key, &digest)).await
    }

    async fn load(&self, tenant: &Tenant, run: &RunRef) -> Result<Option<Loaded>, StoreError> {
        let (tenant, run) = (tenant.clone(), run.clone());
        self.readers.read(move |db| read::load(db, &tenant, &run)).await
    }

    async fn commit(
        &self,
        tenant: &Tenant,
        run: RunNo,
        expected: Rev,
        batch: Batch,
    ) -> Result<Committed, StoreError> {
        let tenant = tenant.clone();
        let step = write::Step::new(batch)?;
        let length = step.length();
        let commit = move |db: &_| write::commit(db, &tenant, run, expected, &step);
        self.writer.write_for(length, commit).await
    }

    async fn record(
        &self,
        tenant: &Tenant,
        run: RunNo,
        facts: Vec<Fact>,
    ) -> Result<Recorded, StoreError> {
        let tenant = tenant.clone();
        let facts = write::Observed::new(facts)?;
        let length = facts.length();
        self.writer.write_for(length, move |db| write::record(db, &tenant, run, &facts)).await
    }

    async fn outcome(
        &self,
        tenant: &Tenant,
        run: RunNo,
        since: Rev,
        request: &RequestDigest,
    ) -> Result<Option<Outcome>, StoreError> {
        let (tenant, request) = (tenant.clone(), *request);
        self.readers.read(move |db| outcome::outcome(db, &tenant, run, since, &request)).await
    }

    async fn evidence(
        &self,
        tenant: &Tenant,
        run: RunNo,
        needs: &[(Requirement, Rev)],
    ) -> Result<Vec<Evidence>, StoreError> {
        let (tenant, needs) = (tenant.clone(), needs.to_vec());
        self.readers.read(move |db| outcome::evidence(db, &tenant, run, &needs)).await
    }

    async fn history(
        &self,
        tenant: &Tenant,
        run: RunNo,
        page: &HistoryPage,
    ) -> Result<Page<Entry>, StoreError> {
        let (tenant, page) = (tenant.clone(), page.clone());
        self.readers.read(move |db| read::history(db, &tenant, run, &page)).await
    }

    async fn runs(
        &self,
        tenant: &Tenant,
        filter: &RunFilter,
    ) -> Result<Page<RunSummary>, StoreError> {
        let (tenant, filter) = (tenant.clone(), filter.clone());
        self.readers.read(move |db| read::runs(db, &tenant, &filter)).await
    }

    async fn due(
        &self,
        tenant: &Tenant,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<RunNo>, StoreError> {
        let tenant = tenant.clone();
        self.readers.read(move |db| read::due(db, &tenant, now, limit)).await
    }

    async fn changes(
        &self,
        tenant: &Tenant,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Changes, StoreError> {
        let tenant = tenant.clone();
        self.readers.read(move |db| read::changes(db, &tenant, after, limit)).await
    }

    async fn claim(&self, tenant: &Tenant, claim: &Claim) -> Result<Vec<Claimed>, StoreError> {
        let (tenant, claim) = (tenant.clone(), claim.clone());
        let length = Length::of(claim.limit, 0);
        self.writer.write_for(length, move |db| claim::claim(db, &tenant, &claim)).await
    }

    async fn extend(
        &self,
        _tenant: &Tenant,
        owner: &str,
        held: &[Held],
        until: Timestamp,
    ) -> Result<Vec<Held>, StoreError> {
        let (owner, held) = (owner.to_owned(), held.to_vec());
        self.writer.write(move |db| tasks::extend(db, &owner, &held, until)).await
    }

    async fn release(
        &self,
        _tenant: &Tenant,
        owner: &str,
        held: &[Held],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (owner, held) = (owner.to_owned(), held.to_vec());
        self.writer.write(move |db| tasks::release(db, &owner, &held, now)).await
    }

    async fn decline(
        &self,
        _tenant: &Tenant,
        owner: &str,
        held: &[Held],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (owner, held) = (owner.to_owned(), held.to_vec());
        self.writer.write(move |db| tasks::decline(db, &owner, &held, now)).await
    }

    async fn park(
        &self,
        _tenant: &Tenant,
        held: &Held,
        child: RunNo,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let held = held.clone();
        self.writer.write(move |db| tasks::park(db, &held, child, now)).await
    }

    async fn drop_task(&self, _tenant: &Tenant, held: &Held) -> Result<(), StoreError> {
        let held = held.clone();
        self.writer.write(move |db| tasks::drop_task(db, &held)).await
    }

    async fn tasks(&self, tenant: &Tenant, filter: &TaskFilter) -> Result<Page<Task>, StoreError> {
        let (tenant, filter) = (tenant.clone(), filter.clone());
        self.readers.read(move |db| tasks::list(db, &tenant, &filter)).await
    }

    async fn turns(&self, tenant: &Tenant, filter: &TurnFilter) -> Result<Page<Turn>, StoreError> {
        let (tenant, filter) = (tenant.clone(), filter.clone());
        self.readers.read(move |db| threads::list(db, &tenant, &filter)).await
    }

    async fn delete(&self, tenant: &Tenant, run: RunNo) -> Result<Vec<RunNo>, StoreError> {
        let tenant = tenant.clone();
        self.writer.write(move |db| delete::delete(db, &tenant, run)).await
    }

    async fn verify(&self, tenant: &Tenant, run: RunNo) -> Result<Verified, StoreError> {
        let tenant = tenant.clone();
        self.readers.read(move |db| read::verify(db, &tenant, run)).await
    }

    async fn record_with_hash(
        &self,
        tenant: &Tenant,
        run: RunNo,
        hash: &str,
    ) -> Result<Option<Seq>, StoreError> {
        let (tenant, hash) = (tenant.clone(), hash.to_owned());
        self.readers.read(move |db| read::record_with_hash(db, &tenant, run, &hash)).await
    }

    async fn schedules(
        &self,
        tenant: &Tenant,
        filter: &ScheduleFilter,
    ) -> Result<Page<Scheduled>, StoreError> {
        let (tenant, filter) = (tenant.clone(), filter.clone());
        self.readers.read(move |db| schedules::list(db, &tenant, &filter)).await
    }

    async fn move_schedule(
        &self,
        tenant: &Tenant,
        before: &Scheduled,
        change: ScheduleChange,
    ) -> Result<Option<Moved>, StoreError> {
        let (tenant, before) = (tenant.clone(), before.clone());
        let change = schedules::Change::new(change)?;
        self.writer.write(move |db| schedules::move_on(db, &tenant, &before, &change)).await
    }

    async fn reword(&self, tenant: &Tenant, edit: Rewording) -> Result<(), StoreError> {
        let tenant = tenant.clone();
        self.writer.write(move |db| catalogue::reword(db, &tenant, &edit)).await
    }

    async fn wording(&self, tenant: &Tenant, workflow: &str) -> Result<Wording, StoreError> {
        let (tenant, workflow) = (tenant.clone(), workflow.to_owned());
        self.readers.read(move |db| catalogue::wording(db, &tenant, &workflow)).await
    }
}
