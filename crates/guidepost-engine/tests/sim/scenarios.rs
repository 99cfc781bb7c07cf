//! What seeds found, as scripts: one runner over the store, its messages in an order chosen by hand.

use std::collections::BTreeMap;

use guidepost_core::id::{Rev, RunId, RunNo, RunRef, Tenant};
use guidepost_core::input::{By, Event, Input, Start};
use guidepost_core::kernel;
use guidepost_core::machine::Limits;
use guidepost_core::record::TimerFires;
use guidepost_core::run::{Driver, PauseReason, Run, Timer};
use guidepost_core::time::{Span, Timestamp};
use guidepost_core::workflow::compile;
use guidepost_engine::runner::{Config, Effect, LoadedRun, Message, Runner};
use guidepost_engine::world::System;
use guidepost_engine::{Machines, Outcome, plan, schedule};
use guidepost_store::memory::Memory;
use guidepost_store::{
    Batch, CANCEL_QUEUE, Held, NewRun, NewVersion, RequestDigest, ScheduleChange, ScheduleFilter,
    Scheduled, Source, Store, StoreError, TaskChanges,
};
use serde_json::{Map, json};

use crate::store::poll_once;

const CHAIN: &str = "
name: chain
steps:
  - { name: A, task: link }
  - { name: B, task: link }
  - { name: C, task: link }
";

const SPREAD: &str = "
name: spread
attributes: { items: { type: string, is_array: true, default: [a, b] } }
steps:
  - { name: A, task: link }
  - { name: Each, task: link, for_each: items }
";

const REGIONS: &str = "
name: regions
initial: Both
states:
  Both:
    type: parallel
    states:
      Left: { initial: Long, states: { Long: { task: link, onDone: LeftDone }, LeftDone: { type: final } } }
      Right:
        initial: Idle
        states:
          Idle: { on: { Work: Next, Doze: Nap } }
          Next: { task: link, onDone: RightDone }
          Nap: { after: { 1s: RightDone } }
          RightDone: { type: final }
    onDone: Over
  Over: { type: final }
";

const CLOCK: &str = "
name: clock
schedule: { every: 1h }
steps:
  - { name: A, task: link }
";

/// A runner, its store, and what is still to be answered.
struct Script {
    store: Memory,
    machines: Machines,
    runner: Runner,
    now: Timestamp,
}

fn answer<T>(future: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    poll_once(future).expect("the memory store waits for nothing")
}

impl Script {
    fn new(slots: usize) -> Self {
        let config = Config {
            owner: "runner".to_owned(),
            queues: vec!["task:link".to_owned()],
            slots,
            slots_of: BTreeMap::new(),
            lease: Span::from_millis(3_000),
            poll: Span::from_millis(500),
            root: None,
        };
        Self {
            store: Memory::new(),
            machines: Machines::default(),
            runner: Runner::new(config),
            now: Timestamp(1_000_000_000_000_000_000),
        }
    }

    fn start(&self, text: &str) -> RunNo {
        self.start_by_key(text, None)
    }

    fn start_by_key(&self, text: &str, key: Option<(String, RequestDigest)>) -> RunNo {
        let machine = compile(text.as_bytes(), "test.yaml").machine.unwrap();
        let source =
            Source { format: "yaml".to_owned(), text: text.to_owned(), file: String::new() };
        let new = NewVersion::of(&machine, source, "test", self.now);
        let version = answer(self.store.define(&Tenant::default(), new)).unwrap().version;
        let start =
            Start { driver: Driver::Engine, data: Map::new(), by: By::default(), at: self.now };
        let before = Run::default();
        let (decision, after) =
            kernel::decide_all(&machine, &before, &Input::Start(start)).unwrap();
        let batch = plan::batch(&machine, &before, decision, after, None, self.now, |_| None);
        let new = NewRun::new(
            RunId(uuid::Uuid::from_u128(7)),
            &machine.name,
            Some(version),
            Driver::Engine,
            self.now,
        );
        answer(self.store.create(&Tenant::default(), NewRun { key, ..new }, batch)).unwrap().run
    }

