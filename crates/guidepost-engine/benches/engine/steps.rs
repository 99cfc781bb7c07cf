//! What the engine does for a step, when many runs work, when one does, and late in a long run.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use guidepost_core::time::Timestamp;
use guidepost_engine::{Engine, Handlers};
use serde_json::Value as Json;

use crate::{line, runs};

/// Steps of a run.
const STEPS: u32 = 10;

/// Creates so many runs, then measures how many steps per second an engine does, so many runs at once.
pub(crate) async fn per_second(path: &Path, runs: u32, at_once: u32) -> f64 {
    let store = guidepost_store::open(path.to_str().unwrap()).unwrap();
    runs::start(&store, &row(), &vec![Timestamp(0); runs as usize]).await;
    let begun = Instant::now();
    let running = Engine::new(store).with_handlers(nothing()).with_slots(at_once as usize).start();
    let steps = u64::from(runs * STEPS);
    // A commit takes a result and files the next task.
    let mut commits = running.commits();
    // Whoever waits for each commit is woken by each, and so looks only now and then until the last.
    while *commits.borrow() + 100 < steps {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    commits.wait_for(|commits| *commits >= steps).await.unwrap();
    let seconds = begun.elapsed().as_secs_f64();
    running.stop().await;
    f64::from(runs * STEPS) / seconds
}

/// A row of tasks.
fn row() -> String {
    let mut text = "name: row\ninitial: s1\nstates:\n".to_owned();
    for step in 1..=STEPS {
        let next = if step == STEPS { "end".to_owned() } else { format!("s{}", step + 1) };
        let _ = writeln!(text, "  s{step}: {{ task: nothing, onDone: {next} }}");
    }
    text + "  end: { type: final }\n"
}

fn nothing() -> Handlers {
    Handlers::new().task("nothing", |_| async { Ok(Json::Null) })
}

/// A run that goes on for ever.
const LOOP: &str = "
name: loop
initial: a
states:
  a: { task: nothing, onDone: b }
  b: { task: nothing, onDone: a }
";

/// What the last thousand of 10,000 steps of one run cost, next to steps 101 to 1,100.
pub(crate) async fn long(path: &Path) {
    let store = guidepost_store::open(path.to_str().unwrap()).unwrap();
    runs::start(&store, LOOP, &[runs::now()]).await;
    let running = Engine::new(store).with_handlers(nothing()).with_slots(1).start();
    let mut commits = running.commits();
    let mut cost = async |from: u64, to: u64| {
        commits.wait_for(|commits| *commits >= from).await.unwrap();
        let (begun, before) = (Instant::now(), bytes_written());
        commits.wait_for(|commits| *commits >= to).await.unwrap();
        let steps = (to - from) as f64;
        (begun.elapsed().as_secs_f64() * 1e6 / steps, (bytes_written() - before) as f64 / steps)
    };
    let early = cost(100, 1_100).await;
    let late = cost(9_000, 10_000).await;
    line("late-step-us", late.0, early.0);
    line("late-step-bytes", late.1, early.1);
    running.stop().await;
}

/// Bytes this process has passed to the file system.
pub(crate) fn bytes_written() -> u64 {
    let io = std::fs::read_to_string("/proc/self/io").unwrap();
    let line = io.lines().find_map(|line| line.strip_prefix("wchar: ")).unwrap();
    line.trim().parse().unwrap()
}
