//! Taking a run over after the context was lost.

use guidepost_core::id::RunRef;
use guidepost_server::ops::{Detail, WhereAmI};
use guidepost_server::text;
use serde_json::json;

use crate::log::{entry, log};
use crate::support::{BUGFIX, Fixture, on_every_store, tokens};

async fn full(fixture: &Fixture, run: &str) -> String {
    let question = WhereAmI { run: RunRef::from(run), detail: Detail::Full };
    text::standing(&fixture.ops.where_am_i(&question).await.unwrap(), text::Words::Tools)
}

/// B19: what was decided, what is pending, and what must not simply be done again.
#[tokio::test]
async fn b19_the_packet_says_what_is_safe_to_repeat() {
    on_every_store(async |fixture| {
        fixture.define(BUGFIX).await;
        let run = fixture.start("bugfix", json!({ "issue": "#7" })).await;
        let begun = |id: &str, name: &str| {
            let mut action = entry(
                "action",
                "",
                json!({ "type": "api_call", "name": name, "status": "running" }),
            );
            action.r#ref = Some(id.to_owned());
            action
        };
        let mut end = entry("action_ended", "", json!({ "status": "completed" }));
        end.r#ref = Some("c-1".to_owned());
        let decision = entry("decision", "which fix?", json!({ "chosen": "the small one" }));
        log(&fixture, &run, vec![begun("c-1", "charge"), end, begun("c-2", "refund"), decision])
            .await;
        let shown = full(&fixture, &run).await;
        for part in [
            "safe to repeat:\n- guidepost_do with the same rev, event and data",
            "- NOT e-5 api_call refund: begun, its end is not on record",
            "pending timers:\n- ",
            "in 3d, at 2026-02-03T12:00:00Z",
            "last decisions:\n- e-6 rev 2 writer-1: decision <<which fix?>> -> <<the small one>>",
            "next:\n- submit {pr!}\n- give_up\n",
        ] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        assert!(!shown.contains("NOT e-3"), "{shown}");
    })
    .await;
}

/// B19: however much there is to say, the packet has 2,000 tokens, and never loses what is legal.
#[tokio::test]
async fn b19_the_packet_is_bounded() {
    let fixture = Fixture::memory();
    let states = BUGFIX
        .replace("guideline: Change", &format!("guideline: {} Change", "Think hard. ".repeat(500)));
    fixture.define(&states).await;
    let run = fixture
        .start("bugfix", json!({ "issue": "word ".repeat(2_000), "pr": "w ".repeat(900) }))
        .await;
    for _ in 0..20 {
        let long = "a long story ".repeat(100);
        let action = json!({ "type": "api_call", "name": long, "status": "running" });
        log(
            &fixture,
            &run,
            vec![
                entry("decision", &long, json!({ "chosen": long })),
                entry("action", &long, action),
            ],
        )
        .await;
    }
    let shown = full(&fixture, &run).await;
    let tokens = tokens(&shown);
    assert!(tokens <= 2_000, "{tokens} tokens");
    assert!(shown.ends_with("next:\n- submit {pr!}\n- give_up\n"), "{shown}");
    // What is left out of a section is counted, and no section takes the room of all others.
    let sections = shown.split_once("safe to repeat:\n").unwrap().1;
    let (repeat, decisions) = sections.split_once("last decisions:\n- e-").unwrap();
    let named = repeat.matches("- NOT e-").count();
    assert!((1..20).contains(&named), "{shown}");
    assert!(
        repeat.contains(&format!("- {} more: guidepost_read what=history", 20 - named)),
        "{shown}"
    );
    assert!(decisions.contains("last facts:\n- "), "{shown}");
}

/// B19: what was begun long ago and never ended is not forgotten, whatever was recorded since.
#[tokio::test]
async fn b19_what_was_begun_long_ago_is_not_safe_to_repeat() {
    on_every_store(async |fixture| {
        fixture.define(BUGFIX).await;
        let run = fixture.start("bugfix", json!({ "issue": "#7" })).await;
        let begun = json!({ "type": "api_call", "name": "charge", "status": "running" });
        log(&fixture, &run, vec![entry("action", "", begun)]).await;
        for _ in 0..30 {
            let notes = (0..40).map(|_| entry("note", "still here", json!({}))).collect();
            log(&fixture, &run, notes).await;
            let done = |_| entry("action", "", json!({ "type": "api_call", "name": "look" }));
            log(&fixture, &run, (0..40).map(done).collect()).await;
        }
        let shown = full(&fixture, &run).await;
        assert!(shown.contains("- NOT e-3 api_call charge: begun"), "{shown}");
    })
    .await;
}

/// S0.3 and S0.17: one question gives an agent all it needs.
#[tokio::test]
async fn s0_17_one_question_is_enough() {
    on_every_store(async |fixture| {
        fixture.define(BUGFIX).await;
        let run = fixture.start("bugfix", json!({ "issue": "#7" })).await;
        fixture.send(&run, "submit", json!({ "pr": "#182" }), None).await.unwrap();
        let shown = text::standing(&fixture.standing(&run).await, text::Words::Tools);
        for part in [
            "state: review",
            "do: Read the diff",
            "- approve {comment?}: The change is good",
            "- reject {reason!}",
        ] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        assert!(tokens(&shown) <= 400);
    })
    .await;
}
