//! Pausing, resuming, cancelling.

use guidepost_core::id::RunRef;
use guidepost_core::input::Control;
use guidepost_core::run::Status;
use guidepost_server::ops::{ControlRun, Kind, Moved, OpError};
use guidepost_server::text;
use serde_json::json;

use crate::support::{BUGFIX, Fixture, on_every_store};

pub(crate) async fn control(
    fixture: &Fixture,
    run: &str,
    control: Control,
) -> Result<Moved, OpError> {
    let request = ControlRun {
        run: RunRef::from(run),
        control,
        note: Some("lunch".to_owned()),
        caller: "operator".to_owned(),
    };
    fixture.ops.control_run(&request).await
}

#[tokio::test]
async fn a_paused_run_takes_nothing_until_it_is_resumed() {
    on_every_store(async |fixture| {
        fixture.define(BUGFIX).await;
        let run = fixture.start("bugfix", json!({ "issue": "#7" })).await;
        let paused = control(&fixture, &run, Control::Pause).await.unwrap();
        assert_eq!(paused.standing.status, Status::Paused);
        assert!(
            text::moved(&paused, text::Words::Tools)
                .starts_with("ok rev 3: still in fix; run paused"),
            "{}",
            text::moved(&paused, text::Words::Tools)
        );
        let error = fixture.send(&run, "give_up", json!({}), None).await.unwrap_err();
        assert_eq!(error.kind(), Kind::NotLegal);
        assert!(
            text::error(&error, text::Words::Tools)
                .contains("A person can resume it with `guidepost resume r-1`")
        );
        let again = control(&fixture, &run, Control::Pause).await.unwrap();
        assert!(again.is_repeat && again.after == paused.after);
        assert!(
            text::controlled(&again, text::Words::Commands)
                .starts_with("nothing to do: r-1 is paused (requested: lunch) already\n")
        );
        control(&fixture, &run, Control::Resume).await.unwrap();
        let again = control(&fixture, &run, Control::Resume).await.unwrap();
        assert!(again.is_repeat && again.standing.status == Status::Running);
        fixture.send(&run, "give_up", json!({}), None).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_cancelled_run_is_over() {
    on_every_store(async |fixture| {
        fixture.define(BUGFIX).await;
        let run = fixture.start("bugfix", json!({ "issue": "#7" })).await;
        let moved = control(&fixture, &run, Control::Cancel).await.unwrap();
        assert_eq!(moved.standing.status, Status::Cancelled);
        assert!(
            text::moved(&moved, text::Words::Tools).contains("next: nothing, the run is cancelled")
        );
        assert_eq!(
            control(&fixture, &run, Control::Resume).await.unwrap_err().kind(),
            Kind::NotLegal
        );
    })
    .await;
}

/// B21: the history of what was decided can be checked.
#[tokio::test]
async fn b21_a_history_is_verified() {
    on_every_store(async |fixture| {
        fixture.define(BUGFIX).await;
        let run = fixture.start("bugfix", json!({ "issue": "#7" })).await;
        fixture.send(&run, "submit", json!({ "pr": "#1" }), None).await.unwrap();
        crate::log::act(&fixture, &run, "tool_execution", "tests").await;
        let verified = fixture.ops.verify_run(&RunRef::from(run.as_str())).await.unwrap();
        let shown = text::verified(&verified);
        assert!(shown.starts_with("r-1: 4 records, nothing wrong\nhead "), "{shown}");

        // Published, the head holds what there is; what comes after may come.
        let published = verified.verified.head;
        crate::log::act(&fixture, &run, "tool_execution", "lint").await;
        let against =
            async |head: &str| fixture.ops.verify_against(&run.as_str().into(), head).await;
        let verified = against(&published.to_uppercase()).await.unwrap();
        let shown = text::verified(&verified);
        let expected = "r-1: 5 records, nothing wrong\nup to e-4 it is what was published\nhead ";
        assert!(shown.starts_with(expected), "{shown}");
        let shown = text::verified(&against(&"0".repeat(64)).await.unwrap());
        assert!(shown.contains("1 problem\nno record has the hash that was published"), "{shown}");
        assert_eq!(against("r-1").await.unwrap_err().kind(), Kind::Usage);
    })
    .await;
}

const COOLING: &str = "
name: cooling
initial: Hot
states:
  Hot: { after: { 1h: Cold } }
  Cold: { on: { heat: Hot, serve: Served } }
  Served: { type: final }
";

/// Where only time leads on, an agent is told until when, and that nothing has to run for it.
#[tokio::test]
async fn a_run_that_only_time_leads_on_waits_and_says_until_when() {
    on_every_store(async |fixture| {
        fixture.define(COOLING).await;
        let run = fixture.start("cooling", json!({})).await;
        let standing = fixture.standing(&run).await;
        assert_eq!(standing.status, Status::Waiting);
        let told = text::standing(&standing, text::Words::Tools);
        assert!(
            told.contains("next: nothing before 2026-01-31T13:00:00Z, after 1h in Hot; no program has to run until then"),
            "{told}"
        );
        fixture.pass("2h");
        let standing = fixture.standing(&run).await;
        assert_eq!((standing.status, standing.until), (Status::Running, None));
    })
    .await;
}

/// A time that came while the run was paused is accounted for before the answer.
#[tokio::test]
async fn what_came_due_while_paused_is_settled_when_it_is_resumed() {
    on_every_store(async |fixture| {
        fixture.define(COOLING).await;
        let run = fixture.start("cooling", json!({})).await;
        control(&fixture, &run, Control::Pause).await.unwrap();
        fixture.pass("2h");
        let resumed = control(&fixture, &run, Control::Resume).await.unwrap();
        assert_eq!(resumed.standing.states[0].state.as_str(), "Cold");
        let told = text::moved(&resumed, text::Words::Tools);
        assert!(told.starts_with("ok rev 5: Hot -> Cold"), "{told}");
    })
    .await;
}
