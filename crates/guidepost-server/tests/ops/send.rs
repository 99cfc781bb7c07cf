//! Sending events.

use expect_test::expect;
use guidepost_core::diagnostic::Explain;
use guidepost_core::id::Rev;
use guidepost_core::limits::PAYLOAD_BYTES_MAX;
use guidepost_server::ops::Kind;
use guidepost_server::text;
use serde_json::json;

use crate::support::{BUGFIX, Fixture, event_of, on_every_store};

#[tokio::test]
async fn an_event_moves_the_run_and_says_what_is_next() {
    on_every_store(async |fixture| {
        fixture.define(BUGFIX).await;
        let run = fixture.start("bugfix", json!({ "issue": "#7" })).await;
        let moved = fixture.send(&run, "submit", json!({ "pr": "#182" }), Some(2)).await.unwrap();
        expect![[r#"
            ok rev 3: fix -> review
            do: Read the diff and check that the tests cover the bug.
            next:
            - approve {comment?}: The change is good
            - reject {reason!}
        "#]]
        .assert_eq(&text::moved(&moved, text::Words::Tools));
    })
    .await;
}

/// S0.11: at the end there is nothing left to do, and the answer says so.
#[tokio::test]
async fn s0_11_the_end_is_told() {
    on_every_store(async |fixture| {
        fixture.define(BUGFIX).await;
        let run = fixture.start("bugfix", json!({ "issue": "#7" })).await;
        let moved = fixture.send(&run, "give_up", json!({}), None).await.unwrap();
        expect![[r#"
            ok rev 4: fix -> stopped; run completed
            next: nothing, the run is completed
        "#]]
        .assert_eq(&text::moved(&moved, text::Words::Tools));
        let error = fixture.send(&run, "submit", json!({ "pr": "#1" }), None).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (Kind::NotLegal, "GP0206"));
    })
    .await;
}

/// B3: only what is legal can be sent, and the refusal names it.
#[tokio::test]
async fn b3_an_illegal_event_changes_nothing_and_the_legal_ones_are_named() {
    on_every_store(async |fixture| {
        fixture.define(BUGFIX).await;
        let run = fixture.start("bugfix", json!({ "issue": "#7" })).await;
        let error = fixture.send(&run, "merge", json!({}), Some(2)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::NotLegal);
        expect![[r#"
            not done: merge is not legal in fix. Legal now: submit {pr!}, give_up. Example: submit {"pr":"…"}. Nothing changed; rev is 2.
        "#]]
        .assert_eq(&text::error(&error, text::Words::Tools));
        assert_eq!(fixture.standing(&run).await.rev, Rev(2));
    })
    .await;
}

#[tokio::test]
async fn data_that_does_not_fit_is_refused_with_an_example() {
    on_every_store(async |fixture| {
        fixture.define(BUGFIX).await;
        let run = fixture.start("bugfix", json!({ "issue": "#7" })).await;
        let error =
            fixture.send(&run, "submit", json!({ "comment": "x" }), Some(2)).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (Kind::NotLegal, "GP0204"));
        let shown = text::error(&error, text::Words::Tools);
        for part in [
            "You sent {comment}",
            "Expected submit {pr!}",
            r#"Example: submit {"pr":"…"}"#,
            "rev is 2",
        ] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
    })
    .await;
}

/// B6: a repeat after a lost answer has one effect, and gets the answer of the first.
#[tokio::test]
async fn b6_a_repeat_gets_the_answer_of_the_first_time() {
    on_every_store(async |fixture| {
        fixture.define(BUGFIX).await;
        let run = fixture.start("bugfix", json!({ "issue": "#7" })).await;
        let data = json!({ "pr": "#182" });
        let first = fixture.send(&run, "submit", data.clone(), Some(2)).await.unwrap();
        let again = fixture.send(&run, "submit", data.clone(), Some(2)).await.unwrap();
        assert!(!first.is_repeat && again.is_repeat);
        assert_eq!(
            text::moved(&first, text::Words::Tools),
            text::moved(&again, text::Words::Tools)
        );

        fixture.send(&run, "reject", json!({ "reason": "no test" }), Some(3)).await.unwrap();
        let late = fixture.send(&run, "submit", data, Some(2)).await.unwrap();
        assert_eq!((late.after, late.standing.rev), (Rev(3), Rev(4)));
        expect![[r#"
            ok rev 3: fix -> review
            since then: rev 4, in fix
            do: Change the code so that the failing test passes.
            next:
            - submit {pr!}
            - give_up
        "#]]
        .assert_eq(&text::moved(&late, text::Words::Tools));
    })
    .await;
}

#[tokio::test]
async fn the_same_event_from_somebody_else_or_with_other_data_is_no_repeat() {
    on_every_store(async |fixture| {
        fixture.define(BUGFIX).await;
        let run = fixture.start("bugfix", json!({ "issue": "#7" })).await;
        let event = event_of(&run, "submit", json!({ "pr": "#182" }), Some(2));
        fixture.ops.send_event(&event).await.unwrap();
        let mut other = event.clone();
        other.caller = "writer-2".to_owned();
        let error = fixture.ops.send_event(&other).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Stale);
        let mut other = event;
        other.data.insert("pr".to_owned(), json!("#183"));
        let error = fixture.ops.send_event(&other).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Stale);
        expect![[r#"
            not done: rev 2 is old, the run is at rev 3 (writer-1 sent submit at 2026-01-31T12:00:00Z). Now in review. Legal: approve {comment?}, reject {reason!}. Example: reject {"reason":"…"}. Call again with rev 3 only if you still want it.
        "#]]
        .assert_eq(&text::error(&error, text::Words::Tools));
    })
    .await;
}

#[tokio::test]
async fn a_rev_from_the_future_is_refused() {
    let fixture = Fixture::memory();
    fixture.define(BUGFIX).await;
    let run = fixture.start("bugfix", json!({ "issue": "#7" })).await;
    let error = fixture.send(&run, "give_up", json!({}), Some(9)).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Usage, "GP0412"));
    assert!(text::error(&error, text::Words::Tools).contains("Legal now: submit {pr!}, give_up."));
}

/// P3: data at the bound is taken, one byte more is not.
#[tokio::test]
async fn p3_data_is_bounded() {
    let fixture = Fixture::memory();
    fixture.define(BUGFIX).await;
    let run = fixture.start("bugfix", json!({ "issue": "#7" })).await;
    let frame = r#"{"pr":""}"#.len();
    let data = |bytes: usize| json!({ "pr": "x".repeat(bytes - frame) });
    let error = fixture.send(&run, "submit", data(PAYLOAD_BYTES_MAX + 1), None).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Usage, "GP0406"));
    fixture.send(&run, "submit", data(PAYLOAD_BYTES_MAX), None).await.unwrap();
}

/// B3: what the workflow wants to see on record is looked up there.
#[tokio::test]
async fn b3_an_event_waits_for_the_facts_it_requires() {
    const GATED: &str = "
name: gated
initial: Check
states:
  Check:
    guideline: Look the lead up.
    on:
      Scored: { target: Done, requires: [{ action: tool_execution, name: crm_lookup, min: 1 }] }
  Done: { type: final }
";
    on_every_store(async |fixture| {
        fixture.define(GATED).await;
        let run = fixture.start("gated", json!({})).await;
        let error = fixture.send(&run, "Scored", json!({}), None).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (Kind::NotLegal, "GP0203"));
        assert!(
            text::error(&error, text::Words::Tools).contains("crm_lookup"),
            "{}",
            text::error(&error, text::Words::Tools)
        );
        crate::log::act(&fixture, &run, "tool_execution", "crm_lookup").await;
        let moved = fixture.send(&run, "Scored", json!({}), None).await.unwrap();
        assert!(moved.standing.status.is_ended());
    })
    .await;
}

/// Two writers at once: one of them is first, and both hear the truth.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_writers_one_is_first() {
    let fixture = Fixture::sqlite();
    fixture.define(BUGFIX).await;
    let run = fixture.start("bugfix", json!({ "issue": "#7" })).await;
    let mut senders = Vec::new();
    for number in 0..4 {
        let ops = fixture.another();
        let event = event_of(&run, "submit", json!({ "pr": format!("#{number}") }), Some(2));
        senders.push(tokio::spawn(async move { ops.send_event(&event).await }));
    }
    let mut done = 0;
    for sender in senders {
        match sender.await.unwrap() {
            Ok(_) => done += 1,
            Err(error) => assert_eq!(error.kind(), Kind::Stale, "{error}"),
        }
    }
    assert_eq!(done, 1);
    assert_eq!(fixture.standing(&run).await.rev, Rev(3));
}

