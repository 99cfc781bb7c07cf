//! Agents at work through the tools.

use std::time::Duration;

use expect_test::expect;
use guidepost_core::run::Driver;
use guidepost_server::mcp::Options;
use guidepost_server::ops::{Allowed, StartRun};
use serde_json::{Value as Json, json};

use crate::support::{BUGFIX, Fixture, tokens};
use crate::wire::Wire;

/// A whole run, word for word.
#[tokio::test]
async fn an_agent_finds_starts_and_follows_a_workflow() {
    let fixture = Fixture::sqlite();
    let mut wire = Wire::connect(&fixture, Options::default()).await;
    let mut story = String::new();
    for (tool, arguments) in [
        ("guidepost_where", json!({})),
        ("guidepost_define", json!({ "yaml": BUGFIX, "save": true })),
        ("guidepost_find", json!({ "query": "bug" })),
        (
            "guidepost_start",
            json!({ "workflow": "bugfix", "input": { "issue": "#7" }, "goal": "make it green" }),
        ),
        (
            "guidepost_do",
            json!({ "run": "r-1", "event": "submit", "rev": 2, "data": { "pr": "#182" }, "note": "tests pass" }),
        ),
        (
            "guidepost_log",
            json!({ "run": "r-1", "entries": [{ "kind": "note", "text": "asked for a review" }] }),
        ),
        ("guidepost_where", json!({ "run": "r-1" })),
        (
            "guidepost_do",
            json!({ "run": "r-1", "event": "approve", "rev": 3, "data": { "comment": "well done" } }),
        ),
        ("guidepost_read", json!({ "run": "r-1", "limit": 3 })),
    ] {
        let text = wire.done(tool, arguments).await;
        let tokens = tokens(&text);
        assert!(tokens <= 400, "{tool}: {tokens} tokens");
        story.push_str(&format!("> {tool}\n{text}"));
    }
    expect![[r#"
        > guidepost_where
        no open runs
        next: guidepost_find lists workflows, guidepost_start begins one
        > guidepost_define
        saved bugfix@1: 4 states, 5 transitions
        next: guidepost_start workflow=bugfix
        > guidepost_find
        1 workflow
        bugfix@1 {issue!, pr?, token?}: Fix a bug and have it reviewed.
        > guidepost_start
        started
        run r-1 bugfix@1 rev 2
        state: fix (1 of 4)
        goal: <<make it green>>
        do: Change the code so that the failing test passes.
        have: issue=#7
        next:
        - submit {pr!}
        - give_up
        > guidepost_do
        ok rev 3: fix -> review
        do: Read the diff and check that the tests cover the bug.
        next:
        - approve {comment?}: The change is good
        - reject {reason!}
        > guidepost_log
        logged e-4 in r-1, rev 3
        next: approve {comment?}, reject {reason!}
        > guidepost_where
        run r-1 bugfix@1 rev 3
        state: review (2 of 4)
        goal: <<make it green>>
        do: Read the diff and check that the tests cover the bug.
        have: issue=#7 pr=#182
        next:
        - approve {comment?}: The change is good
        - reject {reason!}
        > guidepost_do
        ok rev 5: review -> merged; run completed
        next: nothing, the run is completed
        > guidepost_read
        e-6 rev 5: completed
        e-5 rev 4 wire: approve, review -> merged with <<{"comment":"well done"}>>
        e-4 rev 3 wire: note <<asked for a review>>
        more: cursor e-4
    "#]]
    .assert_eq(&story);
    wire.close().await;
}

/// Every refusal names an event that is legal, if any is.
#[tokio::test]
async fn every_refusal_names_a_legal_event() {
    let fixture = Fixture::memory();
    fixture.define(BUGFIX).await;
    fixture.start("bugfix", json!({ "issue": "#7" })).await;
    let mut wire = Wire::connect(&fixture, Options::default()).await;
    wire.done(
        "guidepost_log",
        json!({ "run": "r-1", "entries": [{ "kind": "note", "text": "x" }] }),
    )
    .await;
    let entries: Vec<Json> = vec![json!({ "kind": "note", "text": "x" }); 51];
    for (tool, arguments) in [
        ("guidepost_do", json!({ "run": "r-1", "event": "merge", "rev": 2 })),
        ("guidepost_do", json!({ "run": "r-1", "event": "submit", "rev": 2 })),
        ("guidepost_do", json!({ "run": "r-1", "event": "submit", "rev": 2, "data": { "pr": 7 } })),
        (
            "guidepost_do",
            json!({ "run": "r-1", "event": "submit", "rev": 0, "data": { "pr": "#1" } }),
        ),
        (
            "guidepost_do",
            json!({ "run": "r-1", "event": "submit", "rev": 9, "data": { "pr": "#1" } }),
        ),
        ("guidepost_do", json!({ "run": "r-1", "event": "submit" })),
        ("guidepost_do", json!({ "run": "r-1", "event": "submit", "rev": "two" })),
        ("guidepost_do", json!({ "run": "r-1", "action": "submit", "rev": 2 })),
        ("guidepost_do", json!({ "run": "r-1", "event": "x".repeat(300), "rev": 2 })),
        ("guidepost_log", json!({ "run": "r-1", "entries": [] })),
        ("guidepost_log", json!({ "run": "r-1", "entries": entries })),
        ("guidepost_log", json!({ "run": "r-1", "entries": [{ "kind": "thought", "text": "x" }] })),
        (
            "guidepost_log",
            json!({ "run": "r-1", "entries": [{ "kind": "note", "text": "x", "data": { "y": 1 } }] }),
        ),
        ("guidepost_read", json!({ "run": "r-1", "what": "everything" })),
        ("guidepost_read", json!({ "run": "r-1", "what": "event", "path": "e-99" })),
        ("guidepost_read", json!({ "run": "r-1", "what": "data", "path": "nothing" })),
        ("guidepost_wait", json!({ "run": "r-1", "seconds": -1 })),
    ] {
        let text = wire.refused(tool, arguments.clone()).await;
        assert!(text.contains("submit {pr!}"), "{tool} {arguments}: {text}");
        assert!(text.contains("rev is 2") || text.contains("rev 2"), "{tool} {arguments}: {text}");
        let tokens = tokens(&text);
        assert!(tokens <= 400, "{tool} {arguments}: {tokens} tokens");
    }
    for (tool, arguments, part) in [
        ("guidepost_where", json!({ "run": "r-9" }), "there is no run `r-9`"),
        ("guidepost_start", json!({ "workflow": "bugfxi" }), "did you mean `bugfix`?"),
        ("guidepost_start", json!({}), "neither a workflow nor a goal"),
        (
            "guidepost_define",
            json!({}),
            "the arguments of guidepost_define do not fit: lacks `yaml`",
        ),
        (
            "guidepost_find",
            json!({ "in": "attic" }),
            "in is not one of \"workflows\", \"runs\" or \"schedules\"",
        ),
    ] {
        let text = wire.refused(tool, arguments).await;
        assert!(text.to_lowercase().contains(&part.to_lowercase()), "{part}: {text}");
    }
    wire.close().await;
}

#[tokio::test]
async fn a_definition_that_reaches_out_needs_the_operators_leave() {
    const REACHING: &str = "name: reach\ninitial: A\nstates:\n  A: { exec: { command: [ls] }, onDone: B }\n  B: { type: final }\n";
    let fixture = Fixture::memory();
    let mut wire = Wire::connect(&fixture, Options::default()).await;
    let text = wire.refused("guidepost_define", json!({ "yaml": REACHING, "save": true })).await;
    assert!(text.contains("`exec`"), "{text}");
    wire.close().await;
    let options = Options { allowed: Allowed::Everything, ..Options::default() };
    let mut wire = Wire::connect(&fixture, options).await;
    wire.done("guidepost_define", json!({ "yaml": REACHING, "save": true })).await;
    wire.close().await;
}

#[tokio::test]
async fn the_caller_is_the_client_or_who_the_operator_says() {
    let fixture = Fixture::memory();
    fixture.define(BUGFIX).await;
    for (agent, name) in [(None, "wire"), (Some("writer-7".to_owned()), "writer-7")] {
        let mut wire = Wire::connect(&fixture, Options { agent, ..Options::default() }).await;
        let start = json!({ "workflow": "bugfix", "input": { "issue": "#7" } });
        let text = wire.done("guidepost_start", start).await;
        let run = text.split_whitespace().find(|word| word.starts_with("r-")).unwrap().to_owned();
        assert_eq!(fixture.standing(&run).await.agent.as_deref(), Some(name));
        let open = wire.done("guidepost_where", json!({})).await;
        assert!(open.starts_with("1 open run\n") && open.contains(&run), "{open}");
        wire.close().await;
    }
}

/// Two clients, each with a process of its own, over one file.
#[tokio::test(flavor = "multi_thread")]
async fn one_client_waits_for_the_other() {
    let fixture = Fixture::sqlite();
    fixture.define(BUGFIX).await;
    fixture.start("bugfix", json!({ "issue": "#7" })).await;
    let mut waiting = Wire::connect(&fixture, Options::default()).await;
    let other = fixture.another();
    let mover = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let event = crate::support::event_of("r-1", "submit", json!({ "pr": "#1" }), Some(2));
        other.send_event(&event).await.unwrap();
    });
    let text =
        waiting.done("guidepost_wait", json!({ "run": "r-1", "rev": 2, "seconds": 50 })).await;
    assert!(text.contains("rev 3") && text.contains("state: review"), "{text}");
    mover.await.unwrap();
    waiting.close().await;
}

