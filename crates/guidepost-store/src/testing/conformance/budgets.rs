//! Limits over a tree of runs: what is spent, what is told, what no longer begins.

use guidepost_core::id::RunNo;
use guidepost_core::machine::Limits;
use guidepost_core::record::Paused;
use guidepost_core::recorded::{Action, Fact, FactBody, LimitReached, LimitsSet};
use guidepost_core::run::PauseReason;
use guidepost_core::time::{Span, Timestamp};

use super::Fixture;
use super::fixture::{Step, at, batch, begin, done, new_run};
use super::tasks::{files, score};
use crate::{Batch, EntryBody, HistoryPage, Lease, NewRun, StoreError, is_over};

impl Fixture {
    /// A run with limits; below one that launched it, if any.
    async fn start_with(&self, parent: Option<RunNo>, limits: Limits) -> RunNo {
        let batch = Batch { limits, steps: 1, ..begin(at(1), vec![]) };
        let new = NewRun { parent, ..new_run("spender") };
        done(self.store.create(&self.tenant, new, batch).await).run
    }

    /// A run that has spent more than it may, and was not paused for that yet.
    pub async fn run_over_limit(&self) -> RunNo {
        self.define().await;
        let limits = Limits { max_tokens: Some(10), ..Limits::default() };
        let run = self.start_with(None, limits).await;
        self.record(run, vec![call(11, 0.0)]).await;
        run
    }

    /// Takes a step that enters so many.
    async fn spend(&self, run: RunNo, steps: u64) -> crate::Committed {
        let loaded = self.load(run).await;
        let expected = loaded.run.rev;
        let to = if loaded.run.active.contains_key("Score") { "Ingest" } else { "Score" };
        let batch = Batch { steps, ..Step::to(to).batch(loaded.run) };
        done(self.store.commit(&self.tenant, run, expected, batch).await)
    }

    async fn told(&self, run: RunNo) -> Vec<LimitReached> {
        let kinds = vec!["limit_reached".to_owned()];
        let page = HistoryPage { newest_first: false, kinds, beyond: None, limit: 100 };
        let found = done(self.store.history(&self.tenant, run, &page).await).items;
        let told = found.into_iter().filter_map(|entry| match entry.body {
            EntryBody::Fact { observed: true, body: FactBody::LimitReached(told), .. } => {
                Some(told)
            }
            _ => None,
        });
        told.collect()
    }

    async fn is_over(&self, run: RunNo, now: Timestamp) -> bool {
        is_over(&self.load(run).await.budgets, now)
    }

    async fn due(&self, now: Timestamp) -> Vec<RunNo> {
        done(self.store.due(&self.tenant, now, 10).await)
    }
}

fn call(tokens: u64, cost_usd: f64) -> Fact {
    let action = Action {
        action_type: "llm_call".to_owned(),
        tokens: Some(tokens),
        cost_usd: Some(cost_usd),
        ..Action::default()
    };
    Fact { at: None, observed: false, by: String::new(), body: FactBody::Action(action) }
}

/// What runs below a run spend is counted where its limits are, and in the limits between.
pub async fn spending_is_counted_in_every_run_above(on: Fixture) {
    on.define().await;
    let limits = Limits { max_steps: Some(100), ..Limits::default() };
    let root = on.start_with(None, limits.clone()).await;
    let child = on.start_with(Some(root), Limits::default()).await;
    let grandchild = on.start_with(Some(child), limits).await;
    let other = on.start_with(None, Limits::default()).await;
    on.spend(grandchild, 3).await;
    on.spend(other, 9).await;
    on.record(grandchild, vec![call(7, 0.25), call(2, 0.5)]).await;
    let budgets = on.load(grandchild).await.budgets;
    let holders: Vec<RunNo> = budgets.iter().map(|budget| budget.run).collect();
    assert_eq!(holders, [root, grandchild]);
    let (of_root, own) = (budgets[0].spent, budgets[1].spent);
    assert_eq!((of_root.steps, of_root.launches), (6, 2), "three beginnings, one step of three");
    assert_eq!((own.steps, own.launches), (4, 0));
    for spent in [of_root, own] {
        assert_eq!((spent.llm_calls, spent.tokens, spent.cost_nano_usd), (2, 9, 750_000_000));
    }
    assert_eq!(on.load(other).await.budgets, []);
    assert_eq!(on.load(child).await.budgets, on.load(root).await.budgets);
}

