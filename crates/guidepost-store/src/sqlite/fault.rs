//! Why a statement or a job failed, and what its caller is told.

use guidepost_core::id::RunNo;
use rusqlite::ffi;

use super::{BUSY_SECONDS, Location};
use crate::StoreError;

/// Why a job failed.
#[derive(Debug)]
pub(super) enum Fault {
    /// The answer is no, and the job wrote nothing.
    Clean(StoreError),
    /// The answer is no, and what the job wrote must be undone.
    Undo(StoreError),
    /// A statement failed; what the job wrote must be undone.
    Sql(rusqlite::Error),
    /// The job has a bug; what it wrote must be undone.
    Panicked,
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Clean(error)
    }
}

impl Fault {
    /// The same in the middle of writing.
    pub(super) fn midway(self) -> Self {
        match self {
            Self::Clean(error) => Self::Undo(error),
            other => other,
        }
    }

    /// What the caller is told.
    pub(super) fn tell(self, location: &Location) -> StoreError {
        match self {
            Self::Clean(error) | Self::Undo(error) => error,
            Self::Sql(error) => tell(error, location, "a statement failed"),
            Self::Panicked => StoreError::Failed {
                url: location.url(),
                what: "a bug stopped it midway".to_owned(),
                source: None,
            },
        }
    }
}

/// What a failed statement means to the caller. What its transaction wrote is undone.
pub(super) fn tell(error: rusqlite::Error, location: &Location, what: &str) -> StoreError {
    let url = location.url();
    match &error {
        rusqlite::Error::SqliteFailure(failure, message) => match failure.code {
            ffi::ErrorCode::DatabaseBusy | ffi::ErrorCode::DatabaseLocked => {
                StoreError::Busy { url, seconds: BUSY_SECONDS }
            }
            ffi::ErrorCode::NotADatabase => {
                StoreError::BadUrl { url, what: "the file is no SQLite database".to_owned() }
            }
            ffi::ErrorCode::DatabaseCorrupt => StoreError::Malformed { url },
            _ => match refusal(failure, message.as_deref()) {
                Some((what, hint)) => StoreError::Refused { what, hint: hint.map(str::to_owned) },
                None => failed(url, what, error),
            },
        },
        _ => failed(url, what, error),
    }
}

/// Why a statement would be refused however often it is tried, and what to try instead: a rule of the file is against it, or
/// it is too large. A trigger says it in a text of its own, or in one that it made a JSON path of.
fn refusal(failure: &ffi::Error, message: Option<&str>) -> Option<(String, Option<&'static str>)> {
    if failure.extended_code == ffi::SQLITE_CONSTRAINT_TRIGGER {
        return message.map(|message| (message.to_owned(), None));
    }
    match failure.code {
        ffi::ErrorCode::TooBig => {
            let hint = "keep large things in files and hand on a reference to them";
            return Some(("it is larger than the store takes".to_owned(), Some(hint)));
        }
        ffi::ErrorCode::ConstraintViolation => {
            let hint =
                "`.schema` in the sqlite3 shell shows the index, check or trigger that forbids it";
            let what = format!("a rule of the store forbids it: {}", message.unwrap_or_default());
            return Some((what, Some(hint)));
        }
        _ => {}
    }
    let quoted = message?.strip_prefix("bad JSON path: '")?.strip_suffix('\'')?;
    Some((quoted.replace("''", "'"), None))
}

fn failed(url: String, what: &str, error: rusqlite::Error) -> StoreError {
    let source = match &error {
        // The statement is ours, and up to thousands of lines long.
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        // The message says what the code behind it says once more.
        rusqlite::Error::SqliteFailure(failure, Some(message)) => {
            format!("{message} (SQLite code {})", failure.extended_code)
        }
        other => other.to_string(),
    };
    StoreError::Failed { url, what: what.to_owned(), source: Some(source.into()) }
}

/// What is stored about a run cannot be what Guidepost wrote.
pub(super) fn damaged(run: RunNo, what: impl ToString) -> Fault {
    Fault::Clean(StoreError::Damaged { run, what: what.to_string() })
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;
    use rusqlite::limits::Limit;

    use super::*;

    /// What the caller is told about a statement that fails.
    fn told(connection: &Connection, sql: &str) -> StoreError {
        let error = connection.execute_batch(sql).unwrap_err();
        tell(error, &Location::new("x.db"), "a statement failed")
    }

    #[test]
    fn what_would_be_refused_however_often_it_is_tried_is_told_as_refused() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t (a UNIQUE CHECK (a <> 7))").unwrap();
        connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, 1_000).unwrap();
        for (sql, expected) in [
            ("INSERT INTO t VALUES (zeroblob(2000))", "it is larger than the store takes"),
            ("INSERT INTO t VALUES (1), (1)", "a rule of the store forbids it: UNIQUE constraint"),
            ("INSERT INTO t VALUES (7)", "a rule of the store forbids it: CHECK constraint"),
        ] {
            match told(&connection, sql) {
                StoreError::Refused { what, hint: Some(_) } => {
                    assert!(what.starts_with(expected), "{what}");
                }
                other => panic!("{sql}: {other:?}"),
            }
        }
        let failed = told(&connection, "INSERT INTO nowhere VALUES (1)");
        assert!(matches!(failed, StoreError::Failed { .. }), "{failed:?}");
    }
}