/// B6: many branches wait; each is resumed twice at the same moment, in any order, and goes on once.
#[tokio::test(flavor = "multi_thread")]
async fn b6_every_waiting_branch_is_resumed_once() {
    const BRANCHES: usize = 12;
    let branch = |n| {
        let states = format!("{{ Waits: {{ on: {{ go{n}: Went }} }}, Went: {{ type: final }} }}");
        format!("  B{n}: {{ initial: Waits, states: {states} }}\n")
    };
    let branches: String = (0..BRANCHES).map(branch).collect();
    let definition = format!("name: branches\ntype: parallel\nstates:\n{branches}");
    let fixture = Fixture::sqlite();
    fixture.define(&definition).await;
    let run = fixture.start("branches", json!({})).await;
    let rev = fixture.standing(&run).await.rev.0;
    let mut senders = Vec::new();
    for n in (0..BRANCHES).chain((0..BRANCHES).rev()) {
        let ops = fixture.another();
        let event = event_of(&run, &format!("go{n}"), json!({}), Some(rev));
        senders.push(tokio::spawn(async move { ops.send_event(&event).await }));
    }
    let mut repeats = 0;
    for sender in senders {
        let moved = sender
            .await
            .unwrap()
            .unwrap_or_else(|error| panic!("{}", text::error(&error, text::Words::Tools)));
        repeats += usize::from(moved.is_repeat);
    }
    assert_eq!(repeats, BRANCHES);
    let standing = fixture.standing(&run).await;
    assert!(standing.status.is_ended(), "{standing:?}");
    let verified = fixture.ops.verify_run(&run.as_str().into()).await.unwrap();
    assert!(verified.verified.problems.is_empty(), "{verified:?}");
}

