//! Going back and forking at a chosen visit of a loop, without repeating what was done (B7).

use guidepost_core::id::RunRef;
use guidepost_core::record::Done;
use guidepost_core::run::Driver;
use guidepost_core::time::Span;
use guidepost_server::ops::{
    ClaimTasks, ClaimedTask, EndTask, Fork, Forked, OpError, Place, ReadHistory, ReplayRun,
    Rollback, RolledBack, StartRun, Taken,
};
use guidepost_server::text;
use guidepost_store::{StoreError, TaskFilter};
use serde_json::json;

use crate::support::{Fixture, on_every_store};

/// Each round drafts, pays (which cannot be undone) and reviews.
const ROUNDS: &str = "
name: rounds
attributes: { text: { type: string }, receipt: { type: string } }
initial: Draft
states:
  Draft: { task: draft, output: [text], onDone: Pay }
  Pay: { task: pay, irreversible: true, output: [receipt], onDone: Review }
  Review: { on: { Again: Draft, Good: END } }
  END: { type: final }
";

const LEASE: Span = Span(60_000_000_000);

/// What was done in the world outside, each with its idempotency key.
type Ledger = Vec<(String, String)>;

async fn claim(fixture: &Fixture, queue: &str) -> Vec<ClaimedTask> {
    let claim = ClaimTasks {
        queues: vec![format!("task:{queue}")],
        limit: 10,
        lease: LEASE,
        caller: "worker".to_owned(),
    };
    fixture.ops.claim_tasks(&claim).await.unwrap()
}

fn ended(task: &ClaimedTask, value: &str) -> EndTask {
    EndTask {
        task: task.task.clone(),
        attempt: task.attempt,
        outcome: Ok(json!(value)),
        caller: "worker".to_owned(),
    }
}

/// Does whatever is there to draft and to pay, and writes it down.
async fn work(fixture: &Fixture, ledger: &mut Ledger) {
    for queue in ["draft", "pay"] {
        for task in claim(fixture, queue).await {
            ledger.push((task.task.piece(), task.key.clone()));
            let value = format!("{queue} {}", task.task.visit);
            fixture.ops.end_task(&ended(&task, &value)).await.unwrap();
        }
    }
}

/// A run that went round three times, and waits in its third review.
async fn three_rounds(fixture: &Fixture, ledger: &mut Ledger) -> String {
    fixture.define(ROUNDS).await;
    let start = StartRun {
        workflow: Some("rounds".to_owned()),
        driver: Driver::Engine,
        ..StartRun::default()
    };
    let run = fixture.ops.start_run(&start).await.unwrap().standing.name.run;
    work(fixture, ledger).await;
    for _ in 0..2 {
        fixture.pass("1m");
        fixture.send(&run, "Again", json!({}), None).await.unwrap();
        work(fixture, ledger).await;
    }
    run
}

async fn back(fixture: &Fixture, run: &str, to: &str, confirm: bool) -> RolledBack {
    let request = Rollback {
        run: RunRef::from(run),
        to: Place::Named(to.to_owned()),
        confirm,
        compensate: true,
        note: Some("the second was better".to_owned()),
        caller: "ada".to_owned(),
    };
    fixture.ops.roll_back(&request).await.unwrap()
}

async fn fork(fixture: &Fixture, run: &str, at: &str, confirm: bool) -> Forked {
    let request = Fork {
        run: RunRef::from(run),
        at: Some(Place::Named(at.to_owned())),
        set: serde_json::Map::new(),
        key: None,
        confirm,
        note: None,
        caller: "ada".to_owned(),
    };
    fixture.ops.fork(&request).await.unwrap()
}

/// The tasks that are open, by name.
async fn open(fixture: &Fixture) -> Vec<String> {
    let tenant = guidepost_core::id::Tenant::default();
    let page = fixture.ops.store().tasks(&tenant, &TaskFilter::default()).await.unwrap();
    page.items.iter().map(|task| task.id.to_string()).collect()
}

