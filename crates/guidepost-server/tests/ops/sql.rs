//! Workflows, agents and moves written by SQL statements, seen through the operations.

use expect_test::expect;
use guidepost_core::input::Control;
use guidepost_core::run::Status;
use guidepost_server::ops::{ReadHistory, What};
use guidepost_server::text;
use rusqlite::Connection;
use serde_json::json;

use crate::control::control;
use crate::support::{BUGFIX, Fixture};

/// What the table's own document inserts by hand.
const BY_HAND: &str = "
INSERT INTO workflow (workflow_id, name) VALUES (100, 'LeadQualAgent');
INSERT INTO workflow_state (state_id, workflow_id, name, guideline) VALUES
  (101, 100, 'IngestLead', 'Summarize raw lead payload; highlight ICP features.'),
  (102, 100, 'ScoreAndReflect', 'Calculate qualification score.'),
  (103, 100, 'END', NULL);
INSERT INTO workflow_transition (workflow_id, name, from_state_id, to_state_id, description) VALUES
  (100, 'Summarized', 101, 102, NULL),
  (100, 'Scored', 102, 103, 'Hand off to AE');
INSERT INTO agent_instance (agent_id, workflow_id, agent_name, current_state_id) VALUES (17, 100, 'lead-bot', 101);
";

fn shell(fixture: &Fixture) -> Connection {
    Connection::open(&fixture.url).unwrap()
}

