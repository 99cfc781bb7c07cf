//! What a history says: replay, the way a run came, what cannot be undone, where two runs part, what migrates.
//!
//! Histories are made by the kernel itself, from scripts and from random inputs.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::sync::Arc;

use expect_test::{Expect, expect};
use guidepost_core::id::{Branch, Rev, RunId, Seq, StateId, Visit, piece};
use guidepost_core::input::{
    AttemptFailed, By, Compensate, CompensationDone, Control, Input, Restore,
};
use guidepost_core::machine::Machine;
use guidepost_core::record::{Compensation, Lasting, Placed, Record, Renamed, Restoration};
use guidepost_core::run::{Driver, Run, Status};
use guidepost_core::simulator::{Failure, Simulator, Step};
use guidepost_core::testing::machine;
use guidepost_core::time::{Span, Timestamp};
use guidepost_engine::history::{self, Replay};
use guidepost_store::{Entry, EntryBody};
use serde_json::{Map, Value as Json, json};

/// A bit of everything the kernel decides.
const EVERYTHING: &str = r#"
name: everything
attributes:
  files: { type: string, is_array: true, default: [a, b, c] }
  notes: { type: string, is_array: true }
  n: { type: integer, default: 0 }
  verdict: { type: string }
initial: Read
states:
  Read:
    task: read
    for_each: files
    concurrency: 2
    join: 2
    output: [notes]
    retry: { max_attempts: 2, delay: 1s }
    compensate: { task: unread, retry: 2 }
    onDone: Work
    onError: Hold
  Work:
    type: parallel
    on: { hold: Hold }
    states:
      A:
        initial: Ask
        states:
          Ask: { task: ask, output: [verdict], compensate: { task: unask }, on: { next: Done }, after: { 10s: Late } }
          Late: { on: { next: Ask } }
          Done: { type: final }
      B:
        initial: Count
        states:
          Count:
            entry: [{ assign: { n: "n + 1" } }]
            always: { target: Enough, guard: n > 1 }
            on: { next: Count, nudge: Nap }
          Nap: { wait: 5s, onDone: Count }
          Enough: { type: final }
      back: { type: history, history: deep }
    onDone: END
  Hold: { on: { go: Work.back, next: Read }, entry: [{ send: { event: go, delay: 20s } }] }
  END: { type: final }
"#;

/// A history as a store gives it.
fn entries(simulator: &Simulator) -> Vec<Entry> {
    as_entries(&simulator.history)
}

fn as_entries(records: &[Record]) -> Vec<Entry> {
    let numbered = records.iter().zip(1_u64..);
    numbered
        .map(|(record, n)| Entry {
            seq: Seq(n),
            rev: Rev(n),
            at: record.at(),
            recorded_at: record.at(),
            body: EntryBody::Record(record.clone()),
        })
        .collect()
}

fn replayed(definition: &str, entries: &[Entry]) -> Replay {
    let machine = Arc::new(machine(definition));
    history::replay(entries, &|_: &Run| Some(Arc::clone(&machine)))
}

fn begun(definition: &str, driver: Driver) -> Simulator {
    let mut simulator = Simulator::new(machine(definition), Timestamp(0));
    simulator.start(driver, Map::new()).unwrap();
    simulator
}

