//! Going back, forking, migrating, replaying and comparing, over every store.

use guidepost_core::id::{Rev, RunRef, StateId};
use guidepost_core::record::Renamed;
use guidepost_core::run::{Driver, Status};
use guidepost_server::ops::{
    AddStep, Against, Checkpoint, Fork, Forked, Migrate, Migrated, OpError, Outcome, Place,
    ReplayRun, Rollback, RolledBack, StartRun,
};
use guidepost_server::text;
use guidepost_store::TaskFilter;
use serde_json::{Value as Json, json};

use crate::support::{BUGFIX, Fixture, object, on_every_store};

fn wish(run: &str, to: Place, confirm: bool) -> Rollback {
    Rollback {
        run: RunRef::from(run),
        to,
        confirm,
        compensate: true,
        note: Some("wrong branch".to_owned()),
        caller: "ada".to_owned(),
    }
}

async fn back(fixture: &Fixture, run: &str, to: Place, yes: bool) -> Result<RolledBack, OpError> {
    fixture.ops.roll_back(&wish(run, to, yes)).await
}

fn named(place: &str) -> Place {
    Place::Named(place.to_owned())
}

async fn checkpoint(fixture: &Fixture, run: &str, name: Option<&str>) -> Result<Json, OpError> {
    let request = Checkpoint {
        run: RunRef::from(run),
        name: name.map(str::to_owned),
        at: None,
        caller: "ada".to_owned(),
    };
    let answer = fixture.ops.checkpoint(&request).await?;
    Ok(serde_json::to_value(answer).unwrap())
}

async fn is_whole(fixture: &Fixture, run: &str) {
    let verified = fixture.ops.verify_run(&RunRef::from(run)).await.unwrap();
    assert_eq!(verified.verified.problems, []);
    let request = ReplayRun { run: RunRef::from(run), against: None };
    let replayed = fixture.ops.replay(&request).await.unwrap();
    assert_eq!(replayed.divergence, None, "{}", text::replayed(&replayed));
}

/// A run that was in `review` twice: revs 2 fix, 3 review, 4 fix, 5 review.
async fn reviewed_twice(fixture: &Fixture) -> String {
    fixture.define(BUGFIX).await;
    let run = fixture.start("bugfix", json!({ "issue": "#7" })).await;
    fixture.send(&run, "submit", json!({ "pr": "#1" }), None).await.unwrap();
    fixture.pass("10s");
    fixture.send(&run, "reject", json!({ "reason": "no test" }), None).await.unwrap();
    fixture.pass("10s");
    fixture.send(&run, "submit", json!({ "pr": "#2" }), None).await.unwrap();
    run
}

fn states(standing: &guidepost_server::ops::Standing) -> Vec<String> {
    standing.states.iter().map(|now| format!("{}#{}", now.state, now.visit)).collect()
}

/// S3.22: a rollback restores what was, by rev, visit, checkpoint, time or steps.
#[tokio::test]
async fn s3_22_a_rollback_restores_where_the_run_was_and_what_it_had() {
    on_every_store(async |fixture| {
        let run = reviewed_twice(&fixture).await;
        let rolled = back(&fixture, &run, named("review#1"), false).await.unwrap();
        assert!(rolled.is_done);
        assert_eq!((rolled.to, rolled.steps, rolled.standing.rev), (Rev(3), 2, Rev(6)));
        assert_eq!(states(&rolled.standing), ["review#3"]);
        assert_eq!(rolled.standing.data["pr"], "#1");
        for (place, rev, state) in [
            (Place::Rev(Rev(4)), 4, "fix#3"),
            (Place::Rev(Rev(1)), 2, "fix#4"),
            (named("review"), 6, "review#4"),
            (named("2026-01-31T12:00:12Z"), 4, "fix#5"),
            (Place::Steps(1), 3, "review#5"),
        ] {
            let rolled = back(&fixture, &run, place.clone(), false).await.unwrap();
            assert_eq!(
                (rolled.to, states(&rolled.standing)),
                (Rev(rev), vec![state.to_owned()]),
                "{place:?}"
            );
        }
        is_whole(&fixture, &run).await;
    })
    .await;
}

