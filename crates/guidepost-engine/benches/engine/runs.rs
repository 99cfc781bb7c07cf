//! Starting many runs.

use std::sync::Arc;

use guidepost_core::id::{RunId, RunNo, Tenant, Version};
use guidepost_core::input::{By, Input, Start};
use guidepost_core::kernel;
use guidepost_core::machine::Machine;
use guidepost_core::run::{Driver, Run};
use guidepost_core::time::Timestamp;
use guidepost_core::workflow::compile;
use guidepost_engine::plan;
use guidepost_engine::world::{System, World as _};
use guidepost_store::{NewRun, NewVersion, Source, Store};

pub(crate) fn now() -> Timestamp {
    System.now()
}

/// Starts a run of the workflow at each of these times.
pub(crate) async fn start(store: &Arc<dyn Store>, definition: &str, at: &[Timestamp]) {
    let machine = define(store, definition).await;
    let starts: Vec<_> = at
        .iter()
        .map(|at| tokio::spawn(start_one(Arc::clone(store), Arc::clone(&machine), *at)))
        .collect();
    for start in starts {
        start.await.unwrap();
    }
}

pub(crate) async fn define(store: &Arc<dyn Store>, definition: &str) -> Arc<Machine> {
    let machine = Arc::new(compile(definition.as_bytes(), "bench.yaml").machine.unwrap());
    let source =
        Source { format: "yaml".to_owned(), text: definition.to_owned(), file: String::new() };
    let new = NewVersion::of(&machine, source, "bench", Timestamp(0));
    store.define(&Tenant::default(), new).await.unwrap();
    machine
}

/// Starts one run, and gives it as it is then.
pub(crate) async fn start_one(
    store: Arc<dyn Store>,
    machine: Arc<Machine>,
    at: Timestamp,
) -> (RunNo, Run) {
    let data = serde_json::Map::new();
    let start = Input::Start(Start { driver: Driver::Engine, data, by: By::default(), at });
    let (decision, after) = kernel::decide_all(&machine, &Run::default(), &start).unwrap();
    let batch = plan::batch(&machine, &Run::default(), decision, after, None, at, |_| None);
    let new = NewRun::new(
        RunId(uuid::Uuid::now_v7()),
        &machine.name,
        Some(Version(1)),
        Driver::Engine,
        at,
    );
    let run = batch.run.clone();
    (store.create(&Tenant::default(), new, batch).await.unwrap().run, run)
}