/// Does something, depending on the number; a refusal is fine.
fn act(simulator: &mut Simulator, number: u64) {
    let text = |name: &str| Map::from_iter([(name.to_owned(), json!(format!("t{number}")))]);
    let branch = Branch(u32::try_from(1 + number % 3).unwrap());
    let earlier = Rev(simulator.run.rev.0 * 2 / 3);
    let _ = match (number >> 8) % 20 {
        0 | 1 => simulator.branch_done("Read", branch, text("notes")),
        2 => simulator.branch_failed("Read", branch, "torn"),
        3 => simulator.attempt_failed("Read", branch, "blurred"),
        4 => simulator.done("Work.A.Ask", text("verdict")),
        5 | 6 => simulator.send("next", Map::new(), None),
        7 => simulator.send("nudge", Map::new(), None),
        8 => simulator.send("hold", Map::new(), None),
        9 => simulator.send("go", Map::new(), None),
        10 | 11 => simulator.advance(Span(4_000_000_000)),
        12 if number.is_multiple_of(3) => simulator.roll_back(earlier),
        12 => simulator.send("next", Map::new(), None),
        13 => simulator.failed("Work.A.Ask", "no answer"),
        14 if number.is_multiple_of(4) => simulator.control(Control::Cancel),
        14 => place(simulator, "Hold"),
        15 if number.is_multiple_of(4) => cancel_making_good(simulator, EVERYTHING),
        15 => go_back_making_good(simulator, EVERYTHING, earlier),
        16 | 17 => make_good(simulator, number.is_multiple_of(5)),
        _ if simulator.run.paused.is_some() => simulator.control(Control::Resume),
        _ => simulator.control(Control::Pause),
    };
}

/// Moves the run as a statement of SQL does: the record is written first, and settled by whoever comes next.
fn place(run: &mut Simulator, to: &str) -> Result<Step, Failure> {
    let takes_moves = matches!(run.run.status, Status::Running | Status::Waiting);
    if !takes_moves || run.run.undoing.is_some() {
        return Ok(Step::default());
    }
    let to = StateId::from(to);
    let placed = Record::from(Placed { workflow: None, event: None, from: None, to, at: run.now });
    run.run.apply(&placed)?;
    run.history.push(placed);
    run.input(&Input::Settle { at: run.now })
}

/// What makes good what was done after a rev.
fn what_makes_good(run: &Simulator, definition: &str, after: Rev) -> Vec<Compensation> {
    let machine = Arc::new(machine(definition));
    let machine_of = |_: &Run| Some(Arc::clone(&machine));
    history::compensations(&entries(run), after, &machine_of).unwrap().work
}

fn cancel_making_good(run: &mut Simulator, definition: &str) -> Result<Step, Failure> {
    let work = what_makes_good(run, definition, Rev(0));
    run.input(&Input::Compensate(Compensate { work, by: By::default(), at: run.now }))
}

fn go_back_making_good(run: &mut Simulator, definition: &str, to: Rev) -> Result<Step, Failure> {
    let (past, past_at) = history::at(&entries(run), to)?;
    run.input(&Input::Restore(Restore {
        why: Restoration::RolledBack { rev: to },
        past: Box::new(past),
        past_at,
        going_on: Vec::new(),
        edits: Vec::new(),
        lasting: Vec::new(),
        compensations: what_makes_good(run, definition, to),
        by: By::default(),
        at: run.now,
    }))
}

/// Ends what makes a piece of work good, if that is under way.
fn make_good(run: &mut Simulator, fails: bool) -> Result<Step, Failure> {
    let first = run.run.undoing.as_ref().and_then(|undoing| undoing.first().cloned());
    let Some(Compensation { state, visit, branch, .. }) = first else {
        return Ok(Step::default());
    };
    let (by, at) = (By::default(), run.now);
    if !fails {
        let done = CompensationDone { state, visit, branch, by, at };
        return run.input(&Input::CompensationDone(done));
    }
    let (attempt, reason, may_retry, chance) = (1, "no answer".to_owned(), true, 0);
    let failed = AttemptFailed { state, visit, branch, attempt, reason, may_retry, chance, by, at };
    run.input(&Input::CompensationFailed(failed))
}

fn random(seed: u64, inputs: u64) -> Simulator {
    let driver = if seed.is_multiple_of(3) { Driver::Agent } else { Driver::Engine };
    let mut simulator = begun(EVERYTHING, driver);
    for n in 0..inputs {
        let number = (seed << 32 | n).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23);
        act(&mut simulator, number.wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 7);
    }
    simulator
}

