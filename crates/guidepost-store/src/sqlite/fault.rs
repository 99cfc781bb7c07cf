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
    /// What the caller is told.
    pub(super) fn tell(self, location: &Location) -> StoreError {
        match self {
            Self::Clean(error) | Self::Undo(error) => error,
            Self::Sql(error) => tell(error, location, "a statement failed"),
            Self::Panicked => StoreError::Unavailable {
                url: location.url(),
                what: "a bug stopped the write, which was undone".to_owned(),
                source: None,
            },
        }
    }
}

/// What a failed statement means to the caller.
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
                Some(what) => StoreError::Refused { what, hint: None },
                None => unavailable(url, what, error),
            },
        },
        _ => unavailable(url, what, error),
    }
}

/// What a trigger refused a statement with: a text of its own, or one that it made a JSON path of.
fn refusal(failure: &ffi::Error, message: Option<&str>) -> Option<String> {
    if failure.extended_code == ffi::SQLITE_CONSTRAINT_TRIGGER {
        return message.map(str::to_owned);
    }
    let quoted = message?.strip_prefix("bad JSON path: '")?.strip_suffix('\'')?;
    Some(quoted.replace("''", "'"))
}

fn unavailable(url: String, what: &str, error: rusqlite::Error) -> StoreError {
    let source = match &error {
        // The statement is ours, and up to thousands of lines long.
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        // The message says what the code behind it says once more.
        rusqlite::Error::SqliteFailure(failure, Some(message)) => {
            format!("{message} (SQLite code {})", failure.extended_code)
        }
        other => other.to_string(),
    };
    StoreError::Unavailable { url, what: what.to_owned(), source: Some(source.into()) }
}

/// What is stored about a run cannot be what Guidepost wrote.
pub(super) fn damaged(run: RunNo, what: impl ToString) -> Fault {
    Fault::Clean(StoreError::Damaged { run, what: what.to_string() })
}
