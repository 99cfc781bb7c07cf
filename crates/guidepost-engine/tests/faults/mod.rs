//! What an engine does while its surroundings fail: it loses nothing, says why it does nothing, and goes on by itself.

#[path = "../tools/server.rs"]
mod server;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use guidepost_core::id::Tenant;
use guidepost_core::input::Control;
use guidepost_core::run::{PauseReason, Status};
use guidepost_core::time::Span;
use guidepost_engine::work::tool::Tools;
use guidepost_engine::{Call, Engine, Handlers};
use guidepost_store::Durability;
use guidepost_store::sqlite::{Location, Sqlite};
use guidepost_store::testing::disk::{Disk, Failure, Plan};
use serde_json::json;

use crate::{Bench, data};

pub(crate) use self::server::serve as serve_tools;

const CHAIN: &str = "
name: chain
attributes: { a: { type: string }, b: { type: string }, c: { type: string } }
steps:
  - { name: A, task: work, output: [a] }
  - { name: B, task: work, output: [b] }
  - { name: C, task: work, output: [c] }
";

/// How soon another engine may take over: short, so that leases run out while the disk is full.
const LEASE: Span = Span(300_000_000);

/// A store on a disk that fills up on command.
fn on_disk() -> (Bench, Disk) {
    let keep = tempfile::tempdir().unwrap();
    let disk = Disk::new();
    let location = Location {
        durability: Durability::Process,
        vfs: Some(disk.vfs()),
        ..Location::new(keep.path().join("guidepost.db"))
    };
    let store = Arc::new(Sqlite::open(&location).unwrap());
    (Bench { store, tenant: Tenant::default(), keep }, disk)
}

fn fill(disk: Disk) {
    disk.plan(Some(Plan { call: 1, failure: Failure::Full, is_lasting: true }));
}

/// How often work was begun, by its key.
type Begun = Arc<Mutex<BTreeMap<String, u32>>>;

/// Handlers whose work takes a moment, and is counted.
fn counting(begun: &Begun) -> Handlers {
    let begun = Arc::clone(begun);
    Handlers::new().task("work", move |call: Call| {
        *begun.lock().unwrap().entry(call.key.clone()).or_default() += 1;
        async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            Ok(json!(call.key))
        }
    })
}

fn count(begun: &Begun) -> u32 {
    begun.lock().unwrap().values().sum()
}

/// R3: the disk fills up in the middle of the work, and is freed.
#[tokio::test]
async fn a_full_disk_stops_new_work_and_once_it_is_freed_everything_goes_on() {
    let (bench, disk) = on_disk();
    let mut runs = Vec::new();
    for _ in 0..20 {
        runs.push(bench.start(CHAIN, json!({})).await);
    }
    let begun = Begun::default();
    let engine = Engine::new(Arc::clone(&bench.store)).with_handlers(counting(&begun));
    let running = engine.with_lease(LEASE).with_slots(4).start();
    while count(&begun) < 10 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    fill(disk);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let at_rest = count(&begun);
    let why = running.trouble().borrow().clone().unwrap();
    assert!(why.contains("database or disk is full"), "{why}");
    assert!(at_rest < 60, "the disk was full too late");
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    assert_eq!(count(&begun), at_rest, "work was begun that cannot be kept");
    disk.plan(None);
    for run in &runs {
        let ended = bench.until(*run, |run| run.status.is_ended()).await;
        assert_eq!(ended.status, Status::Completed);
        assert_eq!(bench.store.verify(&bench.tenant, *run).await.unwrap().problems, []);
    }
    let mut trouble = running.trouble();
    let is_over = trouble.wait_for(Option::is_none);
    tokio::time::timeout(Duration::from_secs(10), is_over).await.unwrap().unwrap();
    running.stop().await;
    assert_eq!(
        begun.lock().unwrap().len(),
        60,
        "every step has one key, however often it was begun"
    );
}

#[tokio::test]
async fn an_engine_stops_also_while_its_store_is_down_and_what_was_not_kept_is_done_anew() {
    let (bench, disk) = on_disk();
    let run = bench.start(CHAIN, json!({})).await;
    let begun = Begun::default();
    let engine = Engine::new(Arc::clone(&bench.store)).with_lease(LEASE);
    let running = engine.clone().with_handlers(counting(&begun)).start();
    while count(&begun) < 1 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    fill(disk);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let told = Instant::now();
    tokio::time::timeout(Duration::from_secs(20), running.stop()).await.unwrap();
    assert!(told.elapsed() < Duration::from_secs(5), "{:?}", told.elapsed());
    disk.plan(None);
    let running = engine.with_handlers(counting(&begun)).start();
    let ended = bench.until(run, |run| run.status.is_ended()).await;
    running.stop().await;
    assert_eq!(ended.status, Status::Completed);
    let keys = begun.lock().unwrap().clone();
    assert_eq!(keys.len(), 3, "what was done anew had the same key: {keys:?}");
    assert_eq!(keys.values().copied().max(), Some(2), "{keys:?}");
}

