//! Why a store did not do what it was asked.

use guidepost_core::diagnostic::Explain;
use guidepost_core::id::{Rev, RunNo, RunRef};

use crate::TaskId;

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The run is not at the expected rev. Nothing was written.
    #[error("the run is at rev {present}, not {expected}")]
    Conflict {
        /// What the caller expected.
        expected: Rev,
        /// What the run is at.
        present: Rev,
    },
    /// The task ended, or somebody else holds it by now. Nothing was written.
    #[error("the task `{task}` is not held any more")]
    LeaseLost {
        /// Which.
        task: TaskId,
    },
    /// There is no such run. Nothing was written.
    #[error("there is no run `{0}`")]
    NoSuchRun(RunRef),
    /// Several live runs have the agent's name.
    #[error("{count} live runs have the agent `{agent}`")]
    Ambiguous {
        /// The name.
        agent: String,
        /// How many.
        count: u64,
    },
    /// The key belongs to a start with other arguments. Nothing was written.
    #[error("the key `{key}` was used to start run `{run}` with other arguments")]
    KeyReused {
        /// The key.
        key: String,
        /// The run it started.
        run: RunNo,
    },
    /// A rule of the store forbids it. Nothing was written.
    #[error("{what}")]
    Refused {
        /// What is forbidden, and why.
        what: String,
        /// What to try.
        hint: Option<String>,
    },
    /// Another process holds the file. Nothing was written.
    #[error("the store `{url}` was busy for {seconds} s")]
    Busy {
        /// The store.
        url: String,
        /// How long it was tried.
        seconds: u64,
    },
    /// The store cannot be reached, or failed before it made anything durable. Nothing was written.
    #[error("the store `{url}` cannot be used: {what}")]
    Failed {
        /// The store.
        url: String,
        /// What was tried.
        what: String,
        /// Why it failed.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// The store failed while it made a write durable, or was not heard of again. Whether the write happened is unknown.
    #[error("the store `{url}` is unavailable: {what}")]
    Unavailable {
        /// The store.
        url: String,
        /// What was tried.
        what: String,
        /// Why it failed.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// A sync failed earlier, so what is on the disk is uncertain. Nothing is written until the process is restarted.
    #[error("the store `{url}` is read-only since a write to the disk failed")]
    ReadOnly {
        /// The store.
        url: String,
    },
    /// It was made by a newer release.
    #[error("the store `{url}` has schema {found}; this program knows schemas up to {known}")]
    NewerSchema {
        /// The store.
        url: String,
        /// What it has.
        found: u32,
        /// What this program knows.
        known: u32,
    },
    /// A build made it whose tables are not those of this program.
    #[error("the store `{url}` was made by another build{}, and its tables are not those that this program needs", of_release(.release.as_deref()))]
    OtherBuild {
        /// The store.
        url: String,
        /// The release of that build, if it says so.
        release: Option<String>,
    },
    /// What is stored contradicts itself.
    #[error("run `{run}` is damaged: {what}")]
    Damaged {
        /// The run.
        run: RunNo,
        /// How.
        what: String,
    },
    /// The file is damaged as a whole, not in one run of it.
    #[error("the store `{url}` is damaged: its file is malformed")]
    Malformed {
        /// The store.
        url: String,
    },
    /// The URL names no store this program can open.
    #[error("`{url}` is no store: {what}")]
    BadUrl {
        /// The URL.
        url: String,
        /// What is wrong with it.
        what: String,
    },
}

fn of_release(release: Option<&str>) -> String {
    release.map_or(String::new(), |release| format!(" (of release {release})"))
}

impl Explain for StoreError {
    fn code(&self) -> &'static str {
        match self {
            Self::Conflict { .. } => "GP0301",
            Self::NoSuchRun(_) => "GP0302",
            Self::Ambiguous { .. } => "GP0303",
            Self::KeyReused { .. } => "GP0304",
            Self::Refused { .. } => "GP0305",
            Self::Busy { .. } => "GP0306",
            Self::Unavailable { .. } => "GP0307",
            Self::ReadOnly { .. } => "GP0308",
            Self::NewerSchema { .. } => "GP0309",
            Self::Damaged { .. } => "GP0310",
            Self::BadUrl { .. } => "GP0311",
            Self::LeaseLost { .. } => "GP0312",
            Self::Malformed { .. } => "GP0313",
            Self::OtherBuild { .. } => "GP0314",
            Self::Failed { .. } => "GP0315",
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Conflict { .. } => Some("read the run again and decide anew".to_owned()),
            Self::LeaseLost { .. } => Some(
                "drop the result: the work ended, or is being done by somebody else".to_owned(),
            ),
            Self::NoSuchRun(_) => {
                Some("`guidepost find --in runs` lists the runs there are".to_owned())
            }
            Self::Ambiguous { .. } => {
                Some("name the run by its id; `guidepost find --in runs` lists them".to_owned())
            }
            Self::KeyReused { .. } => Some(
                "use a new key for a new run, or the same arguments to get the old one".to_owned(),
            ),
            Self::Refused { hint, .. } => hint.clone(),
            Self::Busy { .. } => Some(
                "another program holds a long transaction on the file; end it and try again"
                    .to_owned(),
            ),
            Self::Failed { .. } => {
                Some("nothing was written; mend what the cause names, then try again".to_owned())
            }
            Self::Unavailable { .. } => {
                Some("read the run again before repeating: the write may have happened".to_owned())
            }
            Self::ReadOnly { .. } => Some(
                "check the disk, then restart; `guidepost verify` tells what is there".to_owned(),
            ),
            Self::NewerSchema { .. } => Some("upgrade this program".to_owned()),
            Self::OtherBuild { .. } => Some(
                "go on with the build that made it, or move the file away and save the workflows again: before release 1.0 no file is taken over"
                    .to_owned(),
            ),
            Self::Damaged { .. } => {
                Some("`guidepost verify` tells where; other runs are not affected".to_owned())
            }
            Self::Malformed { .. } => Some(
                "take a copy, then go back to a backup, or save what can be read with `.recover` in the sqlite3 shell"
                    .to_owned(),
            ),
            Self::BadUrl { .. } => {
                Some("expected a file path, `sqlite:PATH` or `memory:`".to_owned())
            }
        }
    }
}
