//! What is said in the threads of runs, and what goes when a run is deleted.

use guidepost_core::id::{Branch, Purpose, Rev, RunNo, RunRef, Seq, StateId, Visit};
use guidepost_core::machine::{Limits, WorkKind};
use guidepost_core::record::{Paused, Record};
use guidepost_core::run::PauseReason;
use guidepost_core::time::Timestamp;
use serde_json::{Value as Json, json};

use super::Fixture;
use super::fixture::{Step, at, begin, done, new_run, note};
use crate::{
    HistoryPage, Lease, NewRun, NewTask, NewTurn, RequestDigest, Role, StoreError, Task,
    TaskChange, TaskChanges, TaskFilter, Turn, TurnFilter, thread_name,
};

fn said(state: &str, branch: u32, role: Role, content: Json) -> TaskChange {
    let (state, branch) = (StateId::from(state), Branch(branch));
    TaskChange::Say(NewTurn { state, branch, role, content })
}

impl Fixture {
    async fn say(
        &self,
        run: RunNo,
        to: &'static str,
        changes: Vec<TaskChange>,
    ) -> Result<crate::Committed, StoreError> {
        let loaded = self.load(run).await;
        let expected = loaded.run.rev;
        let tasks = TaskChanges { fence: None, changes };
        let batch = crate::Batch { tasks, ..Step::to(to).batch(loaded.run) };
        self.store.commit(&self.tenant, run, expected, batch).await
    }

    async fn turns(&self, run: RunNo) -> Vec<Turn> {
        done(self.store.turns(&self.tenant, &TurnFilter::of(run)).await).items
    }

    /// A run launched by another.
    async fn launch(&self, parent: RunNo) -> RunNo {
        let new = NewRun { parent: Some(parent), ..new_run("child") };
        done(self.store.create(&self.tenant, new, begin(at(1), vec![])).await).run
    }

    async fn end(&self, run: RunNo) {
        let to =
            if self.load(run).await.run.active.contains_key("Score") { "Done" } else { "Score" };
        done(self.step(run, Step { ends: true, ..Step::to(to) }).await);
    }
}

/// A state may be named like a branch of another, and has a thread of its own all the same.
pub async fn threads_of_like_names_are_kept_apart(on: Fixture) {
    let run = on.define_and_start().await;
    let all = vec![
        said("Write", 3, Role::User, json!("the third branch")),
        said("Write[3]", 0, Role::User, json!("the state")),
        said("Write", 3, Role::Assistant, json!("done")),
        said("Write[3]", 3, Role::User, json!("its third branch")),
    ];
    done(on.say(run, "Score", all).await);
    let turns = on.turns(run).await;
    let told: Vec<(String, u64)> =
        turns.iter().map(|turn| (turn.state.to_string(), turn.position)).collect();
    let expected = [("Write", 1), ("Write", 2), ("Write[3]", 1), ("Write[3]", 1)];
    assert_eq!(told, expected.map(|(state, position)| (state.to_owned(), position)));
    let mut names: Vec<&String> = turns.iter().map(|turn| &turn.thread).collect();
    names.dedup();
    assert_eq!(names.len(), 3, "{names:?}");
}

/// What a run tells in the history of another is followed too, in the order in which it was recorded.
pub async fn limits_that_are_reached_are_followed(on: Fixture) {
    on.define().await;
    let limits = |most: u64| Limits { max_steps: Some(most), ..Limits::default() };
    let start = async |parent: Option<RunNo>, limits: Limits| {
        let new = NewRun { parent, ..new_run("spender") };
        let batch = crate::Batch { limits, ..begin(at(1), vec![]) };
        done(on.store.create(&on.tenant, new, batch).await).run
    };
    let root = start(None, limits(4)).await;
    let child = start(Some(root), limits(4)).await;
    let from = done(on.store.changes(&on.tenant, None, 10).await).at;
    let loaded = on.load(child).await;
    let expected = loaded.run.rev;
    let batch = crate::Batch { steps: 9, ..Step::to("Score").batch(loaded.run) };
    done(on.store.commit(&on.tenant, child, expected, batch).await);
    on.record(root, vec![note("and so on")]).await;
    let followed = done(on.store.changes(&on.tenant, Some(from), 10).await).items;
    let expected = [(child, 3), (root, 3), (child, 4), (root, 4)];
    assert_eq!(followed, expected.map(|(run, seq)| (run, Seq(seq))));
}