/// B12: what was decided once is decided again, from nothing but the history.
#[test]
fn b12_every_history_replays_without_divergence() {
    let mut kinds = std::collections::BTreeSet::new();
    for seed in 0..300 {
        let simulator = random(seed, 60);
        let replay = replayed(EVERYTHING, &entries(&simulator));
        assert_eq!(replay.divergence, None, "seed {seed}");
        assert_eq!(replay.records, simulator.run.rev.0);
        let at_rest: u64 = replay.steps.iter().map(|step| step.last.0 - step.first.0 + 1).sum();
        assert_eq!(at_rest, replay.records);
        kinds.extend(simulator.history.iter().map(Record::kind));
    }
    let never_met: Vec<_> = Record::KINDS.iter().filter(|kind| !kinds.contains(*kind)).collect();
    assert_eq!(never_met, [&""; 0]);
}

/// B12: a history that was tampered with, or decided by other rules, is found out at that record.
#[test]
fn b12_a_history_with_one_other_record_diverges_there() {
    let mut found = 0;
    for seed in 0..60 {
        let simulator = random(seed, 40);
        let whole = replayed(EVERYTHING, &entries(&simulator));
        for (n, record) in simulator.history.iter().enumerate() {
            let Record::Transitioned(step) = record else { continue };
            let mut other = step.clone();
            other.to = vec![StateId::from("Hold")];
            if other == *step {
                continue;
            }
            let mut records = simulator.history.clone();
            records[n] = Record::Transitioned(other);
            let divergence = replayed(EVERYTHING, &as_entries(&records)).divergence.unwrap();
            let step = whole.steps.iter().find(|step| step.last.0 > n as u64).unwrap();
            assert!(divergence.rev.0 >= step.first.0 && divergence.rev.0 <= n as u64 + 1);
            found += 1;
        }
    }
    assert!(found > 100, "only {found} records were changed");
}

#[test]
fn a_history_is_held_against_another_definition() {
    const FIRST: &str = "
name: t
initial: Draft
states:
  Draft: { on: { submit: Review } }
  Review: { on: { approve: END, reject: Draft } }
  END: { type: final }
";
    let mut run = begun(FIRST, Driver::Agent);
    run.send("submit", Map::new(), None).unwrap();
    run.send("reject", Map::new(), None).unwrap();
    assert_eq!(replayed(FIRST, &entries(&run)).divergence, None);
    let elsewhere = FIRST.replace("reject: Draft", "reject: END");
    let divergence = replayed(&elsewhere, &entries(&run)).divergence.unwrap();
    assert_eq!((divergence.rev, divergence.input.as_str()), (Rev(4), "event reject"));
    assert_eq!(divergence.recorded["body"]["to"], json!(["Draft"]));
    assert_eq!(divergence.decided["body"]["to"], json!(["END"]));
    let never = FIRST.replace(", reject: Draft", "");
    let divergence = replayed(&never, &entries(&run)).divergence.unwrap();
    assert_eq!(divergence.rev, Rev(4));
    assert!(divergence.refused.unwrap().contains("`reject` is not legal"));
}

const PAY: &str = r#"
name: pay
initial: Look
states:
  Look: { http: { url: "https://example.org" }, onDone: Charge }
  Charge: { exec: [charge], compensate: { exec: [refund] }, retry: { max_attempts: 3, delay: 1s }, onDone: Tell }
  Tell: { tool: mail, onDone: Note }
  Note: { exec: [echo], irreversible: false, onDone: Post }
  Post: { http: { url: "https://example.org", method: POST }, onDone: END }
  END: { type: final }
"#;

/// What lasts of what was done after a rev, a line each.
fn lasting(definition: &str, run: &Simulator, after: u64) -> String {
    let machine = Arc::new(machine(definition));
    let machine_of = |_: &Run| Some(Arc::clone(&machine));
    let entries = entries(run);
    let replay = history::replay(&entries, &machine_of);
    let found = history::lasting(&entries, &replay, Rev(after), &machine_of).unwrap();
    let line = |one: &Lasting| {
        let piece = piece(&one.state, one.visit, one.branch);
        format!("{piece} {:?} {}\n", one.how, one.compensate)
    };
    found.iter().map(line).collect()
}