/// P3: a page of a long history is bounded, whatever stands in it.
#[tokio::test]
async fn p3_a_reply_is_bounded() {
    let fixture = Fixture::memory();
    fixture.define(BUGFIX).await;
    fixture.start("bugfix", json!({ "issue": "long ".repeat(5_000) })).await;
    let mut wire = Wire::connect(&fixture, Options::default()).await;
    for _ in 0..4 {
        let entries: Vec<Json> =
            vec![json!({ "kind": "note", "text": "a long story ".repeat(50) }); 50];
        wire.done("guidepost_log", json!({ "run": "r-1", "entries": entries })).await;
    }
    let mut seen = 0;
    let mut cursor: Option<String> = None;
    loop {
        let arguments = match &cursor {
            None => json!({ "run": "r-1", "limit": 100 }),
            Some(cursor) => json!({ "run": "r-1", "limit": 100, "cursor": cursor }),
        };
        let text = wire.done("guidepost_read", arguments).await;
        let tokens = tokens(&text);
        assert!(tokens <= 2_000, "{tokens} tokens");
        seen += text.lines().filter(|line| line.starts_with("e-")).count();
        cursor =
            text.lines().find_map(|line| line.strip_prefix("more: cursor ")).map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, 202);
    for (what, path) in
        [("data", Some("issue")), ("data", None), ("event", Some("e-1")), ("diagram", None)]
    {
        let text =
            wire.done("guidepost_read", json!({ "run": "r-1", "what": what, "path": path })).await;
        let tokens = tokens(&text);
        assert!(tokens <= 2_000, "{what}: {tokens} tokens");
    }
    wire.close().await;
}

