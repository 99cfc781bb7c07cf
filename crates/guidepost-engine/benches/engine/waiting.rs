//! What runs cost that wait, and how late their timers are. The engine is a process of its own here, this program called
//! with `--serve FILE`, so that nothing but its work is measured and it can be killed.

use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use guidepost_core::time::Timestamp;
use guidepost_engine::Engine;
use rusqlite::Connection;

use crate::line;
use crate::memory::resident_mib;
use crate::runs;

/// A run that waits for an hour.
const HOUR: &str = "
name: hour
initial: waiting
states:
  waiting: { after: { 1h: end } }
  end: { type: final }
";

/// How many runs wait.
const WAITING: usize = 10_000;

/// How many timers are due in the hour to come.
const TIMERS: i64 = 100_000;

/// How many of them a quick look takes, from the first minutes.
const QUICK_TIMERS: i64 = 1_000;

const SECOND: i64 = 1_000_000_000;

/// What is promised: memory of the process, share of a core, and how late a timer is.
const MOST_MIB: f64 = 200.0;
const MOST_PERCENT: f64 = 1.0;
const MOST_LATE_MS: f64 = 1_000.0;

/// Does the work of a store until the process is killed.
pub(crate) async fn serve(path: &str) {
    let _running = Engine::new(guidepost_store::open(path).unwrap()).start();
    std::future::pending::<()>().await;
}

/// Measures an engine over runs that wait, so many times for so long.
pub(crate) async fn idle(path: &Path, samples: u32, lasting: Duration) {
    let store = guidepost_store::open(path.to_str().unwrap()).unwrap();
    runs::start(&store, HOUR, &vec![runs::now(); WAITING]).await;
    drop(store);
    let engine = Process::start(path);
    tokio::time::sleep(Duration::from_secs(2)).await;
    for _ in 0..samples {
        let before = engine.cpu_seconds();
        tokio::time::sleep(lasting).await;
        let share = (engine.cpu_seconds() - before) / lasting.as_secs_f64();
        line("waiting-10000-cpu-percent", share * 100.0, MOST_PERCENT);
        line("waiting-10000-mib", resident_mib(engine.0.id()), MOST_MIB);
    }
}

/// Measures how late timers are of which there are 100,000 in an hour, in so many windows of so long. In the middle of each
/// the engine is killed and started anew.
pub(crate) async fn timers(path: &Path, is_quick: bool, windows: u32, lasting: Duration) {
    let store = guidepost_store::open(path.to_str().unwrap()).unwrap();
    let hour = 3_600 * SECOND;
    // The first is due when all are there.
    let (count, ahead) = if is_quick { (QUICK_TIMERS, 3) } else { (TIMERS, 60) };
    let first = runs::now().0 - hour + ahead * SECOND;
    let at: Vec<_> = (0..count).map(|n| Timestamp(first + n * (hour / TIMERS))).collect();
    runs::start(&store, HOUR, &at).await;
    drop(store);
    let until = Duration::from_nanos((first + hour - runs::now().0).max(0).unsigned_abs());
    tokio::time::sleep(until).await;
    let mut engine = Process::start(path);
    for _ in 0..windows {
        let begun = runs::now();
        tokio::time::sleep(lasting / 2).await;
        drop(engine);
        engine = Process::start(path);
        tokio::time::sleep(lasting / 2).await;
        // What was due at the end of the window has a little more time to be late.
        let due = (begun.0, runs::now().0);
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        line("timers-100000-late-ms", late_ms(path, due), MOST_LATE_MS);
    }
}

/// By how many milliseconds 99 of 100 timers that were due in this span are late at most. One that has not fired is late
/// until now.
fn late_ms(path: &Path, (from, to): (i64, i64)) -> f64 {
    let now = runs::now().0;
    let reader = Connection::open(path).unwrap();
    let mut fired = reader
        .prepare("SELECT recorded_at - at FROM record WHERE seq > 2 AND at >= ? AND at < ?")
        .unwrap();
    let fired = fired.query_map((from, to), |row| row.get::<_, i64>(0)).unwrap();
    let mut late: Vec<i64> = fired.map(|late| late.unwrap()).collect();
    let pending = "SELECT due_at FROM agent_instance WHERE due_at >= ? AND due_at < ?";
    let mut pending = reader.prepare(pending).unwrap();
    let pending = pending.query_map((from, to), |row| row.get::<_, i64>(0)).unwrap();
    late.extend(pending.map(|due| now - due.unwrap()));
    late.sort_unstable();
    assert!(late.len() > 20, "{} timers were due", late.len());
    late[late.len() * 99 / 100] as f64 / 1e6
}

/// An engine in a process of its own, killed when it is dropped.
struct Process(Child);

impl Process {
    fn start(path: &Path) -> Self {
        let this = std::env::current_exe().unwrap();
        Self(Command::new(this).arg("--serve").arg(path).spawn().unwrap())
    }

    /// Time on processors so far, in user and system mode.
    fn cpu_seconds(&self) -> f64 {
        let mut nanos = 0;
        // Each thread's clock counts nanoseconds, the process's own only hundredths of seconds.
        for thread in std::fs::read_dir(format!("/proc/{}/task", self.0.id())).unwrap() {
            let clock = thread.unwrap().path().join("schedstat");
            let clock = std::fs::read_to_string(clock).unwrap_or_default();
            nanos += clock.split(' ').next().and_then(|time| time.parse::<u64>().ok()).unwrap_or(0);
        }
        nanos as f64 / 1e9
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}
