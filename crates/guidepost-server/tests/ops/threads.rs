//! Reading what agents were told and what they said (S4.13).

use expect_test::expect;
use guidepost_core::diagnostic::Explain as _;
use guidepost_core::id::RunRef;
use guidepost_core::run::Driver;
use guidepost_server::ops::{
    ClaimTasks, EndTask, Kind, OpError, ReadRun, Reading, StartRun, WORKER_LEASE, What,
};
use guidepost_server::text::{self, Words};
use serde_json::{Value as Json, json};

use crate::support::{Fixture, object, on_every_store};

const NEWS: &str = "
name: news
attributes:
  topic: { type: string, required: true }
  login: { type: string, sensitive: true }
  found: { type: string, is_array: true }
  code: { type: string, sensitive: true }
  text: { type: string }
initial: Find
states:
  Find: { agent: scout, prompt: 'Find {{ item }} on {{ topic }}.', for_each: [facts, people], output: [found], onDone: Ask }
  Ask: { agent: clerk, prompt: 'Log in as {{ login }} and ask for a code.', output: [code], onDone: Write }
  Write: { agent: writer, prompt: 'Write it up: {{ found | join(\" and \") }}.', output: [text], on: { Again: Write }, onDone: Check }
  Check: { on: { Again: Write, Good: END } }
  END: { type: final }
";

/// Begins a run that an engine drives.
async fn start(fixture: &Fixture, workflow: &str, input: Json) -> String {
    let request = StartRun {
        workflow: Some(workflow.to_owned()),
        input: object(input),
        driver: Driver::Engine,
        ..StartRun::default()
    };
    fixture.ops.start_run(&request).await.unwrap().standing.name.run
}

/// Does the work that is there for an agent, and gives what it was told.
async fn answer(fixture: &Fixture, agent: &str, answers: &[Json]) -> Vec<String> {
    let claim = ClaimTasks {
        queues: vec![format!("agent:{agent}")],
        limit: answers.len(),
        lease: WORKER_LEASE,
        caller: agent.to_owned(),
    };
    let mut claimed = fixture.ops.claim_tasks(&claim).await.unwrap();
    claimed.sort_by_key(|task| task.task.branch);
    assert_eq!(claimed.len(), answers.len(), "{agent} has work");
    let mut told = Vec::new();
    for (task, answer) in claimed.into_iter().zip(answers) {
        let end = EndTask {
            task: task.task,
            attempt: task.attempt,
            outcome: Ok(answer.clone()),
            caller: agent.to_owned(),
        };
        fixture.ops.end_task(&end).await.unwrap();
        told.extend(task.prompt);
    }
    told
}

/// A run of it that wrote twice.
async fn written(fixture: &Fixture) -> String {
    fixture.define(NEWS).await;
    let run = start(fixture, "news", json!({ "topic": "tea", "login": "s3cret" })).await;
    answer(fixture, "scout", &[json!("it is a leaf"), json!("Ada drinks it")]).await;
    let told = answer(fixture, "clerk", &[json!("4711")]).await;
    assert_eq!(told, ["Log in as s3cret and ask for a code."], "whoever does it is told all");
    answer(fixture, "writer", &[json!("Tea.")]).await;
    fixture.send(&run, "Again", json!({}), None).await.unwrap();
    answer(fixture, "writer", &[json!({ "text": "Ada drinks tea." })]).await;
    run
}

fn reading(run: &str, path: Option<&str>) -> ReadRun {
    ReadRun {
        run: RunRef::from(run),
        what: What::Thread,
        path: path.map(str::to_owned),
        limit: 20,
        cursor: None,
    }
}

async fn read(fixture: &Fixture, run: &str, path: Option<&str>) -> String {
    let found = fixture.ops.read_run(&reading(run, path)).await.unwrap();
    text::reading(&found, Words::Tools)
}

async fn refused(fixture: &Fixture, read: ReadRun) -> OpError {
    fixture.ops.read_run(&read).await.unwrap_err()
}

