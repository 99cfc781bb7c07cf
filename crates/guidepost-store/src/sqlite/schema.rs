//! Opening the file: its mode, its pragmas, its migrations.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Transaction, TransactionBehavior};

use super::fault::tell;
use super::{BUSY_SECONDS, Location};
use crate::{Durability, StoreError};

/// Marks the file as ours: the letters `GPst`.
const APPLICATION_ID: i64 = 0x4750_7374;

/// The schema this program knows: how many migrations there are.
const KNOWN: u32 = 3;

/// The migrations, in order. The schema's version is how many of them were made.
const MIGRATIONS: [&str; KNOWN as usize] = [
    include_str!("migrations/0001_tables.sql"),
    include_str!("migrations/0002_views.sql"),
    include_str!("migrations/0003_triggers.sql"),
];

/// The digest of all migrations.
static DIGEST: LazyLock<String> = LazyLock::new(|| digest(&MIGRATIONS));

/// How much of the file a connection keeps in memory at most, as SQLite wants it: in KiB, negative. 16 MiB hold the rows of
/// some ten thousand runs.
const CACHE_KIB: i64 = -16 * 1024;

/// How many prepared statements a connection keeps: all there are, with room to grow.
const STATEMENTS_MAX: usize = 200;

/// How long whoever finds a file busy that is being opened waits before it tries again.
const OPEN_PAUSE: Duration = Duration::from_millis(5);

/// Opens the file for writing, creating it or bringing its schema up to date if need be.
pub(super) fn open(location: &Location) -> Result<Connection, StoreError> {
    create_private(location)?;
    // To change a new file's journal, SQLite does not wait for others who open it: it says at once that it is busy.
    let begun = Instant::now();
    loop {
        match open_now(location) {
            Err(StoreError::Busy { .. }) if begun.elapsed() < Duration::from_secs(BUSY_SECONDS) => {
                std::thread::sleep(OPEN_PAUSE);
            }
            opened => return opened,
        }
    }
}

fn open_now(location: &Location) -> Result<Connection, StoreError> {
    let failed = |error| tell(error, location, "opening the file failed");
    let mut connection = connect(location).map_err(failed)?;
    // Another program's file is left as it is, journal and all.
    expect_ours(&connection, location)?;
    connection.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
    migrate(&mut connection, location)?;
    // Triggers are for writes by hand. They would let ours pass, at twice the price of a step.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false).map_err(failed)?;
    Ok(connection)
}

/// Opens a connection to a file that is up to date.
pub(super) fn connect(location: &Location) -> rusqlite::Result<Connection> {
    let connection = match &location.vfs {
        None => Connection::open(&location.path)?,
        Some(vfs) => {
            Connection::open_with_flags_and_vfs(&location.path, OpenFlags::default(), vfs.as_str())?
        }
    };
    connection.busy_timeout(Duration::from_secs(BUSY_SECONDS))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    // A statement is planned once. Without this, SQLite plans some of them anew for every value they are given.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    let synchronous = match location.durability {
        Durability::Disk => "FULL",
        Durability::Process => "NORMAL",
        Durability::None => "OFF",
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.pragma_update(None, "cache_size", CACHE_KIB)?;
    // Triggers guard what foreign keys would, because the stock shell leaves those off; checking twice costs time.
    connection.pragma_update(None, "foreign_keys", false)?;
    Ok(connection)
}

/// Creates the file, readable by its owner only, unless it is there. SQLite gives its companions the same mode.
fn create_private(location: &Location) -> Result<(), StoreError> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(&location.path) {
        Ok(_) => Ok(()),
        Err(reason) if reason.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(reason) => Err(StoreError::Failed {
            url: location.url(),
            what: "the file cannot be created".to_owned(),
            source: Some(Box::new(reason)),
        }),
    }
}