    /// Somebody else sends an event.
    fn send(&self, run: RunNo, name: &str) {
        let loaded = self.load(run);
        let event = Event {
            name: name.into(),
            data: Map::new(),
            rev: None,
            evidence: Vec::new(),
            by: By::default(),
            at: self.now,
        };
        let (before, machine) = (loaded.run, loaded.machine);
        let (decision, after) =
            kernel::decide_all(&machine, &before, &Input::Event(event)).unwrap();
        let batch = plan::batch(&machine, &before, decision, after, None, self.now, |_| None);
        answer(self.store.commit(&Tenant::default(), run, before.rev, batch)).unwrap();
    }

    fn load(&self, run: RunNo) -> LoadedRun {
        let tenant = Tenant::default();
        let loaded = answer(self.store.load(&tenant, &RunRef::No(run))).unwrap().unwrap();
        let machine = poll_once(self.machines.of(&self.store, &tenant, &loaded.head, &loaded.run));
        let (id, root) = (loaded.head.id, loaded.head.root);
        let (run, budgets) = (loaded.run, loaded.budgets);
        LoadedRun { id, root, run, machine: machine.unwrap().unwrap(), budgets }
    }

    fn tell(&mut self, message: Message) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.runner.handle(message, self.now, &mut effects);
        effects
    }

    /// Does what the store is asked for, and gives the answer.
    fn done(&self, effect: Effect) -> Option<Message> {
        let tenant = Tenant::default();
        Some(match effect {
            Effect::Claim(claim) => Message::Claimed(answer(self.store.claim(&tenant, &claim))),
            Effect::FindDue { now, limit } => {
                Message::Due(answer(self.store.due(&tenant, now, limit)))
            }
            Effect::FindSchedules { until, .. } => {
                Message::Scheduled { until, found: Ok(Vec::new()) }
            }
            Effect::Load(run) => {
                Message::Loaded { run, loaded: Ok(Some(Box::new(self.load(run)))) }
            }
            Effect::Commit { run, expected, batch } => {
                let outcome = answer(self.store.commit(&tenant, run, expected, *batch));
                Message::Committed { run, outcome }
            }
            Effect::Extend { held, until } => {
                Message::Extended(answer(self.store.extend(&tenant, "runner", &held, until)))
            }
            Effect::Release(held) => {
                answer(self.store.release(&tenant, "runner", &held, self.now)).unwrap();
                return None;
            }
            Effect::Quarantine { .. }
            | Effect::MoveSchedule { .. }
            | Effect::Perform { .. }
            | Effect::Abort(_)
            | Effect::Decline(_)
            | Effect::Stopped => return None,
        })
    }

    /// Answers everything until nothing is asked any more; gives what was asked for, in a few words.
    fn all(&mut self, effects: Vec<Effect>) -> Vec<String> {
        let mut told = Vec::new();
        let mut waiting: Vec<Effect> = effects;
        while !waiting.is_empty() {
            let effect = waiting.remove(0);
            // Which is asked now and then, and has nothing to do with what is told here.
            if !matches!(effect, Effect::FindSchedules { .. }) {
                told.push(brief(&effect));
            }
            if let Some(message) = self.done(effect) {
                waiting.extend(self.tell(message));
            }
        }
        told
    }

    fn all_of(&mut self, message: Message) -> Vec<String> {
        let effects = self.tell(message);
        self.all(effects)
    }

    fn later(&mut self, ms: u64) {
        self.now = self.now.after(Span::from_millis(ms));
    }
}