/// A limit is told once before it is reached and once when it is passed, in the history of the run that has it.
pub async fn a_limit_is_told_once_in_the_history_of_its_run(on: Fixture) {
    on.define().await;
    let limits = Limits { max_steps: Some(6), warn_at: Some(0.5), ..Limits::default() };
    let root = on.start_with(None, limits).await;
    let child = on.start_with(Some(root), Limits::default()).await;
    for _ in 0..8 {
        on.spend(child, 1).await;
    }
    let told: Vec<(bool, f64)> =
        on.told(root).await.iter().map(|told| (told.is_hard, told.spent)).collect();
    assert_eq!(told, [(false, 3.0), (true, 7.0)]);
    assert_eq!(on.told(child).await, []);
    for run in [root, child] {
        assert_eq!(done(on.store.verify(&on.tenant, run).await).problems, []);
    }
    let back = on.load(child).await.run.rev;
    done(on.restore(child, "h1").await);
    assert!(on.load(child).await.run.rev > back);
    assert_eq!(on.load(root).await.budgets[0].spent.steps, 10, "going back gives nothing back");
}

/// Once a limit is passed no task is handed out, not even to who files it, until the limit is raised.
pub async fn nothing_begins_once_a_limit_is_passed(on: Fixture) {
    on.define().await;
    let limits = Limits { max_tokens: Some(10), ..Limits::default() };
    let root = on.start_with(None, limits).await;
    let child = on.start_with(Some(root), Limits::default()).await;
    on.step_with(child, "Score", files([score(1)])).await;
    on.record(root, vec![call(10, 0.0)]).await;
    assert!(!on.is_over(child, at(20)).await, "up to the last one");
    on.record(root, vec![call(1, 0.0)]).await;
    assert!(on.is_over(child, at(20)).await && on.is_over(root, at(20)).await);
    assert_eq!(on.claim("a", at(20)).await, []);
    let lease = Some(Lease { owner: "a".to_owned(), until: at(50) });
    let committed =
        on.try_step_with(root, "Score", files([crate::NewTask { lease, ..score(2) }])).await;
    assert!(is_over(&done(committed).budgets, at(20)));
    assert_eq!(on.tasks().await[0].owner, None, "nobody holds what is not to begin");
    assert_eq!(on.due(at(20)).await, [root, child]);

    let limits = Limits { max_tokens: Some(20), ..Limits::default() };
    let set = LimitsSet { limits, note: None };
    let body = FactBody::LimitsSet(set);
    on.record(root, vec![Fact { at: None, observed: true, by: "boss".to_owned(), body }]).await;
    assert_eq!(on.due(at(20)).await, []);
    assert_eq!(on.claim("a", at(20)).await.len(), 2);
}

/// A run lives as long as its limits say, and needs nobody who moves it to be told.
pub async fn a_run_lives_as_long_as_it_may(on: Fixture) {
    on.define().await;
    let limits = Limits { max_duration: Some(Span(60_000_000_000)), ..Limits::default() };
    let root = on.start_with(None, limits).await;
    let child = on.start_with(Some(root), Limits::default()).await;
    on.step_with(child, "Score", files([score(1)])).await;
    assert_eq!(on.due(at(60)).await, []);
    assert_eq!(on.due(at(61)).await, [root, child]);
    assert_eq!(on.claim("a", at(61)).await, []);
    assert_eq!(on.claim("a", at(60)).await.len(), 1);
    done(on.step(child, Step { ends: true, ..Step::to("Done") }).await);
    assert_eq!(on.due(at(61)).await, [root], "what is over does not go on");
}