/// Brings the schema up to date. All migrations that are missing are one transaction, under the file's write lock, so
/// that of two processes that open an old file at once, one migrates and the other finds it done.
fn migrate(connection: &mut Connection, location: &Location) -> Result<(), StoreError> {
    let failed = |error| tell(error, location, "bringing the schema up to date failed");
    if version(connection).map_err(failed)? == KNOWN {
        return expect_made_by(connection, &DIGEST, location);
    }
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    let made = version(&transaction).map_err(failed)?;
    expect_ours(&transaction, location)?;
    let missing = MIGRATIONS.get(made as usize..).ok_or_else(|| StoreError::NewerSchema {
        url: location.url(),
        found: made,
        known: KNOWN,
    })?;
    if made > 0 {
        let before = MIGRATIONS.get(..made as usize).unwrap_or(&MIGRATIONS);
        expect_made_by(&transaction, &digest(before), location)?;
    }
    make(&transaction, missing, made == 0)
        .map_err(|error| clash(&error, location).unwrap_or_else(|| failed(error)))?;
    transaction.commit().map_err(failed)
}

/// Makes the migrations that are missing. A file that has the bare tables of the agent-state schema, made by hand, is
/// adopted with its rows.
fn make(transaction: &Transaction<'_>, missing: &[&str], is_new: bool) -> rusqlite::Result<()> {
    let adopts = is_new && is_bare(transaction)?;
    if adopts {
        transaction.execute_batch(include_str!("adoption/set_aside.sql"))?;
    }
    for migration in missing {
        transaction.execute_batch(migration)?;
    }
    if adopts {
        transaction.execute_batch(include_str!("adoption/take_over.sql"))?;
    }
    transaction.execute("DELETE FROM made_by", [])?;
    let insert = "INSERT INTO made_by (release, digest) VALUES (?, ?)";
    transaction.execute(insert, [env!("CARGO_PKG_VERSION"), &DIGEST])?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", KNOWN)
}

/// Refuses a file whose tables other statements made than those this program knows. Until migrations are released they are
/// edited, so that the version alone does not tell what a file has.
fn expect_made_by(
    connection: &Connection,
    digest: &str,
    location: &Location,
) -> Result<(), StoreError> {
    let made_by: rusqlite::Result<Option<(String, String)>> = connection
        .query_row("SELECT release, digest FROM made_by", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional();
    let release = match made_by {
        Ok(Some((_, found))) if found == digest => return Ok(()),
        Ok(Some((release, _))) => Some(release),
        // Builds that did not say who they are.
        Ok(None) | Err(rusqlite::Error::SqlInputError { .. }) => None,
        Err(rusqlite::Error::SqliteFailure(failure, _))
            if failure.extended_code == rusqlite::ffi::SQLITE_ERROR =>
        {
            None
        }
        Err(error) => return Err(tell(error, location, "reading the file failed")),
    };
    Err(StoreError::OtherBuild { url: location.url(), release })
}

/// Says in a few letters what statements do. Gaps and lines of comment do nothing.
fn digest(migrations: &[&str]) -> String {
    let mut hasher = blake3::Hasher::new();
    for line in migrations.iter().flat_map(|text| text.lines()) {
        for word in line.split_whitespace().filter(|_| !line.trim_start().starts_with("--")) {
            hasher.update(word.as_bytes());
            hasher.update(b" ");
        }
    }
    hasher.finalize().to_hex()[..32].to_owned()
}

/// What is told of an adopted file that has something of its own by a name that the store needs.
fn clash(error: &rusqlite::Error, location: &Location) -> Option<StoreError> {
    let rusqlite::Error::SqlInputError { msg, .. } = error else { return None };
    msg.contains("already").then(|| StoreError::BadUrl {
        url: location.url(),
        what: format!("{msg}, and the store needs the name; rename what has it"),
    })
}

fn version(connection: &Connection) -> rusqlite::Result<u32> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Whether the file has the bare tables of the agent-state schema.
fn is_bare(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row(include_str!("adoption/is_bare.sql"), [], |row| row.get(0))
}

/// Whether nobody has put anything into the file.
fn is_empty(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))
}