fn brief(effect: &Effect) -> String {
    match effect {
        Effect::Claim(claim) => format!("claim {}", claim.limit),
        Effect::FindDue { .. } => "find due".to_owned(),
        Effect::FindSchedules { .. } => "find schedules".to_owned(),
        Effect::MoveSchedule { before, .. } => format!("move {}", before.name),
        Effect::Load(_) => "load".to_owned(),
        Effect::Commit { batch, .. } => match &batch.claim {
            Some(claim) => format!("commit, claim {}", claim.limit),
            None => "commit".to_owned(),
        },
        Effect::Quarantine { run, .. } => format!("quarantine {run}"),
        Effect::Perform { held, .. } => format!("perform {}/{}", held.task, held.attempt),
        Effect::Abort(held) => format!("abort {}/{}", held.task, held.attempt),
        Effect::Extend { .. } => "extend".to_owned(),
        Effect::Release(held) => format!("release {}", held.len()),
        Effect::Decline(held) => format!("decline {}/{}", held.task, held.attempt),
        Effect::Stopped => "stopped".to_owned(),
    }
}

/// A schedule that was due at the script's beginning.
fn hourly(script: &Script) -> Scheduled {
    script.start(CLOCK);
    let all = answer(script.store.schedules(&Tenant::default(), &ScheduleFilter::default()));
    let only = all.unwrap().items.remove(0);
    Scheduled { due: Some(script.now), ..only }
}

fn ended(task: &str, attempt: u32) -> Message {
    let held = Held { task: task.parse().unwrap(), attempt };
    Message::Ended { held, outcome: Outcome::Done(json!(null)) }
}

/// Takes the one effect of a kind out of several.
fn take(effects: &mut Vec<Effect>, kind: &str) -> Effect {
    let at = effects.iter().position(|effect| brief(effect).starts_with(kind));
    effects.remove(at.unwrap_or_else(|| panic!("no {kind} in {effects:?}")))
}

#[test]
fn from_step_to_step_a_run_takes_one_commit_and_nothing_else() {
    let mut script = Script::new(1);
    script.start(CHAIN);
    let told = script.all_of(Message::Wake);
    assert_eq!(told, ["claim 1", "find due", "load", "perform r-1:A#1/1"]);
    assert_eq!(script.all_of(ended("r-1:A#1", 1)), ["commit", "perform r-1:B#1/1"]);
    assert_eq!(script.all_of(ended("r-1:B#1", 1)), ["commit", "perform r-1:C#1/1"]);
    // There may be more where the claim got all it asked for: the last commit takes it along.
    assert_eq!(script.all_of(ended("r-1:C#1", 1)), ["commit, claim 1"]);
}

#[test]
fn what_waits_while_all_slots_are_taken_is_claimed_as_soon_as_one_is_free() {
    let mut script = Script::new(1);
    script.start("name: one\nsteps: [{ name: A, task: link }]\n");
    script.start("name: one\nsteps: [{ name: A, task: link }]\n");
    script.all_of(Message::Wake);
    let told = script.all_of(ended("r-1:A#1", 1));
    assert_eq!(told, ["commit, claim 1", "load", "perform r-2:A#1/1"]);
}

#[test]
fn a_claim_that_went_down_with_its_commit_is_made_with_the_next() {
    let mut script = Script::new(1);
    let run = script.start("name: one\nsteps: [{ name: A, task: link }]\n");
    script.start("name: one\nsteps: [{ name: A, task: link }]\n");
    script.all_of(Message::Wake);
    let mut effects = script.tell(ended("r-1:A#1", 1));
    take(&mut effects, "commit, claim 1");
    let outcome = Err(StoreError::Conflict { expected: Rev(2), present: Rev(3) });
    let told = script.all_of(Message::Committed { run, outcome });
    assert_eq!(told, ["load", "commit, claim 1", "load", "perform r-2:A#1/1"]);
}

#[test]
fn a_claim_and_a_commit_under_way_do_not_fill_the_same_slots() {
    let mut script = Script::new(3);
    script.start(SPREAD);
    script.all_of(Message::Wake);
    script.start(CHAIN);
    script.start(CHAIN);
    let mut effects = script.tell(Message::Wake);
    let claim = take(&mut effects, "claim 2");
    // The step's end begins two branches, of which one takes its place.
    let mut effects = script.tell(ended("r-1:A#1", 1));
    let commit = take(&mut effects, "commit");
    let claimed = script.done(claim).unwrap();
    script.all_of(claimed);
    let committed = script.done(commit).unwrap();
    script.all_of(committed);
    assert_eq!(script.runner.tasks_in_hand(), 3);
}

