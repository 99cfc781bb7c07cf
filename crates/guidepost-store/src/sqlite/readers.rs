//! Reading past the writer: a few connections, each used by one call at a time.

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;

use super::fault::Fault;
use super::same_file::SameFile;
use super::{Location, schema};
use crate::StoreError;

/// How many idle connections are kept. More may be in use at once; they are closed afterwards.
const IDLE_MAX: usize = 8;

/// Connections for reading.
#[derive(Debug)]
pub(super) struct Readers {
    location: Location,
    file: SameFile,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    /// None is opened before it is needed.
    pub(super) fn new(location: Location) -> Self {
        Self { file: SameFile::of(&location), location, idle: Mutex::new(Vec::new()) }
    }

    /// Reads, off the caller's thread, all of it as of one moment.
    pub(super) async fn read<T, F>(self: &Arc<Self>, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        let readers = Arc::clone(self);
        let outcome = tokio::task::spawn_blocking(move || {
            readers.read_now(read).map_err(|fault| fault.tell(&readers.location))
        });
        outcome.await.map_err(|reason| StoreError::Unavailable {
            url: self.location.url(),
            what: "reading was cut short".to_owned(),
            source: Some(Box::new(reason)),
        })?
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
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_MAX {
            idle.push(connection);
        }
    }
}