/// S3.22: a checkpoint is a name for a place, kept by every store.
#[tokio::test]
async fn s3_22_a_checkpoint_names_a_place_and_the_last_of_a_name_counts() {
    on_every_store(async |fixture| {
        let run = reviewed_twice(&fixture).await;
        let before = fixture.standing(&run).await;
        checkpoint(&fixture, &run, Some("second review")).await.unwrap();
        assert_eq!(fixture.standing(&run).await, before, "naming a place moves nothing");
        fixture.send(&run, "reject", json!({ "reason": "again" }), None).await.unwrap();
        let listed = checkpoint(&fixture, &run, None).await.unwrap();
        assert_eq!(listed["checkpoints"][0]["name"], "second review");
        assert_eq!(listed["checkpoints"][0]["rev"], 5);
        let steps: Vec<&Json> =
            listed["steps"].as_array().unwrap().iter().map(|step| &step["entered"][0]).collect();
        assert_eq!(steps, ["fix#1", "review#1", "fix#2", "review#2", "fix#3"]);
        let rolled = back(&fixture, &run, named("second review"), false).await.unwrap();
        assert_eq!(states(&rolled.standing), ["review#3"]);
        for name in ["12", "Review#1", " ", "2026-01-31T12:00:12Z"] {
            let error = checkpoint(&fixture, &run, Some(name)).await.unwrap_err();
            assert!(matches!(error, OpError::BadArgument { .. }), "{name}");
        }
        is_whole(&fixture, &run).await;
    })
    .await;
}

#[tokio::test]
async fn a_place_that_is_none_is_refused_and_nothing_changes() {
    on_every_store(async |fixture| {
        let run = reviewed_twice(&fixture).await;
        fixture.send(&run, "approve", json!({}), None).await.unwrap();
        let before = fixture.standing(&run).await;
        for place in [named("revue"), Place::Rev(Rev(0)), Place::Rev(Rev(99)), Place::Steps(9)] {
            let error = back(&fixture, &run, place, true).await.unwrap_err();
            assert!(matches!(error, OpError::BadArgument { .. }), "{error}");
        }
        // At rev 6 it was over.
        let error = back(&fixture, &run, Place::Rev(Rev(6)), true).await.unwrap_err();
        assert!(error.to_string().contains("it cannot go on"), "{error}");
        assert_eq!(fixture.standing(&run).await, before);
        let rolled = back(&fixture, &run, Place::Steps(1), false).await.unwrap();
        assert_eq!(rolled.standing.status, Status::Running);
        is_whole(&fixture, &run).await;
    })
    .await;
}

/// S3.22: `max_rollback_steps` is kept.
#[tokio::test]
async fn s3_22_a_workflow_limits_how_far_its_runs_go_back() {
    on_every_store(async |fixture| {
        let limited =
            BUGFIX.replace("initial: fix", "limits: { max_rollback_steps: 1 }\ninitial: fix");
        fixture.define(&limited).await;
        let run = fixture.start("bugfix", json!({ "issue": "#7" })).await;
        fixture.send(&run, "submit", json!({ "pr": "#1" }), None).await.unwrap();
        fixture.send(&run, "reject", json!({ "reason": "no" }), None).await.unwrap();
        let error = back(&fixture, &run, Place::Steps(2), true).await.unwrap_err();
        assert_eq!(error.to_string(), "that is 2 steps back, and the workflow allows 1");
        assert!(back(&fixture, &run, Place::Steps(1), true).await.unwrap().is_done);
    })
    .await;
}

const PAY: &str = r#"
name: pay
initial: Charge
states:
  Charge: { exec: [charge], compensate: Pay it back., by: agent, onDone: Tell }
  Tell: { task: tell, onDone: END }
  END: { type: final }
"#;