#[tokio::test]
async fn a_run_whose_workflow_is_damaged_is_held_back_until_it_is_mended() {
    let bench = Bench::new();
    let run = bench.start(CHAIN, json!({})).await;
    let file = rusqlite::Connection::open(bench.keep.path().join("guidepost.db")).unwrap();
    let sql = |sql: &str| file.execute_batch(sql).unwrap();
    sql(
        "DROP TRIGGER workflow_version_edit_refuse; UPDATE workflow_version SET source = '- ' || source",
    );
    let begun = Begun::default();
    let engine = Engine::new(Arc::clone(&bench.store)).with_handlers(counting(&begun));
    let running = engine.with_lease(LEASE).start();
    let held = bench.until(run, |run| run.status == Status::Paused).await;
    let (reason, detail) = held.paused.clone().unwrap();
    assert_eq!(reason, PauseReason::Quarantined);
    assert!(detail.starts_with("the workflow `chain` does not compile: "), "{detail}");
    assert!(detail.ends_with("then resume the run to go on with it"), "{detail}");
    assert!(held.active.contains_key("A"), "it is where it was");
    sql("UPDATE workflow_version SET source = substr(source, 3)");
    bench.control(run, Control::Resume).await;
    let ended = bench.until(run, |run| run.status.is_ended()).await;
    running.stop().await;
    assert_eq!(ended.status, Status::Completed);
    assert_eq!(data(&ended).as_object().unwrap().len(), 3);
    assert_eq!(bench.store.verify(&bench.tenant, run).await.unwrap().problems, []);
}

/// A rule that somebody gave the file forbids what comes next, however often it is tried.
#[tokio::test]
async fn what_the_store_refuses_for_good_ends_in_a_named_state_and_stops_nobody_else() {
    const CAREFUL: &str = "
name: careful
initial: A
states:
  A: { task: work, onDone: END, onError: B }
  B: { task: work, onDone: END, onError: END }
  END: { type: final }
";
    let bench = Bench::new();
    let (failing, held) =
        (bench.start(CHAIN, json!({})).await, bench.start(CAREFUL, json!({})).await);
    let other = bench.start(CHAIN, json!({})).await;
    let file = rusqlite::Connection::open(bench.keep.path().join("guidepost.db")).unwrap();
    let sql = |sql: &str| file.execute_batch(sql).unwrap();
    sql("CREATE UNIQUE INDEX theirs ON record (run_no) WHERE kind = 'transitioned' AND run_no < 3");
    let begun = Begun::default();
    let engine = Engine::new(Arc::clone(&bench.store)).with_handlers(counting(&begun));
    let running = engine.with_lease(LEASE).start();
    // Its result is refused, which is a failure of the step, and nothing answers that.
    let failed = bench.until(failing, |run| run.status.is_ended()).await;
    assert_eq!(failed.status, Status::Failed);
    let told = failed.output.as_str().unwrap().to_owned();
    assert!(
        told.contains("the store refuses the result: a rule of the store forbids it: "),
        "{told}"
    );
    assert!(told.contains("`.schema` in the sqlite3 shell shows"), "{told}");
    // Here the failure leads on, which is refused, too.
    let paused = bench.until(held, |run| run.status == Status::Paused).await;
    let (reason, told) = paused.paused.clone().unwrap();
    assert_eq!(reason, PauseReason::Quarantined);
    assert!(told.starts_with("the store refuses what comes next: a rule of the store"), "{told}");
    assert!(told.ends_with("mend that, then resume the run to go on with it"), "{told}");
    let ended = bench.until(other, |run| run.status.is_ended()).await;
    assert_eq!(ended.status, Status::Completed, "it goes on beside them");
    assert_eq!(*running.trouble().borrow(), None, "the store is fine");
    sql("DROP INDEX theirs");
    bench.control(held, Control::Resume).await;
    let ended = bench.until(held, |run| run.status.is_ended()).await;
    running.stop().await;
    assert_eq!(ended.status, Status::Completed);
    for run in [failing, held, other] {
        assert_eq!(bench.store.verify(&bench.tenant, run).await.unwrap().problems, []);
    }
}

