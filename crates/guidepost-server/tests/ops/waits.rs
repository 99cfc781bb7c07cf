//! Many branches that wait, each for something else, resumed in any order (B6).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use guidepost_core::id::{Rev, RunRef};
use guidepost_core::run::{Driver, Status};
use guidepost_core::time::Span;
use guidepost_engine::{Engine, Running};
use guidepost_server::ops::{
    Allowed, ClaimTasks, ClaimedTask, Define, Detail, EndTask, FindRuns, OpError, Ops, ReadHistory,
    ReplayRun, SendEvent, StartRun, Taken, WORKER_LEASE, WhereAmI,
};
use guidepost_store::StoreError;
use serde_json::{Map, Value as Json, json};
use tokio::runtime::Runtime;

/// Branches of each kind of wait.
const EACH: usize = 4;

/// How soon an engine takes over from one that vanished.
const LEASE: Span = Span(200_000_000);

/// Items of the fan-out.
const ITEMS: usize = 5;

/// Something a branch waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Awaited {
    Event(usize),
    Person(usize),
    Worker(usize),
    Item(usize),
    Child(usize),
}

/// A parallel state with a region for every wait: events, times, people, workers, launched runs; and a step that fans out to
/// workers.
fn definition() -> String {
    let region = |name: String, waits: String| {
        format!(
            "  {name}: {{ initial: Waits, states: {{ Waits: {{ {waits} }}, Went: {{ type: final }} }} }}\n"
        )
    };
    let mut regions = String::new();
    for n in 0..EACH {
        regions += &region(format!("Event{n}"), format!("on: {{ go{n}: Went }}"));
        regions += &region(format!("Time{n}"), format!("wait: {}ms, onDone: Went", 300 * (n + 1)));
        regions += &region(
            format!("Person{n}"),
            format!(
                "ask: {{ question: 'May {n} go?', options: [Yes{n}] }}, on: {{ Yes{n}: Went }}"
            ),
        );
        regions += &region(format!("Worker{n}"), "task: work, onDone: Went".to_owned());
        regions += &region(format!("Child{n}"), "run: child, onDone: Went".to_owned());
    }
    let items: Vec<String> = (0..ITEMS).map(|n| n.to_string()).collect();
    regions += &region(
        "Items".to_owned(),
        format!("task: item, for_each: [{}], output: [got], onDone: Went", items.join(", ")),
    );
    format!(
        "name: waits\nattributes: {{ got: {{ type: string, is_array: true }} }}\ntype: parallel\nstates:\n{regions}"
    )
}

const CHILD: &str = "
name: child
initial: Sit
states:
  Sit: { on: { Ready: END } }
  END: { type: final }
";

/// The processes that work on one store: each has its own operations.
struct House {
    url: Option<String>,
    ops: Arc<Ops>,
    _keep: tempfile::TempDir,
}

impl House {
    fn new(is_sqlite: bool) -> Self {
        let keep = tempfile::tempdir().unwrap();
        let url = is_sqlite.then(|| keep.path().join("guidepost.db").display().to_string());
        let store = guidepost_store::open(url.as_deref().unwrap_or("memory:")).unwrap();
        Self { url, ops: Arc::new(Ops::new(store)), _keep: keep }
    }

    /// Another process; of a store in memory there is one only.
    fn another(&self) -> Arc<Ops> {
        match &self.url {
            Some(url) => Arc::new(Ops::new(guidepost_store::open(url).unwrap())),
            None => Arc::clone(&self.ops),
        }
    }

    /// An engine, in a runtime of its own.
    fn engine(&self) -> (Runtime, Running) {
        let runtime = Runtime::new().unwrap();
        let engine = Engine::new(self.another().shared_store()).with_lease(LEASE);
        let running = {
            let _within = runtime.enter();
            engine.start()
        };
        (runtime, running)
    }

    async fn start(&self) -> RunRef {
        for text in [CHILD.to_owned(), definition()] {
            let define = Define {
                text,
                file: "waits.yaml".to_owned(),
                save: true,
                allowed: Allowed::Everything,
                caller: "ada".to_owned(),
            };
            self.ops.define(&define).await.unwrap();
        }
        let start = StartRun {
            workflow: Some("waits".to_owned()),
            driver: Driver::Engine,
            ..StartRun::default()
        };
        self.ops.start_run(&start).await.unwrap().standing.name.run_no.into()
    }

