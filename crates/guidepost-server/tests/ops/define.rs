//! Definitions.

use expect_test::expect;
use guidepost_core::diagnostic::Explain;
use guidepost_server::ops::{Allowed, Define, Kind, OpError};
use guidepost_server::text;
use serde_json::json;

use crate::support::{BUGFIX, Fixture, on_every_store};

fn define(text: &str, save: bool) -> Define {
    Define {
        text: text.to_owned(),
        file: String::new(),
        save,
        allowed: Allowed::OnlyHarmless,
        caller: "agent".to_owned(),
    }
}

#[tokio::test]
async fn a_definition_is_checked_saved_and_known_again() {
    on_every_store(async |fixture| {
        let checked = fixture.ops.define(&define(BUGFIX, false)).await.unwrap();
        expect![[r#"
            bugfix is sound: 4 states, 5 transitions; nothing saved, save=true does
        "#]]
        .assert_eq(&text::definition(&checked, text::Words::Tools));
        assert!(fixture.ops.show_workflow("bugfix").await.is_err());
        let saved = fixture.ops.define(&define(BUGFIX, true)).await.unwrap();
        assert_eq!(
            text::definition(&saved, text::Words::Tools),
            "saved bugfix@1: 4 states, 5 transitions\nnext: guidepost_start workflow=bugfix\n"
        );
        let again = fixture.ops.define(&define(BUGFIX, true)).await.unwrap();
        assert!(!again.saved.unwrap().is_new);
    })
    .await;
}

#[tokio::test]
async fn every_problem_is_told_with_its_line() {
    let fixture = Fixture::memory();
    let wrong = BUGFIX
        .replace("target: merged", "target: mergd")
        .replace("give_up: stopped", "give_up: stoped");
    let error = fixture.ops.define(&define(&wrong, true)).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Usage, "GP0403"));
    let shown = text::error(&error, text::Words::Tools);
    assert!(shown.starts_with("2 problems, nothing saved\nline 19: "), "{shown}");
    assert!(shown.contains("line 24: ") && shown.contains("Did you mean `merged`?"), "{shown}");
}

#[tokio::test]
async fn work_that_reaches_out_is_refused_from_an_agent() {
    let fixture = Fixture::memory();
    for (work, named) in [
        ("exec: { command: [rm, -rf, /] }", "exec"),
        ("http: { url: 'http://169.254.169.254/' }", "http"),
        ("tool: shell", "tool"),
        ("agent: database", "database"),
    ] {
        let definition = format!(
            "name: reach\ninitial: A\nstates:\n  A:\n    {work}\n    onDone: B\n  B: {{ type: final }}\n"
        );
        match fixture.ops.define(&define(&definition, true)).await {
            Err(OpError::ForbiddenWork { work, .. }) => assert_eq!(work, named),
            other => panic!("{named}: {other:?}"),
        }
        let allowed = Define { allowed: Allowed::Everything, ..define(&definition, true) };
        fixture.ops.define(&allowed).await.unwrap();
    }
}

/// Runs keep the version they began with.
#[tokio::test]
async fn a_new_version_is_for_new_runs() {
    on_every_store(async |fixture| {
        fixture.define(BUGFIX).await;
        let old = fixture.start("bugfix", json!({ "issue": "#7" })).await;
        fixture.define(&BUGFIX.replace("give_up: stopped", "surrender: stopped")).await;
        let new = fixture.start("bugfix", json!({ "issue": "#8" })).await;
        fixture.send(&old, "give_up", json!({}), None).await.unwrap();
        fixture.send(&new, "surrender", json!({}), None).await.unwrap();
        let view = fixture.ops.show_workflow("bugfix@1").await.unwrap();
        assert_eq!(view.versions.len(), 2);
        assert!(view.transitions.iter().any(|transition| transition.event == "give_up"));
    })
    .await;
}

/// What is equal in structure has an equal hash, and is another workflow all the same.
#[tokio::test]
async fn workflows_of_equal_structure_are_kept_apart() {
    on_every_store(async |fixture| {
        for name in ["one", "two"] {
            fixture.define(&BUGFIX.replace("name: bugfix", &format!("name: {name}"))).await;
            let run = fixture.start(name, json!({ "issue": "#7" })).await;
            assert_eq!(fixture.standing(&run).await.workflow, name);
        }
    })
    .await;
}