#[test]
fn work_that_somebody_else_began_is_done_although_the_run_was_loaded_before() {
    let mut script = Script::new(4);
    let run = script.start(REGIONS);
    script.all_of(Message::Wake);
    script.send(run, "Work");
    let told = script.all_of(Message::Wake);
    assert_eq!(told, ["claim 3", "find due", "load", "perform r-1:Both.Right.Next#1/1"]);
}

#[test]
fn a_timer_that_somebody_else_set_fires_although_the_run_was_loaded_before() {
    let mut script = Script::new(4);
    let run = script.start(REGIONS);
    script.all_of(Message::Wake);
    script.send(run, "Doze");
    script.later(1_000);
    script.all_of(Message::Wake);
    assert!(script.load(run).run.active.contains_key("Both.Right.RightDone"));
}

#[test]
fn whoever_claims_its_own_task_again_does_it_once() {
    let mut script = Script::new(4);
    script.start(CHAIN);
    script.all_of(Message::Wake);
    // It stood still for longer than its lease.
    script.later(5_000);
    let mut effects = script.tell(Message::Wake);
    let claim = take(&mut effects, "claim");
    let claimed = script.done(claim).unwrap();
    let told = script.all_of(claimed);
    assert_eq!(told, ["abort r-1:A#1/1", "load", "perform r-1:A#1/2"]);
    assert_eq!(script.all_of(ended("r-1:A#1", 1)), [""; 0], "the old attempt is nobody's");
    assert_eq!(script.all_of(ended("r-1:A#1", 2)), ["commit", "perform r-1:B#1/1"]);
}

#[test]
fn a_lost_lease_does_not_cost_the_next_attempt() {
    let mut script = Script::new(4);
    script.start(CHAIN);
    script.all_of(Message::Wake);
    script.later(5_000);
    let mut effects = script.tell(Message::Wake);
    let claim = take(&mut effects, "claim");
    // The result comes after the task was claimed again, and before the claim's answer.
    let claimed = script.done(claim).unwrap();
    let mut effects = script.tell(ended("r-1:A#1", 1));
    let commit = take(&mut effects, "commit");
    let lost = script.done(commit).unwrap();
    let mut told = script.all_of(claimed);
    told.extend(script.all_of(lost));
    assert_eq!(told, ["load", "perform r-1:A#1/2"]);
}

#[test]
fn a_schedule_that_cannot_be_moved_on_is_tried_less_and_less() {
    let mut script = Script::new(1);
    let broken = hourly(&script);
    let well = Scheduled { name: "well".to_owned(), ..broken.clone() };
    let mut tried = Vec::new();
    for second in 0..16 {
        let mut effects = script.tell(Message::Tick);
        let look = take(&mut effects, "find schedules");
        let Effect::FindSchedules { until, .. } = look else { panic!("{look:?}") };
        let found = Ok(vec![broken.clone(), well.clone()]);
        let moves = script.tell(Message::Scheduled { until, found });
        let moves: Vec<String> = moves.iter().map(brief).collect();
        assert!(moves.contains(&"move well".to_owned()), "it keeps no other from its time");
        if moves.contains(&"move default".to_owned()) {
            tried.push(second);
            let outcome = Err(StoreError::NoSuchRun(RunRef::No(RunNo(7))));
            let schedule = broken.full_name();
            script.tell(Message::ScheduleMoved { schedule, begins: true, outcome });
        }
        let schedule = well.full_name();
        script.tell(Message::ScheduleMoved { schedule, begins: true, outcome: Ok(None) });
        script.later(1_000);
    }
    assert_eq!(tried, [0, 2, 6, 14]);
}

