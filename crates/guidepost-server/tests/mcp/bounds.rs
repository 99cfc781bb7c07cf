//! Arguments out of their bounds are refused by name, not bent into shape; answers stay within theirs.

use guidepost_core::limits::FACTS_MAX;
use guidepost_server::mcp::Options;
use serde_json::{Value as Json, json};

use crate::support::{BUGFIX, Fixture, tokens};
use crate::wire::Wire;

#[tokio::test]
async fn arguments_out_of_bounds_are_refused() {
    let fixture = Fixture::memory();
    fixture.define(BUGFIX).await;
    let run = fixture.start("bugfix", json!({ "issue": "#7" })).await;
    let mut wire = Wire::connect(&fixture, Options::default()).await;
    for (tool, arguments, answer) in [
        (
            "guidepost_wait",
            json!({ "run": run, "seconds": 0 }),
            "seconds is 0, and must lie between 1 and 55",
        ),
        (
            "guidepost_wait",
            json!({ "run": run, "seconds": 56 }),
            "between 1 and 55. Leave it out for 30",
        ),
        ("guidepost_wait", json!({ "run": run, "seconds": -1 }), "seconds must be a whole number"),
        (
            "guidepost_read",
            json!({ "run": run, "limit": 0 }),
            "limit is 0, and must lie between 1 and 100",
        ),
        ("guidepost_read", json!({ "run": run, "limit": 101 }), "limit is 101"),
        ("guidepost_read", json!({ "run": run, "path": "issue" }), "`issue` is a place"),
        (
            "guidepost_read",
            json!({ "run": run, "what": "data", "cursor": "e-1" }),
            "belongs to a list",
        ),
        ("guidepost_read", json!({ "run": run, "cursor": "bogus" }), "`bogus` is no record's id"),
        ("guidepost_find", json!({ "limit": 51 }), "limit is 51, and must lie between 1 and 50"),
        ("guidepost_find", json!({ "state": "fix" }), "Add in=runs"),
        ("guidepost_find", json!({ "in": "schedules", "state": "fix" }), "Add in=runs"),
        (
            "guidepost_find",
            json!({ "in": "schedules", "query": "bugfx" }),
            "Did you mean `bugfix`?",
        ),
        ("guidepost_find", json!({ "in": "runs", "state": "fxi" }), "Did you mean `fix`?"),
        ("guidepost_find", json!({ "in": "runs", "cursor": "bogus" }), "`bogus` is no place"),
        ("guidepost_where", json!({ "run": run, "detail": "all" }), "detail is not one of"),
    ] {
        let text = wire.refused(tool, arguments).await;
        assert!(text.contains(answer), "{text}");
    }
    // At the bounds all is well.
    wire.done("guidepost_wait", json!({ "run": run, "rev": 1, "seconds": 55 })).await;
    wire.done("guidepost_read", json!({ "run": run, "limit": 100 })).await;
    wire.done("guidepost_find", json!({ "limit": 50 })).await;
}

/// Agents write numbers in other ways too; what is meant is plain.
#[tokio::test]
async fn a_whole_number_is_read_in_whatever_way_it_is_written() {
    let fixture = Fixture::memory();
    fixture.define(BUGFIX).await;
    let run = fixture.start("bugfix", json!({ "issue": "#7" })).await;
    let mut wire = Wire::connect(&fixture, Options::default()).await;
    let one = wire.done("guidepost_read", json!({ "run": run, "limit": 1 })).await;
    assert_ne!(one, wire.done("guidepost_read", json!({ "run": run, "limit": 2 })).await);
    for limit in [json!(1.0), json!("1"), json!(" 1 ")] {
        assert_eq!(one, wire.done("guidepost_read", json!({ "run": run, "limit": limit })).await);
    }
    for rev in [json!(2.5), json!("two"), json!(-1), json!(1e30), json!("2.5"), json!(true)] {
        let submit = json!({ "run": run, "event": "give_up", "rev": rev });
        let text = wire.refused("guidepost_do", submit).await;
        assert!(text.contains("rev must be a whole number, 0 or more"), "{text}");
    }
    wire.done("guidepost_do", json!({ "run": run, "event": "give_up", "rev": "2" })).await;
}

/// What is to be corrected is the call: nothing is said that sounds as if there were nothing to do.
#[tokio::test]
async fn an_unreadable_argument_about_a_run_that_is_over_is_just_that() {
    let fixture = Fixture::memory();
    fixture.define(BUGFIX).await;
    let run = fixture.start("bugfix", json!({ "issue": "#7" })).await;
    let mut wire = Wire::connect(&fixture, Options::default()).await;
    let unreadable = json!({ "run": run, "limit": "many" });
    let text = wire.refused("guidepost_read", unreadable.clone()).await;
    assert!(text.contains("Legal now: submit"), "{text}");
    wire.done("guidepost_do", json!({ "run": run, "event": "give_up", "rev": 2 })).await;
    let text = wire.refused("guidepost_read", unreadable).await;
    assert!(
        text.contains("do not fit: limit must be a whole number") && !text.contains("nothing"),
        "{text}"
    );
}