/// S2.42: a workflow is a diagram.
#[tokio::test]
async fn s2_42_a_workflow_is_a_diagram() {
    let fixture = Fixture::memory();
    fixture.define(BUGFIX).await;
    let view = fixture.ops.show_workflow("bugfix").await.unwrap();
    expect![[r#"
        stateDiagram-v2
            [*] --> fix
            fix
            review
            merged
            merged --> [*]
            stopped
            stopped --> [*]
            fix --> review: submit
            fix --> stopped: give_up
            fix --> stopped: after 3d
            review --> merged: approve
            review --> fix: reject
    "#]]
    .assert_eq(&view.diagram);
    expect![[r#"
        bugfix@1 {issue!, pr?, token?}: Fix a bug and have it reviewed.
        fix (atomic): Change the code so that the failing test passes.
        - submit -> review
        - give_up -> stopped
        - after 3d -> stopped
        review (atomic): Read the diff and check that the tests cover the bug.
        - approve -> merged
        - reject -> fix
        merged (final)
        stopped (final)
    "#]]
    .assert_eq(&text::workflow(&view));
}

#[tokio::test]
async fn what_is_legal_in_every_state_is_shown_too() {
    let fixture = Fixture::memory();
    fixture.define(&BUGFIX.replace("initial: fix", "on: { abort: stopped }\ninitial: fix")).await;
    let view = fixture.ops.show_workflow("bugfix").await.unwrap();
    assert!(text::workflow(&view).contains("in every state\n- abort -> stopped\nfix (atomic)"));
    expect![[r#"
        stateDiagram-v2
            [*] --> fix
            fix
            review
            merged
            merged --> [*]
            stopped
            stopped --> [*]
            fix --> stopped: abort
            review --> stopped: abort
            fix --> review: submit
            fix --> stopped: give_up
            fix --> stopped: after 3d
            review --> merged: approve
            review --> fix: reject
    "#]]
    .assert_eq(&view.diagram);
}

const LIVE: &str = "
name: letter
initial: draft
states:
  draft: { agent: writer, prompt: Be brief., live: true, on: { sent: { target: over, description: Off it goes } } }
  over: { type: final }
";

/// A text of equal structure takes the place of the one before: runs that are under way get its prompts, also in a process
/// that knows the old ones.
#[tokio::test]
async fn saving_other_words_reaches_runs_under_way() {
    let fixture = Fixture::sqlite();
    fixture.define(LIVE).await;
    let run = fixture.start("letter", json!({})).await;
    assert_eq!(prompt(&fixture.standing(&run).await), Some("Be brief."));
    let text = LIVE.replace("Be brief.", "Be kind.").replace("Off it", "There it");
    let other = Define {
        text: format!("# Second thoughts.{text}"),
        file: "workflow.yaml".to_owned(),
        save: true,
        allowed: Allowed::Everything,
        caller: "editor".to_owned(),
    };
    let saved = fixture.another().define(&other).await.unwrap().saved.unwrap();
    assert_eq!((saved.version.0, saved.is_new, saved.revision), (1, false, 1));
    let standing = fixture.standing(&run).await;
    assert_eq!(prompt(&standing), Some("Be kind."));
    let sent = standing.next.iter().find(|legal| legal.event.as_str() == "sent").unwrap();
    assert_eq!(sent.description.as_ref().map(|told| told.text.as_str()), Some("There it goes"));
    let shown = fixture.ops.show_workflow("letter").await.unwrap();
    assert_eq!(shown.source.unwrap().text, other.text);
    let shell = rusqlite::Connection::open(&fixture.url).unwrap();
    let kept: String =
        shell.query_row("SELECT source FROM source_revision", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, LIVE, "the first text is kept");
}

/// S0.15: what SQL says about a transition is what agents are told.
#[tokio::test]
async fn s0_15_a_transition_reworded_by_sql_is_told_in_the_new_words() {
    let fixture = Fixture::sqlite();
    fixture.define(LIVE).await;
    let run = fixture.start("letter", json!({})).await;
    let shell = rusqlite::Connection::open(&fixture.url).unwrap();
    shell.execute_batch("UPDATE workflow_transition SET description = 'By post'").unwrap();
    let standing = fixture.standing(&run).await;
    let sent = standing.next.iter().find(|legal| legal.event.as_str() == "sent").unwrap();
    assert_eq!(sent.description.as_ref().map(|told| told.text.as_str()), Some("By post"));
    let shown = fixture.ops.show_workflow("letter").await.unwrap();
    let sent = shown.transitions.iter().find(|shown| shown.event == "sent").unwrap();
    assert_eq!(sent.description.as_deref(), Some("By post"));
}

fn prompt(standing: &guidepost_server::ops::Standing) -> Option<&str> {
    standing.states[0].prompt.as_ref().map(|told| told.text.as_str())
}