/// B8: what was done and cannot be undone is named, with what would make it good.
#[test]
fn b8_what_cannot_be_undone_is_found_in_the_history() {
    let mut run = begun(PAY, Driver::Engine);
    let check = |run: &Simulator, after: u64, expected: Expect| {
        expected.assert_eq(&lasting(PAY, run, after));
    };
    check(&run, 2, expect![[""]]);
    run.done("Look", Map::new()).unwrap();
    check(
        &run,
        2,
        expect![[r#"
        Charge#1 Begun {"exec":["refund"]}
    "#]],
    );
    run.attempt_failed("Charge", Branch::WHOLE, "no answer").unwrap();
    run.done("Charge", Map::new()).unwrap();
    run.done("Tell", Map::new()).unwrap();
    run.done("Note", Map::new()).unwrap();
    check(
        &run,
        2,
        expect![[r#"
        Post#1 Begun null
        Tell#1 Ended null
        Charge#1 Ended {"exec":["refund"]}
    "#]],
    );
    check(
        &run,
        5,
        expect![[r#"
        Post#1 Begun null
        Tell#1 Ended null
    "#]],
    );
    run.done("Post", Map::new()).unwrap();
    check(
        &run,
        6,
        expect![[r#"
        Post#1 Ended null
    "#]],
    );
}

const CUT: &str = r#"
name: cut
attributes: { files: { type: string, is_array: true, default: [a, b, c, d] } }
initial: Book
states:
  Book: { task: book, compensate: { task: unbook }, onDone: Pay, on: { go: Each, both: Both, launch: Below, pass: Pass } }
  Pay: { exec: [pay], onDone: Rest, on: { skip: Rest, again: { target: Pay, reenter: true } }, after: { 5s: Rest } }
  Each: { exec: [send], for_each: files, concurrency: 3, join: any, onDone: Rest }
  Both:
    type: parallel
    states:
      L: { initial: Do, states: { Do: { exec: [left] } } }
      R: { initial: Do, states: { Do: { task: right } } }
  Below: { run: other, on: { skip: Rest } }
  Pass: { exec: [pass], always: Rest, onDone: Rest }
  Rest: {}
"#;

/// A run that pays.
fn paying() -> Simulator {
    let mut run = begun(CUT, Driver::Engine);
    run.done("Book", Map::new()).unwrap();
    run
}

/// What lasts of what such a run did since it came to pay.
fn lasting_since_paying(run: &Simulator) -> String {
    lasting(CUT, run, 3)
}

/// B8: a transition that leaves the state cuts its work off, whatever takes it.
#[test]
fn b8_work_that_a_transition_cut_off_is_named() {
    let mut run = paying();
    run.send("skip", Map::new(), None).unwrap();
    assert_eq!(lasting_since_paying(&run), "Pay#1 Begun null\n");
    let mut run = paying();
    run.advance(Span(5_000_000_000)).unwrap();
    assert_eq!(lasting_since_paying(&run), "Pay#1 Begun null\n");
    let mut run = paying();
    run.attempt_failed("Pay", Branch::WHOLE, "no answer").unwrap();
    assert_eq!(lasting_since_paying(&run), "Pay#1 Failed null\n", "it told of itself");
    let mut run = paying();
    run.send("again", Map::new(), None).unwrap();
    run.send("skip", Map::new(), None).unwrap();
    assert_eq!(lasting_since_paying(&run), "Pay#2 Begun null\nPay#1 Begun null\n");
    assert_eq!(lasting(CUT, &run, 4), "Pay#2 Begun null\n");
    assert_eq!(lasting(CUT, &run, 5), "", "it was cut off before that");
}

#[test]
fn b8_work_that_a_cancelling_cut_off_is_named() {
    let mut run = paying();
    run.control(Control::Cancel).unwrap();
    assert_eq!(lasting_since_paying(&run), "Pay#1 Begun null\n");
}

#[test]
fn b8_work_of_a_run_that_failed_is_named() {
    let mut run = begun(CUT, Driver::Engine);
    run.send("both", Map::new(), None).unwrap();
    run.failed("Both.R.Do", "no answer").unwrap();
    assert_eq!(run.run.status.as_str(), "failed");
    assert_eq!(lasting(CUT, &run, 3), "Both.L.Do#1 Begun null\n");
}

#[test]
fn b8_branches_that_a_join_cut_off_are_named() {
    let mut run = begun(CUT, Driver::Engine);
    run.send("go", Map::new(), None).unwrap();
    let rev = run.run.rev.0;
    run.branch_failed("Each", Branch(1), "torn").unwrap();
    run.branch_done("Each", Branch(3), Map::new()).unwrap();
    // The fourth began in the place of the first.
    let expected =
        "Each#1[4] Begun null\nEach#1[2] Begun null\nEach#1[3] Ended null\nEach#1[1] Failed null\n";
    assert_eq!(lasting(CUT, &run, rev), expected);
}

#[test]
fn b8_work_that_going_back_cut_off_is_named() {
    let mut run = paying();
    run.roll_back(Rev(3)).unwrap();
    assert_eq!(lasting_since_paying(&run), "Pay#2 Begun null\nPay#1 Begun null\n");
    run.roll_back(Rev(2)).unwrap();
    run.done("Book", Map::new()).unwrap();
    run.done("Pay", Map::new()).unwrap();
    let expected = "Pay#3 Ended null\nBook#2 Ended {\"task\":\"unbook\"}\nPay#2 Begun null\nPay#1 Begun null\n";
    assert_eq!(lasting_since_paying(&run), expected);
}

/// B8: work that waits for something to be made good first has not begun; what that decision stopped had.
#[test]
fn b8_work_that_making_good_cut_off_is_named() {
    let expected = "Pay#1 Begun null\nBook#1 Ended {\"task\":\"unbook\"}\n";
    let mut run = paying();
    cancel_making_good(&mut run, CUT).unwrap();
    assert_eq!(lasting(CUT, &run, 2), expected);
    make_good(&mut run, false).unwrap();
    assert_eq!(run.run.status, Status::Cancelled);
    let paid = "Pay#1 Begun null\n";
    assert_eq!(lasting(CUT, &run, 2), paid);
    assert_eq!(lasting(CUT, &run, 4), paid, "who goes back into the cancelling begins it anew");
    let mut run = paying();
    go_back_making_good(&mut run, CUT, Rev(2)).unwrap();
    assert_eq!(run.history.len(), 5, "one record goes back, and one makes good");
    assert_eq!(lasting(CUT, &run, 2), expected);
}

#[test]
fn a_launch_that_was_cut_off_is_found() {
    let mut run = begun(CUT, Driver::Engine);
    run.send("launch", Map::new(), None).unwrap();
    run.send("skip", Map::new(), None).unwrap();
    let machine = Arc::new(machine(CUT));
    let machine_of = |_: &Run| Some(Arc::clone(&machine));
    let entries = entries(&run);
    let replay = history::replay(&entries, &machine_of);
    let found = history::launched(&entries, &replay, Rev(3), &machine_of).unwrap();
    assert_eq!(found, [(StateId::from("Below"), Visit(1), Branch::WHOLE)]);
}

/// What was left again before the run came to rest never began.
#[test]
fn work_that_was_passed_by_is_not_named() {
    let mut run = begun(CUT, Driver::Engine);
    run.send("pass", Map::new(), None).unwrap();
    let passed = run.history.iter().any(|record| match record {
        Record::Transitioned(step) => step.entered == [StateId::from("Pass")],
        _ => false,
    });
    assert!(passed, "{:?}", run.history);
    assert_eq!(lasting(CUT, &run, 2), "Book#1 Begun {\"task\":\"unbook\"}\n");
}

#[test]
fn the_way_leaves_out_what_was_taken_back() {
    const LOOP: &str = "
name: t
initial: a
states: { a: { on: { X: b } }, b: { on: { X: c } }, c: { on: { X: a } } }
";
    let mut run = begun(LOOP, Driver::Agent);
    let way = |run: &Simulator| {
        let way = history::lineage(&replayed(LOOP, &entries(run)));
        way.iter()
            .map(|place| format!("{}:{}", place.rev, place.entered.join(",")))
            .collect::<Vec<_>>()
    };
    for _ in 0..4 {
        run.send("X", Map::new(), None).unwrap();
    }
    assert_eq!(way(&run), ["2:a#1", "3:b#1", "4:c#1", "5:a#2", "6:b#2"]);
    run.roll_back(Rev(4)).unwrap();
    assert_eq!(way(&run), ["2:a#1", "3:b#1", "7:c#2"]);
    run.send("X", Map::new(), None).unwrap();
    assert_eq!(way(&run), ["2:a#1", "3:b#1", "7:c#2", "8:a#3"]);
}

/// B12: where two runs part, and what differs.
#[test]
fn b12_two_runs_are_compared_from_where_they_part() {
    const FORK: &str = r"
name: t
attributes: { score: { type: integer } }
initial: Rate
states:
  Rate: { output: [score], on: { rated: [{ target: Good, guard: event.score > 5 }, { target: Bad }] } }
  Good: { type: final }
  Bad: { on: { again: Rate } }
";
    let play = |score: i64| {
        let mut run = begun(FORK, Driver::Agent);
        run.advance(Span(score)).unwrap();
        let data = Map::from_iter([("score".to_owned(), json!(score))]);
        run.send("rated", data, None).unwrap();
        run
    };
    let compare = |a: &Simulator, b: &Simulator| {
        let id = |n| RunId(uuid::Uuid::from_u128(n));
        history::diff((id(1), &entries(a)), (id(2), &entries(b))).unwrap()
    };
    assert!(compare(&play(7), &play(7)).is_none());
    let found = compare(&play(7), &play(3));
    assert!(!found.is_none());
    assert_eq!((found.common, found.common_path.as_slice()), (2, &["Rate#1".to_owned()][..]));
    assert_eq!((found.a.path, found.b.path), (vec!["Good#1".to_owned()], vec!["Bad#1".to_owned()]));
    assert_eq!(found.data[0].at, "/score");
    assert_eq!(
        (found.data[0].a.clone(), found.data[0].b.clone()),
        (Some(json!(7)), Some(json!(3)))
    );
    assert_eq!(found.a.ending.status.as_str(), "completed");
}

const OLD: &str = r"
name: t
attributes: { n: { type: integer, default: 1 } }
initial: Draft
states:
  Draft: { task: write, onDone: Review }
  Review: { task: review, after: { 1h: Late }, onDone: END }
  Late: {}
  END: { type: final }
";

fn migrated(new: &str, map: &[(&str, &str)]) -> (Machine, history::Migration) {
    let mut run = begun(OLD, Driver::Engine);
    run.done("Draft", Map::new()).unwrap();
    let new = machine(new);
    let map: Vec<Renamed> = map
        .iter()
        .map(|(old, new)| Renamed { old: StateId::from(*old), new: StateId::from(*new) })
        .collect();
    let found = history::migration(&run.machine, &new, &run.run, &map, Timestamp(5));
    (new, found)
}

fn obstacles(found: &history::Migration) -> Vec<&str> {
    found.obstacles.iter().map(|obstacle| obstacle.what.as_str()).collect()
}

/// B5: what maps goes on; what does not keeps the run where it is.
#[test]
fn b5_a_run_goes_on_where_its_states_are_called_the_same() {
    let (_, found) = migrated(&OLD.replace("1h: Late", "1h: Late, 2h: END"), &[]);
    assert_eq!(obstacles(&found), [""; 0]);
    assert_eq!(found.going_on, [StateId::from("Review")]);
    assert_eq!(found.run.active["Review"].visit.0, 1);
    let due: Vec<i64> =
        found.run.timers.values().map(|timer| timer.due.0 / 1_000_000_000).collect();
    assert_eq!(due, [3_600, 7_200]);
}

/// B5: a renamed step, also one that moved into a section.
#[test]
fn b5_a_renamed_state_is_mapped_and_its_work_begins_anew() {
    let new = r"
name: t
attributes: { n: { type: integer, default: 1 }, m: { type: integer, default: 2 } }
initial: Draft
states:
  Draft: { task: write, onDone: Check.Read }
  Check: { initial: Read, states: { Read: { task: review } }, onDone: END, on: { stop: END } }
  END: { type: final }
";
    let (_, found) = migrated(new, &[]);
    assert_eq!(obstacles(&found), ["the run is in `Review`, which the version does not have"]);
    assert_eq!(
        found.obstacles[0].hint.as_deref(),
        Some("name what it is called there with `--map Review=NEW`")
    );
    let (_, found) = migrated(new, &[("Review", "Check.Read")]);
    assert_eq!(obstacles(&found), [""; 0]);
    assert!(found.going_on.is_empty());
    let states: Vec<&str> = found.run.active.keys().map(StateId::as_str).collect();
    assert_eq!(states, ["Check", "Check.Read"]);
    assert_eq!(found.dropped, ["the timer `after:Review#1:0`"]);
    assert_eq!(serde_json::to_value(&found.edits).unwrap(), json!([{"set": ["/m", 2]}]));
}

/// B5: a state that is gone may have the name of one that is new, and of no other; the workflow itself is none.
#[test]
fn b5_a_state_that_is_new_is_suggested_for_one_that_is_gone() {
    let old = "name: t\ninitial: A\nstates: { A: { on: { x: B } }, B: { on: { x: C } }, C: {} }\n";
    let mut run = begun(old, Driver::Agent);
    run.send("x", Map::new(), None).unwrap();
    let new = machine(&old.replace("B:", "B2:").replace("x: B ", "x: B2 "));
    let hints = |map: &[Renamed]| -> Vec<String> {
        let found = history::migration(&run.machine, &new, &run.run, map, Timestamp(5));
        found.obstacles.into_iter().filter_map(|obstacle| obstacle.hint).collect()
    };
    assert_eq!(hints(&[]), ["did you mean `B2`? Say so with `--map B=B2`"]);
    let map = Renamed { old: StateId::from("Q"), new: StateId::from("B2") };
    assert_eq!(hints(&[map])[0], "did you mean `A`?");
}

/// B5: refusals say what does not map.
#[test]
fn b5_what_does_not_map_is_refused() {
    let refused = |new: &str, map: &[(&str, &str)]| -> Vec<String> {
        migrated(new, map).1.obstacles.into_iter().map(|obstacle| obstacle.what).collect()
    };
    assert_eq!(
        refused(OLD, &[("Revue", "Review")]),
        ["the run's present version has no state `Revue`"]
    );
    assert_eq!(
        refused(OLD, &[("Review", "END")]),
        ["the run is in `Review`, and `END` is of another kind"]
    );
    let strict = OLD.replace("type: integer, default: 1", "type: integer, minimum: 5, default: 5");
    assert_eq!(refused(&strict, &[]).len(), 1);
    let required =
        OLD.replace("default: 1 }", "default: 1 }, who: { type: string, required: true }");
    assert_eq!(refused(&required, &[]), ["the version requires `who`, and the run has none"]);
    let parallel = r"
name: t
attributes: { n: { type: integer, default: 1 } }
initial: Both
states:
  Both:
    type: parallel
    states:
      A: { initial: Review, states: { Review: { task: review } } }
      B: { initial: Other, states: { Other: {} } }
    on: { stop: END }
  END: { type: final }
";
    assert_eq!(
        refused(parallel, &[("Review", "Both.A.Review")]),
        ["`Both` has regions in which the run is in no state"]
    );
}

#[test]
fn json_tells_both_sides_of_a_divergence() {
    let run = begun(OLD, Driver::Engine);
    let replay = replayed(&OLD.replace("initial: Draft", "initial: Late"), &entries(&run));
    let told: Json = serde_json::to_value(replay.divergence.unwrap()).unwrap();
    assert_eq!(told["rev"], 2);
    assert_eq!(told["recorded"]["body"]["entered"], json!(["Draft"]));
    assert_eq!(told["decided"]["body"]["entered"], json!(["Late"]));
}