/// B6: the client dies before it hears the answer, and asks again in a new process.
#[tokio::test]
async fn b6_a_run_is_taken_up_after_a_crash() {
    let fixture = Fixture::sqlite();
    fixture.define(BUGFIX).await;
    fixture.start("bugfix", json!({ "issue": "#7" })).await;
    let step = json!({ "run": "r-1", "event": "submit", "rev": 2, "data": { "pr": "#1" } });
    let mut first = Wire::connect(&fixture, Options::default()).await;
    let call = json!({ "name": "guidepost_do", "arguments": step });
    first
        .message(&json!({ "jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": call }))
        .await;
    first.crash();

    let mut second = Wire::connect(&fixture, Options::default()).await;
    let text = second.done("guidepost_do", step).await;
    assert!(text.starts_with("ok rev 3: fix -> review\n"), "{text}");
    let text = second.done("guidepost_where", json!({ "run": "r-1", "detail": "full" })).await;
    assert!(text.contains("rev 3") && text.contains("safe to repeat:"), "{text}");
    second.close().await;
}

/// A client that does not wait for answers means its calls one after the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_sent_at_once_are_done_in_their_order() {
    let fixture = Fixture::sqlite();
    fixture.define(BUGFIX).await;
    let mut wire = Wire::connect(&fixture, Options::default()).await;
    let call = |id: u64, tool: &str, arguments: Json| {
        let params = json!({ "name": tool, "arguments": arguments });
        json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params }).to_string()
    };
    let mut lines = String::new();
    for round in 0..20_u64 {
        let run = guidepost_core::id::RunNo(1 + i64::try_from(round).unwrap()).to_string();
        let input = json!({ "workflow": "bugfix", "input": { "issue": "#7" } });
        lines += &format!("{}\n", call(100 + round * 2, "guidepost_start", input));
        let event = json!({ "run": run, "event": "give_up", "rev": 2 });
        lines += &format!("{}\n", call(101 + round * 2, "guidepost_do", event));
    }
    wire.bytes(lines.as_bytes()).await;
    for id in 100..140_u64 {
        let answer = wire.answer().await;
        assert_eq!(answer["id"], id, "{answer}");
        assert_ne!(answer["result"]["isError"], true, "{answer}");
    }
}

