//! Recording facts.

use expect_test::expect;
use guidepost_core::id::{Rev, RunRef};
use guidepost_core::limits::FACTS_MAX;
use guidepost_server::ops::{Kind, Log, LogEntry, ReadRun, What};
use guidepost_server::text;
use serde_json::{Value as Json, json};

use crate::support::{BUGFIX, Fixture, object, on_every_store};

pub(crate) async fn act(fixture: &Fixture, run: &str, sort: &str, name: &str) {
    let data = json!({ "type": sort, "name": name });
    log(fixture, run, vec![entry("action", "", data)]).await;
}

pub(crate) fn entry(kind: &str, text: &str, data: Json) -> LogEntry {
    LogEntry {
        kind: kind.to_owned(),
        text: text.to_owned(),
        data: object(data),
        ..LogEntry::default()
    }
}

pub(crate) async fn log(fixture: &Fixture, run: &str, entries: Vec<LogEntry>) -> String {
    let log = Log { run: RunRef::from(run), entries, caller: "writer-1".to_owned() };
    let logged = fixture.ops.log(&log).await;
    text::logged(
        &logged.unwrap_or_else(|error| panic!("{}", text::error(&error, text::Words::Tools))),
    )
}

pub(crate) async fn read(fixture: &Fixture, run: &str, what: What, path: Option<&str>) -> String {
    let read = ReadRun {
        run: RunRef::from(run),
        what,
        path: path.map(str::to_owned),
        limit: 20,
        cursor: None,
    };
    text::reading(&fixture.ops.read_run(&read).await.unwrap(), text::Words::Tools)
}

