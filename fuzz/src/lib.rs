//! What must hold of every parser, whatever it is given.
//!
//! One function for each parser. A fuzz target of the same name gives it anything; a test of the ordinary suite gives it
//! the files under `corpus/`.

use std::sync::{Arc, OnceLock};

use guidepost_core::data::{Data, value_of};
use guidepost_core::exact::expect_exact;
use guidepost_core::id::{AttributeName, RunId, RunNo, RunRef, StateId};
use guidepost_core::limits::TEXT_BYTES_MAX;
use guidepost_core::machine::expr::{Expr, Scope, Template};
use guidepost_core::machine::schema::Schema;
use guidepost_core::record::Record;
use guidepost_core::recorded::Fact;
use guidepost_core::run::{Run, Status};
use guidepost_core::time::{Span, Timestamp};
use guidepost_core::workflow::{Compiled, compile, print, to_mermaid, to_xstate};
use guidepost_server::mcp::{Options, serve};
use guidepost_server::ops::{
    Allowed, Define, FindRuns, FindWorkflows, Ops, ReadHistory, ReadRun, StartRun, What,
};
use guidepost_store::TaskId;
use guidepost_store::sqlite::Location;
use serde_json::{Value as Json, json};
use tokio::io::AsyncReadExt;
use tokio::runtime::{Builder, Runtime};

/// A definition in YAML: what compiles is written back as the same structure.
pub fn definition_yaml(bytes: &[u8]) {
    let compiled = compile(bytes, "fuzz.yaml");
    check_problems(&compiled);
    if let Some(machine) = compiled.machine {
        let written = print(&machine);
        let again = compile(written.as_bytes(), "fuzz.yaml");
        let hash = again.machine.map(|again| again.hash);
        assert_eq!(hash, Some(machine.hash), "{written}\n{:?}", again.diagnostics);
    }
}

/// A definition in JSON, of our own form or XState's: what compiles is written for XState as the same structure.
pub fn definition_json(bytes: &[u8]) {
    let compiled = compile(bytes, "fuzz.json");
    check_problems(&compiled);
    if let Some(machine) = compiled.machine {
        let _ = to_mermaid(&machine, &[]);
        let written = to_xstate(&machine).to_string();
        let again = compile(written.as_bytes(), "fuzz.json");
        let hash = again.machine.map(|again| again.hash);
        assert_eq!(hash, Some(machine.hash), "{written}\n{:?}", again.diagnostics);
    }
}

/// A machine in XState's JSON: it is read as one whatever keys it begins with.
pub fn xstate_json(bytes: &[u8]) {
    let Ok(Json::Object(mut root)) = serde_json::from_slice::<Json>(bytes) else { return };
    root.shift_remove("name");
    root.entry("id").or_insert_with(|| json!("fuzz"));
    definition_json(Json::Object(root).to_string().as_bytes());
}

/// Problems have places, and what cannot be used has at least one that says why.
pub fn check_problems(compiled: &Compiled) {
    for problem in &compiled.diagnostics {
        assert!(problem.at.line > 0 && problem.at.column > 0, "{problem:?}");
        assert!(problem.message.len() < 64 * 1024, "{}", problem.message.len());
    }
    let has_errors = compiled.diagnostics.iter().any(|problem| problem.is_error());
    assert_eq!(has_errors, compiled.machine.is_none(), "{:?}", compiled.diagnostics);
}

/// An expression: a value or an error.
pub fn expression(bytes: &[u8]) {
    let Ok(source) = std::str::from_utf8(bytes) else { return };
    let Ok(expr) = Expr::compile(source) else { return };
    let _ = expr.eval(&scope());
}

/// A template: a text within its bound or an error.
pub fn template(bytes: &[u8]) {
    let Ok(source) = std::str::from_utf8(bytes) else { return };
    let Ok(template) = Template::compile(source) else { return };
    if let Ok(text) = template.render(&scope()) {
        assert!(text.len() <= TEXT_BYTES_MAX.max(source.len()));
    }
}

fn scope() -> Scope {
    let values =
        [("a", json!([1, "two", [null]])), ("b", json!("text")), ("c", json!({ "d": 1.5 }))];
    let data: Data =
        values.into_iter().map(|(name, value)| (AttributeName::from(name), value)).collect();
    let event = value_of(&json!({ "n": 3, "s": "x" }));
    Scope { data, event, active: Arc::from([StateId::from("A.B")]) }
}

