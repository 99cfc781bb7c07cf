//! Runs that the engine drives, over a real store, with handlers in Rust.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod faults;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use guidepost_core::id::{RunId, RunNo, RunRef, Tenant};
use guidepost_core::input::{By, Control, Input, Start};
use guidepost_core::kernel;
use guidepost_core::run::{Driver, Run, Status};
use guidepost_core::time::{Span, Timestamp};
use guidepost_core::workflow::compile;
use guidepost_engine::work::exec::{Allowed, Exec};
use guidepost_engine::{Call, Engine, Failure, Handler, Handlers, Outcome, plan};
use guidepost_store::{
    EntryBody, HistoryPage, Loaded, NewRun, NewVersion, Source, Store, TaskFilter,
};
use serde_json::{Value as Json, json};

/// A store and what is needed to start runs in it.
struct Bench {
    store: Arc<dyn Store>,
    tenant: Tenant,
    keep: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let keep = tempfile::tempdir().unwrap();
        let url = format!("{}?durability=process", keep.path().join("guidepost.db").display());
        Self { store: guidepost_store::open(&url).unwrap(), tenant: Tenant::default(), keep }
    }

    async fn start(&self, definition: &str, data: Json) -> RunNo {
        let compiled = compile(definition.as_bytes(), "test.yaml");
        let machine = compiled.machine.unwrap_or_else(|| panic!("{:#?}", compiled.diagnostics));
        let at = now();
        let new = NewVersion::of(
            &machine,
            Source { format: "yaml".to_owned(), text: definition.to_owned(), file: String::new() },
            "test",
            at,
        );
        let version = self.store.define(&self.tenant, new).await.unwrap().version;
        let Json::Object(data) = data else { panic!("data is an object") };
        let start = Input::Start(Start { driver: Driver::Engine, data, by: By::default(), at });
        let (decision, after) = kernel::decide_all(&machine, &Run::default(), &start).unwrap();
        let batch = plan::batch(&machine, &Run::default(), decision, after, None, at, |_| None);
        let new = NewRun::new(
            RunId(uuid::Uuid::now_v7()),
            &machine.name,
            Some(version),
            Driver::Engine,
            at,
        );
        self.store.create(&self.tenant, new, batch).await.unwrap().run
    }

    async fn load(&self, run: RunNo) -> Loaded {
        self.store.load(&self.tenant, &RunRef::No(run)).await.unwrap().unwrap()
    }

    /// Waits until the run is as wished.
    async fn until(&self, run: RunNo, wish: impl Fn(&Run) -> bool) -> Run {
        for _ in 0..2_000 {
            let loaded = self.load(run).await;
            if wish(&loaded.run) {
                return loaded.run;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{:#?}", self.load(run).await.run);
    }

    async fn kinds(&self, run: RunNo) -> Vec<String> {
        let page =
            HistoryPage { newest_first: false, kinds: Vec::new(), beyond: None, limit: 1_000 };
        let history = self.store.history(&self.tenant, run, &page).await.unwrap().items;
        let kind = |body: EntryBody| match body {
            EntryBody::Record(record) => record.kind().to_owned(),
            EntryBody::Fact { body, .. } => body.kind().to_owned(),
        };
        history.into_iter().map(|entry| kind(entry.body)).collect()
    }

    async fn control(&self, run: RunNo, control: Control) {
        let loaded = self.load(run).await;
        let source = self
            .store
            .workflow(
                &self.tenant,
                &loaded.run.workflow,
                guidepost_store::Wanted::Hash(&loaded.run.machine),
            )
            .await
            .unwrap()
            .unwrap();
        let guidepost_store::WorkflowBody::Versioned { source, .. } = source.body else { panic!() };
        let machine = compile(source.text.as_bytes(), "").machine.unwrap();
        let input = Input::Control { control, by: By::default(), at: now() };
        let (decision, after) = kernel::decide_all(&machine, &loaded.run, &input).unwrap();
        let batch = plan::batch(&machine, &loaded.run, decision, after, None, now(), |_| None);
        self.store.commit(&self.tenant, run, loaded.run.rev, batch).await.unwrap();
    }
}

/// A tool server, in a process of its own.
#[test]
fn child() {
    faults::serve_tools();
}

fn now() -> Timestamp {
    use guidepost_engine::world::{System, World as _};
    System.now()
}

fn data(run: &Run) -> Json {
    run.data.to_json()
}

#[tokio::test]
async fn steps_are_done_in_order_and_their_results_kept() {
    let bench = Bench::new();
    let run = bench
        .start(
            r#"
name: letters
attributes: { topic: { type: string }, draft: { type: string }, final: { type: string } }
steps:
  - { name: Draft, task: write, input: { about: "{{ topic }}" }, output: [draft] }
  - { name: Polish, task: polish, input: { text: "{{ draft }}" }, output: [final] }
"#,
            json!({ "topic": "tea" }),
        )
        .await;
    let handlers = Handlers::new()
        .task("write", |call| async move {
            Ok(json!(format!("on {}", call.spec["input"]["about"].as_str().unwrap())))
        })
        .task("polish", |call| async move {
            Ok(json!(call.spec["input"]["text"].as_str().unwrap().to_uppercase()))
        });
    let running = Engine::new(Arc::clone(&bench.store)).with_handlers(handlers).start();
    let ended = bench.until(run, |run| run.status.is_ended()).await;
    running.stop().await;
    assert_eq!(ended.status, Status::Completed);
    assert_eq!(data(&ended), json!({ "topic": "tea", "draft": "on tea", "final": "ON TEA" }));
    assert_eq!(
        bench.kinds(run).await,
        ["started", "transitioned", "transitioned", "transitioned", "completed"]
    );
    assert_eq!(bench.store.tasks(&bench.tenant, &TaskFilter::default()).await.unwrap().items, []);
    assert_eq!(bench.store.verify(&bench.tenant, run).await.unwrap().problems, []);
}

#[tokio::test]
async fn a_failing_step_is_tried_again_with_the_same_key() {
    let bench = Bench::new();
    let run = bench
        .start(
            "
name: flaky
attributes: { receipt: { type: string } }
steps:
  - { name: Pay, task: pay, retry: { max_attempts: 3, delay: 10ms }, output: [receipt] }
",
            json!({}),
        )
        .await;
    let keys = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&keys);
    let handlers = Handlers::new().task("pay", move |call: Call| {
        let seen = Arc::clone(&seen);
        async move {
            seen.lock().unwrap().push((call.key, call.attempt));
            if call.attempt < 3 { Err(Failure::passing("declined")) } else { Ok(json!("paid")) }
        }
    });
    let running = Engine::new(Arc::clone(&bench.store)).with_handlers(handlers).start();
    let ended = bench.until(run, |run| run.status.is_ended()).await;
    running.stop().await;
    assert_eq!(data(&ended), json!({ "receipt": "paid" }));
    let keys = keys.lock().unwrap().clone();
    assert_eq!(keys.iter().map(|(_, attempt)| *attempt).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(keys.iter().all(|(key, _)| *key == keys[0].0), "{keys:?}");
    assert_eq!(
        bench.kinds(run).await,
        [
            "started",
            "transitioned",
            "attempt_failed",
            "attempt_failed",
            "transitioned",
            "completed"
        ]
    );
}

#[tokio::test]
async fn branches_run_at_once_and_join_in_order() {
    let bench = Bench::new();
    let run = bench
        .start(
            r#"
name: reviews
attributes: { files: { type: string, is_array: true }, notes: { type: string, is_array: true } }
steps:
  - { name: Review, task: read, for_each: files, concurrency: 3, input: { file: "{{ item }}", n: "{{ index }}" }, output: [notes] }
"#,
            json!({ "files": ["a", "b", "c", "d", "e"] }),
        )
        .await;
    let (going, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (now_going, highest) = (Arc::clone(&going), Arc::clone(&most));
    // None of the first three ends before all three have begun, and then the last of them ends first.
    let all_begun = Arc::new(tokio::sync::Barrier::new(3));
    let ends: [_; 3] = std::array::from_fn(|_| tokio::sync::Semaphore::new(0));
    let ends = Arc::new(ends);
    let handlers = Handlers::new().task("read", move |call: Call| {
        let (now_going, highest) = (Arc::clone(&now_going), Arc::clone(&highest));
        let (all_begun, ends) = (Arc::clone(&all_begun), Arc::clone(&ends));
        async move {
            highest.fetch_max(now_going.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let n = call.spec["input"]["n"].as_u64().unwrap_or_else(|| panic!("{call:?}"));
            let n = usize::try_from(n).unwrap();
            if n < 3 {
                all_begun.wait().await;
            }
            if let Some(next) = ends.get(n + 1) {
                next.acquire().await.unwrap().forget();
            }
            now_going.fetch_sub(1, Ordering::SeqCst);
            if let Some(own) = ends.get(n) {
                own.add_permits(1);
            }
            Ok(json!(format!("read {}", call.spec["input"]["file"].as_str().unwrap())))
        }
    });
    let running = Engine::new(Arc::clone(&bench.store)).with_handlers(handlers).start();
    let ended = bench.until(run, |run| run.status.is_ended()).await;
    running.stop().await;
    assert_eq!(data(&ended)["notes"], json!(["read a", "read b", "read c", "read d", "read e"]));
    assert_eq!(most.load(Ordering::SeqCst), 3);
}

const PARENT: &str = r#"
name: parent
attributes: { n: { type: number }, twice: { type: number } }
steps:
  - { name: Launch, run: child, input: { n: "{{ n }}" }, output: [twice] }
"#;

const CHILD: &str = r#"
name: child
attributes: { n: { type: number }, twice: { type: number } }
output: { twice: twice }
steps:
  - { name: Double, task: double, input: { n: "{{ n }}" }, output: [twice] }
"#;

#[tokio::test]
async fn a_child_run_gives_its_result_to_the_step_that_launched_it() {
    let bench = Bench::new();
    bench.start(CHILD, json!({ "n": 1 })).await;
    let run = bench.start(PARENT, json!({ "n": 21 })).await;
    let handlers = Handlers::new().task("double", |call| async move {
        Ok(json!(call.spec["input"]["n"].as_i64().unwrap() * 2))
    });
    let running = Engine::new(Arc::clone(&bench.store)).with_handlers(handlers).start();
    let ended = bench.until(run, |run| run.status.is_ended()).await;
    running.stop().await;
    assert_eq!(
        (ended.status, data(&ended)["twice"].clone()),
        (Status::Completed, json!(42)),
        "{ended:#?}"
    );
    let child = bench.load(RunNo(run.0 + 1)).await;
    assert_eq!((child.head.parent, child.head.root), (Some(run), run));
}

/// An engine that may not do what another may leaves it to that one: no try at it is used up, and it is asked once.
#[tokio::test]
async fn what_one_engine_may_not_do_another_does() {
    let bench = Bench::new();
    let definition = "
name: choosy
attributes: { said: { type: string } }
initial: Say
states:
  Say: { exec: [sh, -c, 'echo $GUIDEPOST_ATTEMPT'], retry: { max_attempts: 1 }, output: [said], onDone: Done, onError: Failed }
  Failed: { type: final }
  Done: { type: final }
";
    let run = bench.start(definition, json!({})).await;
    let asked = Arc::new(AtomicUsize::new(0));
    let choosy = Counted { handler: Exec::default(), calls: Arc::clone(&asked) };
    let choosy = Handlers::new().with("exec", Arc::new(choosy));
    let choosy = Engine::new(Arc::clone(&bench.store)).with_handlers(choosy).start();
    let mut declined = choosy.declined();
    let why = declined.wait_for(|declined| !declined.is_empty()).await.unwrap().clone();
    let why: Vec<(String, String)> =
        why.into_iter().map(|(task, why)| (task.to_string(), why)).collect();
    let expected =
        "the command `sh` is not allowed here; whoever runs this allows it with `--allow-exec sh`";
    assert_eq!(why, [("r-1:Say#1".to_owned(), expected.to_owned())]);
    // It looks for work several times more.
    tokio::time::sleep(Duration::from_millis(700)).await;
    let filed = bench.store.tasks(&bench.tenant, &TaskFilter::default()).await.unwrap().items;
    assert_eq!((filed[0].owner.clone(), filed[0].attempt, filed[0].lost), (None, 0, 0));
    assert_eq!(asked.load(Ordering::SeqCst), 1, "it is asked once");
    let able = Exec::new(Allowed::Only(["sh".to_owned()].into()));
    let able = Handlers::new().with("exec", Arc::new(able));
    let able = Engine::new(Arc::clone(&bench.store)).with_handlers(able).start();
    let ended = bench.until(run, |run| run.status.is_ended()).await;
    able.stop().await;
    choosy.stop().await;
    assert_eq!(data(&ended)["said"], json!("1"), "it is the first try");
    assert!(!bench.kinds(run).await.contains(&"attempt_failed".to_owned()));
}

/// A script that tells in a log when it begins, and whether the one before is still there; it is deaf to being asked to end.
fn deaf(directory: &std::path::Path) -> String {
    let script = "if [ -e pid ] && kill -0 $(cat pid) 2> /dev/null; then echo both >> log; fi\n\
                  trap '' TERM\necho $$ > pid\necho begun >> log\nwhile :; do sleep 0.05; done\n";
    std::fs::write(directory.join("deaf.sh"), script).unwrap();
    directory.display().to_string()
}

/// Two engines look for tries that took too long, and neither begins the next one before the command is gone.
#[cfg(unix)]
#[tokio::test]
async fn the_next_try_begins_when_the_command_is_gone() {
    let bench = Bench::new();
    let directory = deaf(bench.keep.path());
    let definition = format!(
        "
name: deaf
initial: Say
states:
  Say: {{ exec: {{ command: [sh, deaf.sh], cwd: {directory} }}, timeout: 300ms, retry: {{ max_attempts: 3, delay: 10ms }}, onDone: Done, onError: Late }}
  Late: {{ type: final }}
  Done: {{ type: final }}
"
    );
    let run = bench.start(&definition, json!({})).await;
    let engine = || {
        let handlers = Handlers::new().with("exec", Arc::new(Exec::new(Allowed::Anything)));
        Engine::new(Arc::clone(&bench.store)).with_handlers(handlers).start()
    };
    let engines = [engine(), engine()];
    let ended = bench.until(run, |run| run.status.is_ended()).await;
    for engine in engines {
        engine.stop().await;
    }
    assert!(ended.active.contains_key("Late"), "{ended:#?}");
    let log = std::fs::read_to_string(bench.keep.path().join("log")).unwrap();
    assert_eq!(log, "begun\nbegun\nbegun\n");
}

/// Also where the lease is shorter than that takes, nobody else begins before.
#[cfg(unix)]
#[tokio::test]
async fn an_engine_that_stops_gives_a_command_back_when_it_is_gone() {
    let bench = Bench::new();
    let directory = deaf(bench.keep.path());
    let definition = format!(
        "
name: deaf
initial: Say
states:
  Say: {{ exec: {{ command: [sh, deaf.sh], cwd: {directory} }}, onDone: Done }}
  Done: {{ type: final }}
"
    );
    bench.start(&definition, json!({})).await;
    let engine = || {
        let handlers = Handlers::new().with("exec", Arc::new(Exec::new(Allowed::Anything)));
        let lease = Span::from_millis(300);
        Engine::new(Arc::clone(&bench.store)).with_handlers(handlers).with_lease(lease).start()
    };
    let log = bench.keep.path().join("log");
    let begun = |times: usize| {
        let log = log.clone();
        async move {
            while std::fs::read_to_string(&log).unwrap_or_default().lines().count() < times {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    };
    let first = engine();
    begun(1).await;
    let second = engine();
    first.stop().await;
    begun(2).await;
    second.stop().await;
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "begun\nbegun\n");
    let filed = bench.store.tasks(&bench.tenant, &TaskFilter::default()).await.unwrap().items;
    assert_eq!((filed[0].owner.clone(), filed[0].lost), (None, 0), "it was given back, not lost");
}

/// Counts what a handler is asked.
struct Counted<H> {
    handler: H,
    calls: Arc<AtomicUsize>,
}

#[async_trait]
impl<H: Handler> Handler for Counted<H> {
    async fn perform(&self, call: Call) -> Outcome {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.handler.perform(call).await
    }
}

/// An engine for one run settles what is due for others too, and leaves their work to whoever works for them.
#[tokio::test]
async fn an_engine_for_one_run_does_the_work_of_no_other() {
    let bench = Bench::new();
    let timed = "
name: NAME
initial: Wait
states:
  Wait: { after: { 50ms: Work } }
  Work: { task: work, onDone: Done }
  Done: { type: final }
";
    let own = bench.start(&timed.replace("NAME", "own"), json!({})).await;
    let other = bench.start(&timed.replace("NAME", "other"), json!({})).await;
    let handlers = Handlers::new().task("work", |call| async move { Ok(json!(call.workflow)) });
    let engine = Engine::new(Arc::clone(&bench.store)).with_handlers(handlers).for_run(own);
    let running = engine.start();
    bench.until(own, |run| run.status.is_ended()).await;
    bench.until(other, |run| run.active.contains_key("Work")).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let filed = bench.store.tasks(&bench.tenant, &TaskFilter::default()).await.unwrap().items;
    running.stop().await;
    assert_eq!(filed.len(), 1, "{filed:#?}");
    assert_eq!((filed[0].id.run, filed[0].owner.clone(), filed[0].attempt), (other, None, 0));
}

#[tokio::test]
async fn cancelling_a_run_cancels_what_it_launched() {
    let bench = Bench::new();
    bench.start(CHILD, json!({ "n": 1 })).await;
    let run = bench.start(PARENT, json!({ "n": 21 })).await;
    // Nobody doubles anything, so the child does not end by itself.
    let running = Engine::new(Arc::clone(&bench.store)).for_run(run).start();
    let child = RunNo(run.0 + 1);
    for _ in 0..2_000 {
        if bench.store.load(&bench.tenant, &RunRef::No(child)).await.unwrap().is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    bench.control(run, Control::Cancel).await;
    let ended = bench.until(child, |run| run.status.is_ended()).await;
    running.stop().await;
    assert_eq!(ended.status, Status::Cancelled);
}

const LAUNCHES: &str = "
name: launches
attributes: { all: { type: number, is_array: true, default: [1, 2, 3] } }
initial: Launch
states:
  Launch: { run: child, for_each: all, concurrency: 3, input: { n: '{{ item }}' }, onDone: END }
  END: { type: final }
";

/// The run launched last is looked at first. What is wrong with it saves none of the others, and it is cancelled once it
/// is mended.
#[tokio::test]
async fn a_launched_run_that_cannot_be_cancelled_keeps_no_others_alive() {
    let bench = Bench::new();
    let first = bench.start(CHILD, json!({ "n": 1 })).await;
    let run = bench.start(LAUNCHES, json!({})).await;
    let children = [1, 2, 3].map(|nth| RunNo(run.0 + nth));
    let engine = Engine::new(Arc::clone(&bench.store)).with_lease(Span(300_000_000));
    // Nobody doubles anything, so they do not end by themselves.
    let running = engine.start();
    bench.until(first, |run| run.active.contains_key("Double")).await;
    for child in children {
        while bench.store.load(&bench.tenant, &RunRef::No(child)).await.unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    let file = rusqlite::Connection::open(bench.keep.path().join("guidepost.db")).unwrap();
    file.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false).unwrap();
    let sql =
        |sql: &str| file.execute_batch(&sql.replace("?", &children[2].0.to_string())).unwrap();
    sql("UPDATE agent_instance SET state = '-' || state WHERE agent_id = ?");
    bench.control(run, Control::Cancel).await;
    for child in &children[..2] {
        let ended = bench.until(*child, |run| run.status.is_ended()).await;
        assert_eq!(ended.status, Status::Cancelled);
    }
    sql("UPDATE agent_instance SET state = substr(state, 2) WHERE agent_id = ?");
    let ended = bench.until(children[2], |run| run.status.is_ended()).await;
    assert_eq!(ended.status, Status::Cancelled);
    assert!(!bench.load(first).await.run.status.is_ended(), "nobody launched it");
    running.stop().await;
}

#[tokio::test]
async fn what_takes_too_long_is_stopped_and_fails() {
    let bench = Bench::new();
    let run = bench
        .start(
            "
name: slow
initial: Wait
states:
  Wait: { task: sleep, timeout: 20ms, onDone: Done, onError: Late }
  Late: { type: final }
  Done: { type: final }
",
            json!({}),
        )
        .await;
    let handlers = Handlers::new().task("sleep", |_| async move {
        tokio::time::sleep(Duration::from_secs(60)).await;
        Ok(Json::Null)
    });
    let running = Engine::new(Arc::clone(&bench.store)).with_handlers(handlers).start();
    let ended = bench.until(run, |run| run.status.is_ended()).await;
    running.stop().await;
    assert!(ended.active.contains_key("Late"), "{ended:#?}");
}

#[tokio::test]
async fn a_run_paused_in_the_middle_of_a_step_keeps_its_result_and_goes_on_when_resumed() {
    let bench = Bench::new();
    let run = bench
        .start(
            "
name: two
attributes: { a: { type: string }, b: { type: string } }
steps:
  - { name: A, task: a, output: [a] }
  - { name: B, task: b, output: [b] }
",
            json!({}),
        )
        .await;
    let (begun, go) = (Arc::new(tokio::sync::Notify::new()), Arc::new(tokio::sync::Notify::new()));
    let (tell, wait) = (Arc::clone(&begun), Arc::clone(&go));
    let calls_of_b = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls_of_b);
    let handlers = Handlers::new()
        .task("a", move |_| {
            let (tell, wait) = (Arc::clone(&tell), Arc::clone(&wait));
            async move {
                tell.notify_one();
                wait.notified().await;
                Ok(json!("A"))
            }
        })
        .task("b", move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            async move { Ok(json!("B")) }
        })
        .task("c", |_| async move { Ok(Json::Null) });
    let running = Engine::new(Arc::clone(&bench.store)).with_handlers(handlers).start();
    begun.notified().await;
    bench.control(run, Control::Pause).await;
    go.notify_one();
    let paused = bench.until(run, |run| run.active.contains_key("B")).await;
    assert_eq!((paused.status, data(&paused)), (Status::Paused, json!({ "a": "A" })));
    // What began later is done meanwhile, so the engine has looked.
    let other = bench.start("name: other\nsteps:\n  - { name: C, task: c }\n", json!({})).await;
    bench.until(other, |run| run.status.is_ended()).await;
    assert_eq!(calls_of_b.load(Ordering::SeqCst), 0);
    bench.control(run, Control::Resume).await;
    let ended = bench.until(run, |run| run.status.is_ended()).await;
    running.stop().await;
    assert_eq!(data(&ended), json!({ "a": "A", "b": "B" }));
    assert_eq!(calls_of_b.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn work_of_an_engine_that_vanished_is_done_by_another() {
    let bench = Bench::new();
    let run = bench
        .start("name: one\nattributes: { a: { type: string } }\nsteps:\n  - { name: A, task: a, output: [a] }\n", json!({}))
        .await;
    let begun = Arc::new(tokio::sync::Notify::new());
    let tell = Arc::clone(&begun);
    let hangs = Handlers::new().task("a", move |_| {
        tell.notify_one();
        std::future::pending()
    });
    let lease = Span(300_000_000);
    let vanishing =
        Engine::new(Arc::clone(&bench.store)).with_handlers(hangs).with_lease(lease).start();
    begun.notified().await;
    drop(vanishing);
    let works = Handlers::new()
        .task("a", |call| async move { Ok(json!(format!("attempt {}", call.attempt))) });
    let running =
        Engine::new(Arc::clone(&bench.store)).with_handlers(works).with_lease(lease).start();
    let ended = bench.until(run, |run| run.status.is_ended()).await;
    running.stop().await;
    assert_eq!(data(&ended), json!({ "a": "attempt 2" }));
}

#[tokio::test]
async fn a_timer_fires_by_itself() {
    let bench = Bench::new();
    let run = bench
        .start("name: t\ninitial: A\nstates:\n  A: { wait: 30ms, onDone: B }\n  B: { after: { 30ms: C } }\n  C: { type: final }\n", json!({}))
        .await;
    let running = Engine::new(Arc::clone(&bench.store)).start();
    let ended = bench.until(run, |run| run.status.is_ended()).await;
    running.stop().await;
    assert_eq!(ended.status, Status::Completed);
}

#[tokio::test]
async fn a_handler_that_panics_hurts_only_its_step() {
    let bench = Bench::new();
    let run = bench.start("name: p\nsteps:\n  - { name: A, task: a }\n", json!({})).await;
    let handlers = Handlers::new().task("a", |_| async move { panic!("as bugs do") });
    let running = Engine::new(Arc::clone(&bench.store)).with_handlers(handlers).start();
    let ended = bench.until(run, |run| run.status.is_ended()).await;
    running.stop().await;
    assert_eq!(ended.status, Status::Failed);
    assert_eq!(ended.output, json!("the work of `A` failed: whoever did it panicked"));
}
