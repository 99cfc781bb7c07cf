//! A look at the store with plain SQL, as any program could take.

use std::path::Path;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, Row};

use crate::failure::{Failure, Kind};

/// The answer to a query.
pub(super) struct Table {
    /// The names of its columns.
    pub(super) titles: Vec<String>,
    /// Its rows.
    pub(super) rows: Vec<Vec<String>>,
}

/// Asks the store, reading only.
///
/// # Errors
///
/// If the file or the query cannot be used.
pub(super) fn ask(store: &Path, query: &str) -> Result<Table, Failure> {
    read(store, query).map_err(|error| {
        Failure::new(Kind::Unavailable, "GP0459", "the demo's store cannot be read by SQL")
            .caused_by(&error)
    })
}

fn read(store: &Path, query: &str) -> rusqlite::Result<Table> {
    let connection = Connection::open_with_flags(store, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut statement = connection.prepare(query)?;
    let titles: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let columns = titles.len();
    let rows = statement.query_map([], |row| cells(row, columns))?;
    Ok(Table { titles, rows: rows.collect::<rusqlite::Result<_>>()? })
}

fn cells(row: &Row<'_>, columns: usize) -> rusqlite::Result<Vec<String>> {
    let cell = |at: usize| {
        Ok(match row.get_ref(at)? {
            ValueRef::Null => String::new(),
            ValueRef::Integer(number) => number.to_string(),
            ValueRef::Real(number) => number.to_string(),
            ValueRef::Text(text) | ValueRef::Blob(text) => {
                String::from_utf8_lossy(text).into_owned()
            }
        })
    };
    (0..columns).map(cell).collect()
}