/// A JSON Schema and values, as a list: whatever can be compiled checks any value.
pub fn schema(bytes: &[u8]) {
    let Ok(Json::Array(mut items)) = serde_json::from_slice::<Json>(bytes) else { return };
    if items.is_empty() {
        return;
    }
    let Ok(schema) = Schema::new(items.remove(0)) else { return };
    for value in &items {
        let _ = schema.check(value);
    }
}

/// A stored record, its kind on the first line: what can be read is written as what reads as the same.
pub fn record(bytes: &[u8]) {
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else { return };
    let (kind, body) = (String::from_utf8_lossy(&bytes[..end]), &bytes[end + 1..]);
    if let Ok(fact) = serde_json::from_slice::<Fact>(body) {
        let written = serde_json::to_vec(&fact).expect("a fact can be written");
        assert_eq!(serde_json::from_slice::<Fact>(&written).expect("and read"), fact);
    }
    if let Ok(run) = serde_json::from_slice::<Run>(body) {
        let _ = (run.due(), run.is_unsettled());
    }
    let Ok(record) = Record::read(&kind, body) else { return };
    let written = record.body().expect("a record can be written");
    assert_eq!(Record::read(record.kind(), &written).expect("and read"), record);
    let mut data = Data::default();
    for change in record.changes() {
        let _ = data.apply(change);
    }
    let _ = Run::default().apply(&record);
}

/// A length of time, and a time: what is read is written as what reads as the same.
pub fn duration(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(span) = text.parse::<Span>() {
        assert!(span.0 >= 0);
        assert_eq!(span.to_string().parse::<Span>(), Ok(span));
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        assert_eq!(at.to_string().parse::<Timestamp>(), Ok(at));
    }
}

/// A name of a run, in any of its forms, and a status.
pub fn run_id(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(no) = text.parse::<RunNo>() {
        assert_eq!(no.to_string().parse::<RunNo>(), Ok(no));
    }
    let _ = RunRef::from(text);
    let _: Result<RunId, _> = serde_json::from_value(Json::from(text));
    if let Ok(status) = text.parse::<Status>() {
        assert_eq!(status.as_str(), text);
    }
}

/// A name of a task: what is read is written as what reads as the same.
pub fn task_id(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(task) = text.parse::<TaskId>() {
        assert_eq!(task.to_string().parse(), Ok(task));
    }
}

/// A JSON text: what is lost has a place, and what was read once loses nothing any more.
pub fn json_text(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let exact = expect_exact(text);
    let Ok(value) = serde_json::from_str::<Json>(text) else { return };
    if let Err(lost) = exact {
        assert!(lost.at.is_empty() || lost.at.starts_with('/'), "{lost:?}");
    }
    assert_eq!(expect_exact(&value.to_string()), Ok(()));
}

/// The URL of a store: what is read is written as what leads to the same file.
pub fn store_url(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(location) = Location::parse(text) else { return };
    let url = location.url();
    let again = Location::parse(url.strip_prefix("sqlite:").expect("the scheme"));
    assert_eq!(again.expect("a URL that was written can be read"), location);
}

/// What people look for, a run's name, a cursor, and a path into data, in a store of each kind.
pub fn search(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (runtime, stores) = stores();
    runtime.block_on(async {
        for (ops, run) in stores {
            let text = || Some(text.to_owned());
            for (query, cursor) in [(text(), None), (None, text()), (text(), text())] {
                let wanted = FindRuns {
                    query: query.clone(),
                    cursor: cursor.clone(),
                    ..FindRuns::default()
                };
                let _ = ops.find_runs(&wanted).await;
                let wanted = FindRuns { state: query.clone(), agent: cursor.clone(), ..wanted };
                let _ = ops.find_runs(&wanted).await;
                let wanted = FindWorkflows { query, cursor, limit: 2 };
                let _ = ops.find_workflows(&wanted).await;
            }
            let kinds = vec!["transitioned".to_owned()];
            let run = RunRef::from(run.as_str());
            let page = ReadHistory {
                run: run.clone(),
                newest_first: true,
                kinds,
                limit: 2,
                cursor: text(),
            };
            let _ = ops.history(&page).await;
            for what in [What::History, What::Data, What::Artifacts, What::Event, What::Diagram] {
                let read =
                    ReadRun { run: run.clone(), what, path: text(), limit: 2, cursor: text() };
                let _ = ops.read_run(&read).await;
            }
            let unknown = RunRef::from(text().unwrap_or_default().as_str());
            let read =
                ReadRun { run: unknown, what: What::Data, path: None, limit: 0, cursor: None };
            let _ = ops.read_run(&read).await;
        }
    });
}

