//! What `docs/sql.md` shows works as shown: its statements are run by the stock `sqlite3` shell, on the tables that the
//! migrations make, without any process of Guidepost.

#![expect(clippy::print_stderr, reason = "a test that is left out says so")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace").to_path_buf()
}

/// The statements of a document: all its fences marked `sql`, in order.
fn statements(document: &str) -> Vec<&str> {
    let after = document.split("```sql\n").skip(1);
    after.map(|rest| rest.split("```").next().unwrap_or_default()).collect()
}

/// A store in a folder of its own, made by the stock shell.
struct Shell {
    folder: PathBuf,
}

impl Shell {
    /// None if there is no `sqlite3`; `cargo xtask test` gets it.
    fn new(name: &str) -> Option<Self> {
        if Command::new("sqlite3").arg("-version").output().is_err() {
            eprintln!("left out: there is no sqlite3");
            return None;
        }
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a folder");
        let shell = Self { folder };
        let migrations = root().join("crates/guidepost-store/src/sqlite/migrations");
        let mut files: Vec<PathBuf> = std::fs::read_dir(migrations)
            .expect("migrations")
            .map(|entry| entry.expect("a file").path())
            .collect();
        files.sort();
        for file in files {
            shell.run(&std::fs::read_to_string(file).expect("a migration")).expect("it applies");
        }
        Some(shell)
    }

    /// What the shell prints, or what it complains about.
    fn run(&self, sql: &str) -> Result<String, String> {
        let mut shell = Command::new("sqlite3")
            .args(["-batch", "-bail"])
            .arg(self.folder.join("guidepost.db"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the shell runs");
        let mut input = shell.stdin.take().expect("a pipe");
        // A shell that gives up at an error reads no further.
        let _ = input.write_all(sql.as_bytes());
        drop(input);
        let output = shell.wait_with_output().expect("the shell ends");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }
}

#[test]
fn the_statements_of_the_document_do_what_it_says() {
    let Some(shell) = Shell::new("sql_document") else { return };
    let document = std::fs::read_to_string(root().join("docs/sql.md")).expect("the document");
    let [define, go, edit] = statements(&document)[..] else {
        panic!("the document shows how to define, to move and to edit")
    };

    assert_eq!(shell.run(define), Ok(String::new()));
    let next = "SELECT current_state, next_transition, next_state FROM agent_next_actions WHERE agent_id = 1";
    assert_eq!(shell.run(next).as_deref(), Ok("IngestLead|Summarized|ScoreAndReflect"));

    assert_eq!(shell.run(go), Ok(String::new()));
    assert_eq!(shell.run(next).as_deref(), Ok("ScoreAndReflect|Scored|END"));
    let history = "SELECT seq, rev, kind, name, from_state, to_state FROM run_history ORDER BY seq";
    let expected = "1|1|placed|||IngestLead\n2|2|placed|Summarized|IngestLead|ScoreAndReflect";
    assert_eq!(shell.run(history).as_deref(), Ok(expected));

    let back = "UPDATE agent_instance SET current_state_id = \
                (SELECT state_id FROM workflow_state WHERE name = 'IngestLead')";
    let refused = shell.run(back).expect_err("no transition leads back");
    assert!(refused.contains("illegal move; legal now: Scored -> END"), "{refused}");
    assert_eq!(shell.run(history).as_deref(), Ok(expected), "a refused move changes nothing");

    assert_eq!(shell.run(edit), Ok(String::new()));
}

#[test]
fn what_the_document_says_is_refused_is_refused() {
    let Some(shell) = Shell::new("sql_document_refusals") else { return };
    let document = std::fs::read_to_string(root().join("docs/sql.md")).expect("the document");
    shell.run(statements(&document)[0]).expect("the workflow is defined");
    for (statement, complaint) in [
        ("DELETE FROM workflow_state WHERE name = 'IngestLead'", "occupied"),
        (
            "INSERT OR REPLACE INTO workflow_state (workflow_id, name) VALUES (1, 'IngestLead')",
            "occupied",
        ),
        ("DELETE FROM workflow", "runs"),
        ("UPDATE workflow_state SET name = 'Other' WHERE name = 'END'", "keeps its name"),
        ("DELETE FROM record", "history is never deleted"),
    ] {
        let refused = shell.run(statement).expect_err(statement);
        assert!(refused.contains(complaint), "{statement}: {refused}");
    }
    assert_eq!(shell.run("DELETE FROM agent_instance"), Ok(String::new()));
    let left = "SELECT status FROM run; SELECT kind FROM record ORDER BY seq";
    assert_eq!(shell.run(left).as_deref(), Ok("cancelled\nplaced\ncancelled"));
}