/// B8: what cannot be undone is named, and nothing happens until that is confirmed.
#[tokio::test]
async fn b8_what_cannot_be_undone_asks_first_and_is_named_in_the_record() {
    on_every_store(async |fixture| {
        fixture.define(PAY).await;
        let run = fixture.start("pay", json!({})).await;
        fixture.send(&run, "done", json!({}), None).await.unwrap();
        let before = fixture.standing(&run).await;
        let back = async |confirm| {
            let request = Rollback { compensate: false, ..wish(&run, Place::Steps(1), confirm) };
            fixture.ops.roll_back(&request).await.unwrap()
        };
        let asked = back(false).await;
        assert!(!asked.is_done);
        assert_eq!(asked.lasting[0].state, StateId::from("Charge"));
        assert_eq!(asked.lasting[0].compensate, json!("Pay it back."));
        assert!(
            text::rolled_back(&asked, text::Words::Commands)
                .contains("it would not undo: Charge#1; to make it good")
        );
        assert_eq!(fixture.standing(&run).await, before);
        assert!(back(true).await.is_done);
        let read = guidepost_server::ops::ReadHistory {
            run: RunRef::from(run.as_str()),
            newest_first: false,
            kinds: vec!["restored".to_owned()],
            limit: 10,
            cursor: None,
        };
        let record = &fixture.ops.history(&read).await.unwrap().items[0];
        assert_eq!(record.by, "ada");
        assert_eq!(record.body["lasting"][0]["state"], "Charge");
        is_whole(&fixture, &run).await;
    })
    .await;
}

const WRITE: &str = "
name: write
initial: Draft
states:
  Draft: { task: draft, output: [text], onDone: Review }
  Review: { task: review, onDone: END }
  END: { type: final }
";

async fn tasks(fixture: &Fixture) -> Vec<String> {
    let tenant = guidepost_core::id::Tenant::default();
    let page = fixture.ops.store().tasks(&tenant, &TaskFilter::default()).await.unwrap();
    page.items.iter().map(|task| task.id.to_string()).collect()
}

async fn start_engine(fixture: &Fixture, workflow: &str) -> String {
    let start = StartRun {
        workflow: Some(workflow.to_owned()),
        driver: Driver::Engine,
        caller: "ada".to_owned(),
        ..StartRun::default()
    };
    fixture.ops.start_run(&start).await.unwrap().standing.name.run
}

/// B7: work that was under way is cancelled, and what is done again is another piece of work with another key.
#[tokio::test]
async fn b7_later_tasks_are_cancelled_and_the_targets_filed_anew() {
    on_every_store(async |fixture| {
        fixture.define(WRITE).await;
        let run = start_engine(&fixture, "write").await;
        assert_eq!(tasks(&fixture).await, ["r-1:Draft#1"]);
        let rolled = back(&fixture, &run, Place::Rev(Rev(2)), false).await.unwrap();
        assert!(rolled.is_done);
        assert_eq!(tasks(&fixture).await, ["r-1:Draft#2"]);
        fixture
            .ops
            .control_run(&guidepost_server::ops::ControlRun {
                run: RunRef::from(run.as_str()),
                control: guidepost_core::input::Control::Cancel,
                note: None,
                caller: "ada".to_owned(),
            })
            .await
            .unwrap();
        assert_eq!(tasks(&fixture).await, [""; 0]);
        back(&fixture, &run, Place::Rev(Rev(2)), false).await.unwrap();
        assert_eq!(tasks(&fixture).await, ["r-1:Draft#3"]);
        is_whole(&fixture, &run).await;
    })
    .await;
}

async fn fork(
    fixture: &Fixture,
    run: &str,
    at: &str,
    set: Json,
    key: Option<&str>,
) -> Result<Forked, OpError> {
    let request = Fork {
        run: RunRef::from(run),
        at: Some(named(at)),
        set: object(set),
        key: key.map(str::to_owned),
        confirm: false,
        note: None,
        caller: "ada".to_owned(),
    };
    fixture.ops.fork(&request).await
}