const REPORT: &str = "
name: report
attributes: { day: { type: string } }
schedules:
  hourly: { every: 1h }
  daily: { cron: '0 9 * * MON-FRI', timezone: Europe/Berlin, due_as: day }
steps:
  - { name: Collect, task: collect }
";

/// An agent sees which runs begin by themselves, and when the next does.
#[tokio::test]
async fn an_agent_sees_when_runs_begin_by_themselves() {
    let fixture = Fixture::sqlite();
    fixture.define(REPORT).await;
    fixture.define(BUGFIX).await;
    let mut wire = Wire::connect(&fixture, Options::default()).await;
    let all = wire.done("guidepost_find", json!({ "in": "schedules" })).await;
    let of_one = json!({ "in": "schedules", "query": "report", "limit": 1 });
    let of_one = wire.done("guidepost_find", of_one).await;
    let of_none = json!({ "in": "schedules", "query": "bugfix" });
    let of_none = wire.done("guidepost_find", of_none).await;
    expect![[r#"
        2 schedules
        report/daily  cron 0 9 * * MON-FRI in Europe/Berlin  next 2026-02-02T08:00:00Z
        report/hourly  every 1h  next 2026-01-31T13:00:00Z
        1 or more schedule
        report/daily  cron 0 9 * * MON-FRI in Europe/Berlin  next 2026-02-02T08:00:00Z
        more: cursor report@daily
        no schedules found
    "#]]
    .assert_eq(&format!("{all}{of_one}{of_none}"));
    wire.close().await;
}

/// S4.13: what an agent was told in a step is read by the step.
#[tokio::test]
async fn s4_13_a_thread_is_read_over_mcp() {
    let fixture = Fixture::sqlite();
    fixture
        .define(
            "
name: poem
initial: Write
states:
  Write: { agent: poet, prompt: Write a poem., onDone: END }
  END: { type: final }
",
        )
        .await;
    let start = StartRun {
        workflow: Some("poem".to_owned()),
        driver: Driver::Engine,
        ..StartRun::default()
    };
    fixture.ops.start_run(&start).await.unwrap();
    let mut wire = Wire::connect(&fixture, Options::default()).await;
    for path in ["", "Write"] {
        let read = json!({ "run": "r-1", "what": "thread", "path": path });
        assert_eq!(wire.done("guidepost_read", read).await, "Write:1 user: <<Write a poem.>>\n");
    }
    let read = json!({ "run": "r-1", "what": "thread", "path": "Wrote" });
    let refused = wire.refused("guidepost_read", read).await;
    assert!(refused.contains("has no thread of `Wrote`"), "{refused}");
    wire.close().await;
}
