//! The kinds of work that reach out of the process, against real commands and a real server.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::time::{Duration, Instant};

use guidepost_core::id::{Branch, Purpose, RunNo, StateId, Visit};
use guidepost_core::machine::{Agent, Scripted, WorkKind};
use guidepost_core::time::Span;
use guidepost_engine::work::agent::Agents;
use guidepost_engine::work::exec::{Allowed, Exec};
use guidepost_engine::work::http::Http;
use guidepost_engine::{Call, Handler as _, Outcome};
use guidepost_store::TaskId;
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

fn call(kind: WorkKind, spec: Json) -> Call {
    Call {
        task: TaskId {
            run: RunNo(7),
            state: StateId::from("Do"),
            visit: Visit(1),
            branch: Branch::WHOLE,
            purpose: Purpose::Work,
        },
        workflow: "t".to_owned(),
        kind,
        name: None,
        agent: None,
        prompt: None,
        spec,
        output: Vec::new(),
        key: "k-1".to_owned(),
        attempt: 1,
        timeout: None,
        child: None,
    }
}

async fn exec(spec: Json) -> Outcome {
    Exec::new(Allowed::Anything).perform(call(WorkKind::Exec, spec)).await
}

fn failed(outcome: Outcome) -> (String, bool) {
    match outcome {
        Outcome::Failed(failure) => (failure.reason, failure.may_retry),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_command_gives_what_it_prints() {
    assert_eq!(exec(json!({ "command": ["printf", "a b\n"] })).await, Outcome::Done(json!("a b")));
    assert_eq!(exec(json!({ "command": "echo 'a  b' c" })).await, Outcome::Done(json!("a  b c")));
    let object = exec(json!({ "command": ["echo", "{\"n\": 1}"] })).await;
    assert_eq!(object, Outcome::Done(json!({ "n": 1 })));
    assert_eq!(
        exec(json!({ "command": ["cat"], "stdin": "in" })).await,
        Outcome::Done(json!("in"))
    );
    let env = exec(
        json!({ "command": "echo $A $GUIDEPOST_KEY", "shell": true, "env": { "A": "$(id)" } }),
    )
    .await;
    assert_eq!(env, Outcome::Done(json!("$(id) k-1")), "data stays data");
    assert_eq!(exec(json!({ "command": ["pwd"], "cwd": "/" })).await, Outcome::Done(json!("/")));
}

#[tokio::test]
async fn a_command_that_fails_says_why() {
    let (reason, may_retry) =
        failed(exec(json!({ "command": "echo no ink >&2; exit 3", "shell": true })).await);
    assert_eq!((reason.as_str(), may_retry), ("`sh` ended with exit status: 3: no ink", true));
    let (reason, may_retry) = failed(exec(json!({ "command": ["no-such-command"] })).await);
    assert!(reason.starts_with("`no-such-command` cannot be run: ") && !may_retry, "{reason}");
    let (reason, _) = failed(exec(json!({ "command": "echo 'open" })).await);
    assert!(reason.contains("a quote that is never closed"), "{reason}");
    let (reason, may_retry) = failed(exec(json!({ "command": ["cat", "/dev/zero"] })).await);
    assert_eq!((reason.as_str(), may_retry), ("it printed more than 1048576 bytes", false));
}

#[tokio::test]
async fn only_what_is_allowed_is_run() {
    let only = |names: &[&str]| {
        Exec::new(Allowed::Only(names.iter().map(|name| (*name).to_owned()).collect()))
    };
    let echo = || call(WorkKind::Exec, json!({ "command": ["echo", "hi"] }));
    assert_eq!(only(&["echo"]).perform(echo()).await, Outcome::Done(json!("hi")));
    // Another engine may be allowed it.
    let refused = |exec: Exec, call| async move {
        match exec.perform(call).await {
            Outcome::Declined(why) => why,
            other => panic!("{other:?}"),
        }
    };
    let expected = "the command `echo` is not allowed here; whoever runs this allows it with `--allow-exec echo`";
    assert_eq!(refused(Exec::default(), echo()).await, expected);
    assert_eq!(refused(only(&["cat"]), echo()).await, expected);
    let shell = call(WorkKind::Exec, json!({ "command": "echo hi", "shell": true }));
    assert!(refused(only(&["echo"]), shell).await.contains("`sh` is not allowed"));
}

#[tokio::test]
async fn a_command_that_is_not_wanted_any_more_is_killed() {
    // So long sleeps nobody else on this machine.
    let seconds = 1_000_000 + std::process::id();
    let sleeps = json!({ "command": ["sh", "-c", format!("exec sleep {seconds}")] });
    let mark = format!("sleep\u{0}{seconds}");
    let begun = Instant::now();
    assert!(tokio::time::timeout(Duration::from_millis(200), exec(sleeps)).await.is_err());
    assert!(begun.elapsed() < Duration::from_secs(30));
    for _ in 0..500 {
        let all = std::fs::read_dir("/proc").unwrap();
        let lines =
            all.filter_map(|entry| std::fs::read(entry.unwrap().path().join("cmdline")).ok());
        if !lines.into_iter().any(|line| String::from_utf8_lossy(&line).contains(&mark)) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it still runs");
}

/// Whether a process runs; one that only waits to be asked how it ended does not.
fn runs(process: &str) -> bool {
    let told = std::process::Command::new("ps").args(["-o", "stat=", "-p", process]).output();
    let told = String::from_utf8(told.unwrap().stdout).unwrap();
    !told.trim().is_empty() && !told.trim().starts_with('Z')
}

/// Waits for something, for a while.
async fn soon<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..500 {
        if let Some(found) = look() {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what}")
}

/// What a file holds once it is written.
fn written(file: &std::path::Path) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    text.ends_with('\n').then(|| text.trim().to_owned())
}

/// Begins a shell's script, and gives it up once its file is written; gives what stands there.
async fn given_up(directory: &std::path::Path, script: &str) -> String {
    let file = directory.join("pid");
    let spec = json!({ "command": script, "shell": true, "cwd": directory });
    let command = tokio::spawn(exec(spec));
    let pid = soon("it does not begin", || written(&file)).await;
    assert!(runs(&pid));
    command.abort();
    pid
}

#[tokio::test]
async fn what_a_command_started_ends_with_it() {
    let directory = tempfile::tempdir().unwrap();
    let pid = given_up(directory.path(), "sleep 4321 & echo $! > pid; wait").await;
    soon("what it started still runs", || (!runs(&pid)).then_some(())).await;
}

#[tokio::test]
async fn a_command_is_asked_to_end_before_it_is_killed() {
    let directory = tempfile::tempdir().unwrap();
    let tidies =
        "trap 'echo tidied > tidied; exit 1' TERM; echo $$ > pid; while :; do sleep 0.05; done";
    let pid = given_up(directory.path(), tidies).await;
    soon("it still runs", || (!runs(&pid)).then_some(())).await;
    assert_eq!(written(&directory.path().join("tidied")).as_deref(), Some("tidied"));
    let deaf = "trap '' TERM; echo $$ > pid; while :; do sleep 0.05; done";
    std::fs::remove_file(directory.path().join("pid")).unwrap();
    let pid = given_up(directory.path(), deaf).await;
    soon("it still runs", || (!runs(&pid)).then_some(())).await;
}

/// A next try is not to meet what is left of the one before.
#[tokio::test]
async fn what_was_given_up_is_waited_for_until_it_is_gone() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("pid");
    let deaf = "trap '' TERM; echo $$ > pid; while :; do sleep 0.05; done";
    let spec = json!({ "command": deaf, "shell": true, "cwd": directory.path() });
    let exec = Exec::new(Allowed::Anything);
    let begun = call(WorkKind::Exec, spec);
    let task = begun.task.clone();
    let other = TaskId { branch: Branch(2), ..task.clone() };
    let at_work = exec.clone();
    let command = tokio::spawn(async move { at_work.perform(begun).await });
    let pid = soon("it does not begin", || written(&file)).await;
    command.abort();
    let patience = Duration::from_millis(300);
    assert!(tokio::time::timeout(patience, exec.cleared(&other)).await.is_ok(), "it is not its");
    assert!(tokio::time::timeout(patience, exec.cleared(&task)).await.is_err(), "it heeds nobody");
    assert!(runs(&pid));
    exec.cleared(&task).await;
    assert!(!runs(&pid), "it was waited for");
}

#[tokio::test]
async fn a_command_that_left_its_output_to_others_is_not_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    for held in ["", "> /dev/null", "2> /dev/null"] {
        let script = format!("sleep 4321 {held} & echo $! > pid; echo said");
        let spec = json!({ "command": script, "shell": true, "cwd": directory.path() });
        let begun = Instant::now();
        assert_eq!(exec(spec).await, Outcome::Done(json!("said")), "{held}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{held}");
        let pid = written(&directory.path().join("pid")).unwrap();
        assert!(!runs(&pid), "what nobody hears any more ends: {held}");
    }
}