/// Each thread counts its turns for itself; texts and other values come back as they were said.
pub async fn a_thread_keeps_its_turns_in_order(on: Fixture) {
    let run = on.define_and_start().await;
    done(on.say(run, "Score", vec![said("Score", 0, Role::User, json!("Score it."))]).await);
    let answers = vec![
        said("Score", 0, Role::Assistant, json!({ "score": 7.5 })),
        said("Score", 2, Role::User, json!("another branch")),
        said("Ingest", 0, Role::User, json!("once more")),
    ];
    done(on.say(run, "Ingest", answers).await);
    done(on.say(run, "Score", vec![said("Score", 0, Role::User, json!("And again."))]).await);
    let id = on.load(run).await.head.id;
    let turns = on.turns(run).await;
    let told: Vec<(String, u64, Role, Json, Timestamp)> = turns
        .into_iter()
        .map(|turn| (turn.thread, turn.position, turn.role, turn.content, turn.at))
        .collect();
    let thread = |state: &str, branch| thread_name(id, &StateId::from(state), Branch(branch));
    let expected = [
        (thread("Score", 0), 1, Role::User, json!("Score it.")),
        (thread("Score", 0), 2, Role::Assistant, json!({ "score": 7.5 })),
        (thread("Score", 0), 3, Role::User, json!("And again.")),
        (thread("Score", 2), 1, Role::User, json!("another branch")),
        (thread("Ingest", 0), 1, Role::User, json!("once more")),
    ];
    let expected = expected.map(|(thread, n, role, content)| (thread, n, role, content, at(2)));
    assert_eq!(told, expected);
    assert_eq!(thread("Score", 2), format!("{id}:Score[2]"));
}

/// What is said belongs to the commit: without it, nothing was said.
pub async fn what_a_conflict_would_have_said_is_not_said(on: Fixture) {
    let run = on.define_and_start().await;
    let loaded = on.load(run).await;
    let tasks = TaskChanges {
        fence: None,
        changes: vec![said("Score", 0, Role::User, json!("not heard"))],
    };
    let batch = crate::Batch { tasks, ..Step::to("Score").batch(loaded.run) };
    let refused = on.store.commit(&on.tenant, run, Rev(1), batch).await;
    assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");
    assert_eq!(on.turns(run).await, []);
    let other = on.for_tenant("other");
    let refused = other.store.turns(&other.tenant, &TurnFilter::of(run)).await;
    assert!(matches!(refused, Err(StoreError::NoSuchRun(_))), "{refused:?}");
}

/// Pages follow one another without a gap, also from one thread to the next.
pub async fn turns_are_read_page_by_page(on: Fixture) {
    let run = on.define_and_start().await;
    for n in 0..3 {
        let both = vec![
            said("Score", 0, Role::User, json!(n)),
            said("Ingest", 0, Role::Assistant, json!(n)),
        ];
        let to = if n % 2 == 0 { "Score" } else { "Ingest" };
        done(on.say(run, to, both).await);
    }
    let all = on.turns(run).await;
    assert_eq!(all.len(), 6);
    let mut filter = TurnFilter { limit: 2, ..TurnFilter::of(run) };
    let mut found = Vec::new();
    for pages in 1.. {
        let page = done(on.store.turns(&on.tenant, &filter).await);
        found.extend(page.items);
        filter.cursor = page.next;
        if filter.cursor.is_none() {
            assert_eq!(pages, 3);
            break;
        }
    }
    assert_eq!(found, all);
}

