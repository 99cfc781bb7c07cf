//! Reading a run's record.

use expect_test::expect;
use guidepost_core::diagnostic::Explain;
use guidepost_core::id::RunRef;
use guidepost_server::ops::{Kind, ReadHistory, ReadRun, Reading, What};
use serde_json::json;

use crate::log::{entry, log, read};
use crate::support::{BUGFIX, Fixture, on_every_store};

#[tokio::test]
async fn data_is_shown_whole_or_at_a_place_and_what_is_sensitive_only_when_named() {
    on_every_store(async |fixture| {
        fixture.define(BUGFIX).await;
        let input = json!({ "issue": "a longer text", "token": "s3cret" });
        let run = fixture.start("bugfix", input).await;
        let all = read(&fixture, &run, What::Data, None).await;
        assert_eq!(all, "issue=<<a longer text>>\ntoken=<<(sensitive)>>\n");
        assert!(
            !guidepost_server::text::standing(
                &fixture.standing(&run).await,
                guidepost_server::text::Words::Tools
            )
            .contains("s3cret")
        );
        for (what, path) in [(What::History, None), (What::Event, Some("e-1"))] {
            assert!(!read(&fixture, &run, what, path).await.contains("s3cret"));
        }
        assert_eq!(read(&fixture, &run, What::Data, Some("token")).await, "s3cret\n");
        let missing = ReadRun {
            run: RunRef::from(run.as_str()),
            what: What::Data,
            path: Some("pr.number".to_owned()),
            limit: 1,
            cursor: None,
        };
        let error = fixture.ops.read_run(&missing).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (Kind::NotFound, "GP0411"));
    })
    .await;
}

#[tokio::test]
async fn a_history_is_read_in_pages_either_way() {
    on_every_store(async |fixture| {
        fixture.define(BUGFIX).await;
        let run = fixture.start("bugfix", json!({ "issue": "#7" })).await;
        log(&fixture, &run, (0..5).map(|n| entry("note", &format!("n{n}"), json!({}))).collect())
            .await;
        for newest_first in [true, false] {
            let mut read = ReadHistory {
                run: RunRef::from(run.as_str()),
                newest_first,
                kinds: Vec::new(),
                limit: 3,
                cursor: None,
            };
            let mut seqs = Vec::new();
            loop {
                let page = fixture.ops.history(&read).await.unwrap();
                seqs.extend(page.items.iter().map(|item| item.seq.0));
                match page.next {
                    Some(next) => read.cursor = Some(next),
                    None => break,
                }
            }
            if newest_first {
                seqs.reverse();
            }
            assert_eq!(seqs, [1, 2, 3, 4, 5, 6, 7]);
        }
    })
    .await;
}

#[tokio::test]
async fn one_record_is_read_whole() {
    on_every_store(async |fixture| {
        fixture.define(BUGFIX).await;
        let run = fixture.start("bugfix", json!({ "issue": "#7" })).await;
        let shown = read(&fixture, &run, What::Event, Some("e-1")).await;
        assert!(
            shown.starts_with("e-1 rev 1 started by writer-1 at 2026-01-31T12:00:00Z\n<<{"),
            "{shown}"
        );
        for (id, kind) in [("e-99", Kind::NotFound), ("nonsense", Kind::Usage)] {
            let read = ReadRun {
                run: RunRef::from(run.as_str()),
                what: What::Event,
                path: Some(id.to_owned()),
                limit: 1,
                cursor: None,
            };
            assert_eq!(fixture.ops.read_run(&read).await.unwrap_err().kind(), kind);
        }
    })
    .await;
}

/// Answers serialise to the JSON people see.
#[tokio::test]
async fn answers_are_json_without_nulls() {
    on_every_store(async |fixture| {
        fixture.define(BUGFIX).await;
        let run = fixture.start("bugfix", json!({ "issue": "#7" })).await;
        let standing = serde_json::to_value(fixture.standing(&run).await).unwrap();
        assert_eq!(standing["run"], "r-1");
        assert_eq!(standing["next"][0]["event"], "submit");
        let nulls: Vec<_> =
            standing.as_object().unwrap().iter().filter(|(_, v)| v.is_null()).collect();
        assert!(nulls.is_empty(), "{nulls:?}");
        let read = ReadRun {
            run: RunRef::from(run.as_str()),
            what: What::Diagram,
            path: None,
            limit: 1,
            cursor: None,
        };
        let Reading::Diagram { diagram } = fixture.ops.read_run(&read).await.unwrap() else {
            panic!()
        };
        assert!(diagram.contains("class fix active"), "{diagram}");
    })
    .await;
}

/// S2.42: the way a run went is a diagram, made from its transitions.
#[tokio::test]
async fn s2_42_the_way_a_run_went_is_a_diagram() {
    on_every_store(async |fixture| {
        fixture.define(BUGFIX).await;
        let run = fixture.start("bugfix", json!({ "issue": "#7" })).await;
        for (event, data) in [
            ("submit", json!({ "pr": "#1" })),
            ("reject", json!({ "reason": "no test" })),
            ("submit", json!({ "pr": "#2" })),
            ("approve", json!({})),
        ] {
            fixture.send(&run, event, data, None).await.unwrap();
        }
        let read = |path: &str| ReadRun {
            run: RunRef::from(run.as_str()),
            what: What::Diagram,
            path: Some(path.to_owned()),
            limit: 1,
            cursor: None,
        };
        let Reading::Diagram { diagram } = fixture.ops.read_run(&read("path")).await.unwrap()
        else {
            panic!("a diagram was asked for")
        };
        expect![[r#"
            stateDiagram-v2
                [*] --> fix
                fix --> review: submit
                review --> fix: reject (retry)
                review --> merged: approve
                merged --> [*]
        "#]]
        .assert_eq(&diagram);
        let error = fixture.ops.read_run(&read("map")).await.unwrap_err();
        assert_eq!(error.to_string(), "`map` is no diagram of a run");
    })
    .await;
}

#[tokio::test]
async fn a_kind_of_record_that_does_not_exist_is_refused() {
    let fixture = Fixture::memory();
    fixture.define(BUGFIX).await;
    let run = fixture.start("bugfix", json!({ "issue": "#7" })).await;
    let history = |kind: &str| ReadHistory {
        run: RunRef::from(run.as_str()),
        newest_first: false,
        kinds: vec![kind.to_owned()],
        limit: 10,
        cursor: None,
    };
    assert_eq!(fixture.ops.history(&history("transitioned")).await.unwrap().items.len(), 1);
    let error = fixture.ops.history(&history("decisions")).await.unwrap_err();
    assert_eq!(error.to_string(), "`decisions` is no kind of record");
    assert_eq!(error.hint().as_deref(), Some("did you mean `decision`?"));
}