#[tokio::test]
async fn a_fork_begins_where_the_other_was_with_other_data() {
    on_every_store(async |fixture| {
        let run = reviewed_twice(&fixture).await;
        let before = fixture.standing(&run).await;
        let set = json!({ "pr": "#9" });
        let forked = fork(&fixture, &run, "review#1", set.clone(), Some("k")).await.unwrap();
        assert!(forked.is_done && forked.is_new);
        assert_eq!((forked.origin.as_str(), forked.from), ("r-1", Rev(3)));
        assert_eq!(forked.standing.data["pr"], "#9");
        assert_eq!(forked.standing.data["issue"], "#7");
        assert_eq!(fixture.standing(&run).await, before);
        let again = fork(&fixture, &run, "review#1", set, Some("k")).await.unwrap();
        assert_eq!((again.is_new, &again.standing.name), (false, &forked.standing.name));
        let other = forked.standing.name.run.clone();
        fixture.send(&other, "approve", json!({}), None).await.unwrap();
        is_whole(&fixture, &other).await;
        let error = fork(&fixture, &run, "review#1", json!({ "pr": 5 }), None).await.unwrap_err();
        assert!(error.to_string().starts_with("the data does not fit: pr "), "{error}");
        // Both walked alike up to the fork.
        let (a, b) = (RunRef::from(run.as_str()), RunRef::from(other.as_str()));
        let differ = fixture.ops.diff(&a, &b).await.unwrap();
        assert!(!differ.is_same);
        assert_eq!(differ.difference.common, 3);
        assert_eq!(differ.difference.a.path, ["fix#2", "review#2"]);
        assert_eq!(differ.difference.b.path, ["merged#1"]);
        assert!(fixture.ops.diff(&a, &a).await.unwrap().is_same);
    })
    .await;
}

#[tokio::test]
async fn what_is_sensitive_is_not_shown_by_a_comparison() {
    on_every_store(async |fixture| {
        fixture.define(BUGFIX).await;
        let a = fixture.start("bugfix", json!({ "issue": "#7", "token": "s3cret" })).await;
        let b = fixture.start("bugfix", json!({ "issue": "#8", "token": "other" })).await;
        let differ =
            fixture.ops.diff(&RunRef::from(a.as_str()), &RunRef::from(b.as_str())).await.unwrap();
        let shown = serde_json::to_string(&differ).unwrap() + &text::diff(&differ);
        assert!(
            shown.contains("#8") && !shown.contains("s3cret") && !shown.contains("other"),
            "{shown}"
        );
    })
    .await;
}

async fn migrate(
    fixture: &Fixture,
    runs: &[&str],
    to: &str,
    map: &[(&str, &str)],
    dry: bool,
) -> Migrated {
    let request = Migrate {
        runs: runs.iter().map(|run| RunRef::from(*run)).collect(),
        to: to.to_owned(),
        map: map
            .iter()
            .map(|(old, new)| Renamed { old: StateId::from(*old), new: StateId::from(*new) })
            .collect(),
        dry_run: dry,
        caller: "ada".to_owned(),
        ..Migrate::default()
    };
    let answer = fixture.ops.migrate(&request).await;
    answer.unwrap_or_else(|error| panic!("{}", text::error(&error, text::Words::Commands)))
}