/// A run that began without limits may be given some. What it and the runs below it do from then on counts.
pub async fn limits_may_be_set_later(on: Fixture) {
    on.define().await;
    let root = on.start_with(None, Limits::default()).await;
    let child = on.start_with(Some(root), Limits::default()).await;
    on.spend(child, 50).await;
    assert_eq!(on.load(child).await.budgets, []);
    let set = |limits: Limits| {
        let body = FactBody::LimitsSet(LimitsSet { limits, note: None });
        Fact { at: None, observed: true, by: "boss".to_owned(), body }
    };
    on.record(root, vec![set(Limits { max_rollback_steps: Some(3), ..Limits::default() })]).await;
    assert_eq!(on.load(root).await.budgets, [], "nothing to count");
    on.record(root, vec![set(Limits { max_steps: Some(3), ..Limits::default() })]).await;
    on.spend(child, 2).await;
    let grandchild = on.start_with(Some(child), Limits::default()).await;
    let budgets = on.load(grandchild).await.budgets;
    assert_eq!(budgets, on.load(root).await.budgets);
    assert_eq!((budgets.len(), budgets[0].run, budgets[0].spent.steps), (1, root, 3));
    assert_eq!(budgets[0].since, at(1), "its whole life counts");
    on.spend(grandchild, 1).await;
    assert_eq!(on.due(at(20)).await, [root, child, grandchild]);
    assert_eq!(on.told(root).await.len(), 1);
}

/// Whoever raises a limit resumes what is paused for it. A pause that was decided before, and comes after, is none.
pub async fn a_pause_for_a_limit_that_was_raised_is_a_conflict(on: Fixture) {
    on.define().await;
    let limits = Limits { max_steps: Some(3), ..Limits::default() };
    let root = on.start_with(None, limits).await;
    let child = on.start_with(Some(root), Limits::default()).await;
    on.spend(child, 5).await;
    let pause = async |run: RunNo| {
        let before = on.load(run).await.run;
        let rev = before.rev;
        let (reason, at) = (PauseReason::OverLimit, at(3));
        let paused = Paused { reason, detail: "max_steps".to_owned(), by: String::new(), at };
        let batch = batch(before, vec![paused.into()], "Score", at);
        on.store.commit(&on.tenant, run, rev, batch).await
    };
    done(pause(root).await);
    let body = FactBody::LimitsSet(LimitsSet {
        limits: Limits { max_steps: Some(30), ..Limits::default() },
        note: None,
    });
    on.record(root, vec![Fact { at: None, observed: true, by: "boss".to_owned(), body }]).await;
    let before = on.load(child).await;
    match pause(child).await {
        Err(StoreError::Conflict { .. }) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(on.load(child).await, before, "nothing is written");
    assert_eq!(done(on.store.verify(&on.tenant, child).await).problems, []);
}

/// A limit that an ended run passed holds for what it launched and still lives, and for the run itself if it goes on.
pub async fn a_limit_holds_as_long_as_somebody_lives(on: Fixture) {
    on.define().await;
    let limits = Limits { max_steps: Some(3), ..Limits::default() };
    let root = on.start_with(None, limits).await;
    let child = on.start_with(Some(root), Limits::default()).await;
    on.step_with(child, "Score", files([score(1)])).await;
    on.spend(child, 5).await;
    done(on.step(root, Step { ends: true, ..Step::to("Done") }).await);
    assert_eq!(on.due(at(20)).await, [child]);
    assert_eq!(on.claim("a", at(20)).await, []);
    done(on.step(child, Step { ends: true, ..Step::to("Done") }).await);
    assert_eq!(on.due(at(20)).await, []);
    on.record(child, vec![call(7, 0.25)]).await;
    assert_eq!(on.due(at(20)).await, []);
    done(on.restore(root, "h1").await);
    assert_eq!(on.due(at(20)).await, [root]);
}

impl Fixture {
    /// Ends so many runs that passed a limit, each with a run below it.
    pub async fn end_runs_over_a_limit(&self, runs: usize) {
        self.define().await;
        let limits = Limits { max_steps: Some(1), ..Limits::default() };
        for _ in 0..runs {
            let root = self.start_with(None, limits.clone()).await;
            let child = self.start_with(Some(root), Limits::default()).await;
            self.spend(child, 5).await;
            for run in [root, child] {
                done(self.step(run, Step { ends: true, ..Step::to("Done") }).await);
            }
            self.record(child, vec![call(7, 0.25)]).await;
        }
    }
}