/// B19: however large the data, the history and the list of what is awaited, an answer has 2,000 tokens.
#[tokio::test]
async fn b19_a_full_answer_stays_within_its_tokens() {
    let regions: String = (0..100)
        .map(|n| format!("\n  R{n}: {{ initial: A, states: {{ A: {{ guideline: 'Wait for {{{{ big }}}} 漢字漢字 {n}.', on: {{ E{n}: B }}, after: {{ {n}h: B, 1{n}h: B }} }}, B: {{ type: final }} }} }}"))
        .collect();
    let definition = format!(
        "name: wide\nattributes: {{ big: {{ type: string }}, all: {{ type: object }} }}\ntype: parallel\nstates:{regions}\n"
    )
    .replace(" 0h: B,", "");
    let fixture = Fixture::memory();
    fixture.define(&definition).await;
    let all: serde_json::Map<String, Json> =
        (0..3_000).map(|n| (format!("field {n}"), "漢字".repeat(20).into())).collect();
    let input = json!({ "big": "漢字 ".repeat(50_000), "all": all });
    let run = fixture.start("wide", input).await;
    let mut wire = Wire::connect(&fixture, Options::default()).await;
    let text = "漢字 ".repeat(200);
    let entry = |n: usize| match n % 3 {
        0 => {
            json!({ "kind": "decision", "text": text, "data": { "chosen": n, "reasoning": text } })
        }
        1 => {
            json!({ "kind": "action", "text": text, "ref": format!("call {n}"), "data": { "status": "running" } })
        }
        _ => json!({ "kind": "message", "text": text, "data": { "to": text } }),
    };
    for page in 0..200 {
        let entries: Vec<Json> = (0..50).map(|n| entry(page * 50 + n)).collect();
        assert!(entries.len() <= FACTS_MAX);
        wire.done("guidepost_log", json!({ "run": run, "entries": entries })).await;
    }
    for (tool, arguments) in [
        ("guidepost_where", json!({ "run": run, "detail": "full" })),
        ("guidepost_where", json!({ "run": run })),
        ("guidepost_read", json!({ "run": run, "limit": 100 })),
        ("guidepost_read", json!({ "run": run, "what": "data" })),
        ("guidepost_read", json!({ "run": run, "what": "data", "path": "big" })),
        ("guidepost_read", json!({ "run": run, "what": "event", "path": "e-1" })),
        ("guidepost_read", json!({ "run": run, "what": "diagram" })),
        ("guidepost_wait", json!({ "run": run, "rev": 1 })),
    ] {
        let answer = wire.done(tool, arguments.clone()).await;
        let tokens = tokens(&answer);
        assert!(tokens <= 2_000, "{tool} {arguments}: {tokens} tokens\n{answer}");
    }
    let full = wire.done("guidepost_where", json!({ "run": run, "detail": "full" })).await;
    assert!(full.contains("pending timers:") && full.contains("\nnext:\n- E0\n"), "{full}");
}

/// What a reply cannot hold is read in parts, each with where the next begins.
#[tokio::test]
async fn a_long_value_and_a_long_record_are_read_in_parts() {
    let fixture = Fixture::memory();
    fixture.define("name: t\nattributes: { s: string, n: number }\ninitial: A\nstates: { A: { on: { x: A } } }").await;
    let words: Vec<String> = (0..1_500).map(|n| format!("wörd{n}")).collect();
    let long = words.join(" ");
    let run = fixture.start("t", json!({ "s": long, "n": 7 })).await;
    let mut wire = Wire::connect(&fixture, Options::default()).await;
    let event =
        wire.done("guidepost_read", json!({ "run": run, "what": "event", "path": "e-1" })).await;
    assert!(event.lines().last().unwrap().starts_with("more: cursor "), "{event}");
    for (what, path) in [("data", "/s"), ("event", "e-1")] {
        let (mut read, mut cursor, mut parts) = (String::new(), None, 0);
        loop {
            let asked = json!({ "run": run, "what": what, "path": path, "cursor": cursor });
            let text = wire.done("guidepost_read", asked).await;
            assert!(tokens(&text) <= 2_000, "{}", tokens(&text));
            let part = text.split_once("<<").unwrap().1.rsplit_once(">>").unwrap().0;
            assert!(!part.contains('…'), "{part}");
            read.push_str(part);
            parts += 1;
            let last = text.lines().last().unwrap();
            let Some(more) = last.strip_prefix("more: cursor ") else { break };
            cursor = Some(more.trim_matches('"').to_owned());
        }
        assert!(parts > 2, "{what}: {parts}");
        assert!(read.contains(&long), "{what}: {read}");
    }
    let small = json!({ "run": run, "what": "data", "path": "n", "cursor": "" });
    assert_eq!(wire.done("guidepost_read", small).await, "7\n");
    let odd = json!({ "run": run, "what": "data", "path": "n", "cursor": "e-1" });
    assert!(wire.refused("guidepost_read", odd).await.contains("is no number of letters"));
    wire.close().await;
}