    async fn claim(&self, queue: &str, limit: usize) -> Vec<ClaimedTask> {
        let claim = ClaimTasks {
            queues: vec![queue.to_owned()],
            limit,
            lease: WORKER_LEASE,
            caller: "worker".to_owned(),
        };
        let claimed = self.ops.claim_tasks(&claim).await.unwrap();
        assert_eq!(claimed.len(), limit, "{queue}");
        claimed
    }

    /// The runs that were launched, once they are all there.
    async fn children(&self) -> Vec<RunRef> {
        for _ in 0..1_000 {
            let wanted =
                FindRuns { workflow: Some("child".to_owned()), limit: 100, ..FindRuns::default() };
            let found = self.ops.find_runs(&wanted).await.unwrap().items;
            if found.len() >= EACH {
                return found.iter().map(|hit| hit.name.run_no.into()).collect();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("they were not launched")
    }

    async fn history(&self, run: &RunRef) -> Vec<Json> {
        let read = ReadHistory {
            run: run.clone(),
            newest_first: false,
            kinds: Vec::new(),
            limit: 1_000,
            cursor: None,
        };
        let items = self.ops.history(&read).await.unwrap().items;
        items.iter().map(|item| json!({ "kind": item.kind, "body": item.body })).collect()
    }
}

fn event(run: &RunRef, event: &str, rev: Option<Rev>, caller: &str) -> SendEvent {
    SendEvent {
        run: run.clone(),
        event: event.to_owned(),
        data: Map::new(),
        rev,
        note: None,
        caller: caller.to_owned(),
    }
}

/// What is told by two who resume the same wait at once: whether each was the first, `None` if it was refused.
type Told = [Option<bool>; 2];

/// All that is waited for, with what it takes to resume it.
struct Waits {
    run: RunRef,
    rev: Rev,
    children: Vec<RunRef>,
    work: Vec<ClaimedTask>,
    items: Vec<ClaimedTask>,
}

impl Waits {
    /// Resumes one wait twice at the same moment, by two processes.
    async fn resume(&self, house: &House, awaited: Awaited) -> Told {
        let (one, other) = (house.another(), house.another());
        let sent = |moved: Result<guidepost_server::ops::Moved, OpError>| match moved {
            Ok(moved) => Some(!moved.is_repeat),
            Err(OpError::NotDone(_)) => None,
            Err(error) => panic!("{error}"),
        };
        let ended = |taken: Result<Taken, OpError>| match taken {
            Ok(taken) => Some(taken == Taken::Now),
            Err(OpError::Store(StoreError::LeaseLost { .. }) | OpError::NotDone(_)) => None,
            Err(error) => panic!("{error}"),
        };
        let end = |task: &ClaimedTask, value: Json| EndTask {
            task: task.task.clone(),
            attempt: task.attempt,
            outcome: Ok(value),
            caller: "worker".to_owned(),
        };
        match awaited {
            // A sender who hears nothing asks again.
            Awaited::Event(n) => {
                let event = event(&self.run, &format!("go{n}"), Some(self.rev), "ada");
                let (a, b) = tokio::join!(one.send_event(&event), other.send_event(&event));
                [sent(a), sent(b)]
            }
            // Two people answer.
            Awaited::Person(n) => {
                let answer = |who| event(&self.run, &format!("Yes{n}"), Some(self.rev), who);
                let (ada, bob) = (answer("ada"), answer("bob"));
                let (a, b) = tokio::join!(one.send_event(&ada), other.send_event(&bob));
                [sent(a), sent(b)]
            }
            Awaited::Worker(n) => {
                let end = end(&self.work[n], Json::Null);
                let (a, b) = tokio::join!(one.end_task(&end), other.end_task(&end));
                [ended(a), ended(b)]
            }
            // Two who do not agree on what it gave.
            Awaited::Item(n) => {
                let (right, wrong) =
                    (end(&self.items[n], json!("a")), end(&self.items[n], json!("b")));
                let (a, b) = tokio::join!(one.end_task(&right), other.end_task(&wrong));
                [ended(a), ended(b)]
            }
            Awaited::Child(n) => {
                let ready = |who| event(&self.children[n], "Ready", None, who);
                let (ada, bob) = (ready("ada"), ready("bob"));
                let (a, b) = tokio::join!(one.send_event(&ada), other.send_event(&bob));
                [sent(a), sent(b)]
            }
        }
    }
}

/// All waits but those for a time, in an order that the seed makes.
fn shuffled(seed: u64) -> Vec<Awaited> {
    let mut all: Vec<Awaited> = (0..EACH)
        .flat_map(|n| {
            [Awaited::Event(n), Awaited::Person(n), Awaited::Worker(n), Awaited::Child(n)]
        })
        .chain((0..ITEMS).map(Awaited::Item))
        .collect();
    all.sort_by_key(|awaited| blake3::hash(format!("{seed} {awaited:?}").as_bytes()).to_hex());
    all
}

/// B6: waits for events, times, people, workers, branches of a fan-out and launched runs, all in one run. They are resumed in
/// any order, each by two at once; half of them while an engine works, which then stops, or vanishes in the middle of what it
/// does, and the rest before another one is there. Each goes on once, none is begun again, and none is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn b6_every_kind_of_wait_is_resumed_once_in_any_order() {
    for (seed, is_sqlite) in [(1, false), (2, true), (3, true), (4, false)] {
        let house = House::new(is_sqlite);
        let run = house.start().await;
        let (runtime, first) = house.engine();
        let at = WhereAmI { run: run.clone(), detail: Detail::Brief };
        let waits = Waits {
            rev: house.ops.where_am_i(&at).await.unwrap().rev,
            children: house.children().await,
            work: house.claim("task:work", EACH).await,
            items: house.claim("task:item", ITEMS).await,
            run: run.clone(),
        };
        let order = shuffled(seed);
        let (early, late) = order.split_at(order.len() / 2);
        let mut told: BTreeMap<Awaited, Told> = BTreeMap::new();
        for awaited in early {
            told.insert(*awaited, waits.resume(&house, *awaited).await);
        }
        if seed % 2 == 0 {
            first.stop().await;
        }
        runtime.shutdown_background();
        // Nobody works on it, and whatever is waited for comes all the same.
        for awaited in late {
            told.insert(*awaited, waits.resume(&house, *awaited).await);
        }
        let (runtime, second) = house.engine();
        let mut standing = house.another().where_am_i(&at).await.unwrap();
        for _ in 0..2_000 {
            if standing.status.is_ended() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
            standing = house.another().where_am_i(&at).await.unwrap();
        }
        second.stop().await;
        runtime.shutdown_background();
        assert_eq!(standing.status, Status::Completed, "seed {seed}: {standing:#?}");
        for (awaited, told) in &told {
            let firsts = told.iter().filter(|told| **told == Some(true)).count();
            assert_eq!(firsts, 1, "seed {seed}: {awaited:?} {told:?}");
        }
        each_went_once(&house, &run, seed).await;
    }
}

/// Every wait was begun once and ended once, the results are in their places, and the history decides to itself.
async fn each_went_once(house: &House, run: &RunRef, seed: u64) {
    let history = house.history(run).await;
    let mut began: BTreeMap<String, usize> = BTreeMap::new();
    for entered in history.iter().flat_map(|record| record["body"]["entered"].as_array()).flatten()
    {
        *began.entry(entered.as_str().unwrap_or_default().to_owned()).or_default() += 1;
    }
    for kind in ["Event", "Time", "Person", "Worker", "Child"] {
        for n in 0..EACH {
            for state in ["Waits", "Went"] {
                let path = format!("{kind}{n}.{state}");
                assert_eq!(began.get(&path), Some(&1), "seed {seed}: {path}");
            }
        }
    }
    let ended: Vec<u64> = history
        .iter()
        .filter(|record| record["kind"] == "branch_ended")
        .filter_map(|record| record["body"]["branch"].as_u64())
        .collect();
    let mut once = ended.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!((ended.len(), once.len()), (ITEMS, ITEMS), "seed {seed}: {ended:?}");
    let at = WhereAmI { run: run.clone(), detail: Detail::Brief };
    let got = house.ops.where_am_i(&at).await.unwrap().data["got"].clone();
    let got: Vec<&str> = got.as_array().unwrap().iter().filter_map(Json::as_str).collect();
    assert!(got.len() == ITEMS && got.iter().all(|got| ["a", "b"].contains(got)), "{got:?}");
    let launched =
        FindRuns { limit: 100, workflow: Some("child".to_owned()), ..FindRuns::default() };
    assert_eq!(house.ops.find_runs(&launched).await.unwrap().items.len(), EACH, "seed {seed}");
    let verified = house.ops.verify_run(run).await.unwrap().verified;
    assert!(verified.problems.is_empty() && verified.records > 0, "{verified:?}");
    let replay = ReplayRun { run: run.clone(), against: None };
    assert!(house.ops.replay(&replay).await.unwrap().divergence.is_none(), "seed {seed}");
}