/// Refuses a file of another program: one that it marked or numbers the versions of, or that has tables that are not adopted.
fn expect_ours(connection: &Connection, location: &Location) -> Result<(), StoreError> {
    let failed = |error| tell(error, location, "reading the file failed");
    let id: i64 =
        connection.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(failed)?;
    if id == APPLICATION_ID {
        return Ok(());
    }
    let is_free = id == 0
        && version(connection).map_err(failed)? == 0
        && (is_empty(connection).map_err(failed)? || is_bare(connection).map_err(failed)?);
    if is_free {
        return Ok(());
    }
    Err(StoreError::BadUrl {
        url: location.url(),
        what: "the file belongs to another program".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;

    fn folder(name: &str) -> std::path::PathBuf {
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/sqlite").join(name)
    }

    fn migrated() -> (tempfile::TempDir, Location, Connection) {
        let directory = tempfile::tempdir().unwrap();
        let location = Location::new(directory.path().join("guidepost.db"));
        let connection = open(&location).unwrap();
        (directory, location, connection)
    }

    fn statements() -> Vec<(String, String)> {
        let files = std::fs::read_dir(folder("queries")).unwrap();
        let paths = files.map(|file| file.unwrap().path());
        paths
            .map(|path| {
                let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                (name, std::fs::read_to_string(path).unwrap())
            })
            .collect()
    }

    #[test]
    fn no_statement_is_planned_anew_for_other_values() {
        let (_directory, _location, connection) = migrated();
        for (name, sql) in statements() {
            let mut statement = connection.prepare(&sql).unwrap();
            if !statement.readonly() {
                continue;
            }
            for value in ["1", "2", "3"] {
                for parameter in 1..=statement.parameter_count() {
                    statement.raw_bind_parameter(parameter, value).unwrap();
                }
                let mut rows = statement.raw_query();
                while rows.next().unwrap().is_some() {}
            }
            assert_eq!(statement.get_status(StatementStatus::RePrepare), 0, "{name}");
        }
    }

    /// How SQLite goes about a statement, step by step.
    fn plan(connection: &Connection, sql: &str) -> Vec<String> {
        let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let none = std::iter::repeat_n(rusqlite::types::Null, plan.parameter_count());
        let steps = plan.query_map(rusqlite::params_from_iter(none), |row| row.get(3)).unwrap();
        steps.map(Result::unwrap).collect()
    }

    #[test]
    fn every_statement_fits_the_schema() {
        let (_keep, _, connection) = migrated();
        for (name, sql) in statements() {
            if let Err(reason) = connection.prepare(&sql) {
                panic!("{name}: {reason}");
            }
        }
    }

    #[test]
    fn every_migration_is_made() {
        let files = std::fs::read_dir(folder("migrations")).unwrap();
        let mut texts: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        texts.sort();
        let texts: Vec<_> =
            texts.into_iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
        assert_eq!(texts, MIGRATIONS);
    }

    #[test]
    fn what_is_done_at_every_step_scans_no_table() {
        let (_keep, _, connection) = migrated();
        for (name, sql) in statements() {
            let is_hot = [
                "run_",
                "runs_above",
                "load_",
                "advance_",
                "last_",
                "changes_",
                "due_",
                "rev_of",
                "history_",
                "records_",
                "ready_",
                "begun_",
                "forget_begun",
                "bound_",
                "take_back_",
                "next_lane",
                "has_place",
                "give_place",
                "rest_",
            ];
            if !is_hot.iter().any(|prefix| name.starts_with(prefix)) {
                continue;
            }
            for step in plan(&connection, &sql) {
                // A view's rows, once found, are scanned too; so is a JSON list.
                let harmless = [
                    "SCAN run",
                    "SCAN json_each",
                    "SCAN leaf",
                    "SCAN word",
                    "SCAN above",
                    "SCAN below",
                    "SCAN CONSTANT",
                ];
                let scans =
                    step.starts_with("SCAN") && !harmless.iter().any(|one| step.starts_with(one));
                assert!(!scans && !step.contains("TEMP B-TREE"), "{name}: {step}");
            }
        }
    }

    #[test]
    fn a_load_reads_only_records_with_changes() {
        let (_keep, _, connection) = migrated();
        let sql = format!("EXPLAIN QUERY PLAN {}", include_str!("queries/changes_since.sql"));
        let plan: String =
            connection.query_row(&sql, rusqlite::params![1, 1], |row| row.get(3)).unwrap();
        assert!(plan.contains("record_changes"), "{plan}");
    }

    #[test]
    fn runs_of_a_rare_status_are_found_by_an_index() {
        let (_keep, _, connection) = migrated();
        let steps = plan(&connection, include_str!("queries/list_runs.sql"));
        for index in [
            "agent_instance_status (tenant=? AND status=?",
            "deleted_agent_status (tenant=? AND status=?",
        ] {
            assert!(steps.iter().any(|step| step.contains(index)), "{steps:?}");
        }
        assert!(
            !steps.iter().any(|step| step.starts_with("SCAN a") || step.starts_with("SCAN d")),
            "{steps:?}"
        );
        assert!(!steps.iter().any(|step| step.contains("ORDER BY")), "sorted: {steps:?}");
    }

    #[test]
    fn the_wording_of_transitions_is_found_by_an_index() {
        let (_keep, _, connection) = migrated();
        let steps = plan(&connection, include_str!("queries/list_transition_wording.sql"));
        assert!(
            steps.iter().any(|step| step.contains("workflow_transition_reworded")),
            "{steps:?}"
        );
        let of_transition = "SELECT description FROM wording_revision WHERE transition_id = :transition ORDER BY revision";
        let steps = plan(&connection, of_transition);
        assert!(steps.iter().any(|step| step.contains("wording_revision_transition")), "{steps:?}");
    }

    #[test]
    fn a_newer_schema_is_refused() {
        let (_keep, location, connection) = migrated();
        connection.pragma_update(None, "user_version", KNOWN + 1).unwrap();
        match open(&location) {
            Err(StoreError::NewerSchema { found, known, .. }) => {
                assert_eq!((found, known), (KNOWN + 1, KNOWN));
            }
            other => panic!("{:?}", other.err()),
        }
    }

    /// What is told of a file after this was done to it, which is left as it is.
    fn refused_after(change: &str) -> StoreError {
        let (_keep, location, connection) = migrated();
        connection.execute_batch(change).unwrap();
        connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
        drop(connection);
        let before = std::fs::read(&location.path).unwrap();
        let refused = open(&location).unwrap_err();
        assert_eq!(std::fs::read(&location.path).unwrap(), before, "{change}: left as it was");
        refused
    }

    #[test]
    fn a_file_that_another_build_made_is_refused() {
        for (change, expected) in [
            ("UPDATE made_by SET release = '0.0.9', digest = 'other'", Some("0.0.9")),
            ("DELETE FROM made_by", None),
            ("DROP TABLE made_by", None),
        ] {
            match refused_after(change) {
                StoreError::OtherBuild { release, .. } => {
                    assert_eq!(release.as_deref(), expected, "{change}");
                }
                other => panic!("{change}: {other:?}"),
            }
        }
    }

    #[test]
    fn builds_are_told_apart_by_what_their_statements_do() {
        let one = digest(&["-- Which?\nCREATE TABLE a (b);\n", "CREATE VIEW v AS SELECT 1;"]);
        let same =
            digest(&["CREATE TABLE\n  -- No matter.\n  a (b);", "CREATE VIEW v AS SELECT 1;"]);
        let other = digest(&["CREATE TABLE a (c);", "CREATE VIEW v AS SELECT 1;"]);
        assert!(one == same && one != other, "{one} {same} {other}");
    }

    #[test]
    fn a_file_of_another_program_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let location = Location::new(directory.path().join("other.db"));
        Connection::open(&location.path).unwrap().pragma_update(None, "user_version", 1).unwrap();
        assert!(matches!(open(&location), Err(StoreError::BadUrl { .. })));
        for theirs in ["CREATE TABLE notes (text)", "PRAGMA application_id = 7"] {
            std::fs::remove_file(&location.path).unwrap();
            Connection::open(&location.path).unwrap().execute_batch(theirs).unwrap();
            let before = std::fs::read(&location.path).unwrap();
            assert!(matches!(open(&location), Err(StoreError::BadUrl { .. })), "{theirs}");
            assert_eq!(std::fs::read(&location.path).unwrap(), before, "{theirs}: left as it was");
        }
        std::fs::write(&location.path, "no database, but long enough to be looked at ".repeat(99))
            .unwrap();
        assert!(matches!(open(&location), Err(StoreError::BadUrl { .. })));
    }

    #[test]
    fn bare_tables_beside_others_are_adopted() {
        let directory = tempfile::tempdir().unwrap();
        let location = Location::new(directory.path().join("guidepost.db"));
        let theirs = Connection::open(&location.path).unwrap();
        let bare = include_str!("../../tests/sql_interface/agent_state_schema.sql");
        theirs.execute_batch(bare).unwrap();
        theirs.execute_batch("CREATE TABLE notes (text)").unwrap();
        drop(theirs);
        let connection = open(&location).unwrap();
        connection.execute_batch("INSERT INTO notes VALUES ('kept')").unwrap();
    }

    #[test]
    fn a_clash_with_a_table_that_was_there_is_told_in_a_sentence() {
        let directory = tempfile::tempdir().unwrap();
        let location = Location::new(directory.path().join("guidepost.db"));
        let theirs = Connection::open(&location.path).unwrap();
        let bare = include_str!("../../tests/sql_interface/agent_state_schema.sql");
        theirs.execute_batch(bare).unwrap();
        theirs.execute_batch("CREATE TABLE task (theirs)").unwrap();
        drop(theirs);
        let refused = open(&location).unwrap_err();
        assert!(matches!(refused, StoreError::BadUrl { .. }), "{refused:?}");
        let told = refused.to_string();
        assert!(told.contains("task already exists") && !told.contains("CREATE"), "{told}");
    }

    #[test]
    fn a_malformed_file_is_told_as_damaged() {
        let (_keep, location, connection) = migrated();
        connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
        drop(connection);
        let mut bytes = std::fs::read(&location.path).unwrap();
        // The file's header stays, so that it still is a database of ours.
        bytes[100..].fill(0xff);
        std::fs::write(&location.path, bytes).unwrap();
        let refused = open(&location).unwrap_err();
        assert!(matches!(refused, StoreError::Malformed { .. }), "{refused:?}");
    }

    #[test]
    fn many_may_open_a_new_file_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let location = Location::new(directory.path().join("guidepost.db"));
        let openers: Vec<_> = (0..8)
            .map(|_| {
                let location = location.clone();
                std::thread::spawn(move || open(&location).map(drop))
            })
            .collect();
        for opener in openers {
            opener.join().unwrap().unwrap();
        }
        let connection = connect(&location).unwrap();
        assert_eq!(version(&connection).unwrap(), KNOWN);
    }

    #[cfg(unix)]
    #[test]
    fn only_its_owner_may_read_a_new_file() {
        use std::os::unix::fs::PermissionsExt as _;
        let (keep, _, connection) = migrated();
        connection.execute_batch("CREATE TABLE makes_a_log (x)").unwrap();
        for file in std::fs::read_dir(keep.path()).unwrap() {
            let file = file.unwrap();
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
        }
    }
}