/// S4.13: all threads of a run, one of them by its step, its branch or its whole name, and one turn of it.
#[tokio::test]
async fn s4_13_threads_are_read_by_their_steps() {
    on_every_store(async |fixture| {
        let run = written(&fixture).await;
        expect![[r#"
            Find[1]:1 user: <<Find facts on tea.>>
            Find[1]:2 assistant: <<it is a leaf>>
            Find[2]:1 user: <<Find people on tea.>>
            Find[2]:2 assistant: <<Ada drinks it>>
            Ask:1 user: <<Log in as (sensitive) and ask for a code.>>
            Ask:2 assistant: <<(sensitive)>>
            Write:1 user: <<Write it up: it is a leaf and Ada drinks it.>>
            Write:2 assistant: <<Tea.>>
            Write:3 user: <<Write it up: it is a leaf and Ada drinks it.>>
            Write:4 assistant: <<Ada drinks tea.>>
        "#]]
        .assert_eq(&read(&fixture, &run, None).await);
        expect![[r#"
            Find[2]:1 user: <<Find people on tea.>>
            Find[2]:2 assistant: <<Ada drinks it>>
        "#]]
        .assert_eq(&read(&fixture, &run, Some("Find[2]")).await);
        let Reading::Turns(page) =
            fixture.ops.read_run(&reading(&run, Some("Write"))).await.unwrap()
        else {
            panic!("turns were asked for")
        };
        let [first, ..] = &page.items[..] else { panic!("something was said") };
        assert_eq!(first.thread, format!("{}:Write", fixture.standing(&run).await.name.run_id));
        assert_eq!(read(&fixture, &run, Some(&first.thread)).await.lines().count(), 4);
        assert_eq!(
            serde_json::to_value(first).unwrap(),
            json!({
                "id": "Write:1",
                "thread": first.thread,
                "state": "Write",
                "position": 1,
                "role": "user",
                "at": first.at,
                "content": "Write it up: it is a leaf and Ada drinks it.",
            })
        );
        expect![[r#"
            Write:4 assistant at 2026-01-31T12:00:00Z
            <<Ada drinks tea.>>
        "#]]
        .assert_eq(&read(&fixture, &run, Some("Write:4")).await);
    })
    .await;
}

/// S4.13: a page ends with where the next begins, also in the middle of a thread; nothing is told twice or left out.
#[tokio::test]
async fn s4_13_threads_are_read_page_by_page() {
    on_every_store(async |fixture| {
        let run = written(&fixture).await;
        let whole = read(&fixture, &run, None).await;
        for limit in [1, 3, 9, 10] {
            let mut told = String::new();
            let mut cursor = None;
            loop {
                let page = ReadRun { limit, cursor: cursor.clone(), ..reading(&run, None) };
                let page = fixture.ops.read_run(&page).await.unwrap();
                let text = text::reading(&page, Words::Tools);
                match text.rsplit_once("more: cursor ") {
                    Some((turns, next)) => {
                        told.push_str(turns);
                        cursor = Some(next.trim().to_owned());
                    }
                    None => {
                        told.push_str(&text);
                        break;
                    }
                }
            }
            assert_eq!(told, whole, "{limit} at a time");
        }
    })
    .await;
}

/// S4.13: a long turn is cut in a list, and read whole by its id, as much at a time as a reply holds.
#[tokio::test]
async fn s4_13_a_long_turn_is_read_whole_by_its_id() {
    let fixture = Fixture::sqlite();
    fixture.define(NEWS).await;
    let long = "tea ".repeat(3_000);
    let run = start(&fixture, "news", json!({ "topic": long.trim() })).await;
    let list = read(&fixture, &run, Some("Find[1]")).await;
    assert!(list.starts_with("Find[1]:1 user: <<Find facts on tea tea"), "{list}");
    assert!(
        list.ends_with("…>>\nlong texts are cut: ask for one by its id as path, as Find[1]:1\n")
    );
    let mut told = String::new();
    let mut cursor = None;
    loop {
        let part = ReadRun { cursor: cursor.clone(), ..reading(&run, Some("Find[1]:1")) };
        let found = fixture.ops.read_run(&part).await.unwrap();
        let text = text::reading_from(&found, part.letters_read(), Words::Tools);
        assert!(text::size(&text) <= text::REPLY_MAX);
        let (_, said) = text.split_once("\n<<").unwrap();
        let (said, rest) = said.rsplit_once(">>\n").unwrap();
        told.push_str(said);
        match rest.strip_prefix("more: cursor ") {
            Some(next) => cursor = Some(next.trim().to_owned()),
            None => break,
        }
    }
    assert_eq!(told, format!("Find facts on {}.", long.trim()));
}

/// S4.13: what names no thread, no turn and no page is refused with what may be meant.
#[tokio::test]
async fn s4_13_a_thread_that_is_not_there_is_told() {
    on_every_store(async |fixture| {
        let run = written(&fixture).await;
        let told =
            |error: OpError| (error.kind(), error.to_string(), error.hint().unwrap_or_default());
        let error = told(refused(&fixture, reading(&run, Some("Writ"))).await);
        assert_eq!(error.1, "run `r-1` has no thread of `Writ`");
        assert_eq!((error.0, error.2.as_str()), (Kind::Usage, "did you mean `Write`?"));
        let error = told(refused(&fixture, reading(&run, Some("Check"))).await);
        assert!(error.2.starts_with("threads are of steps that agents do: Find, Ask, Write"));
        let error = told(refused(&fixture, reading(&run, Some("Write:9"))).await);
        assert_eq!(
            (error.0, error.1.as_str()),
            (Kind::NotFound, "run `r-1` has no record `Write:9`")
        );
        assert_eq!(error.2, "list the records there are with `guidepost read r-1 thread`");
        let page = ReadRun { cursor: Some("e-7".to_owned()), ..reading(&run, None) };
        assert_eq!(
            refused(&fixture, page).await.to_string(),
            "the cursor `e-7` is no place in a thread"
        );
        let part = ReadRun { cursor: Some("Write:1".to_owned()), ..reading(&run, Some("Write:1")) };
        assert_eq!(
            refused(&fixture, part).await.to_string(),
            "the cursor `Write:1` is no number of letters"
        );
        // A step that has not begun has said nothing, and that is no mistake.
        let fresh = start(&fixture, "news", json!({ "topic": "coffee" })).await;
        assert!(read(&fixture, &fresh, Some("Write")).await.starts_with("nothing was said yet; "));
    })
    .await;
}

/// S4.13: a prompt that does more with what is sensitive than show it would say something else without it, which was never said.
#[tokio::test]
async fn s4_13_a_prompt_that_works_with_a_secret_is_hidden_as_a_whole() {
    on_every_store(async |fixture| {
        for (number, (prompt, expected)) in [
            ("as {{ login }}", "as (sensitive)"),
            ("{% if login == 's3cret' %}as {{ login }}{% endif %} on tea", "(sensitive)"),
            ("{{ login | length }} letters", "(sensitive)"),
            ("begins with {{ login[:2] }}", "(sensitive)"),
        ]
        .into_iter()
        .enumerate()
        {
            let name = format!("w{number}");
            let text = format!(
                "name: {name}\nattributes: {{ login: {{ type: string, sensitive: true }} }}\nsteps: [{{ name: A, agent: a, prompt: \"{prompt}\" }}]"
            );
            fixture.define(&text).await;
            let run = start(&fixture, &name, json!({ "login": "s3cret" })).await;
            let told = read(&fixture, &run, None).await;
            assert_eq!(told, format!("A:1 user: <<{expected}>>\n"), "{prompt}");
        }
    })
    .await;
}

/// S4.13: a thread keeps what was given, whatever the workflow makes of it in the same step.
#[tokio::test]
async fn s4_13_what_the_last_branch_gave_is_said_though_it_is_changed_at_once() {
    on_every_store(async |fixture| {
        fixture
            .define(
                "
name: joined
initial: A
attributes: { got: { type: any } }
states:
  A:
    agent: scout
    prompt: 'look at {{ item }}'
    for_each: [x, y]
    output: [got]
    onDone: { target: END, actions: { assign: { got: \"got | join(', ')\" } } }
  END: { type: final }
",
            )
            .await;
        let run = start(&fixture, "joined", json!({})).await;
        answer(&fixture, "scout", &[json!("one"), json!("two")]).await;
        let told = read(&fixture, &run, None).await;
        assert!(told.contains("A[2]:2 assistant: <<two>>"), "{told}");
    })
    .await;
}