/// S0.3, S0.17: what was inserted by hand is a workflow to follow, and its agent a run.
#[tokio::test]
async fn s0_3_a_workflow_by_hand_is_followed() {
    let fixture = Fixture::sqlite();
    let shell = shell(&fixture);
    shell.execute_batch(BY_HAND).unwrap();
    let standing = fixture.standing("lead-bot").await;
    expect![[r#"
        run r-h LeadQualAgent rev 2
        state: IngestLead (1 of 3)
        do: Summarize raw lead payload; highlight ICP features.
        next:
        - Summarized
    "#]]
    .assert_eq(&text::standing(&standing, text::Words::Tools));
    fixture.send("lead-bot", "Summarized", json!({}), Some(standing.rev.0)).await.unwrap();
    let standing = fixture.standing("r-h").await;
    assert!(text::standing(&standing, text::Words::Tools).contains("- Scored: Hand off to AE"));
}

/// B3: a statement carries no data and proves nothing, so it makes no move that an event would have to earn.
#[tokio::test]
async fn b3_sql_does_not_move_past_a_gate() {
    const GATED: &str = "
name: gated
attributes: { score: { type: number, default: 80 } }
events: { Signed: { data: { by: { type: string, required: true } } } }
initial: Check
states:
  Check:
    on:
      Signed: InData
      Rated: { target: Rated, guard: score > 70 }
      Looked: { target: Looked, requires: [{ action: tool_execution, name: crm_lookup }] }
      Skip: Skipped
  InData: {}
  Rated: {}
  Looked: {}
  Skipped: {}
";
    let fixture = Fixture::sqlite();
    fixture.define(GATED).await;
    let run = fixture.start("gated", json!({})).await;
    let shell = shell(&fixture);
    let go = |state: &str| {
        shell.execute(
            "UPDATE agent_instance SET current_state_id = (SELECT state_id FROM workflow_state WHERE name = ?)",
            [state],
        )
    };
    for (event, state) in [("Signed", "InData"), ("Rated", "Rated"), ("Looked", "Looked")] {
        let refused = go(state).unwrap_err().to_string();
        let reason = format!("{event} -> {state} (send the event)");
        assert!(refused.contains("illegal move") && refused.contains(&reason), "{refused}");
    }
    assert_eq!(fixture.standing(&run).await.states[0].state.as_str(), "Check");
    go("Skipped").unwrap();
    assert_eq!(fixture.standing(&run).await.states[0].state.as_str(), "Skipped");
}

/// A move by a statement is made good by whoever looks next, and can be told from others.
#[tokio::test]
async fn a_move_by_sql_is_settled() {
    let fixture = Fixture::sqlite();
    let shell = shell(&fixture);
    shell.execute_batch(BY_HAND).unwrap();
    shell
        .execute_batch("UPDATE agent_instance SET current_state_id = 102 WHERE agent_id = 17")
        .unwrap();
    let standing = fixture.standing("17").await;
    assert_eq!(standing.states[0].state.as_str(), "ScoreAndReflect");
    let illegal =
        shell.execute_batch("UPDATE agent_instance SET current_state_id = 101 WHERE agent_id = 17");
    assert!(illegal.unwrap_err().to_string().contains("Scored"));
    shell
        .execute_batch("UPDATE agent_instance SET current_state_id = 103 WHERE agent_id = 17")
        .unwrap();
    let standing = fixture.standing("17").await;
    assert_eq!(standing.states[0].state.as_str(), "END");
    let verified = fixture.ops.verify_run(&"17".into()).await.unwrap();
    assert!(verified.verified.problems.is_empty(), "{:?}", verified.verified);
}

/// S0.15: rows are edited while agents follow them, and every agent sees it at once.
#[tokio::test]
async fn s0_15_edited_rows_count_at_once() {
    let fixture = Fixture::sqlite();
    let shell = shell(&fixture);
    shell.execute_batch(BY_HAND).unwrap();
    fixture.standing("17").await;
    shell
        .execute_batch(
            "UPDATE workflow_state SET guideline = 'Read it twice.' WHERE state_id = 101;
             INSERT INTO workflow_transition (workflow_id, name, from_state_id, to_state_id) VALUES (100, 'Dropped', 101, 103);",
        )
        .unwrap();
    let shown = text::standing(&fixture.standing("17").await, text::Words::Tools);
    assert!(shown.contains("do: Read it twice.") && shown.contains("- Dropped"), "{shown}");

    fixture.define(BUGFIX).await;
    let run = fixture.start("bugfix", json!({ "issue": "#7" })).await;
    shell
        .execute_batch("UPDATE workflow_state SET guideline = 'Be quick.' WHERE name = 'fix'")
        .unwrap();
    let standing = fixture.standing(&run).await;
    assert_eq!(
        standing.states[0].guideline.as_ref().map(|told| told.text.as_str()),
        Some("Be quick.")
    );
    assert_eq!(standing.states[0].wording, 1);
}

/// S0.11: where no transition leads on, the agent is told to stop or ask.
#[tokio::test]
async fn s0_11_a_state_without_a_way_on_says_so() {
    let fixture = Fixture::sqlite();
    shell(&fixture).execute_batch(BY_HAND).unwrap();
    for event in ["Summarized", "Scored"] {
        fixture.send("17", event, json!({}), None).await.unwrap();
    }
    let standing = fixture.standing("17").await;
    let shown = text::standing(&standing, text::Words::Tools);
    match standing.status {
        Status::Completed => {
            assert!(shown.ends_with("next: nothing, the run is completed\n"), "{shown}")
        }
        _ => assert!(
            shown.ends_with("next: nothing leads on from here; stop, or ask a person\n"),
            "{shown}"
        ),
    }
}

/// A move into a machine that never comes to rest pauses the run once; it can be looked at and ended.
#[tokio::test]
async fn a_move_by_sql_into_a_livelock_pauses_the_run_once() {
    let fixture = Fixture::sqlite();
    fixture
        .define("name: spin\ninitial: S0\nstates: { S0: { on: { go: X } }, X: { always: { target: Y, guard: true } }, Y: { always: { target: X, guard: true } } }")
        .await;
    let run = fixture.start("spin", json!({})).await;
    shell(&fixture)
        .execute_batch(
            "UPDATE agent_instance SET current_state_id =
               (SELECT state_id FROM workflow_state WHERE name = 'X')",
        )
        .unwrap();
    let standing = fixture.standing(&run).await;
    assert_eq!(standing.status, Status::Paused);
    let rev = standing.rev;
    assert_eq!(fixture.standing(&run).await.rev, rev, "looking again changes nothing");
    control(&fixture, &run, Control::Cancel).await.unwrap();
    assert_eq!(fixture.standing(&run).await.status, Status::Cancelled);
}

/// An agent that was inserted and deleted before anybody looked leaves a run that is over, and that can be read.
#[tokio::test]
async fn an_agent_deleted_before_it_was_settled_leaves_a_run_that_is_over() {
    let fixture = Fixture::sqlite();
    let shell = shell(&fixture);
    shell.execute_batch(BY_HAND).unwrap();
    shell.execute_batch("DELETE FROM agent_instance WHERE agent_id = 17").unwrap();
    assert_eq!(fixture.standing("17").await.status, Status::Cancelled);
}

/// A run that is put from one workflow into another before anybody looked goes on in the second.
#[tokio::test]
async fn an_unsettled_run_is_put_into_another_workflow() {
    let fixture = Fixture::sqlite();
    let shell = shell(&fixture);
    shell.execute_batch(BY_HAND).unwrap();
    shell
        .execute_batch(
            "INSERT INTO workflow (workflow_id, name) VALUES (200, 'Other');
             INSERT INTO workflow_state (state_id, workflow_id, name) VALUES (201, 200, 'Begin'), (202, 200, 'Over');
             INSERT INTO workflow_transition (workflow_id, name, from_state_id, to_state_id) VALUES (200, 'Go', 201, 202);
             UPDATE agent_instance SET workflow_id = 200, current_state_id = 201 WHERE agent_id = 17;",
        )
        .unwrap();
    let standing = fixture.standing("17").await;
    assert_eq!(standing.states[0].state.as_str(), "Begin");
    assert_eq!(standing.next[0].event.as_str(), "Go");
    let history = crate::log::read(&fixture, "17", What::History, None).await;
    assert!(history.contains(": entered Begin\n"), "{history}");
    let verified = fixture.ops.verify_run(&"17".into()).await.unwrap();
    assert!(verified.verified.problems.is_empty(), "{:?}", verified.verified);
}

/// The end of a run whose agent was deleted is sealed by whoever looks next, and the run takes facts as any other that is over.
#[tokio::test]
async fn a_run_whose_agent_was_deleted_is_sealed_and_takes_facts() {
    let fixture = Fixture::sqlite();
    let shell = shell(&fixture);
    shell.execute_batch(BY_HAND).unwrap();
    fixture.standing("17").await;
    shell.execute_batch("DELETE FROM agent_instance WHERE agent_id = 17").unwrap();
    let unsealed = async || fixture.ops.verify_run(&"17".into()).await.unwrap().verified;
    assert_eq!(unsealed().await.unsealed, 1);
    assert_eq!(fixture.standing("17").await.status, Status::Cancelled);
    let verified = unsealed().await;
    assert_eq!((verified.records, verified.unsealed, verified.problems), (3, 0, vec![]));
    crate::log::act(&fixture, "17", "tool_execution", "cleanup").await;
    let verified = unsealed().await;
    assert_eq!((verified.records, verified.unsealed, verified.problems), (4, 0, vec![]));
}

/// What happened outlives the rows of its workflow; a definition that histories need is not deleted.
#[tokio::test]
async fn a_history_outlives_its_workflow() {
    let fixture = Fixture::sqlite();
    let shell = shell(&fixture);
    shell.execute_batch(BY_HAND).unwrap();
    fixture.standing("17").await;
    shell
        .execute_batch("DELETE FROM agent_instance; DELETE FROM workflow WHERE workflow_id = 100;")
        .unwrap();
    let standing = fixture.standing("17").await;
    assert_eq!((standing.status, standing.next), (Status::Cancelled, vec![]));
    let read = ReadHistory {
        run: "17".into(),
        newest_first: false,
        kinds: vec![],
        limit: 9,
        cursor: None,
    };
    let kinds = fixture.ops.history(&read).await.unwrap().items.into_iter().map(|item| item.kind);
    assert_eq!(kinds.collect::<Vec<_>>(), ["placed", "transitioned", "cancelled"]);

    fixture.define(BUGFIX).await;
    fixture.start("bugfix", json!({ "issue": "#7" })).await;
    let refused = shell
        .execute_batch("DELETE FROM agent_instance; DELETE FROM workflow WHERE name = 'bugfix';");
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("their histories use its definition"), "{refused}");
}