/// The history, a record a line, without the number of the last few.
async fn history(fixture: &Fixture, run: &str) -> Vec<String> {
    let read = ReadHistory {
        run: RunRef::from(run),
        newest_first: false,
        kinds: Vec::new(),
        limit: 1_000,
        cursor: None,
    };
    fixture.ops.history(&read).await.unwrap().items.iter().map(text::history_item).collect()
}

async fn is_whole(fixture: &Fixture, run: &str) {
    let verified = fixture.ops.verify_run(&RunRef::from(run)).await.unwrap();
    assert_eq!(verified.verified.problems, []);
    let request = ReplayRun { run: RunRef::from(run), against: None };
    assert_eq!(fixture.ops.replay(&request).await.unwrap().divergence, None);
}

fn pieces(found: &[guidepost_core::record::Lasting]) -> Vec<(String, Done)> {
    found.iter().map(|one| (format!("{}#{}", one.state, one.visit), one.how)).collect()
}

fn states(standing: &guidepost_server::ops::Standing) -> Vec<String> {
    standing.states.iter().map(|now| format!("{}#{}", now.state, now.visit)).collect()
}

/// Every key was used once: nothing was done twice that was not asked for as another piece of work.
fn each_key_once(ledger: &Ledger) {
    let mut keys: Vec<&String> = ledger.iter().map(|(_, key)| key).collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), ledger.len(), "{ledger:?}");
}

/// B7: the run goes back to the review of its second round, with what it had then. Paying a third time is named and has to be
/// confirmed; nothing is paid or drafted again, and the history keeps all three payments.
#[tokio::test]
async fn b7_a_rollback_chooses_a_visit_of_a_loop_and_repeats_nothing() {
    on_every_store(async |fixture| {
        let mut ledger = Ledger::new();
        let run = three_rounds(&fixture, &mut ledger).await;
        let done: Vec<&str> = ledger.iter().map(|(piece, _)| piece.as_str()).collect();
        assert_eq!(done, ["Draft#1", "Pay#1", "Draft#2", "Pay#2", "Draft#3", "Pay#3"]);
        let (before, records) = (fixture.standing(&run).await, history(&fixture, &run).await);
        let asked = back(&fixture, &run, "Review#2", false).await;
        assert!(!asked.is_done);
        assert_eq!(pieces(&asked.lasting), [("Pay#3".to_owned(), Done::Ended)]);
        assert_eq!(fixture.standing(&run).await, before, "asking changes nothing");
        assert_eq!(open(&fixture).await, [""; 0]);

        let gone = back(&fixture, &run, "Review#2", true).await;
        assert!(gone.is_done);
        assert_eq!(states(&gone.standing), ["Review#4"]);
        assert_eq!(gone.standing.data["text"], "draft 2");
        assert_eq!(gone.standing.data["receipt"], "pay 2");
        assert_eq!(open(&fixture).await, [""; 0], "steps before it keep their results");
        work(&fixture, &mut ledger).await;
        assert_eq!(ledger.len(), 6, "nothing is done again unasked: {ledger:?}");
        // What happened stays, with who went back and over what.
        let after = history(&fixture, &run).await;
        assert_eq!(after[..records.len()], records);
        let [restored] = &after[records.len()..] else { panic!("{after:?}") };
        assert!(restored.contains("ada: went back to rev"), "{restored}");

        // The other way round is asked for, and is another piece of work.
        fixture.send(&run, "Again", json!({}), None).await.unwrap();
        work(&fixture, &mut ledger).await;
        let done: Vec<&str> = ledger[6..].iter().map(|(piece, _)| piece.as_str()).collect();
        assert_eq!(done, ["Draft#4", "Pay#4"]);
        each_key_once(&ledger);
        is_whole(&fixture, &run).await;
    })
    .await;
}