/// A handler within the engine gives more than any run may hold.
#[tokio::test]
async fn a_giant_result_fails_its_step_with_a_sentence() {
    let bench = Bench::new();
    let run = bench.start(CHAIN, json!({})).await;
    let handlers = Handlers::new().task("work", |_| async { Ok(json!("x".repeat(20 << 20))) });
    let running = Engine::new(Arc::clone(&bench.store)).with_handlers(handlers).start();
    let ended = bench.until(run, |run| run.status.is_ended()).await;
    running.stop().await;
    assert_eq!(ended.status, Status::Failed);
    let told = ended.output.as_str().unwrap();
    assert!(told.contains("bytes"), "{told}");
    assert!(told.len() < 1_000, "{} bytes", told.len());
}

/// An engine with the tools of a server that has every fault.
fn with_tools(bench: &Bench) -> Engine {
    let tools = Tools::new(BTreeMap::from([("desk".to_owned(), server::place())]), false);
    let handlers = Handlers::new().with("tool", Arc::new(tools));
    Engine::new(Arc::clone(&bench.store)).with_handlers(handlers).with_slots(100)
}

/// S4.3: whatever a tool server does, the run ends up in the state its workflow names, and knows why.
#[tokio::test]
async fn every_fault_of_a_tool_server_ends_in_a_named_state_with_a_sentence() {
    let bench = Bench::new();
    let mut runs = Vec::new();
    for (tool, why) in [
        ("exit", "was lost during the call of `exit`: it ended with exit status: 3"),
        ("garbage", "was lost during the call of `garbage`: it sent "),
        ("wrong_id", "it answered the request `9999`, which nobody made"),
        ("hang", "did not answer the call of `hang` within 3s"),
        ("giant", "the answer has more than 4194304 bytes"),
        ("large", "has more than 1048576 bytes"),
        ("fail", "the tool `fail` of `desk` failed: no ink"),
        ("lie", "gave what its own description forbids: sum "),
        ("ecko", "did you mean `echo`?"),
    ] {
        let timeout = if tool == "hang" { "3s" } else { "30s" };
        let definition = format!(
            "
name: {tool}
attributes: {{ why: {{ type: string }} }}
initial: Call
states:
  Call:
    tool: desk/{tool}
    timeout: {timeout}
    onDone: Fine
    onError: {{ target: Broken, actions: {{ assign: {{ why: event.error }} }} }}
  Broken: {{ type: final }}
  Fine: {{ type: final }}
"
        );
        // One after another, since a server that dies takes down every call.
        let run = bench.start(&definition, json!({})).await;
        let running = with_tools(&bench).for_run(run).start();
        bench.until(run, |run| run.status.is_ended()).await;
        running.stop().await;
        runs.push((tool, why, run));
    }
    for (tool, why, run) in runs {
        let ended = bench.load(run).await.run;
        assert!(ended.active.contains_key("Broken"), "{tool}: {ended:#?}");
        let told = data(&ended)["why"].as_str().unwrap_or_default().to_owned();
        assert!(told.contains(why), "{tool}: {told}");
    }
}

#[tokio::test]
async fn a_hundred_steps_at_once_share_one_server_and_a_crash_of_it_costs_only_attempts() {
    let bench = Bench::new();
    let items: Vec<u32> = (0..100).collect();
    let definition = "
name: many
attributes: { items: { type: number, is_array: true }, said: { type: string, is_array: true } }
steps:
  - { name: Nap, for_each: items, concurrency: 100, tool: desk/nap, input: { number: '{{ item }}' }, output: [said] }
  - { name: Crash, tool: desk/exit_once, retry: { max_attempts: 3, delay: 10ms } }
";
    let run = bench.start(definition, json!({ "items": items })).await;
    let running = with_tools(&bench).start();
    let ended = bench.until(run, |run| run.status.is_ended()).await;
    running.stop().await;
    assert_eq!(ended.status, Status::Completed, "{ended:#?}");
    let said = data(&ended)["said"].clone();
    let expected: Vec<String> =
        items.iter().map(|item| json!({ "number": item }).to_string()).collect();
    assert_eq!(said, json!(expected), "each its own, in order");
    let kinds = bench.kinds(run).await;
    assert_eq!(kinds.iter().filter(|kind| *kind == "attempt_failed").count(), 1, "{kinds:?}");
}
