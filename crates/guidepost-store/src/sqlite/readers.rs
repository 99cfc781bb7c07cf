//! Reading past the writer: a few connections, each used by one call at a time.

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::fault::Fault;
use super::same_file::SameFile;
use super::{Location, schema};
use crate::StoreError;

/// How many calls read at once; the others wait. A connection is dear to open, since it reads the whole schema first, so
/// each is kept for the next call.
const CONNECTIONS_MAX: usize = 8;

/// Connections for reading.
#[derive(Debug)]
pub(super) struct Readers {
    location: Location,
    file: SameFile,
    idle: Mutex<Vec<Connection>>,
    turns: Arc<Semaphore>,
}

impl Readers {
    /// None is opened before it is needed.
    pub(super) fn new(location: Location) -> Self {
        Self {
            file: SameFile::of(&location),
            location,
            idle: Mutex::default(),
            turns: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
        }
    }

    /// Reads, off the caller's thread, all of it as of one moment.
    pub(super) async fn read<T, F>(self: &Arc<Self>, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        let cut_short = |reason: Box<dyn std::error::Error + Send + Sync>| StoreError::Failed {
            url: self.location.url(),
            what: "reading was cut short".to_owned(),
            source: Some(reason),
        };
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let turn = turn.map_err(|closed| cut_short(closed.into()))?;
        let readers = Arc::clone(self);
        let outcome = tokio::task::spawn_blocking(move || {
            let outcome = readers.read_now(read).map_err(|fault| fault.tell(&readers.location));
            drop(turn);
            outcome
        });
        outcome.await.map_err(|reason| cut_short(reason.into()))?
    }

    fn read_now<T>(&self, read: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, Fault> {
        if !self.file.is_at(&self.location) {
            return Err(SameFile::gone(&self.location).into());
        }
        let mut connection = match self.take() {
            Some(connection) => connection,
            None => self.connect()?,
        };
        // The transaction ends before the connection goes back; dropped on the way, it is rolled back.
        let snapshot = connection.transaction()?;
        let value = read(&snapshot)?;
        drop(snapshot);
        self.put_back(connection);
        Ok(value)
    }

    fn connect(&self) -> rusqlite::Result<Connection> {
        let connection = schema::connect(&self.location)?;
        connection.pragma_update(None, "query_only", true)?;
        Ok(connection)
    }

    fn take(&self) -> Option<Connection> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn put_back(&self, connection: Connection) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn many_readers_at_once_share_few_connections() {
        let directory = tempfile::tempdir().unwrap();
        let location = Location::new(directory.path().join("guidepost.db"));
        drop(schema::open(&location).unwrap());
        let readers = Arc::new(Readers::new(location));
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let reads = (0..4 * CONNECTIONS_MAX).map(|_| {
            let (readers, now, most) = (Arc::clone(&readers), Arc::clone(&now), Arc::clone(&most));
            tokio::spawn(async move {
                let read = move |_: &Connection| {
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::thread::sleep(Duration::from_millis(2));
                    now.fetch_sub(1, Ordering::SeqCst);
                    Ok(())
                };
                readers.read(read).await
            })
        });
        for read in reads.collect::<Vec<_>>() {
            read.await.unwrap().unwrap();
        }
        let most = most.load(Ordering::SeqCst);
        assert!((2..=CONNECTIONS_MAX).contains(&most), "{most} at once");
        assert!(readers.idle.lock().unwrap().len() <= CONNECTIONS_MAX);
    }

    #[tokio::test]
    async fn a_read_that_panics_leaves_its_turn_to_the_next() {
        let directory = tempfile::tempdir().unwrap();
        let location = Location::new(directory.path().join("guidepost.db"));
        drop(schema::open(&location).unwrap());
        let readers = Arc::new(Readers::new(location));
        for _ in 0..2 * CONNECTIONS_MAX {
            let bug = |db: &Connection| -> Result<(), Fault> {
                assert!(db.is_readonly("main")?, "as bugs do");
                Ok(())
            };
            assert!(matches!(readers.read(bug).await, Err(StoreError::Failed { .. })));
        }
        readers.read(|_| Ok(())).await.unwrap();
    }
}
