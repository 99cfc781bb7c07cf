//! A process of its own that writes to a store until it is killed.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{ChildStdout, Command, Stdio};
use std::sync::Arc;

use guidepost_core::id::RunNo;
use guidepost_store::{Store, StoreError};

use crate::counter;

const URL: &str = "GUIDEPOST_TEST_URL";
const RUNS: &str = "GUIDEPOST_TEST_RUNS";

/// The parent's side.
pub(crate) struct Child {
    process: std::process::Child,
    lines: BufReader<ChildStdout>,
}

impl Child {
    /// Starts a process that has a task for each of the runs.
    pub(crate) fn start(url: &str, runs: &[RunNo]) -> Self {
        let runs: Vec<String> = runs.iter().map(|run| run.0.to_string()).collect();
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--nocapture"])
            .env(URL, url)
            .env(RUNS, runs.join(" "))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap());
        Self { process, lines }
    }

    /// The next line it prints.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "the child ended by itself");
        line.trim_end().to_owned()
    }

    /// Kills it at once. What it had printed by then is acknowledged too.
    pub(crate) fn kill(mut self) -> Vec<String> {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.lines.lines().map_while(Result::ok).collect()
    }
}

/// The child's side: counts in all its runs until it is killed.
pub(crate) fn run_if_told() {
    let (Ok(url), Ok(runs)) = (std::env::var(URL), std::env::var(RUNS)) else { return };
    let store = guidepost_store::open(&url).unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let tasks: Vec<_> = runs
            .split(' ')
            .map(|run| tokio::spawn(count(Arc::clone(&store), RunNo(run.parse().unwrap()))))
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

async fn count(store: Arc<dyn Store>, run: RunNo) {
    loop {
        let present = counter::load(store.as_ref(), run).await;
        match counter::step(store.as_ref(), run, present).await {
            Ok(number) => {
                let line = format!("{} {number}\n", run.0);
                std::io::stdout().write_all(line.as_bytes()).unwrap();
            }
            Err(StoreError::Conflict { .. } | StoreError::Busy { .. }) => {}
            Err(other) => panic!("{other}"),
        }
    }
}
