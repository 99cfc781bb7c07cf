//! What steps write while a run's data grows.

use std::path::Path;
use std::sync::Arc;

use guidepost_core::id::{EventName, Rev, RunNo, Tenant};
use guidepost_core::input::{By, Event, Input};
use guidepost_core::kernel;
use guidepost_core::machine::Machine;
use guidepost_core::run::Run;
use guidepost_engine::plan;
use guidepost_store::Store;
use serde_json::{Map, json};

use crate::{line, runs, steps};

/// A run whose data gains a text with each event.
const GATHER: &str = "
name: gather
attributes: { notes: { type: string, is_array: true, default: [] } }
initial: a
states:
  a: { on: { ADD: { actions: [{ append: { notes: event.note } }] } } }
";

/// Bytes handed to the file system per step, while the data gains 100 bytes by append with each: late steps against early
/// ones of the same run. The store is a new one, so that nobody pays for what another left in the log; what is counted does
/// not depend on whether the disk keeps it.
///
/// Whoever sends the events keeps the run in memory, as an engine does. To load it for each would take a minute, and
/// nothing is written by that.
pub(crate) async fn growth(path: &Path) {
    let url = format!("sqlite:{}?durability=process", path.display());
    let store = guidepost_store::open(&url).unwrap();
    let machine = runs::define(&store, GATHER).await;
    let (no, run) = runs::start_one(Arc::clone(&store), Arc::clone(&machine), runs::now()).await;
    let mut gathering = Gathering { store, machine, no, run };
    gathering.bytes_per_step(64).await;
    let early = gathering.bytes_per_step(64).await;
    gathering.bytes_per_step(4_096 - 128).await;
    let late = gathering.bytes_per_step(4_096).await;
    line("bytes-per-step-late", late, early);
}

struct Gathering {
    store: Arc<dyn Store>,
    machine: Arc<Machine>,
    no: RunNo,
    run: Run,
}

impl Gathering {
    async fn bytes_per_step(&mut self, steps: u32) -> f64 {
        let before = steps::bytes_written();
        for _ in 0..steps {
            self.step().await;
        }
        (steps::bytes_written() - before) as f64 / f64::from(steps)
    }

    async fn step(&mut self) {
        let at = runs::now();
        let input = Input::Event(Event {
            name: EventName::from("ADD"),
            data: Map::from_iter([("note".to_owned(), json!("x".repeat(98)))]),
            rev: None,
            evidence: Vec::new(),
            by: By::default(),
            at,
        });
        let (decision, after) = kernel::decide_all(&self.machine, &self.run, &input).unwrap();
        let batch = plan::batch(&self.machine, &self.run, decision, after, None, at, |_| None);
        let expected: Rev = self.run.rev;
        self.run = batch.run.clone();
        let tenant = Tenant::default();
        let committed = self.store.commit(&tenant, self.no, expected, batch).await.unwrap();
        if committed.snapshot {
            self.run.snapshot_taken();
        }
    }
}
