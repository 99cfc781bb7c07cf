//! A database file, and the real programs that read and write it.

use std::future::Future;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;

use guidepost_core::id::Tenant;
use guidepost_store::Store;

/// The document's example: a workflow of four states, and two agents in the first.
pub(crate) const LEAD: &str = "
INSERT INTO workflow (workflow_id, name) VALUES (1, 'LeadQualAgent');
INSERT INTO workflow_state (state_id, workflow_id, name, guideline) VALUES
    (1, 1, 'IngestLead', 'Summarize raw lead payload; highlight ICP features.'),
    (2, 1, 'ScoreAndReflect', 'Calculate qualification score. Think step-by-step …'),
    (3, 1, 'AwaitResponse', 'Monitor inbox stream …'),
    (4, 1, 'END', NULL);
INSERT INTO workflow_transition (workflow_id, name, from_state_id, to_state_id, description) VALUES
    (1, 'Summarized', 1, 2, NULL),
    (1, 'SendIntro', 2, 3, 'Send the intro'),
    (1, 'PositiveReply', 3, 4, 'Hand off to AE');
INSERT INTO agent_instance (agent_id, workflow_id, agent_name, current_state_id) VALUES
    (17, 1, 'writer', 1),
    (18, 1, 'reader', 1);
";

/// A database file in a directory of its own.
pub(crate) struct File {
    _directory: tempfile::TempDir,
    url: String,
    /// A store that has the file open all the time, if the test wants one.
    store: Option<Arc<dyn Store>>,
}

impl File {
    /// No file yet.
    pub(crate) fn bare() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = directory.path().join("guidepost.db").to_str().unwrap().to_owned();
        Self { _directory: directory, url, store: None }
    }

    /// A new store's file, which nobody has open.
    pub(crate) fn new() -> Self {
        let file = Self::bare();
        drop(guidepost_store::open(&file.url).unwrap());
        file
    }

    /// A new store's file, which a store has open.
    pub(crate) fn open() -> Self {
        let mut file = Self::bare();
        file.store = Some(guidepost_store::open(&file.url).unwrap());
        file
    }

    /// Tries something on a file that nobody has open, and on one that a store has open.
    pub(crate) fn each(test: impl Fn(&Self)) {
        test(&Self::new());
        test(&Self::open());
    }

    /// The URL that opens it.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Inserts the document's example.
    pub(crate) fn lead(&self) {
        self.shell(LEAD);
    }

    /// Does something with a store: the one that has the file open, or else one opened for it.
    pub(crate) fn with_store<T>(&self, use_it: impl AsyncFnOnce(&dyn Store, &Tenant) -> T) -> T {
        let store = match &self.store {
            Some(store) => Arc::clone(store),
            None => guidepost_store::open(&self.url).unwrap(),
        };
        block_on(use_it(store.as_ref(), &Tenant::default()))
    }

    /// What the stock shell answers.
    pub(crate) fn shell(&self, sql: &str) -> String {
        run(Command::new("sqlite3").arg("-bail").arg(&self.url), sql)
            .unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// Asserts that the stock shell is refused, for this reason.
    pub(crate) fn refused(&self, sql: &str, reason: &str) {
        match run(Command::new("sqlite3").arg("-bail").arg(&self.url), sql) {
            Ok(answer) => panic!("{sql}: expected `{reason}`, got `{answer}`"),
            Err(error) => {
                assert!(error.contains(reason), "{sql}: expected `{reason}`, got `{error}`")
            }
        }
    }

    /// What a Python program prints that has a connection `db` and a cursor `cur`.
    pub(crate) fn python(&self, code: &str) -> String {
        let program = format!(
            "import sqlite3, sys\ndb = sqlite3.connect(sys.argv[1])\ncur = db.cursor()\n{code}"
        );
        run(Command::new("python3").arg("-c").arg(program).arg(&self.url), "")
            .unwrap_or_else(|error| panic!("{error}"))
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn run(command: &mut Command, input: &str) -> Result<String, String> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| {
            let program = command.get_program().display();
            panic!("`{program}` cannot be run ({error}): install it, or run `cargo xtask test`, which does")
        });
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().trim_end().to_owned();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}