/// B5: live runs follow a new version if they can, say why not, and come back.
#[tokio::test]
async fn b5_live_runs_are_taken_to_a_new_version_and_back() {
    on_every_store(async |fixture| {
        fixture.define(BUGFIX).await;
        let first = fixture.start("bugfix", json!({ "issue": "#7" })).await;
        let second = fixture.start("bugfix", json!({ "issue": "#8" })).await;
        fixture.send(&second, "submit", json!({ "pr": "#1" }), None).await.unwrap();
        fixture.define(&BUGFIX.replace("review", "check")).await;
        let outcomes =
            |answer: &Migrated| answer.runs.iter().map(|run| run.outcome).collect::<Vec<_>>();
        let both = [first.as_str(), second.as_str()];
        let dry = migrate(&fixture, &both, "2", &[], true).await;
        assert_eq!(outcomes(&dry), [Outcome::WouldMigrate, Outcome::Refused]);
        assert_eq!(fixture.standing(&first).await.version.unwrap().0, 1);
        let done = migrate(&fixture, &both, "2", &[], false).await;
        assert_eq!(outcomes(&done), [Outcome::Migrated, Outcome::Refused]);
        assert!(!done.is_ok());
        assert!(
            text::migrated(&done)
                .contains("the run is in `review`, which the version does not have"),
            "{}",
            text::migrated(&done)
        );
        let done = migrate(&fixture, &both, "bugfix@2", &[("review", "check")], false).await;
        assert_eq!(outcomes(&done), [Outcome::Unchanged, Outcome::Migrated]);
        let standing = fixture.standing(&second).await;
        assert_eq!(
            (standing.version.unwrap().0, states(&standing)),
            (2, vec!["check#2".to_owned()])
        );
        assert_eq!(standing.data["pr"], "#1");
        let undone = migrate(&fixture, &[&second], "1", &[("check", "review")], false).await;
        assert_eq!(outcomes(&undone), [Outcome::Migrated]);
        // Or by going back to before.
        back(&fixture, &first, Place::Rev(Rev(2)), false).await.unwrap();
        assert_eq!(fixture.standing(&first).await.version.unwrap().0, 1);
        for run in both {
            is_whole(&fixture, run).await;
        }
        fixture.send(&second, "approve", json!({}), None).await.unwrap();
    })
    .await;
}

/// B5: all live runs of a workflow at once; those that are over stay what they were.
#[tokio::test]
async fn b5_all_live_runs_of_a_workflow_are_meant_by_its_name() {
    on_every_store(async |fixture| {
        fixture.define(BUGFIX).await;
        for issue in ["#1", "#2", "#3"] {
            fixture.start("bugfix", json!({ "issue": issue })).await;
        }
        fixture.send("r-2", "give_up", json!({}), None).await.unwrap();
        fixture.define(&BUGFIX.replace("72h", "71h")).await;
        let request = Migrate {
            workflow: Some("bugfix".to_owned()),
            to: "2".to_owned(),
            caller: "ada".to_owned(),
            ..Migrate::default()
        };
        let answer = fixture.ops.migrate(&request).await.unwrap();
        let runs: Vec<&str> = answer.runs.iter().map(|run| run.run.as_str()).collect();
        assert_eq!(runs, ["r-1", "r-3"]);
        assert!(answer.is_ok());
        let nothing = Migrate { to: "2".to_owned(), ..Migrate::default() };
        assert!(matches!(fixture.ops.migrate(&nothing).await, Err(OpError::BadArgument { .. })));
        let foreign = Migrate {
            runs: vec![RunRef::from("r-1")],
            to: "other@2".to_owned(),
            ..Migrate::default()
        };
        assert!(matches!(fixture.ops.migrate(&foreign).await, Err(OpError::BadArgument { .. })));
    })
    .await;
}

