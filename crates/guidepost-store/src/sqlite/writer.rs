//! Group commit: one thread that puts all waiting writes into one durable transaction. A caller who is alone, and may block
//! its thread, writes without it, which saves two switches between threads.
//!
//! Each caller awaits its own outcome. Jobs look before they write, so that one that is told no leaves nothing behind and
//! hurts nobody in its group; should a statement fail midway nevertheless, the group is undone and its jobs are tried
//! anew, one by one.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::task::Poll;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode};
use tokio::runtime::{Handle, RuntimeFlavor, worker_index};
use tokio::sync::oneshot;
use tokio::task::block_in_place;

use super::fault::{Fault, tell};
use super::same_file::SameFile;
use super::{BUSY_SECONDS, Location};
use crate::StoreError;

/// How many jobs share one transaction at most: enough that the cost of a sync vanishes, few enough that nobody waits long.
const GROUP_MAX: usize = 256;

/// A transaction that writes, and so takes the lock before it looks.
const BEGIN: &str = "BEGIN IMMEDIATE";

/// How long a transaction idles at most for callers who may be back at once: after a sync that took long, nobody else who
/// wants the file is to wait as long again.
const PATIENCE_MAX: Duration = Duration::from_millis(10);

/// Every so many writes a caller who seems to be alone lets others go first. One task may call for many, and none of them is
/// counted as long as the one before is blocked. Once they are seen they go to the writer together, and stay together.
const LOOK_AROUND: usize = 8;

/// How long the last commit may have taken, so that a caller who is alone just blocks its thread for the next brief write.
/// It is then about as long as a switch to another thread and back.
const QUICK: Duration = Duration::from_millis(1);

/// How many rows a brief write touches at most, and how many bytes of payload it has.
const BRIEF_ROWS: usize = 16;
const BRIEF_BYTES: usize = 1 << 16;

/// The handle to the writer thread. Dropping it waits until all jobs are done and the file is closed, so that whoever
/// opens the file next finds it free.
#[derive(Debug)]
pub(super) struct Writer {
    /// `None` only while the handle is dropped.
    jobs: Option<mpsc::Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
    desk: Arc<Mutex<Desk>>,
    callers: Arc<AtomicUsize>,
    /// Writes of callers who seemed to be alone.
    alone: AtomicUsize,
    is_read_only: Arc<AtomicBool>,
    location: Location,
}

/// A write that waits for its transaction. It may be performed more than once, each time after the last was undone.
trait Job: Send {
    /// Writes, in the present transaction.
    fn perform(&mut self, db: &Connection) -> Performed;
    /// Tells the caller how it went, now that the transaction has ended.
    fn reply(self: Box<Self>, location: &Location);
    /// Tells the caller that the transaction failed.
    fn fail(self: Box<Self>, error: StoreError);
}

/// How performing a job went, as far as the transaction is concerned.
enum Performed {
    /// What it wrote is to be kept.
    Keep,
    /// What it wrote is to be undone.
    Undo,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(connection: Connection, location: Location) -> Self {
        let (jobs, queue) = mpsc::channel();
        let is_read_only = Arc::new(AtomicBool::new(false));
        let callers = Arc::new(AtomicUsize::new(0));
        let desk = Arc::new(Mutex::new(Desk {
            connection,
            file: SameFile::of(&location),
            location: location.clone(),
            is_read_only: Arc::clone(&is_read_only),
            callers: Arc::clone(&callers),
            crowd: 0,
            sync: Duration::ZERO,
        }));
        let thread = std::thread::Builder::new()
            .name("guidepost-writer".to_owned())
            .spawn({
                let desk = Arc::clone(&desk);
                move || work(&desk, &queue)
            })
            .inspect_err(|reason| tracing::error!(%reason, "the writer thread cannot be started"));
        Self {
            jobs: Some(jobs),
            thread: thread.ok(),
            desk,
            callers,
            alone: AtomicUsize::new(0),
            is_read_only,
            location,
        }
    }

    /// Writes in a transaction of the writer's choice, and waits until it is durable.
    pub(super) async fn write<T, F>(&self, write: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        self.write_for(Length::Any, write).await
    }