#[tokio::test]
async fn a_command_that_prints_too_much_leaves_nothing_running() {
    let directory = tempfile::tempdir().unwrap();
    let script = "sleep 4321 & echo $! > pid; head -c 3000000 /dev/zero";
    let spec = json!({ "command": script, "shell": true, "cwd": directory.path() });
    assert!(failed(exec(spec).await).0.contains("printed more than"));
    let pid = written(&directory.path().join("pid")).unwrap();
    soon("what it started still runs", || (!runs(&pid)).then_some(())).await;
}

#[test]
fn what_runs_when_the_engine_ends_is_killed_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let file = directory.path().join("pid");
    let script = "trap '' TERM; sleep 4321 & echo $! > pid; while :; do sleep 0.05; done";
    let spec = json!({ "command": script, "shell": true, "cwd": directory.path() });
    runtime.spawn(exec(spec));
    let pid = runtime.block_on(soon("it does not begin", || written(&file)));
    drop(runtime);
    let begun = Instant::now();
    while runs(&pid) && begun.elapsed() < Duration::from_secs(5) {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(!runs(&pid), "it outlives the engine");
}

#[tokio::test]
async fn what_a_command_leaves_behind_on_purpose_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let script = "sleep 4321 > /dev/null 2>&1 & echo $! > pid; cat pid";
    let spec = json!({ "command": script, "shell": true, "cwd": directory.path() });
    let Outcome::Done(pid) = exec(spec).await else { panic!("it fails") };
    let pid = pid.as_str().unwrap();
    assert!(runs(pid));
    assert!(std::process::Command::new("kill").arg(pid).status().unwrap().success());
}

