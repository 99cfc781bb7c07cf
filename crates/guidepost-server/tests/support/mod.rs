//! What the tests share: a clock they set, stores to run over, and workflows to run.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use guidepost_core::id::{Rev, RunId, RunRef};
use guidepost_core::time::{Span, Timestamp};
use guidepost_server::ops::{
    Allowed, Define, Definition, Moved, OpError, Ops, SendEvent, Standing, StartRun, WhereAmI,
    World,
};
use guidepost_server::text;
use guidepost_store::Store;
use serde_json::{Map, Value as Json};

/// A workflow with a review: two ways back, two ends, one timer, one sensitive attribute.
pub(crate) const BUGFIX: &str = r#"
name: bugfix
description: Fix a bug and have it reviewed.
attributes:
  issue: { type: string, required: true }
  pr: { type: string }
  token: { type: string, sensitive: true }
events:
  submit: { data: { pr: { type: string, required: true } } }
  reject: { data: { reason: { type: string, required: true } } }
  approve: { data: { comment: { type: string } } }
initial: fix
states:
  fix:
    guideline: Change the code so that the failing test passes.
    output: [pr]
    on:
      submit: review
      give_up: stopped
    after: { 72h: stopped }
  review:
    guideline: Read the diff and check that the tests cover the bug.
    on:
      approve: { target: merged, description: The change is good }
      reject: fix
  merged: { type: final }
  stopped: { type: final }
"#;

/// When every test begins: 2026-01-31T12:00:00Z.
pub(crate) const START: Timestamp = Timestamp(1_769_860_800_000_000_000);

/// A clock that stands until it is moved, and ids by number.
#[derive(Default)]
pub(crate) struct Fixed {
    elapsed: AtomicI64,
    ids: AtomicU64,
}

impl World for Fixed {
    fn now(&self) -> Timestamp {
        Timestamp(START.0 + self.elapsed.load(Ordering::SeqCst))
    }

    fn any_number(&self) -> u64 {
        self.ids.fetch_add(1, Ordering::SeqCst).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 7
    }

    fn new_run_id(&self) -> RunId {
        let number = self.ids.fetch_add(1, Ordering::SeqCst);
        RunId(uuid::Uuid::from_u64_pair(0x0190_0000_0000_7000, 0x8000_0000_0000_0000 | number))
    }
}

/// Operations over a store, by a clock the test sets.
pub(crate) struct Fixture {
    pub(crate) ops: Arc<Ops>,
    pub(crate) url: String,
    clock: Arc<Fixed>,
    _directory: Option<tempfile::TempDir>,
}

impl Fixture {
    pub(crate) fn memory() -> Self {
        Self::over("memory:".to_owned(), None)
    }

    pub(crate) fn sqlite() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = directory.path().join("guidepost.db").to_str().unwrap().to_owned();
        Self::over(url, Some(directory))
    }

    fn over(url: String, directory: Option<tempfile::TempDir>) -> Self {
        let store = guidepost_store::open(&url).unwrap();
        let clock = Arc::new(Fixed::default());
        let ops = Ops::new(store).with_world(Arc::<Fixed>::clone(&clock));
        Self { ops: Arc::new(ops), url, clock, _directory: directory }
    }

    /// A second process over the same file.
    pub(crate) fn another(&self) -> Ops {
        self.over_store(guidepost_store::open(&self.url).unwrap())
    }

    /// The operations over another store, by the same clock.
    pub(crate) fn over_store(&self, store: Arc<dyn Store>) -> Ops {
        Ops::new(store).with_world(Arc::<Fixed>::clone(&self.clock))
    }

    pub(crate) fn pass(&self, span: &str) {
        let span: Span = span.parse().unwrap();
        self.clock.elapsed.fetch_add(span.0, Ordering::SeqCst);
    }

    pub(crate) async fn define(&self, definition: &str) -> Definition {
        let request = Define {
            text: definition.to_owned(),
            file: "workflow.yaml".to_owned(),
            save: true,
            allowed: Allowed::Everything,
            caller: "tester".to_owned(),
        };
        self.ops
            .define(&request)
            .await
            .unwrap_or_else(|error| panic!("{}", text::error(&error, text::Words::Tools)))
    }

    /// Starts a run of a workflow and gives its short id.
    pub(crate) async fn start(&self, workflow: &str, input: Json) -> String {
        let request = StartRun {
            workflow: Some(workflow.to_owned()),
            input: object(input),
            caller: "writer-1".to_owned(),
            ..StartRun::default()
        };
        let started = self.ops.start_run(&request).await;
        started
            .unwrap_or_else(|error| panic!("{}", text::error(&error, text::Words::Tools)))
            .standing
            .name
            .run
    }

    pub(crate) async fn send(
        &self,
        run: &str,
        event: &str,
        data: Json,
        rev: Option<u64>,
    ) -> Result<Moved, OpError> {
        self.ops.send_event(&event_of(run, event, data, rev)).await
    }

    pub(crate) async fn standing(&self, run: &str) -> Standing {
        let question = WhereAmI { run: RunRef::from(run), detail: Default::default() };
        self.ops.where_am_i(&question).await.unwrap()
    }
}

pub(crate) fn event_of(run: &str, event: &str, data: Json, rev: Option<u64>) -> SendEvent {
    SendEvent {
        run: RunRef::from(run),
        event: event.to_owned(),
        data: object(data),
        rev: rev.map(Rev),
        note: None,
        caller: "writer-1".to_owned(),
    }
}

/// The fields of an object; none for null.
pub(crate) fn object(value: Json) -> Map<String, Json> {
    match value {
        Json::Object(fields) => fields,
        Json::Null => Map::new(),
        other => panic!("{other} is no object"),
    }
}

/// Runs a test over every store.
pub(crate) async fn on_every_store(test: impl AsyncFn(Fixture)) {
    test(Fixture::memory()).await;
    test(Fixture::sqlite()).await;
}

/// What a text costs a model.
pub(crate) fn tokens(text: &str) -> usize {
    tiktoken_rs::o200k_base_singleton().encode_ordinary(text).len()
}