    /// The same for a write of this length.
    pub(super) async fn write_for<T, F>(&self, length: Length, write: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        if self.is_read_only.load(Ordering::Acquire) {
            return Err(StoreError::ReadOnly { url: self.location.url() });
        }
        let (reply, outcome) = oneshot::channel();
        let seat = Seat::take(&self.callers);
        let job = Box::new(Waiting { write, outcome: None, reply, _seat: seat });
        let stopped = || StoreError::Unavailable {
            url: self.location.url(),
            what: "the writer has stopped".to_owned(),
            source: None,
        };
        let is_alone = self.seems_alone() && may_block();
        if is_alone && self.alone.fetch_add(1, Ordering::Relaxed).is_multiple_of(LOOK_AROUND) {
            yield_once().await;
        }
        match is_alone.then(|| self.desk_for_one()).flatten() {
            Some(mut desk) => desk.serve_one(job, length),
            None => {
                let jobs = self.jobs.as_ref().ok_or_else(stopped)?;
                jobs.send(job).map_err(|_| stopped())?;
            }
        }
        let (outcome, _write) = outcome.await.map_err(|_| stopped())?;
        outcome
    }

    /// Whether nobody else waits for the writer.
    fn seems_alone(&self) -> bool {
        self.callers.load(Ordering::Relaxed) == 1
    }

    /// The desk, for a caller who finds nobody else there, now and at the last commit.
    fn desk_for_one(&self) -> Option<MutexGuard<'_, Desk>> {
        let desk = self.desk.try_lock().ok().filter(|_| self.seems_alone());
        desk.filter(|desk| desk.crowd <= 1)
    }
}

/// How long a write may take, its commit aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    /// It touches a few rows, whatever the store holds.
    Brief,
    Any,
}

impl Length {
    /// That of a write of so many rows, with so many bytes in all that may be long.
    pub(super) fn of(rows: usize, bytes: usize) -> Self {
        if rows <= BRIEF_ROWS && bytes <= BRIEF_BYTES { Self::Brief } else { Self::Any }
    }
}

/// Whether the caller's thread may block: it belongs to a runtime that goes on with other threads meanwhile.
fn may_block() -> bool {
    worker_index().is_some()
        && Handle::try_current()
            .is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread)
}

/// Lets others go first, once.
async fn yield_once() {
    let mut has_yielded = false;
    poll_fn(|context| {
        if std::mem::replace(&mut has_yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the writer thread panicked");
        }
    }
}

/// A job and who waits for it.
struct Waiting<T, F> {
    write: F,
    outcome: Option<Result<T, Fault>>,
    /// Gives the job back with the answer, so that the caller frees it and not the writer thread, which everybody waits for.
    reply: oneshot::Sender<(Result<T, StoreError>, F)>,
    _seat: Seat,
}

/// Counts a caller for as long as its job is there.
struct Seat(Arc<AtomicUsize>);

impl Seat {
    fn take(callers: &Arc<AtomicUsize>) -> Self {
        callers.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(callers))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<T, F> Job for Waiting<T, F>
where
    T: Send,
    F: FnMut(&Connection) -> Result<T, Fault> + Send,
{
    fn perform(&mut self, db: &Connection) -> Performed {
        // A bug in one job must not take the thread, and with it everybody's writes, along.
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.write)(db)))
            .unwrap_or_else(|_| Err(Fault::Panicked));
        let performed = match &outcome {
            Ok(_) | Err(Fault::Clean(_)) => Performed::Keep,
            Err(Fault::Undo(_) | Fault::Sql(_) | Fault::Panicked) => Performed::Undo,
        };
        self.outcome = Some(outcome);
        performed
    }

    // Whoever waited may be gone; then nobody is told, and the write stands.
    fn reply(self: Box<Self>, location: &Location) {
        if let Some(outcome) = self.outcome {
            let _ = self.reply.send((outcome.map_err(|fault| fault.tell(location)), self.write));
        }
    }

    fn fail(self: Box<Self>, error: StoreError) {
        let _ = self.reply.send((Err(error), self.write));
    }
}

/// What the writer thread does.
fn work(desk: &Mutex<Desk>, queue: &mpsc::Receiver<Box<dyn Job>>) {
    while let Ok(first) = queue.recv() {
        desk.lock().unwrap_or_else(PoisonError::into_inner).serve(first, Some(queue));
    }
}