#[tokio::test]
async fn a_refusal_has_an_example_also_where_no_event_must_carry_anything() {
    on_every_store(async |fixture| {
        fixture.define("name: bare\ninitial: a\nstates:\n  a: { on: { go: b } }\n  b: {}\n").await;
        let run = fixture.start("bare", json!({})).await;
        let error = fixture.send(&run, "run", json!({}), Some(2)).await.unwrap_err();
        expect![[r#"
            not done: run is not legal in a. Legal now: go. Example: go {}. Nothing changed; rev is 2.
        "#]]
        .assert_eq(&text::error(&error, text::Words::Tools));
    })
    .await;
}

#[tokio::test]
async fn data_with_too_many_levels_is_refused_with_their_number() {
    on_every_store(async |fixture| {
        fixture.define(BUGFIX).await;
        let run = fixture.start("bugfix", json!({ "issue": "#7" })).await;
        let nested = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!([inner]));
        let data = |levels| json!({ "pr": "#1", "more": nested(levels) });
        let error = fixture.send(&run, "submit", data(65), Some(2)).await.unwrap_err();
        let told = text::error(&error, text::Words::Tools);
        assert!(told.contains("has 65 levels, and may have 64 levels"), "{told}");
        fixture.send(&run, "submit", data(64), Some(2)).await.unwrap();
    })
    .await;
}
