//! A process of its own that writes to a store until it is killed.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{ChildStdout, Command, Stdio};
use std::sync::Arc;

use guidepost_core::id::RunNo;
use guidepost_store::{Store, StoreError};

use crate::check::Acknowledged;
use crate::counter::{self, Counted};

const URL: &str = "GUIDEPOST_TEST_URL";
const RUNS: &str = "GUIDEPOST_TEST_RUNS";
const IS_RASH: &str = "GUIDEPOST_TEST_IS_RASH";

/// The parent's side.
pub(crate) struct Child {
    process: std::process::Child,
    lines: BufReader<ChildStdout>,
}

impl Child {
    /// Starts a process that has a task for each of the runs.
    pub(crate) fn start(url: &str, runs: &[RunNo]) -> Self {
        Self::of(url, runs, |command| command)
    }

    /// Starts one that says that a step is durable before it is.
    pub(crate) fn start_rash(url: &str, runs: &[RunNo]) -> Self {
        Self::of(url, runs, |command| command.env(IS_RASH, ""))
    }

    fn of(url: &str, runs: &[RunNo], more: impl Fn(&mut Command) -> &mut Command) -> Self {
        let runs: Vec<String> = runs.iter().map(|run| run.0.to_string()).collect();
        let mut command = Command::new(std::env::current_exe().unwrap());
        let command = command
            .args(["--exact", "child", "--nocapture"])
            .env(URL, url)
            .env(RUNS, runs.join(" "))
            .stdout(Stdio::piped());
        let mut process = more(command).spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap());
        Self { process, lines }
    }

    /// Waits until it writes.
    pub(crate) fn wait(&mut self, acknowledged: &mut Acknowledged) {
        let mut line = String::new();
        while !acknowledged.add_line(line.trim_end()) {
            line.clear();
            self.lines.read_line(&mut line).unwrap();
            assert!(!line.is_empty(), "the child ended by itself");
        }
    }

    /// Kills it at once. What it had printed by then is acknowledged too.
    pub(crate) fn kill(mut self, acknowledged: &mut Acknowledged) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        for line in self.lines.lines().map_while(Result::ok) {
            acknowledged.add_line(&line);
        }
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
    let is_rash = std::env::var_os(IS_RASH).is_some();
    let say = |Counted { rev, number }| {
        let line = format!("{} {rev} {number}\n", run.0);
        std::io::stdout().write_all(line.as_bytes()).unwrap();
    };
    loop {
        let present = counter::load(store.as_ref(), run).await;
        if is_rash {
            say(counter::next(&present));
        }
        match counter::step(store.as_ref(), run, present).await {
            Ok(counted) if !is_rash => say(counted),
            Ok(_) => {}
            Err(StoreError::Conflict { .. } | StoreError::Busy { .. }) => {}
            Err(other) => panic!("{other}"),
        }
    }
}