/// Where jobs are done, by the writer thread or by a caller who is alone.
#[derive(Debug)]
struct Desk {
    connection: Connection,
    file: SameFile,
    location: Location,
    is_read_only: Arc<AtomicBool>,
    /// How many callers wait now.
    callers: Arc<AtomicUsize>,
    /// How many waited when the last commit ended: its own, and those it kept waiting.
    crowd: usize,
    /// How long the last commit took.
    sync: Duration,
}

impl Desk {
    /// Writes the job of a caller who is alone, on its thread. The runtime's other work moves to another thread meanwhile,
    /// unless the write is over sooner than that.
    fn serve_one(&mut self, job: Box<dyn Job>, length: Length) {
        let is_over_at_once = length == Length::Brief && self.sync < QUICK;
        if !is_over_at_once || !self.begin_at_once() {
            return block_in_place(|| self.serve(job, None));
        }
        if let Err(group) = self.fill(vec![job], |_, _| None) {
            block_in_place(|| self.serve_one_by_one(group));
        }
    }

    /// Writes all jobs that wait in one transaction; should that not do, each in one of its own.
    fn serve(&mut self, first: Box<dyn Job>, queue: Option<&mpsc::Receiver<Box<dyn Job>>>) {
        let mut patience = (self.sync / 2).min(PATIENCE_MAX);
        let next = |desk: &Self, count| desk.next(count, &mut patience, queue?);
        if let Err(group) = self.attempt(vec![first], next) {
            self.serve_one_by_one(group);
        }
    }

    fn serve_one_by_one(&mut self, group: Vec<Box<dyn Job>>) {
        for job in group {
            if let Err(alone) = self.attempt(vec![job], |_, _| None) {
                alone.into_iter().for_each(|job| job.reply(&self.location));
            }
        }
    }

    /// One more job for the present transaction, which has so many: one that has come meanwhile, or that of a caller who was
    /// here a moment ago and will be back at once. Without waiting for them, callers fall into two halves that commit in
    /// turn, each at the price of all. `patience` is how long a transaction idles for them, all in all.
    fn next(
        &self,
        count: usize,
        patience: &mut Duration,
        queue: &mpsc::Receiver<Box<dyn Job>>,
    ) -> Option<Box<dyn Job>> {
        if count >= GROUP_MAX {
            return None;
        }
        queue.try_recv().ok().or_else(|| {
            if count >= self.crowd {
                return None;
            }
            let begun = Instant::now();
            let job = queue.recv_timeout(*patience).ok();
            *patience = patience.saturating_sub(begun.elapsed());
            job
        })
    }

    /// Begins a transaction, unless that takes waiting or may not be.
    fn begin_at_once(&self) -> bool {
        let db = &self.connection;
        !self.is_read_only.load(Ordering::Acquire)
            && self.file.is_at(&self.location)
            && db.busy_timeout(Duration::ZERO).is_ok()
            && {
                let has_begun = run(db, BEGIN).is_ok();
                db.busy_timeout(Duration::from_secs(BUSY_SECONDS)).is_ok() && has_begun
            }
    }

    /// Writes a group in one transaction and tells everybody; gives the group back if it had to be undone.
    fn attempt(
        &mut self,
        group: Vec<Box<dyn Job>>,
        next: impl FnMut(&Self, usize) -> Option<Box<dyn Job>>,
    ) -> Result<(), Vec<Box<dyn Job>>> {
        if self.is_read_only.load(Ordering::Acquire) {
            self.refuse(group, || StoreError::ReadOnly { url: self.location.url() });
            return Ok(());
        }
        if !self.file.is_at(&self.location) {
            self.refuse(group, || SameFile::gone(&self.location));
            return Ok(());
        }
        if let Err(error) = run(&self.connection, BEGIN) {
            self.tell_all(group, error, "beginning a transaction failed");
            return Ok(());
        }
        self.fill(group, next)
    }

    /// Writes a group in the transaction that has begun, and ends it. Whatever `next` gives joins the group, so that the
    /// first jobs are written while the last are still on their way.
    fn fill(
        &mut self,
        mut group: Vec<Box<dyn Job>>,
        mut next: impl FnMut(&Self, usize) -> Option<Box<dyn Job>>,
    ) -> Result<(), Vec<Box<dyn Job>>> {
        let mut done = 0;
        loop {
            while let Some(job) = group.get_mut(done) {
                if let Performed::Undo = job.perform(&self.connection) {
                    self.roll_back();
                    return Err(group);
                }
                done += 1;
            }
            match next(self, done) {
                Some(job) => group.push(job),
                None => break,
            }
        }
        let begun = Instant::now();
        let committed = run(&self.connection, "COMMIT");
        self.sync = begun.elapsed();
        self.crowd = self.callers.load(Ordering::Relaxed);
        match committed {
            Ok(()) => group.into_iter().for_each(|job| job.reply(&self.location)),
            Err(error) => self.give_up(group, error),
        }
        Ok(())
    }

