//! B21, R7: whoever can write the file can change history behind Guidepost's back; `verify` finds it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;

use guidepost_core::id::{RunNo, Tenant};
use guidepost_store::Store;
use guidepost_store::testing::conformance::Fixture;
use rusqlite::Connection;
use rusqlite::config::DbConfig;

/// A run with a bit of everything, in a file that only the test writes.
async fn with_history() -> (tempfile::TempDir, Arc<dyn Store>, RunNo, Connection) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("guidepost.db");
    let store = guidepost_store::open(path.to_str().unwrap()).unwrap();
    let run = Fixture::new(Arc::clone(&store)).run_with_history().await;
    let connection = Connection::open(&path).unwrap();
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false).unwrap();
    for table in ["record", "action", "agent_instance", "snapshot"] {
        let copy = format!("CREATE TEMP TABLE copy_{table} AS SELECT * FROM {table}");
        connection.execute_batch(&copy).unwrap();
    }
    (directory, store, run, connection)
}

async fn problems(store: &Arc<dyn Store>, run: RunNo) -> Vec<String> {
    let verified = store.verify(&Tenant::default(), run).await.unwrap();
    verified
        .problems
        .into_iter()
        .map(|problem| format!("{}: {}", problem.seq, problem.what))
        .collect()
}

/// B21: a history that was changed is told from one that was not.
#[tokio::test]
async fn every_way_to_change_a_history_is_found() {
    let (_keep, store, run, connection) = with_history().await;
    assert_eq!(problems(&store, run).await, Vec::<String>::new());
    for (change, found) in [
        (
            "UPDATE record SET payload = replace(payload, 'Score', 'Store') WHERE seq = 3",
            "3: its payload does not match",
        ),
        (
            "UPDATE action SET payload = replace(payload, 'true', 'false')",
            "4: its payload does not match",
        ),
        ("DELETE FROM action", "4: its payload is missing"),
        ("UPDATE record SET at = at + 1 WHERE seq = 5", "5: its hash does not follow"),
        ("UPDATE record SET kind = 'note' WHERE seq = 3", "3: its hash does not follow"),
        ("UPDATE record SET hash = zeroblob(32) WHERE seq = 2", "3: its hash does not follow"),
        ("DELETE FROM record WHERE seq = 4", "5: expected record 4"),
        (
            "DELETE FROM record WHERE seq = (SELECT max(seq) FROM record)",
            "0: the run counts 6 records",
        ),
        ("UPDATE record SET seq = -seq WHERE seq IN (4, 5)", "expected record"),
        (
            "UPDATE record SET hash = NULL WHERE seq = 6",
            "0: the run counts 0 records that are not sealed",
        ),
        (
            "UPDATE agent_instance SET state = replace(state, 'Score', 'Store')",
            "0: the stored state is not",
        ),
        ("UPDATE agent_instance SET status = 'completed'", "0: the stored state is not"),
        ("UPDATE agent_instance SET rev = rev + 1", "0: the stored state is not"),
        ("UPDATE agent_instance SET head = zeroblob(32)", "0: the run's hash is not"),
        ("UPDATE snapshot SET payload = '{}'", "0: the stored state is not"),
        ("DELETE FROM snapshot", ""),
    ] {
        let changed = connection.execute(change, []).unwrap();
        assert!(changed > 0, "{change}");
        let after = problems(&store, run).await;
        if found.is_empty() {
            assert!(after.is_empty(), "a snapshot can be made again: {after:?}");
            break;
        }
        assert!(after.iter().any(|problem| problem.contains(found)), "{change}: {after:?}");
        undo(&connection, change);
        assert_eq!(problems(&store, run).await, Vec::<String>::new(), "after undoing `{change}`");
    }
}

/// The test keeps a copy of every table, since a change that verify is to see must be committed.
fn undo(connection: &Connection, change: &str) {
    let table = ["record", "action", "agent_instance", "snapshot"]
        .into_iter()
        .find(|table| change.contains(&format!(" {table} ")) || change.ends_with(table))
        .unwrap();
    let columns = match table {
        "action" => "action_id, tenant, run_no, seq, rev, at, codec, key_id, payload",
        _ => "*",
    };
    let into = if columns == "*" { String::new() } else { format!("({columns})") };
    let restore = format!(
        "DROP TRIGGER IF EXISTS agent_delete;
         DROP TRIGGER IF EXISTS agent_id_refuse;
         DROP TRIGGER IF EXISTS agent_replace_refuse;
         DELETE FROM {table};
         INSERT INTO {table} {into} SELECT {columns} FROM copy_{table}"
    );
    connection.execute_batch(&restore).unwrap();
}
