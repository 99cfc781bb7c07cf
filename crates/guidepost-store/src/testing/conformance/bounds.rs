//! Bounds on how much of a workflow's work goes on at once, whoever does it.

use std::collections::BTreeMap;

use guidepost_core::id::{Branch, RunNo, StateId, Visit};
use guidepost_core::machine::Concurrency;
use guidepost_core::time::Span;

use super::Fixture;
use super::fixture::{Step, at, begin, done, lead, new_run};
use super::tasks::{files, score};
use crate::{
    Bound, CANCEL_QUEUE, Claimed, Lease, NewRun, NewTask, NewVersion, TaskChange, TaskChanges,
};

/// A branch of the work `task:score`, which counts in the bounds of `lead`.
fn bounded(branch: u32) -> NewTask {
    let bound = Bound { workflow: "lead".to_owned(), work: "task:score".to_owned() };
    NewTask { bound: Some(bound), ..score(branch) }
}

fn ends(task: &Claimed) -> TaskChanges {
    let id = &task.task.id;
    let end = TaskChange::End {
        state: StateId::from("Score"),
        visit: Visit(1),
        branch: Some(id.branch),
        purpose: id.purpose,
    };
    TaskChanges { fence: Some(task.task.held()), changes: vec![end] }
}

/// Which branch of which run each is.
fn which(claimed: &[Claimed]) -> Vec<(RunNo, u32)> {
    claimed.iter().map(|claimed| (claimed.task.id.run, claimed.task.id.branch.0)).collect()
}

impl Fixture {
    /// Saves `lead` with these bounds.
    async fn bound(&self, runs: Option<u64>, work: &[(&str, u64)]) {
        let work = work.iter().map(|(name, most)| ((*name).to_owned(), *most));
        let concurrency = Concurrency { runs, work: work.collect::<BTreeMap<_, _>>() };
        done(self.store.define(&self.tenant, NewVersion { concurrency, ..lead("h1") }).await);
    }

    /// A run that files these tasks.
    async fn start_with_tasks(
        &self,
        agent: &str,
        tasks: impl IntoIterator<Item = NewTask>,
    ) -> RunNo {
        let run = self.start(agent).await;
        self.step_with(run, "Score", files(tasks)).await;
        run
    }
}

/// Of a kind of work no more is handed out than the workflow allows, whoever asks, and nobody takes it for himself.
pub async fn no_more_goes_on_at_once_than_a_workflow_allows(on: Fixture) {
    for work in ["task", "task:score"] {
        on.bound(None, &[(work, 2), ("task:other", 1)]).await;
        let lease = Lease { owner: "a".to_owned(), until: at(40) };
        let first = on.start_with_tasks("a", [NewTask { lease: Some(lease), ..bounded(1) }]).await;
        assert_eq!(on.tasks().await[0].owner, None, "those who waited longer come first");
        let others =
            [bounded(1), bounded(2), score(3)].map(|task| NewTask { ready_at: at(11), ..task });
        let second = on.start_with_tasks("b", others).await;
        let held = on.claim("a", at(11)).await;
        assert_eq!(
            which(&held),
            [(first, 1), (second, 1), (second, 3)],
            "what has no bound goes on"
        );
        assert_eq!(on.claim("b", at(12)).await, []);
        on.step_with(first, "Ingest", ends(&held[0])).await;
        assert_eq!(which(&on.claim("b", at(12)).await), [(second, 2)]);
        for run in [first, second] {
            done(on.step(run, Step { ends: true, ..Step::to("Done") }).await);
        }
    }
}