    /// A commit failed. A full disk leaves nothing behind; after any other failure to write, nobody knows what is on the
    /// disk, and trying again would only hide it.
    fn give_up(&self, group: Vec<Box<dyn Job>>, error: rusqlite::Error) {
        if error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure) {
            self.is_read_only.store(true, Ordering::Release);
            tracing::error!(%error, "a write to the disk failed; the store is read-only from now on");
        }
        self.roll_back();
        let what = format!("committing failed: {error}");
        self.refuse(group, || StoreError::Unavailable {
            url: self.location.url(),
            what: what.clone(),
            source: None,
        });
    }

    /// Ends the transaction, unless SQLite did so itself.
    fn roll_back(&self) {
        if !self.connection.is_autocommit()
            && let Err(error) = run(&self.connection, "ROLLBACK")
        {
            tracing::error!(%error, "a transaction could not be rolled back");
        }
    }

    /// Tells everybody why their transaction failed. Every caller gets an error of its own; the cause belongs to the first,
    /// its text to all.
    fn tell_all(&self, group: Vec<Box<dyn Job>>, error: rusqlite::Error, what: &str) {
        let (url, text) = (self.location.url(), error.to_string());
        let mut first = Some(tell(error, &self.location, what));
        let is_busy = matches!(first, Some(StoreError::Busy { .. }));
        self.refuse(group, || match first.take() {
            Some(error) => error,
            None if is_busy => StoreError::Busy { url: url.clone(), seconds: BUSY_SECONDS },
            None => StoreError::Failed {
                url: url.clone(),
                what: format!("{what}: {text}"),
                source: None,
            },
        });
    }

    fn refuse(&self, group: Vec<Box<dyn Job>>, mut error: impl FnMut() -> StoreError) {
        group.into_iter().for_each(|job| job.fail(error()));
    }
}