/// A place in a run's data, the id of a record and the kind of a diagram, in a store of each kind: from its beginning, and
/// further on.
pub fn read_path(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (runtime, stores) = stores();
    runtime.block_on(async {
        for (ops, run) in stores {
            for what in [What::Data, What::Event, What::Diagram] {
                for cursor in [None, Some("1".to_owned())] {
                    let (run, path) = (RunRef::from(run.as_str()), Some(text.to_owned()));
                    let _ = ops.read_run(&ReadRun { run, what, path, limit: 2, cursor }).await;
                }
            }
        }
    });
}

/// A workflow with something to find.
const WORKFLOW: &str = "name: fix\nattributes: { lead: { type: object } }\nstates: { a: { on: { go: b } }, b: { type: final } }\n";

/// What drives the stores, each of them with the run in it, and where the one in a file lies.
type Stores = (Runtime, Vec<(Ops, String)>, tempfile::TempDir);

/// A store of each kind with a run in it, and what drives them.
fn stores() -> (&'static Runtime, &'static [(Ops, String)]) {
    static STORES: OnceLock<Stores> = OnceLock::new();
    let (runtime, stores, _) = STORES.get_or_init(|| {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("guidepost.db");
        let file = file.to_str().expect("a path").to_owned();
        let runtime = runtime();
        let stores = runtime.block_on(async {
            let mut stores = Vec::new();
            for url in ["memory:", &file] {
                let ops = Ops::new(guidepost_store::open(url).expect("a store"));
                let run = one_run(&ops).await;
                stores.push((ops, run));
            }
            stores
        });
        (runtime, stores, directory)
    });
    (runtime, stores)
}

async fn one_run(ops: &Ops) -> String {
    let definition = Define {
        text: WORKFLOW.to_owned(),
        file: "fix.yaml".to_owned(),
        save: true,
        allowed: Allowed::Everything,
        caller: "fuzz".to_owned(),
    };
    ops.define(&definition).await.expect("the workflow is right");
    let start = StartRun {
        workflow: Some("fix".to_owned()),
        input: [("lead".to_owned(), json!({ "name": ["Ada"] }))].into_iter().collect(),
        caller: "fuzz".to_owned(),
        ..StartRun::default()
    };
    ops.start_run(&start).await.expect("a run begins").standing.name.run
}

/// Time passes at once when there is nothing else to do, so that nothing waits.
fn runtime() -> Runtime {
    let mut builder = Builder::new_current_thread();
    builder.enable_time().start_paused(true).build().expect("a runtime")
}

/// What a client of MCP says to begin.
const HELLO: &str = concat!(
    r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"#,
    r#""clientInfo":{"name":"fuzz","version":"1"}}}"#,
    "\n",
    r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
    "\n"
);

/// What a client of MCP sends, after it began as it should and without that: the server answers in messages, one a line,
/// and ends when the input does.
pub fn mcp_line(bytes: &[u8]) {
    for opening in [HELLO, ""] {
        let input = [opening.as_bytes(), bytes].concat();
        let output = runtime().block_on(async {
            let ops = Ops::new(guidepost_store::open("memory:").expect("a store"));
            let (mut ours, theirs) = tokio::io::duplex(64 * 1024);
            let reading = tokio::spawn(async move {
                let mut output = Vec::new();
                ours.read_to_end(&mut output).await.map(|_| output)
            });
            let input = std::io::Cursor::new(input);
            let _ = serve(Arc::new(ops), Options::default(), input, theirs).await;
            reading.await.expect("reading ends").expect("the answers can be read")
        });
        let answers: Vec<Json> = output
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).expect("an answer is a message"))
            .collect();
        assert!(opening.is_empty() || answers.iter().any(|answer| answer["id"] == 0));
    }
}