/// A thread can be read without the others, by its state and branch, page by page too. What is not there is followed by
/// nothing.
pub async fn one_thread_is_read_alone(on: Fixture) {
    let run = on.define_and_start().await;
    for (to, n) in [("Score", 1), ("Ingest", 2), ("Score", 3)] {
        let said = vec![
            said("Score", 0, Role::User, json!(n)),
            said("Ingest", 0, Role::User, json!(10 * n)),
            said("Score", 2, Role::User, json!(100 * n)),
        ];
        done(on.say(run, to, said).await);
    }
    let thread = |state: &str, branch| Some((StateId::from(state), Branch(branch)));
    let read = async |thread, cursor: Option<&str>, limit| {
        let cursor = cursor.map(str::to_owned);
        let filter = TurnFilter { run, thread, limit, cursor };
        let page = done(on.store.turns(&on.tenant, &filter).await);
        let content: Vec<u64> = page.items.iter().filter_map(|it| it.content.as_u64()).collect();
        (content, page.next)
    };
    assert_eq!(read(thread("Score", 0), None, 0).await, (vec![1, 2, 3], None));
    assert_eq!(read(thread("Score", 2), None, 0).await, (vec![100, 200, 300], None));
    assert_eq!(read(thread("Ingest", 2), None, 0).await, (vec![], None));
    let (first, next) = read(thread("Score", 0), None, 2).await;
    assert_eq!((first, next.as_deref()), (vec![1, 2], Some("Score:2")));
    assert_eq!(read(thread("Score", 0), Some("Score:2"), 2).await, (vec![3], None));
    // Of all threads, what follows a turn is the rest of its thread, and those that began later.
    let rest = read(None, Some("Ingest:2"), 0).await;
    assert_eq!(rest, (vec![30, 100, 200, 300], None));
    for nothing in ["Score[7]:1", "nonsense"] {
        assert_eq!(read(None, Some(nothing), 0).await, (vec![], None), "{nothing}");
    }
}

/// A run goes with those below it and with all that belongs to them; everything else stays.
pub async fn a_deleted_run_takes_along_what_is_below_it(on: Fixture) {
    on.define().await;
    let digest = RequestDigest([7; 16]);
    let keyed = NewRun { key: Some(("ticket".to_owned(), digest)), ..new_run("top") };
    let top = done(on.store.create(&on.tenant, keyed, begin(at(1), vec![])).await).run;
    let (stays, child) = (on.start("stays").await, on.launch(top).await);
    let grandchild = on.launch(child).await;
    on.record(grandchild, vec![note("a line")]).await;
    for run in [top, stays, child, grandchild] {
        done(on.say(run, "Score", vec![said("Score", 0, Role::User, json!("x"))]).await);
    }
    for run in [grandchild, child, top] {
        on.end(run).await;
    }
    let other = on.for_tenant("other");
    let refused = other.store.delete(&other.tenant, top).await;
    assert!(matches!(refused, Err(StoreError::NoSuchRun(_))), "{refused:?}");
    let gone = done(on.store.delete(&on.tenant, top).await);
    assert_eq!(gone, [top, child, grandchild]);
    for run in gone {
        assert_eq!(done(on.store.load(&on.tenant, &RunRef::No(run)).await), None);
        let page = HistoryPage { newest_first: false, kinds: Vec::new(), beyond: None, limit: 10 };
        let refused = on.store.history(&on.tenant, run, &page).await;
        assert!(matches!(refused, Err(StoreError::NoSuchRun(_))), "{refused:?}");
    }
    assert_eq!(done(on.store.started(&on.tenant, "ticket", &digest).await), None);
    assert_eq!(on.turns(stays).await.len(), 1);
    assert_eq!(done(on.store.verify(&on.tenant, stays).await).problems, []);
    assert!(on.start("later").await > grandchild, "a number is never given again");
}

