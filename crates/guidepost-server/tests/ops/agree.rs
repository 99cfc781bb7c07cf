//! Whatever is asked, in whatever order, every store gives the same answers.

use guidepost_core::id::{Rev, RunRef};
use guidepost_core::input::Control;
use guidepost_server::ops::{
    ControlRun, Detail, FindRuns, Log, OpError, ReadRun, StartRun, What, WhereAmI,
};
use guidepost_server::text;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use crate::log::entry;
use crate::support::{BUGFIX, Fixture, event_of, object};

/// Something to ask. Runs are named by number, so that some do not exist.
#[derive(Debug, Clone)]
enum Ask {
    Start { key: Option<u8>, issue: u8 },
    Send { run: u8, event: &'static str, data: Json, rev: Option<u64> },
    Log { run: u8, kind: &'static str },
    Control { run: u8, control: Control },
    Pass { hours: u8 },
    Where { run: u8 },
    History { run: u8 },
    Find { state: &'static str },
}

fn ask() -> impl Strategy<Value = Ask> {
    let run = 1..4_u8;
    let event = prop_oneof![
        Just(("submit", json!({ "pr": "#1" }))),
        Just(("submit", json!({ "pr": 1 }))),
        Just(("reject", json!({ "reason": "no test" }))),
        Just(("approve", json!({}))),
        Just(("give_up", json!({}))),
        Just(("merge", json!({}))),
    ];
    let rev = prop_oneof![Just(None), (0..8_u64).prop_map(Some)];
    let control = prop_oneof![Just(Control::Pause), Just(Control::Resume), Just(Control::Cancel)];
    prop_oneof![
        2 => (prop::option::of(0..2_u8), 0..2_u8).prop_map(|(key, issue)| Ask::Start { key, issue }),
        8 => (run.clone(), event, rev)
            .prop_map(|(run, (event, data), rev)| Ask::Send { run, event, data, rev }),
        2 => (run.clone(), prop_oneof![Just("action"), Just("decision"), Just("thought")])
            .prop_map(|(run, kind)| Ask::Log { run, kind }),
        1 => (run.clone(), control).prop_map(|(run, control)| Ask::Control { run, control }),
        1 => (1..60_u8).prop_map(|hours| Ask::Pass { hours }),
        2 => run.clone().prop_map(|run| Ask::Where { run }),
        1 => run.prop_map(|run| Ask::History { run }),
        1 => prop_oneof![Just("fix"), Just("review"), Just("stopped")].prop_map(|state| Ask::Find { state }),
    ]
}

async fn answer(fixture: &Fixture, ask: &Ask) -> String {
    let answer = answered(fixture, ask)
        .await
        .unwrap_or_else(|error| text::error(&error, text::Words::Tools));
    answer.replace("note: all of this is lost when the process ends\n", "")
}

async fn answered(fixture: &Fixture, ask: &Ask) -> Result<String, OpError> {
    let ops = &fixture.ops;
    let name = |run: &u8| RunRef::from(format!("r-{run}").as_str());
    match ask {
        Ask::Start { key, issue } => {
            let start = StartRun {
                workflow: Some("bugfix".to_owned()),
                input: object(json!({ "issue": format!("#{issue}") })),
                key: key.map(|key| format!("key-{key}")),
                ..StartRun::default()
            };
            ops.start_run(&start).await.map(|started| text::started(&started, text::Words::Tools))
        }
        Ask::Send { run, event, data, rev } => {
            let event = event_of(&format!("r-{run}"), event, data.clone(), *rev);
            ops.send_event(&event).await.map(|moved| text::moved(&moved, text::Words::Tools))
        }
        Ask::Log { run, kind } => {
            let entries = vec![entry(kind, "something", json!({}))];
            let log = Log { run: name(run), entries, caller: "writer-1".to_owned() };
            ops.log(&log).await.map(|logged| text::logged(&logged))
        }
        Ask::Control { run, control } => {
            let request = ControlRun {
                run: name(run),
                control: *control,
                note: None,
                caller: "operator".to_owned(),
            };
            ops.control_run(&request).await.map(|moved| text::moved(&moved, text::Words::Tools))
        }
        Ask::Pass { hours } => {
            fixture.pass(&format!("{hours}h"));
            Ok(String::new())
        }
        Ask::Where { run } => {
            let question = WhereAmI { run: name(run), detail: Detail::Full };
            ops.where_am_i(&question)
                .await
                .map(|standing| text::standing(&standing, text::Words::Tools))
        }
        Ask::History { run } => {
            let read = ReadRun {
                run: name(run),
                what: What::History,
                path: None,
                limit: 50,
                cursor: None,
            };
            ops.read_run(&read).await.map(|reading| text::reading(&reading, text::Words::Tools))
        }
        Ask::Find { state } => {
            let wanted = FindRuns { state: Some((*state).to_owned()), ..FindRuns::default() };
            ops.find_runs(&wanted).await.map(|found| text::runs(&found, text::Words::Tools))
        }
    }
}

/// After all of it, every history folds to what is stored.
async fn check_histories(fixture: &Fixture) {
    for run in fixture.ops.find_runs(&FindRuns::default()).await.unwrap().items {
        let verified = fixture.ops.verify_run(&RunRef::No(run.name.run_no)).await.unwrap();
        assert!(verified.verified.problems.is_empty(), "{verified:?}");
        assert!(run.rev > Rev(0));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_store_gives_the_same_answers(asks in prop::collection::vec(ask(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (memory, sqlite) = (Fixture::memory(), Fixture::sqlite());
            memory.define(BUGFIX).await;
            sqlite.define(BUGFIX).await;
            for ask in &asks {
                let (one, other) = (answer(&memory, ask).await, answer(&sqlite, ask).await);
                assert_eq!(one, other, "{ask:?} of {asks:?}");
            }
            check_histories(&memory).await;
            check_histories(&sqlite).await;
        });
    }
}
