//! Reading a part of a run's record.

use guidepost_core::id::RunRef;
use guidepost_core::workflow::to_mermaid;
use guidepost_store::{HistoryPage, Page};
use serde::Serialize;
use serde_json::{Map, Value as Json};

use super::current::{Current, leaf_ids};
use super::history::record_number;
use super::standing::shown_data;
use super::{HistoryItem, OpError, Ops, ReadHistory, TurnItem};

/// A part of a run's record to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadRun {
    /// The run.
    pub run: RunRef,
    /// Which part.
    pub what: What,
    /// For data, a place in it: `lead.name` or `/lead/name`. For one record, its id. For a thread, its name, `Write` or
    /// `Write[3]`, or the id of one turn, `Write:2`. For a diagram, `path` for the way the run went instead of the workflow it
    /// is in.
    pub path: Option<String>,
    /// At most so many records.
    pub limit: usize,
    /// Where the page before ended; for one value or one record, the number of its letters that were read.
    pub cursor: Option<String>,
}

/// Parts of a run's record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum What {
    /// What happened, newest first.
    #[default]
    History,
    /// The present data.
    Data,
    /// What was made, newest first.
    Artifacts,
    /// One record, whole.
    Event,
    /// What was said while agents did their steps, thread after thread, each from its beginning.
    Thread,
    /// The workflow as a diagram, with where the run is.
    Diagram,
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Reading {
    /// A page of records.
    Records(Page<HistoryItem>),
    /// All data, without what is sensitive.
    Data(Map<String, Json>),
    /// The data at a place.
    Value(Json),
    /// One record.
    Record(Box<HistoryItem>),
    /// A page of what was said.
    Turns(Page<TurnItem>),
    /// One thing that was said, whole.
    Turn(Box<TurnItem>),
    /// A diagram in Mermaid's language.
    Diagram {
        /// Its text.
        diagram: String,
    },
}

impl ReadRun {
    /// How many letters of one value or one record were read before.
    #[must_use]
    pub fn letters_read(&self) -> usize {
        self.cursor.as_deref().and_then(|cursor| cursor.parse().ok()).unwrap_or(0)
    }

    /// Refuses a cursor that is no number of letters, where one text is read.
    pub(super) fn expect_letters(&self) -> Result<(), OpError> {
        match &self.cursor {
            Some(cursor) if cursor.parse::<usize>().is_err() => Err(OpError::BadArgument {
                what: format!("the cursor `{cursor}` is no number of letters"),
                hint: Some("take it from the end of the part before".to_owned()),
            }),
            Some(_) | None => Ok(()),
        }
    }
}

impl Ops {
    /// Reads a part of a run's record.
    ///
    /// # Errors
    ///
    /// [`OpError::NoSuchRecord`], also for a turn, [`OpError::NoSuchData`], [`OpError::BadArgument`], [`OpError::Store`] if
    /// there is no such run, and the failures of the store.
    pub async fn read_run(&self, read: &ReadRun) -> Result<Reading, OpError> {
        check(read)?;
        match read.what {
            What::History => self.page(read, &[]).await,
            What::Artifacts => self.page(read, &["artifact"]).await,
            What::Event => self.record(read).await,
            What::Thread => self.said(read).await,
            What::Data => {
                let current = self.current(&read.run).await?;
                match read.path.as_deref() {
                    None | Some("") => {
                        Ok(Reading::Data(shown_data(&current.machine, &current.run)))
                    }
                    Some(path) => value_at(&current, path).map(Reading::Value),
                }
            }
            What::Diagram => {
                let current = self.current(&read.run).await?;
                let diagram = match read.path.as_deref() {
                    None | Some("") => {
                        to_mermaid(&current.machine, &leaf_ids(&current.machine, &current.run))
                    }
                    Some("path") => self.path_taken(&current).await?,
                    Some(other) => {
                        return Err(OpError::BadArgument {
                            what: format!("`{other}` is no diagram of a run"),
                            hint: Some("`path` draws the way it went".to_owned()),
                        });
                    }
                };
                Ok(Reading::Diagram { diagram })
            }
        }
    }

    async fn page(&self, read: &ReadRun, kinds: &[&str]) -> Result<Reading, OpError> {
        let page = ReadHistory {
            run: read.run.clone(),
            newest_first: true,
            kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
            limit: read.limit,
            cursor: read.cursor.clone(),
        };
        self.history(&page).await.map(Reading::Records)
    }

    async fn record(&self, read: &ReadRun) -> Result<Reading, OpError> {
        let id = read.path.as_deref().unwrap_or_default();
        let seq = record_number(id)?;
        let current = self.current(&read.run).await?;
        let before = guidepost_core::id::Seq(seq.0.saturating_sub(1));
        let page =
            HistoryPage { newest_first: false, kinds: Vec::new(), beyond: Some(before), limit: 1 };
        let found = self.store.history(&self.tenant, current.head.no, &page).await?.items;
        match found.first().filter(|entry| entry.seq == seq) {
            Some(entry) => Ok(Reading::Record(Box::new(current.history_item(entry)))),
            None => Err(OpError::NoSuchRecord {
                run: current.name(),
                record: id.to_owned(),
                part: "history",
            }),
        }
    }
}

/// Refuses what would be passed over: a place in what has no places, a page of what has no pages, a page without room.
fn check(read: &ReadRun) -> Result<(), OpError> {
    let has_pages = matches!(read.what, What::History | What::Artifacts | What::Thread);
    let is_one = match read.what {
        What::Data => read.path.as_deref().is_some_and(|path| !path.is_empty()),
        What::Event => true,
        What::History | What::Artifacts | What::Thread | What::Diagram => false,
    };
    if is_one {
        read.expect_letters()?;
    }
    let is_records = matches!(read.what, What::History | What::Artifacts);
    let path = read.path.as_deref().filter(|path| !path.is_empty() && is_records);
    let (what, hint) = match (path, &read.cursor) {
        (Some(path), _) => (
            format!("`{path}` is a place, and a list of records has none"),
            "a place belongs to data, a record's id to event, a step to thread",
        ),
        (None, Some(_)) if is_one => return Ok(()),
        (None, Some(cursor)) if !has_pages => (
            format!("the cursor `{cursor}` belongs to a list of records"),
            "leave it out, or read the history, the artifacts or a thread",
        ),
        (None, _) if read.limit == 0 => {
            ("a page of 0 records says nothing".to_owned(), "ask for 1 or more")
        }
        (None, _) => return Ok(()),
    };
    Err(OpError::BadArgument { what, hint: Some(hint.to_owned()) })
}

/// The data at a place, also if it is sensitive: whoever names a place means it.
fn value_at(current: &Current, path: &str) -> Result<Json, OpError> {
    let pointer = match path.strip_prefix('/') {
        Some(_) => path.to_owned(),
        None => format!("/{}", path.replace('.', "/")),
    };
    let data = current.run.data.to_json();
    data.pointer(&pointer).cloned().ok_or_else(|| OpError::NoSuchData {
        run: current.name(),
        path: path.to_owned(),
        known: current.run.data.iter().map(|(name, _)| format!("`{name}`")).collect(),
    })
}