/// What is alive, or waited for, is refused, and nothing of the tree is gone then. A run that was never begun is as good as
/// over.
pub async fn what_is_not_over_is_not_deleted(on: Fixture) {
    on.define().await;
    let top = on.start("top").await;
    let child = on.launch(top).await;
    on.end(top).await;
    match on.store.delete(&on.tenant, top).await {
        Err(StoreError::Refused { what, .. }) => {
            assert!(what.contains(&format!("run `{child}` is not over")), "{what}");
        }
        other => panic!("{other:?}"),
    }
    on.load(top).await;
    on.end(child).await;
    done(on.store.delete(&on.tenant, top).await);

    let pending = on.start("pending").await;
    let paused = |reason| Paused { reason, detail: String::new(), by: String::new(), at: at(3) };
    let mut run = on.load(pending).await.run;
    let rev = run.rev;
    let record: Record = paused(PauseReason::Pending).into();
    if let Err(reason) = run.apply(&record) {
        panic!("{reason}");
    }
    let batch = crate::Batch { records: vec![record], run, ..begin(at(3), vec![]) };
    done(on.store.commit(&on.tenant, pending, rev, batch).await);
    assert_eq!(done(on.store.delete(&on.tenant, pending).await), [pending]);

    let waiting = on.start("waiting").await;
    let task = NewTask {
        state: StateId::from("Score"),
        visit: Visit(1),
        branch: Branch::WHOLE,
        purpose: Purpose::Work,
        kind: WorkKind::Run,
        queue: "run".to_owned(),
        ready_at: at(2),
        timeout: None,
        lease: Some(Lease { owner: "a".to_owned(), until: at(60) }),
        bound: None,
    };
    done(on.say(waiting, "Score", vec![TaskChange::File(task)]).await);
    let held = {
        let tasks = done(on.store.tasks(&on.tenant, &TaskFilter::default()).await).items;
        tasks.iter().map(Task::held).next()
    };
    let new = NewRun { parent: Some(waiting), launched_by: held, ..new_run("child") };
    let child = done(on.store.create(&on.tenant, new, begin(at(1), vec![])).await).run;
    on.end(child).await;
    match on.store.delete(&on.tenant, child).await {
        Err(StoreError::Refused { what, .. }) => {
            assert!(what.contains("has yet to take its result"), "{what}");
        }
        other => panic!("{other:?}"),
    }
}

/// The feed lists the records of all runs of a tenant in order, from where the asker was, also past deletions.
pub async fn what_is_recorded_is_followed_in_order(on: Fixture) {
    let feed = async |after, limit| done(on.store.changes(&on.tenant, after, limit).await);
    assert_eq!(feed(None, 10).await.items, []);
    on.define().await;
    let begin = feed(None, 10).await.at;
    let (a, b) = (on.start("a").await, on.start("b").await);
    on.record(a, vec![note("one"), note("two")]).await;
    done(on.step(b, Step::to("Score")).await);
    let other = on.for_tenant("other");
    other.define().await;
    other.start("theirs").await;
    let expected =
        [(a, 1), (a, 2), (b, 1), (b, 2), (a, 3), (a, 4), (b, 3)].map(|(run, seq)| (run, Seq(seq)));
    let all = feed(Some(begin), 10).await;
    assert_eq!(all.items, expected);
    assert_eq!(feed(Some(all.at), 10).await.items, []);
    let first = feed(Some(begin), 3).await;
    assert_eq!(first.items, expected[..3]);
    assert_eq!(feed(Some(first.at), 10).await.items, expected[3..]);
    on.end(b).await;
    let at = feed(Some(all.at), 10).await.at;
    done(on.store.delete(&on.tenant, b).await);
    on.record(a, vec![note("three")]).await;
    assert_eq!(feed(Some(at), 10).await.items, [(a, Seq(5))]);
}