#[test]
fn a_schedule_whose_run_cannot_begin_goes_on_to_its_next_time() {
    let script = Script::new(1);
    let tenant = Tenant::default();
    let before = hourly(&script);
    let in_store = |due| ScheduleChange { due, is_paused: false, passed: None, begun: None };
    let first = answer(script.store.schedules(&tenant, &ScheduleFilter::default())).unwrap();
    let moved = script.store.move_schedule(&tenant, &first.items[0], in_store(before.due));
    answer(moved).unwrap().unwrap();
    // Somebody has begun something else by the key of that time.
    let key = format!("schedule clock@default {}", script.now);
    script.start_by_key(CLOCK, Some((key, RequestDigest([7; 16]))));
    let settled = before.schedule.settle(script.now, script.now, false).unwrap();
    let (store, machines) = (&script.store, &script.machines);
    let moved = schedule::settle(store, &tenant, machines, &System, &before, &settled);
    answer(moved).unwrap().unwrap();
    let after = answer(store.schedules(&tenant, &ScheduleFilter::default())).unwrap().items;
    assert_eq!(after[0].due, settled.next);
    let why = after[0].failure().unwrap();
    assert!(why.contains("was used to start run `r-2` with other arguments"), "{why}");
}

#[test]
fn a_runner_that_is_told_to_stop_begins_nothing() {
    let mut script = Script::new(4);
    script.start(CHAIN);
    script.all_of(Message::Wake);
    let mut effects = script.tell(ended("r-1:A#1", 1));
    let commit = take(&mut effects, "commit");
    assert_eq!(script.all_of(Message::Stop), [""; 0]);
    let committed = script.done(commit).unwrap();
    assert_eq!(script.all_of(committed), ["release 1", "stopped"]);
}

/// Everything it would look for is due, and nothing but the answer it waits for can help.
#[test]
fn a_runner_that_waits_for_its_last_answer_does_not_spin() {
    let mut script = Script::new(1);
    script.start(CHAIN);
    script.all_of(Message::Wake);
    let mut effects = script.tell(ended("r-1:A#1", 1));
    let commit = take(&mut effects, "commit");
    assert!(script.tell(Message::Stop).is_empty(), "the result that is there is kept");
    script.now = script.now.after(Span::from_millis(1_000));
    assert!(script.tell(Message::Tick).is_empty());
    let pause = script.runner.wake_at().0 - script.now.0;
    assert_eq!(Span(pause), Span::from_millis(2_000), "it gives up when its lease is over");
    let committed = script.done(commit).unwrap();
    let told: Vec<String> = script.tell(committed).iter().map(brief).collect();
    assert_eq!(told, ["release 1", "stopped"]);
}

#[test]
fn what_is_to_be_cancelled_comes_before_all_other_work() {
    let mut script = Script::new(1);
    let claim = take(&mut script.tell(Message::Wake), "claim");
    let Effect::Claim(claim) = claim else { panic!("{claim:?}") };
    assert_eq!(claim.queues, [CANCEL_QUEUE, "task:link"]);
}

#[test]
fn a_run_rests_while_the_store_fails_and_then_goes_on() {
    let mut script = Script::new(1);
    let run = script.start(CHAIN);
    script.all_of(Message::Wake);
    let down = || StoreError::Unavailable { url: String::new(), what: "full".into(), source: None };
    let mut effects = script.tell(ended("r-1:A#1", 1));
    take(&mut effects, "commit");
    script.tell(Message::Committed { run, outcome: Err(down()) });
    let wakes = script.runner.wake_at();
    assert!(wakes > script.now && wakes <= script.now.after(Span::from_millis(500)), "{wakes}");
    assert!(!script.all_of(Message::Tick).contains(&"load".to_owned()), "it rests");
    script.now = script.now.after(Span::from_millis(500));
    let told = script.all_of(Message::Tick);
    assert!(told.contains(&"commit".to_owned()), "{told:?}");
    assert!(script.load(run).run.active.contains_key("B"));
}

#[test]
fn a_clock_that_is_set_back_stops_nothing() {
    let mut script = Script::new(4);
    script.all_of(Message::Wake);
    script.now = Timestamp(script.now.0 - 3_600_000_000_000);
    script.start(CHAIN);
    let told = script.all_of(Message::Tick);
    assert_eq!(told, ["claim 4", "find due", "load", "perform r-1:A#1/1"]);
}