/// What was given back, is to be tried later, or whose holder is not heard of does not count; and whoever comes back late
/// has lost it.
pub async fn what_is_held_no_more_makes_room(on: Fixture) {
    on.bound(None, &[("task", 1)]).await;
    let run = on.start_with_tasks("a", [bounded(1)]).await;
    let other = on.start_with_tasks("b", [NewTask { ready_at: at(11), ..bounded(1) }]).await;
    let first = on.claim("a", at(11)).await.remove(0).task;
    assert_eq!(first.id.run, run);
    done(on.store.release(&on.tenant, "a", &[first.held()], at(12)).await);
    let second = on.claim("b", at(12)).await.remove(0).task;
    assert_eq!(second.id.run, other);
    assert_eq!(on.claim("c", at(41)).await, []);
    assert_eq!(which(&on.claim("c", at(42)).await), [(run, 1)], "the lease ran out");
    let lost = on.store.extend(&on.tenant, "b", &[second.held()], at(90)).await;
    assert_eq!(done(lost), [second.held()]);
    assert_eq!(on.claim("b", at(44)).await, [], "what was handed out since goes on");
    let again = on.claim("b", at(72)).await.remove(0).task;
    assert_eq!((again.id.run, again.attempt, again.lost), (other, 2, 1));
}

/// What was taken back waits its turn for as long as it takes: nobody is late with it.
pub async fn what_was_taken_back_is_late_for_nobody(on: Fixture) {
    on.bound(None, &[("task", 1)]).await;
    let timed = NewTask { timeout: Some(Span(50_000_000_000)), ..bounded(1) };
    let first = on.start_with_tasks("a", [timed]).await;
    let second = on.start_with_tasks("b", [NewTask { ready_at: at(11), ..bounded(1) }]).await;
    assert_eq!(which(&on.claim("a", at(11)).await), [(first, 1)]);
    // Its holder is not heard of again, and the other one goes first.
    let other = on.claim("b", at(41)).await;
    assert_eq!(which(&other), [(second, 1)]);
    assert_eq!(on.claim("c", at(70)).await, [], "the attempt that was given up is not late");
    on.step_with(second, "Ingest", ends(&other[0])).await;
    let again = on.claim("c", at(70)).await;
    assert_eq!(which(&again), [(first, 1)]);
    assert!(!again[0].timed_out);
}

/// So many runs have begun and are not over. Between two pieces of work a run keeps its place.
pub async fn no_more_runs_begin_than_a_workflow_allows(on: Fixture) {
    on.bound(Some(1), &[]).await;
    let first = on.start_with_tasks("a", [bounded(1)]).await;
    let second = on.start_with_tasks("b", [NewTask { ready_at: at(11), ..bounded(1) }]).await;
    let held = on.claim("a", at(12)).await;
    assert_eq!(which(&held), [(first, 1)]);
    on.step_with(first, "Ingest", ends(&held[0])).await;
    assert_eq!(on.claim("a", at(13)).await, [], "it is not over");
    on.step_with(first, "Score", files([NewTask { ready_at: at(13), ..bounded(2) }])).await;
    assert_eq!(which(&on.claim("a", at(13)).await), [(first, 2)]);
    done(on.step(first, Step { ends: true, ..Step::to("Done") }).await);
    assert_eq!(which(&on.claim("a", at(14)).await), [(second, 1)]);
}

/// A run that a run waits for begins although all places are taken, if that one has a place.
pub async fn a_run_waits_for_no_place_that_waits_for_it(on: Fixture) {
    on.bound(Some(1), &[]).await;
    let root = on.start_with_tasks("a", [bounded(1)]).await;
    assert_eq!(which(&on.claim("a", at(12)).await), [(root, 1)]);
    let mut below = root;
    for agent in ["b", "c"] {
        let new = NewRun { parent: Some(below), ..new_run(agent) };
        below = done(on.store.create(&on.tenant, new, begin(at(1), vec![])).await).run;
    }
    let other = on.start_with_tasks("d", [bounded(1)]).await;
    on.step_with(below, "Score", files([bounded(1)])).await;
    assert_eq!(which(&on.claim("a", at(13)).await), [(below, 1)]);
    done(on.step(root, Step { ends: true, ..Step::to("Done") }).await);
    assert_eq!(which(&on.claim("a", at(14)).await), [(other, 1)], "it took no place of its own");
}