/// B7: going back into the step itself does its work again, as another piece of work, and names every time it was done since.
#[tokio::test]
async fn b7_going_back_into_a_step_names_what_it_did_since_and_does_it_as_new() {
    on_every_store(async |fixture| {
        let mut ledger = Ledger::new();
        let run = three_rounds(&fixture, &mut ledger).await;
        let asked = back(&fixture, &run, "Pay#2", false).await;
        let since = [("Pay#3".to_owned(), Done::Ended), ("Pay#2".to_owned(), Done::Ended)];
        assert_eq!((asked.is_done, pieces(&asked.lasting)), (false, since.to_vec()));
        assert_eq!(open(&fixture).await, [""; 0]);
        let gone = back(&fixture, &run, "Pay#2", true).await;
        assert_eq!(pieces(&gone.lasting), since);
        assert_eq!(states(&gone.standing), ["Pay#4"]);
        assert_eq!(gone.standing.data["text"], "draft 2");
        assert_eq!(open(&fixture).await, ["r-1:Pay#4"], "its draft is not done again");
        work(&fixture, &mut ledger).await;
        each_key_once(&ledger);
        assert_eq!(ledger.last().map(|(piece, _)| piece.as_str()), Some("Pay#4"));
        is_whole(&fixture, &run).await;
    })
    .await;
}

/// B7: a fork at a visit of the loop has what the run had then, does nothing that was done before, and leaves the run alone.
#[tokio::test]
async fn b7_a_fork_chooses_a_visit_of_a_loop_and_repeats_nothing() {
    on_every_store(async |fixture| {
        let mut ledger = Ledger::new();
        let run = three_rounds(&fixture, &mut ledger).await;
        let (before, records) = (fixture.standing(&run).await, history(&fixture, &run).await);
        let asked = fork(&fixture, &run, "Review#1", false).await;
        let since = [("Pay#3".to_owned(), Done::Ended), ("Pay#2".to_owned(), Done::Ended)];
        assert_eq!((asked.is_done, pieces(&asked.lasting)), (false, since.to_vec()));
        let forked = fork(&fixture, &run, "Review#1", true).await;
        let other = forked.standing.name.run.clone();
        assert_eq!(forked.standing.data["receipt"], "pay 1");
        assert_eq!(open(&fixture).await, [""; 0]);
        work(&fixture, &mut ledger).await;
        assert_eq!(ledger.len(), 6, "nothing is done again unasked: {ledger:?}");
        fixture.send(&other, "Again", json!({}), None).await.unwrap();
        work(&fixture, &mut ledger).await;
        assert_eq!(ledger.len(), 8);
        each_key_once(&ledger);
        assert_eq!(fixture.standing(&run).await, before);
        assert_eq!(history(&fixture, &run).await, records);
        is_whole(&fixture, &other).await;
    })
    .await;
}

/// B7: work whose worker vanished is handed out again with the same key, so that whoever is asked can tell; one result counts,
/// and a late one is told that it does not.
#[tokio::test]
async fn b7_work_that_is_handed_out_again_has_the_same_key_and_one_result() {
    on_every_store(async |fixture| {
        let mut ledger = Ledger::new();
        let run = three_rounds(&fixture, &mut ledger).await;
        fixture.send(&run, "Again", json!({}), None).await.unwrap();
        let [draft] = &claim(&fixture, "draft").await[..] else { panic!("it is there") };
        fixture.ops.end_task(&ended(draft, "draft 4")).await.unwrap();
        let [first] = &claim(&fixture, "pay").await[..] else { panic!("it is there") };
        assert_eq!(claim(&fixture, "pay").await, [], "somebody has it");
        fixture.pass("61s");
        let [second] = &claim(&fixture, "pay").await[..] else { panic!("it is there again") };
        assert_eq!((&first.key, first.attempt + 1), (&second.key, second.attempt));
        let late = fixture.ops.end_task(&ended(first, "late")).await.unwrap_err();
        assert!(matches!(late, OpError::Store(StoreError::LeaseLost { .. })), "{late}");
        assert_eq!(fixture.ops.end_task(&ended(second, "paid")).await.unwrap(), Taken::Now);
        assert_eq!(fixture.ops.end_task(&ended(second, "paid")).await.unwrap(), Taken::Before);
        assert_eq!(fixture.standing(&run).await.data["receipt"], "paid");
        let ends = history(&fixture, &run).await;
        let ends = ends.iter().filter(|it| it.contains("Pay -> Review")).count();
        assert_eq!(ends, 4);
        // Paying in another round, or in another run, is another piece of work.
        ledger.push((second.task.piece(), second.key.clone()));
        each_key_once(&ledger);
    })
    .await;
}