#[test]
fn what_a_commit_without_an_answer_filed_is_claimed_at_once() {
    let mut script = Script::new(4);
    script.start(CHAIN);
    script.all_of(Message::Wake);
    let mut effects = script.tell(ended("r-1:A#1", 1));
    let commit = take(&mut effects, "commit");
    let Some(Message::Committed { run, outcome: Ok(_) }) = script.done(commit) else {
        panic!("it is committed");
    };
    let outcome = Err(StoreError::Unavailable {
        url: String::new(),
        what: "commit".to_owned(),
        source: None,
    });
    assert_eq!(script.all_of(Message::Committed { run, outcome }), ["release 1"]);
    script.later(500);
    let told = script.all_of(Message::Tick);
    assert!(told.contains(&"perform r-1:B#1/2".to_owned()), "{told:?}");
}

#[test]
fn a_timer_that_cannot_be_settled_holds_its_run_and_is_not_tried_for_ever() {
    let mut script = Script::new(4);
    let run = script.start(CHAIN);
    // Its workflow was written by SQL, and the state is gone.
    let mut before = script.load(run).run;
    let fires = TimerFires::After { state: "Gone".into(), delay: 0 };
    before.timers.insert("gone".into(), Timer { due: script.now, fires });
    let expected = before.rev;
    let batch = Batch {
        records: Vec::new(),
        run: before,
        current_state: String::new(),
        leaves: Vec::new(),
        request: None,
        recorded_at: script.now,
        tasks: TaskChanges::default(),
        steps: 0,
        limits: Limits::default(),
        claim: None,
    };
    answer(script.store.commit(&Tenant::default(), run, expected, batch)).unwrap();
    script.all_of(Message::Wake);
    let held = script.load(run).run;
    let paused = held.paused.map(|(reason, detail)| (reason, detail.contains("`Gone`")));
    assert_eq!(paused, Some((PauseReason::Stuck, true)));
    script.later(500);
    assert_eq!(script.all_of(Message::Tick), ["claim 3", "find due"]);
}

const NAP: &str = "
name: nap
initial: Rest
states:
  Rest: { after: { 1s: Over } }
  Over: { type: final }
";

/// However many runs are due that nothing can be done about, they are looked at now and then, and hide no others.
#[test]
fn runs_that_cannot_be_settled_neither_keep_it_busy_nor_hide_others() {
    let mut script = Script::new(4);
    let stuck: Vec<RunNo> = (0..300).map(|_| script.start(NAP)).collect();
    let well = script.start(NAP);
    script.later(1_000);
    let mut waiting = script.tell(Message::Wake);
    let mut looks = 0;
    while !waiting.is_empty() {
        let effect = waiting.remove(0);
        looks += usize::from(matches!(effect, Effect::FindDue { .. }));
        assert!(looks < 10, "it looks again and again");
        let answer = match effect {
            Effect::Load(run) if stuck.contains(&run) => {
                let what = "it does not fold".to_owned();
                let loaded = Err(StoreError::Damaged { run, what }.into());
                Some(Message::Loaded { run, loaded })
            }
            other => script.done(other),
        };
        if let Some(answer) = answer {
            waiting.extend(script.tell(answer));
        }
    }
    assert!(script.load(well).run.status.is_ended(), "it was due too");
    // All of them are set aside: one look is enough.
    script.later(500);
    assert_eq!(script.all_of(Message::Tick), ["claim 4", "find due"]);
}

/// What is due at once is settled at once, however much it is.
#[test]
fn all_that_is_due_is_settled_in_one_go() {
    let mut script = Script::new(4);
    let due: Vec<RunNo> = (0..700).map(|_| script.start(NAP)).collect();
    script.later(1_000);
    let told = script.all_of(Message::Wake);
    assert!(due.iter().all(|run| script.load(*run).run.status.is_ended()));
    let looks = told.iter().filter(|told| **told == "find due").count();
    assert!((3..20).contains(&looks), "{looks} looks for 700 runs");
}