/// Serves one answer per connection, and gives what was asked.
async fn server(answers: Vec<&'static str>) -> (String, tokio::task::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/x", listener.local_addr().unwrap());
    let serve = tokio::spawn(async move {
        let mut asked = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            let mut part = [0; 4_096];
            loop {
                let read = stream.read(&mut part).await.unwrap();
                request.extend_from_slice(&part[..read]);
                let text = String::from_utf8_lossy(&request);
                let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                let length = head.to_lowercase().lines().find_map(|line| {
                    line.strip_prefix("content-length: ")
                        .and_then(|length| length.parse::<usize>().ok())
                });
                if body.len() >= length.unwrap_or(0) {
                    break;
                }
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
            asked.push(String::from_utf8_lossy(&request).into_owned());
        }
        asked
    });
    (url, serve)
}

const JSON: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: 8\r\nconnection: close\r\n\r\n{\"n\": 1}";

#[tokio::test]
async fn a_request_carries_what_it_should_and_gives_the_answer() {
    let text = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi";
    let (url, serve) = server(vec![JSON, text]).await;
    let http = Http::new(true).unwrap();
    let post = json!({ "url": url, "json": { "a": 1 }, "headers": { "X-Trace": "t" }, "query": { "q": "ä b" } });
    assert_eq!(http.perform(call(WorkKind::Http, post)).await, Outcome::Done(json!({ "n": 1 })));
    assert_eq!(
        http.perform(call(WorkKind::Http, json!({ "url": url }))).await,
        Outcome::Done(json!("hi"))
    );
    let asked = serve.await.unwrap();
    assert!(asked[0].starts_with("POST /x?q=%C3%A4+b HTTP/1.1\r\n"), "{}", asked[0]);
    assert!(
        asked[0].contains("idempotency-key: k-1\r\n") && asked[0].contains("x-trace: t\r\n"),
        "{}",
        asked[0]
    );
    assert!(asked[0].ends_with("\r\n\r\n{\"a\":1}"), "{}", asked[0]);
    assert!(asked[1].starts_with("GET /x HTTP/1.1\r\n"), "{}", asked[1]);
}

#[tokio::test]
async fn a_refusal_says_whether_trying_again_helps() {
    let busy =
        "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 4\r\nconnection: close\r\n\r\nbusy";
    let no = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let moved = "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let broken = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\nconnection: close\r\n\r\nhalf";
    let (url, _serve) = server(vec![busy, no, moved, broken]).await;
    let http = Http::new(true).unwrap();
    let mut told = Vec::new();
    for _ in 0..4 {
        told.push(failed(http.perform(call(WorkKind::Http, json!({ "url": url }))).await));
    }
    assert_eq!(told[0], ("the answer was 503 Service Unavailable: busy".to_owned(), true));
    assert_eq!(told[1], ("the answer was 404 Not Found".to_owned(), false));
    assert_eq!(told[2], ("the answer was 302 Found".to_owned(), false));
    assert!(told[3].0.starts_with("the answer broke off") && told[3].1, "{told:?}");
}

#[tokio::test]
async fn an_answer_that_is_too_large_or_never_comes_fails_the_request() {
    let giant = "HTTP/1.1 200 OK\r\ncontent-length: 2000000\r\nconnection: close\r\n\r\n";
    let giant: &'static str = Box::leak(format!("{giant}{}", "x".repeat(2_000_000)).into());
    let (url, _serve) = server(vec![giant]).await;
    let http = Http::new(true).unwrap();
    let told = failed(http.perform(call(WorkKind::Http, json!({ "url": url }))).await);
    assert_eq!(told, ("the answer has more than 1048576 bytes".to_owned(), false));
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", mute.local_addr().unwrap());
    let mut asked = call(WorkKind::Http, json!({ "url": url }));
    asked.timeout = Some(Duration::from_millis(200));
    let begun = Instant::now();
    let (reason, may_retry) = failed(http.perform(asked).await);
    assert!(reason.contains("timed out") && may_retry, "{reason}");
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_result_that_reading_would_change_is_refused() {
    let lost = "cannot be kept as it is: id is 12345678901234567890123, a whole number of more than 64 bits, whose last \
                digits would be lost; send it as a text";
    let printed = exec(json!({ "command": ["echo", r#"{"id": 12345678901234567890123}"#] })).await;
    assert_eq!(failed(printed), (format!("what the command printed {lost}"), false));
    let twice = exec(json!({ "command": ["echo", r#"[{"a": 1, "a": 2}]"#] })).await;
    let expected = "what the command printed cannot be kept as it is: 0/a is given twice";
    assert_eq!(failed(twice), (expected.to_owned(), false));
    let text = exec(json!({ "command": ["echo", "12345678901234567890123"] })).await;
    assert_eq!(text, Outcome::Done(json!("12345678901234567890123")), "a text keeps its digits");
    let long = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 31\r\nconnection: close\r\n\r\n\
                {\"id\": 12345678901234567890123}";
    let (url, _serve) = server(vec![long]).await;
    let answer =
        Http::new(true).unwrap().perform(call(WorkKind::Http, json!({ "url": url }))).await;
    assert_eq!(failed(answer), (format!("the answer {lost}"), false));
}

#[tokio::test]
async fn a_command_may_complain_as_much_as_it_likes() {
    let loud = "i=0; while [ $i -lt 20000 ]; do echo \"a word of no use, number $i\" >&2; i=$((i+1)); done; exit 4";
    let (reason, may_retry) = failed(exec(json!({ "command": loud, "shell": true })).await);
    assert!(reason.starts_with("`sh` ended with exit status: 4: ") && may_retry, "{reason}");
    assert!(reason.ends_with("number 19999") && reason.len() < 3_000, "{}", reason.len());
}

#[tokio::test]
async fn private_addresses_are_not_reached_by_any_name() {
    let (url, serve) = server(vec![JSON]).await;
    let port = url.rsplit(':').next().unwrap().trim_end_matches("/x").to_owned();
    let http = Http::new(false).unwrap();
    for host in [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "user@127.0.0.1",
    ] {
        let url = format!("http://{host}:{port}/x");
        let (reason, _) = failed(http.perform(call(WorkKind::Http, json!({ "url": url }))).await);
        assert!(reason.contains("private address"), "{host}: {reason}");
    }
    for url in ["file:///etc/passwd", "gopher://127.0.0.1/", "nothing"] {
        failed(http.perform(call(WorkKind::Http, json!({ "url": url }))).await);
    }
    assert!(!serve.is_finished(), "nobody may have connected");
    serve.abort();
}

#[tokio::test]
async fn a_script_answers_by_step_visit_branch_and_attempt() {
    let answers = json!({
        "Do": ["first", "second"],
        "Review": { "attempts": [{ "error": "busy" }, "at last"] },
    });
    let Json::Object(answers) = answers else { panic!() };
    let scripted = Scripted { answers, delay: Span(0) };
    let ask = |state: &str, visit: u64, branch: u32, attempt: u32| {
        let mut call = call(WorkKind::Agent, Json::Null);
        call.task = TaskId {
            state: StateId::from(state),
            visit: Visit(visit),
            branch: Branch(branch),
            ..call.task
        };
        call.attempt = attempt;
        call.agent = Some(Agent::Scripted(scripted.clone()));
        Agents.perform(call)
    };
    assert_eq!(ask("Do", 1, 0, 1).await, Outcome::Done(json!("first")));
    assert_eq!(ask("Do", 1, 0, 2).await, Outcome::Done(json!("first")), "a repeat gets the same");
    assert_eq!(ask("Outer.Do", 2, 0, 1).await, Outcome::Done(json!("second")));
    assert_eq!(ask("Do", 9, 0, 1).await, Outcome::Done(json!("second")));
    assert_eq!(ask("Do", 1, 2, 1).await, Outcome::Done(json!("second")));
    assert_eq!(failed(ask("Review", 1, 0, 1).await), ("busy".to_owned(), true));
    assert_eq!(ask("Review", 1, 0, 2).await, Outcome::Done(json!("at last")));
    assert!(failed(ask("Other", 1, 0, 1).await).0.contains("no answer for `Other`"));
}