/// However much waits that may not begin, what may is found: the rest of the work of a run that has begun, and that of runs
/// below it, filed before or after.
pub async fn what_may_begin_is_found_behind_what_may_not(on: Fixture) {
    on.bound(Some(1), &[]).await;
    let later = |branch| NewTask { ready_at: at(12), ..bounded(branch) };
    let root = on.start_with_tasks("a", [bounded(1), later(2)]).await;
    let new = NewRun { parent: Some(root), ..new_run("b") };
    let below = done(on.store.create(&on.tenant, new, begin(at(1), vec![])).await).run;
    on.step_with(below, "Score", files([later(1)])).await;
    for agent in 0..15 {
        let task = NewTask { ready_at: at(11), ..bounded(1) };
        on.start_with_tasks(&format!("other {agent}"), [task]).await;
    }
    assert_eq!(which(&on.claim("a", at(13)).await), [(root, 1), (root, 2), (below, 1)]);
    on.step_with(root, "Score", files([later(3)])).await;
    on.step_with(below, "Score", files([later(2)])).await;
    assert_eq!(which(&on.claim("a", at(13)).await), [(root, 3), (below, 2)]);
    assert_eq!(on.claim("a", at(13)).await, []);
}

/// A run below shares the place of one above for as long as that is there. Then it waits for one like all others.
pub async fn a_place_is_shared_until_its_run_is_over(on: Fixture) {
    on.bound(Some(1), &[]).await;
    let root = on.start_with_tasks("a", [bounded(1)]).await;
    assert_eq!(which(&on.claim("a", at(11)).await), [(root, 1)]);
    let new = NewRun { parent: Some(root), ..new_run("b") };
    let below = done(on.store.create(&on.tenant, new, begin(at(1), vec![])).await).run;
    let later = |second| NewTask { ready_at: at(second), ..bounded(1) };
    on.step_with(below, "Score", files([later(13)])).await;
    let other = on.start_with_tasks("c", [later(12)]).await;
    done(on.step(root, Step { ends: true, ..Step::to("Done") }).await);
    assert_eq!(which(&on.claim("a", at(14)).await), [(other, 1)], "it waited longer");
    assert_eq!(on.claim("a", at(14)).await, []);
    done(on.step(other, Step { ends: true, ..Step::to("Done") }).await);
    assert_eq!(which(&on.claim("a", at(14)).await), [(below, 1)]);
}

/// Whoever waits longest is next, whichever queue its work is in; but what is to be cancelled comes before all else.
pub async fn who_waits_longest_is_next_whatever_the_queue(on: Fixture) {
    on.bound(Some(1), &[]).await;
    let bound = Bound { workflow: "lead".to_owned(), work: "exec".to_owned() };
    let by = |queue: &str, second| NewTask {
        ready_at: at(second),
        queue: queue.to_owned(),
        bound: Some(bound.clone()),
        ..score(1)
    };
    let first = on.start_with_tasks("a", [by("b", 10)]).await;
    let second = on.start_with_tasks("b", [by("c", 12)]).await;
    let third = on.start_with_tasks("c", [by("a", 13)]).await;
    let free = NewTask { queue: "a".to_owned(), ready_at: at(11), ..score(2) };
    on.step_with(third, "Score", files([free])).await;
    let cancels = NewTask { bound: None, ..by(CANCEL_QUEUE, 20) };
    on.step_with(third, "Score", files([NewTask { branch: Branch(3), ..cancels }])).await;
    let queues = ["a", "b", "c", CANCEL_QUEUE];
    let claimed = on.claim_from("x", at(20), &queues).await;
    assert_eq!(which(&claimed), [(third, 3), (first, 1), (third, 2)]);
    for (before, after) in [(first, second), (second, third)] {
        done(on.step(before, Step { ends: true, ..Step::to("Done") }).await);
        assert_eq!(which(&on.claim_from("x", at(20), &queues).await), [(after, 1)]);
    }
}

/// Bounds are no part of a structure: saving others reaches what was filed before.
pub async fn the_bounds_that_were_saved_last_count(on: Fixture) {
    on.bound(None, &[("task", 1)]).await;
    on.start_with_tasks("a", [bounded(1), bounded(2), bounded(3), bounded(4)]).await;
    assert_eq!(on.claim("a", at(10)).await.len(), 1);
    on.bound(None, &[("task", 3)]).await;
    assert_eq!(on.claim("b", at(10)).await.len(), 2);
    on.bound(None, &[]).await;
    assert_eq!(on.claim("c", at(10)).await.len(), 1);
}
