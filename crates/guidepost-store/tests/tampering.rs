//! B21, R7: whoever can write the file can change history behind Guidepost's back; `verify` finds it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;

use guidepost_core::id::{RunNo, Seq, Tenant};
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

/// B21: who can write the file can also seal anew what they changed. Only a head that was published before tells.
#[tokio::test]
async fn a_history_rewritten_as_a_whole_differs_from_its_published_head() {
    let (_keep, store, run, connection) = with_history().await;
    let tenant = Tenant::default();
    let published = store.verify(&tenant, run).await.unwrap().head;
    let found = store.record_with_hash(&tenant, run, &published).await.unwrap();
    assert_eq!(found, Some(Seq(6)));

    let changed = connection
        .execute("UPDATE action SET payload = replace(payload, 'true', 'false') WHERE seq = 4", []);
    assert_eq!(changed.unwrap(), 1);
    seal_anew(&connection);
    assert_eq!(problems(&store, run).await, Vec::<String>::new(), "the chain alone proves nothing");
    let found = store.record_with_hash(&tenant, run, &published).await.unwrap();
    assert_eq!(found, None, "the head tells");
}

/// Digests and chains every record again, as who knows the format can.
fn seal_anew(connection: &Connection) {
    let id: String =
        connection.query_row("SELECT run_id FROM agent_instance", [], |row| row.get(0)).unwrap();
    let mut head = *blake3::hash(uuid::Uuid::parse_str(&id).unwrap().as_bytes()).as_bytes();
    let mut records = connection
        .prepare("SELECT seq, at, kind, salt, body FROM record_body ORDER BY seq")
        .unwrap();
    let mut rows = records.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let (seq, at): (i64, i64) = (row.get(0).unwrap(), row.get(1).unwrap());
        let (kind, body): (String, String) = (row.get(2).unwrap(), row.get(4).unwrap());
        let salt: Vec<u8> = row.get(3).unwrap();
        let digest =
            *blake3::Hasher::new().update(&salt).update(body.as_bytes()).finalize().as_bytes();
        let mut link = blake3::Hasher::new();
        link.update(&head).update(&seq.to_le_bytes()).update(&at.to_le_bytes());
        head = *link.update(&digest).update(kind.as_bytes()).finalize().as_bytes();
        let parameters = rusqlite::params![seq, digest.as_slice(), head.as_slice()];
        connection
            .execute("UPDATE record SET digest = ?2, hash = ?3 WHERE seq = ?1", parameters)
            .unwrap();
    }
    connection.execute("UPDATE agent_instance SET head = ?1", [head.as_slice()]).unwrap();
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
