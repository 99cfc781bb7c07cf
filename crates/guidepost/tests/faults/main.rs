//! C1: races of whole processes. Two agents, each with a `guidepost mcp` of its own on one file, send at the same rev at the
//! same time. Whoever is late where it matters is told the present state; where it does not matter, both get on.
//!
//! The same races over a store without the rev check, served by this program itself, find that out.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod agent;
mod named;
mod run;
mod schedules;
mod tool;

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Barrier};
use std::thread;

use guidepost_core::id::{RunNo, Tenant};
use guidepost_server::mcp::{self, Options};
use guidepost_server::ops::{Allowed, Ops};
use guidepost_store::Store;
use guidepost_store::testing::careless::Careless;
use serde_json::json;

use agent::Agent;

const RACES: u64 = 1_000;

const URL: &str = "GUIDEPOST_TEST_URL";

/// Each state is left by two events, to different states.
const RING: &str = "
name: ring
initial: a
states:
  a: { on: { left: b, right: c } }
  b: { on: { left: c, right: a } }
  c: { on: { left: a, right: b } }
";

/// Each of two regions has an event of its own.
const REGIONS: &str = "
name: regions
type: parallel
states:
  one:
    initial: a
    states:
      a: { on: { left: b } }
      b: { on: { left: a } }
  two:
    initial: a
    states:
      a: { on: { right: b } }
      b: { on: { right: a } }
";

/// What two agents were told who sent `left` and `right` at one rev.
type Answers = [Result<String, String>; 2];

/// Two agents on one file, and a run.
struct Duel {
    url: String,
    agents: [Agent; 2],
    rev: u64,
    _keep: tempfile::TempDir,
}

impl Duel {
    fn new(definition: &str, server: impl Fn(&str) -> Command) -> Self {
        let directory = tempfile::tempdir().unwrap();
        // Who wins has nothing to do with syncs.
        let url = format!("{}?durability=process", directory.path().join("guidepost.db").display());
        let mut agents = [(); 2].map(|()| Agent::of(server(&url)));
        let name = definition.trim().lines().next().unwrap().trim_start_matches("name: ");
        agents[0].call("guidepost_define", &json!({ "yaml": definition, "save": true })).unwrap();
        agents[0].call("guidepost_start", &json!({ "workflow": name })).unwrap();
        Self { url, agents, rev: 2, _keep: directory }
    }

    /// Both send at the present rev.
    fn race(&mut self) -> Answers {
        let barrier = Barrier::new(2);
        let (barrier, rev) = (&barrier, self.rev);
        let [left, right] = &mut self.agents;
        let (left, right) = thread::scope(|scope| {
            let rivals = [(left, "left"), (right, "right")].map(|(agent, event)| {
                scope.spawn(move || {
                    let event = json!({ "run": "r-1", "event": event, "rev": rev });
                    barrier.wait();
                    agent.call("guidepost_do", &event)
                })
            });
            let [left, right] = rivals.map(|rival| rival.join().unwrap());
            (left, right)
        });
        let answers = [left, right];
        self.rev += answers.iter().flatten().count() as u64;
        answers
    }

    /// What is wrong with the run after so many events, if anything is.
    fn problems(self, events: u64) -> Vec<String> {
        let Self { url, agents, _keep: keep, .. } = self;
        drop(agents);
        let store = guidepost_store::open(&url).unwrap();
        let problems = block_on(async {
            let found = store.verify(&Tenant::default(), RunNo(1)).await.unwrap();
            let mut problems: Vec<String> =
                found.problems.iter().map(|problem| format!("{problem:?}")).collect();
            if found.records != events + 2 {
                problems.push(format!("{} records after {events} events", found.records));
            }
            problems
        });
        drop(keep);
        problems
    }
}

/// What is wrong with answers that one of two must win, both of whom saw this rev.
fn expect_one_winner(seen: u64, answers: &Answers) -> Option<String> {
    let ([Ok(winner), Err(loser)] | [Err(loser), Ok(winner)]) = answers else {
        return Some(format!("not one winner: {answers:?}"));
    };
    let rev = seen + 1;
    let moved = winner.lines().next().unwrap_or_default();
    let (_, state) = moved.rsplit_once(" -> ").unwrap_or_default();
    let told = loser.starts_with(&format!("not done: rev {seen} is old, the run is at rev {rev} "))
        && loser.contains(&format!(" Now in {state}. Legal: left, right. "));
    let won = moved.starts_with(&format!("ok rev {rev}: "));
    (!won || !told).then(|| format!("{winner}{loser}"))
}

/// What is wrong with answers that both must win, who saw this rev.
fn expect_two_winners(seen: u64, answers: &Answers) -> Option<String> {
    let is_at = |answer: &Result<String, String>, rev: u64| {
        answer.as_ref().is_ok_and(|text| text.starts_with(&format!("ok rev {rev}: ")))
    };
    let [left, right] = answers;
    let both = is_at(left, seen + 1) && is_at(right, seen + 2)
        || is_at(left, seen + 2) && is_at(right, seen + 1);
    (!both).then(|| format!("not two winners: {answers:?}"))
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(future)
}

/// The real thing.
fn guidepost(url: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_guidepost"));
    command.args(["mcp", "--store", url]).env_clear().env("HOME", Path::new(url).parent().unwrap());
    command
}

/// This program, which serves over a store that takes what comes.
fn careless(url: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "serve", "--nocapture"]).env(URL, url);
    command
}

/// What the careless server does; without its environment, nothing.
#[test]
fn serve() {
    let Ok(url) = std::env::var(URL) else { return };
    let store: Arc<dyn Store> = Arc::new(Careless::over(guidepost_store::open(&url).unwrap()));
    let options = Options { agent: None, allowed: Allowed::OnlyHarmless };
    block_on(mcp::serve_stdio(Arc::new(Ops::new(store)), options)).unwrap();
}

/// Races on, and says what was wrong with answers.
fn race_on(duel: &mut Duel, expect: fn(u64, &Answers) -> Option<String>) -> Vec<String> {
    let race = |_| {
        let seen = duel.rev;
        expect(seen, &duel.race())
    };
    (0..RACES).filter_map(race).collect()
}

#[test]
fn of_two_processes_at_one_rev_exactly_one_wins() {
    let mut duel = Duel::new(RING, guidepost);
    assert_eq!(race_on(&mut duel, expect_one_winner), Vec::<String>::new());
    assert_eq!(duel.problems(RACES), Vec::<String>::new());
}

#[test]
fn of_two_processes_in_two_regions_at_one_rev_both_win() {
    let mut duel = Duel::new(REGIONS, guidepost);
    assert_eq!(race_on(&mut duel, expect_two_winners), Vec::<String>::new());
    assert_eq!(duel.problems(2 * RACES), Vec::<String>::new());
}

/// Both checks tell, and so does the history.
#[test]
fn a_store_that_ignores_revs_is_found_out() {
    let mut duel = Duel::new(RING, careless);
    let problems = race_on(&mut duel, expect_one_winner);
    assert!(problems.iter().any(|problem| problem.starts_with("not one winner: [Ok")));
    let problems = duel.problems(RACES);
    assert!(problems.iter().any(|problem| problem.contains("does not fold")), "{problems:?}");
}