/// Runs a statement that begins or ends a transaction.
fn run(db: &Connection, statement: &str) -> rusqlite::Result<()> {
    db.prepare_cached(statement)?.execute([]).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::schema;

    #[tokio::test]
    async fn a_job_that_panics_hurts_nobody_else() {
        let directory = tempfile::tempdir().unwrap();
        let location = Location::new(directory.path().join("guidepost.db"));
        let writer = Writer::start(schema::open(&location).unwrap(), location);
        let insert = |db: &Connection, name: &str| -> Result<(), Fault> {
            db.execute("INSERT INTO workflow (name) VALUES (?)", [name])?;
            Ok(())
        };
        let (bad, good) = tokio::join!(
            writer.write(move |db| {
                insert(db, "bad")?;
                assert!(db.is_autocommit(), "as bugs do");
                Ok(())
            }),
            writer.write(move |db| insert(db, "good")),
        );
        assert!(matches!(bad, Err(StoreError::Failed { .. })), "{bad:?}");
        good.unwrap();
        let names = writer.write(|db| {
            let names =
                db.query_row("SELECT group_concat(name) FROM workflow", [], |row| row.get(0));
            Ok::<String, Fault>(names?)
        });
        assert_eq!(names.await.unwrap(), "good");
    }

    #[tokio::test]
    async fn a_statement_that_fails_undoes_its_own_job_only() {
        let directory = tempfile::tempdir().unwrap();
        let location = Location::new(directory.path().join("guidepost.db"));
        let writer = Writer::start(schema::open(&location).unwrap(), location);
        let insert = |name: &'static str| {
            writer.write(move |db| {
                db.execute("INSERT INTO workflow (name) VALUES (?)", [name])?;
                db.execute("INSERT INTO workflow (name) VALUES (? || '2')", [name])?;
                Ok(())
            })
        };
        let (a, again, b) = tokio::join!(insert("a"), insert("a"), insert("b"));
        a.unwrap();
        b.unwrap();
        assert!(again.is_err());
        let count = writer.write(|db| {
            Ok::<i64, Fault>(db.query_row("SELECT count(*) FROM workflow", [], |row| row.get(0))?)
        });
        assert_eq!(count.await.unwrap(), 4);
    }

    /// A caller in a task of a runtime with several threads, which writes without the writer's thread when it is alone.
    async fn in_a_task<T: Send + 'static>(
        writer: &Arc<Writer>,
        length: Length,
        write: impl FnMut(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        let writer = Arc::clone(writer);
        tokio::spawn(async move { writer.write_for(length, write).await }).await.unwrap()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_caller_who_is_alone_writes_on_its_own_thread() {
        for length in [Length::Brief, Length::Any] {
            let directory = tempfile::tempdir().unwrap();
            let location = Location::new(directory.path().join("guidepost.db"));
            let writer = Arc::new(Writer::start(schema::open(&location).unwrap(), location));
            let insert = |name: &'static str| {
                move |db: &Connection| {
                    db.execute("INSERT INTO workflow (name) VALUES (?)", [name])?;
                    Ok(std::thread::current().name().map(ToOwned::to_owned))
                }
            };
            let thread = in_a_task(&writer, length, insert("a")).await.unwrap();
            assert_ne!(thread.as_deref(), Some("guidepost-writer"));
            // Whatever goes wrong there goes wrong for that caller only.
            let broken = in_a_task(&writer, length, |db| {
                db.execute("INSERT INTO workflow (name) VALUES ('lost')", [])?;
                assert!(db.is_autocommit(), "as bugs do");
                Ok(())
            });
            assert!(matches!(broken.await, Err(StoreError::Failed { .. })));
            assert!(in_a_task(&writer, length, insert("a")).await.is_err(), "the name is taken");
            in_a_task(&writer, length, insert("b")).await.unwrap();
            let names = in_a_task(&writer, length, |db| {
                let names =
                    db.query_row("SELECT group_concat(name) FROM workflow", [], |row| row.get(0))?;
                Ok::<String, Fault>(names)
            });
            assert_eq!(names.await.unwrap(), "a,b");
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_brief_write_waits_for_another_process_like_any_other() {
        let directory = tempfile::tempdir().unwrap();
        let location = Location::new(directory.path().join("guidepost.db"));
        let writer = Arc::new(Writer::start(schema::open(&location).unwrap(), location));
        let other = Connection::open(directory.path().join("guidepost.db")).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let write = in_a_task(&writer, Length::Brief, |db| {
            db.execute("INSERT INTO workflow (name) VALUES ('a')", [])?;
            Ok(db.pragma_query_value(None, "busy_timeout", |row| row.get::<_, i64>(0))?)
        });
        let other = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            other.execute_batch("COMMIT").unwrap();
        };
        let (wrote, ()) = tokio::join!(write, other);
        assert_eq!(wrote.unwrap(), 5_000);
        let patience = in_a_task(&writer, Length::Brief, |db| {
            Ok(db.pragma_query_value(None, "busy_timeout", |row| row.get::<_, i64>(0))?)
        });
        assert_eq!(patience.await.unwrap(), 5_000);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn calls_of_one_task_are_seen_to_be_many() {
        let directory = tempfile::tempdir().unwrap();
        let location = Location::new(directory.path().join("guidepost.db"));
        let writer = Arc::new(Writer::start(schema::open(&location).unwrap(), location));
        let threads = tokio::spawn(async move {
            let whose = || writer.write(|_| Ok(std::thread::current().name().map(str::to_owned)));
            // The first looks around; so the others find it waiting, however fast the writer is.
            let (first, second, third) = tokio::join!(whose(), whose(), whose());
            first.unwrap();
            [second.unwrap(), third.unwrap()]
        });
        let writers = Some("guidepost-writer".to_owned());
        assert_eq!(threads.await.unwrap(), [writers.clone(), writers], "they write one by one");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_thread_that_must_not_block_hands_its_write_over() {
        let directory = tempfile::tempdir().unwrap();
        let location = Location::new(directory.path().join("guidepost.db"));
        let writer = Writer::start(schema::open(&location).unwrap(), location);
        let whose = || writer.write(|_| Ok(std::thread::current().name().map(ToOwned::to_owned)));
        let local = tokio::task::LocalSet::new();
        let thread = local.run_until(whose()).await.unwrap();
        assert_eq!(thread.as_deref(), Some("guidepost-writer"));
    }
}