/// B5: a value that the new version requires is given with the migration; one that does not fit, or that is no attribute, is
/// an obstacle.
#[tokio::test]
async fn b5_a_migration_gives_what_the_new_version_requires() {
    on_every_store(async |fixture| {
        fixture.define(BUGFIX).await;
        let run = fixture.start("bugfix", json!({ "issue": "#7" })).await;
        let required = "  pr: { type: string }\n  reviewer: { type: string, required: true }";
        fixture.define(&BUGFIX.replace("  pr: { type: string }", required)).await;
        let migrate = async |set: Json| {
            let request = Migrate {
                runs: vec![RunRef::from(run.as_str())],
                to: "2".to_owned(),
                set: object(set),
                caller: "ada".to_owned(),
                ..Migrate::default()
            };
            fixture.ops.migrate(&request).await.unwrap()
        };
        let obstacle = |answer: &Migrated| answer.runs[0].obstacles[0].clone();
        let without = obstacle(&migrate(json!({})).await);
        assert_eq!(without.what, "the version requires `reviewer`, and the run has none");
        assert!(without.hint.unwrap().contains("--set reviewer=JSON"));
        let unfit = obstacle(&migrate(json!({ "reviewer": 7 })).await);
        assert_eq!(unfit.what, "reviewer is a number, but must be a string");
        let answer = migrate(json!({ "reviewer": "Ada", "reviwer": "x" })).await;
        let unknown = obstacle(&answer);
        assert_eq!(unknown.what, "`reviwer` is to be set, and the version has no such attribute");
        assert_eq!(unknown.hint.as_deref(), Some("did you mean `reviewer`?"));
        assert_eq!(fixture.standing(&run).await.version.unwrap().0, 1);
        let done = migrate(json!({ "reviewer": "Ada" })).await;
        assert_eq!(done.runs[0].outcome, Outcome::Migrated, "{}", text::migrated(&done));
        let standing = fixture.standing(&run).await;
        assert_eq!(
            (&standing.data["reviewer"], &standing.data["issue"]),
            (&json!("Ada"), &json!("#7"))
        );
        is_whole(&fixture, &run).await;
    })
    .await;
}

/// S4.2: a step is added to a run that is under way.
#[tokio::test]
async fn s4_2_a_step_is_added_to_a_live_run() {
    on_every_store(async |fixture| {
        fixture.define("name: plan\nsteps:\n  - { name: Look, task: look }\n  - { name: Write, task: write }\n").await;
        let run = start_engine(&fixture, "plan").await;
        let request = AddStep {
            run: RunRef::from(run.as_str()),
            step: json!({ "name": "Publish", "task": "publish" }),
            caller: "ada".to_owned(),
        };
        let added = fixture.ops.add_step(&request).await.unwrap();
        assert_eq!(added.outcome, Outcome::Migrated, "{}", text::migrated_run(&added));
        assert_eq!(tasks(&fixture).await, ["r-1:Look#1"], "work under way goes on");
        let standing = fixture.standing(&run).await;
        assert_eq!((standing.version.unwrap().0, standing.states[0].of), (2, 4));
        is_whole(&fixture, &run).await;
        fixture.define(BUGFIX).await;
        let other = fixture.start("bugfix", json!({ "issue": "#7" })).await;
        let error = fixture.ops.add_step(&AddStep { run: RunRef::from(other.as_str()), ..request }).await.unwrap_err();
        assert_eq!(error.to_string(), "workflow `bugfix@1` is no plain list of steps");
    })
    .await;
}

/// B12: a history is held against another definition, saved or not, and nothing changes.
#[tokio::test]
async fn b12_a_replay_shows_the_first_divergence() {
    on_every_store(async |fixture| {
        let run = reviewed_twice(&fixture).await;
        let before = fixture.standing(&run).await;
        let text = BUGFIX.replace("reject: fix", "reject: stopped");
        let replay = async |against| {
            let request = ReplayRun { run: RunRef::from(run.as_str()), against: Some(against) };
            fixture.ops.replay(&request).await.unwrap()
        };
        let file = "other.yaml".to_owned();
        let found = replay(Against::Text { text: text.clone(), file }).await;
        let divergence = found.divergence.as_ref().unwrap();
        assert_eq!((divergence.rev, divergence.input.as_str()), (Rev(4), "event reject"));
        assert!(
            text::replayed(&found).starts_with("r-1: parts at rev 4, on event reject\nrecorded: ")
        );
        fixture.define(&text).await;
        let by_version = replay(Against::Workflow("bugfix@2".to_owned())).await;
        assert_eq!(by_version.divergence, found.divergence);
        assert_eq!(replay(Against::Workflow("bugfix@1".to_owned())).await.divergence, None);
        assert_eq!(fixture.standing(&run).await, before);
    })
    .await;
}