#[tokio::test]
async fn every_kind_of_fact_is_recorded_and_shown() {
    on_every_store(async |fixture| {
        fixture.define(BUGFIX).await;
        let run = fixture.start("bugfix", json!({ "issue": "#7" })).await;
        let mut call = entry("action", "run the tests", json!({ "type": "tool_execution", "status": "running" }));
        call.r#ref = Some("call-1".to_owned());
        let mut end = entry("action_ended", "3 passed", json!({ "status": "completed" }));
        end.r#ref = Some("call-1".to_owned());
        let mut file = entry("artifact", "patch", json!({}));
        file.r#ref = Some("fix.patch".to_owned());
        let decision = json!({ "question": "which fix?", "options": ["a", "b"], "chosen": "a", "confidence": 0.8 });
        let answer = log(
            &fixture,
            &run,
            vec![
                call,
                end,
                entry("decision", "a is smaller", decision),
                entry("message", "please review", json!({ "to": "r-2", "type": "question" })),
                file,
                entry("error", "disk is full", json!({})),
            ],
        )
        .await;
        expect![[r#"
            logged e-3 to e-8 in r-1, rev 2
            next: submit {pr!}, give_up
        "#]]
        .assert_eq(&answer);
        expect![[r#"
            e-8 rev 2 writer-1: error <<disk is full>>
            e-7 rev 2 writer-1: artifact patch at fix.patch
            e-6 rev 2 writer-1: message to r-2: <<please review>>
            e-5 rev 2 writer-1: decision <<which fix?>> -> a because <<a is smaller>>, confidence 0.8
            e-4 rev 2 writer-1: end of call-1, completed: <<3 passed>>
            e-3 rev 2 writer-1: action tool_execution <<run the tests>>, running, ref call-1
            e-2 rev 2: began in fix
            e-1 rev 1 writer-1: started bugfix
        "#]]
        .assert_eq(&read(&fixture, &run, What::History, None).await);
        assert_eq!(fixture.standing(&run).await.rev, Rev(2));
    })
    .await;
}

#[tokio::test]
async fn one_bad_entry_and_nothing_is_recorded() {
    on_every_store(async |fixture| {
        fixture.define(BUGFIX).await;
        let run = fixture.start("bugfix", json!({ "issue": "#7" })).await;
        let bad = [
            (entry("thought", "hm", json!({})), "no kind of entry"),
            (entry("decision", "", json!({ "chozen": 1 })), "chozen"),
            (entry("action_ended", "done", json!({})), "which action"),
            (entry("decision", "", json!({ "confidence": 7 })), "between 0 and 1"),
        ];
        for (bad, named) in bad {
            let entries = vec![entry("note", "fine", json!({})), bad];
            let log = Log { run: RunRef::from(run.as_str()), entries, caller: String::new() };
            let error = fixture.ops.log(&log).await.unwrap_err();
            assert_eq!(error.kind(), Kind::Usage);
            assert!(
                text::error(&error, text::Words::Tools).contains(named),
                "{}",
                text::error(&error, text::Words::Tools)
            );
        }
        assert_eq!(read(&fixture, &run, What::History, None).await.lines().count(), 2);
    })
    .await;
}

/// P3: a call may hold so many entries, and not one more.
#[tokio::test]
async fn p3_entries_are_bounded() {
    let fixture = Fixture::memory();
    fixture.define(BUGFIX).await;
    let run = fixture.start("bugfix", json!({ "issue": "#7" })).await;
    let mut entries = vec![entry("note", "x", json!({})); FACTS_MAX];
    let many = |entries| Log { run: RunRef::from("r-1"), entries, caller: String::new() };
    fixture.ops.log(&many(entries.clone())).await.unwrap();
    entries.push(entry("note", "x", json!({})));
    assert_eq!(fixture.ops.log(&many(entries)).await.unwrap_err().kind(), Kind::Usage);
    assert_eq!(fixture.ops.log(&many(Vec::new())).await.unwrap_err().kind(), Kind::Usage);
    drop(run);
}

#[tokio::test]
async fn the_end_of_an_action_that_never_began_is_refused() {
    on_every_store(async |fixture| {
        fixture.define(BUGFIX).await;
        let run = fixture.start("bugfix", json!({ "issue": "#7" })).await;
        let with_ref = |kind: &str, id: &str| LogEntry {
            r#ref: Some(id.to_owned()),
            ..entry(kind, "", json!({ "status": "running" }))
        };
        let refused = async |entries: Vec<LogEntry>| {
            let caller = "writer-1".to_owned();
            let log = Log { run: RunRef::from(run.as_str()), entries, caller };
            let error = fixture.ops.log(&log).await.unwrap_err();
            assert_eq!(error.kind(), Kind::Usage);
            text::error(&error, text::Words::Tools)
        };
        let nothing = refused(vec![with_ref("action_ended", "call-1")]).await;
        assert!(nothing.contains("Record the action with a `ref` first"), "{nothing}");
        // Both at once, and more than a page of others between them.
        let many = (0..250).map(|n| with_ref("action", &format!("other-{n}")));
        let both = vec![with_ref("action", "call-1"), with_ref("action_ended", "call-1")];
        log(&fixture, &run, both).await;
        log(&fixture, &run, many.collect()).await;
        log(&fixture, &run, vec![with_ref("action_ended", "call-1")]).await;
        let typo = refused(vec![with_ref("action_ended", "cal-1")]).await;
        assert!(typo.contains("the ref `cal-1`. Did you mean `call-1`?"), "{typo}");
        let other = refused(vec![with_ref("action_ended", "elsewhere")]).await;
        assert!(other.contains("The newest refs are other-249, other-248"), "{other}");
    })
    .await;
}

#[tokio::test]
async fn what_was_chosen_is_one_of_the_options() {
    on_every_store(async |fixture| {
        fixture.define(BUGFIX).await;
        let run = fixture.start("bugfix", json!({ "issue": "#7" })).await;
        let decided = |options: Json, chosen: Json| {
            let data = json!({ "question": "which", "options": options, "chosen": chosen });
            vec![entry("decision", "", data)]
        };
        let named = json!([{ "name": "a", "cost": 1 }, { "name": "b", "cost": 2 }]);
        for (options, chosen) in [
            (json!(["a", "b"]), json!("b")),
            (json!(["a", "b"]), json!(["a", "b"])),
            (json!([["a"], ["b"]]), json!(["a"])),
            (json!(["a", "b"]), json!(null)),
            (json!([]), json!("c")),
            (named.clone(), json!("a")),
            (named.clone(), json!({ "name": "b", "cost": 2 })),
        ] {
            log(&fixture, &run, decided(options, chosen)).await;
        }
        for (options, chosen, said) in [
            (
                json!(["a", "b"]),
                json!("c"),
                r#""c" was chosen, and is none of the options. The options are "a", "b""#,
            ),
            (json!(["a", "b"]), json!(["a", "c"]), r#""c" was chosen"#),
            (
                json!([1, 2]),
                json!("1"),
                r#""1" was chosen, and is none of the options. The options are 1, 2"#,
            ),
            (named, json!("c"), r#""c" was chosen"#),
            (json!((0..14).collect::<Vec<_>>()), json!(14), "10, 11 and 2 more"),
        ] {
            let caller = String::new();
            let entries = decided(options, chosen);
            let request = Log { run: RunRef::from(run.as_str()), entries, caller };
            let error = fixture.ops.log(&request).await.unwrap_err();
            assert_eq!(error.kind(), Kind::Usage);
            let text = text::error(&error, text::Words::Tools);
            assert!(text.contains(said), "{text}");
        }
        let history = read(&fixture, &run, What::History, None).await;
        assert_eq!(history.matches("decision").count(), 7, "{history}");
    })
    .await;
}
