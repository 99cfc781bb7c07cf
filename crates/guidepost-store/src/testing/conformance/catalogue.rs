//! Workflows, versions, wording.

use guidepost_core::id::Version;

use super::fixture::{Fixture, at, done, found, lead};
use crate::{
    NewVersion, Rewording, StateWording, StoreError, TransitionWording, Wanted, WorkflowBody,
    WorkflowFilter,
};

async fn version_of(on: &Fixture, wanted: Wanted<'_>) -> Option<(u64, String)> {
    match done(on.store.workflow(&on.tenant, "lead", wanted).await)?.body {
        WorkflowBody::Versioned { version, hash, revision, source } => {
            assert_eq!((revision, source), (0, lead("").source));
            Some((version.0, hash))
        }
        WorkflowBody::Open(open) => panic!("{open:?}"),
    }
}

/// A structure has one number for ever; the one saved last is what new runs get.
pub async fn a_workflow_gets_a_new_version_only_for_a_new_structure(on: Fixture) {
    for (hash, version, is_new) in
        [("h1", 1, true), ("h1", 1, false), ("h2", 2, true), ("h1", 1, false)]
    {
        let defined = done(on.store.define(&on.tenant, lead(hash)).await);
        assert_eq!((defined.version.0, defined.is_new, defined.reworded), (version, is_new, 0));
        assert_eq!(version_of(&on, Wanted::Current).await, Some((version, hash.to_owned())));
    }
    let second = Some((2, "h2".to_owned()));
    assert_eq!(version_of(&on, Wanted::Version(Version(2))).await, second);
    assert_eq!(version_of(&on, Wanted::Hash("h2")).await, second);
    assert_eq!(version_of(&on, Wanted::Hash("h3")).await, None);
    for unknown in [0, 3, u64::MAX] {
        assert_eq!(version_of(&on, Wanted::Version(Version(unknown))).await, None);
    }
    assert_eq!(done(on.store.workflow(&on.tenant, "other", Wanted::Current).await), None);
}

async fn guideline_of(on: &Fixture, state: &str) -> (String, u64) {
    let wording = done(on.store.wording(&on.tenant, "lead").await);
    let of_state = wording.states.into_iter().find(|wording| wording.state == state);
    of_state.map_or((String::new(), 0), |wording| {
        (wording.guideline.unwrap_or_default(), wording.revision)
    })
}

fn reword(state: &str, guideline: &str) -> Rewording {
    Rewording {
        workflow: "lead".to_owned(),
        state: state.to_owned(),
        guideline: Some(guideline.to_owned()),
        description: None,
        by: "editor".to_owned(),
        at: at(5),
    }
}

fn worded(hash: &str, guideline: &str) -> NewVersion {
    let mut version = lead(hash);
    version.states[0].guideline = Some(guideline.to_owned());
    version
}

/// The definition's words count when they change; a live edit stays until then.
pub async fn saving_again_rewords_without_undoing_live_edits(on: Fixture) {
    on.define().await;
    done(on.store.reword(&on.tenant, reword("Ingest", "live")).await);
    let same = done(on.store.define(&on.tenant, lead("h1")).await);
    assert_eq!((same.is_new, same.reworded), (false, 0));
    assert_eq!(guideline_of(&on, "Ingest").await, ("live".to_owned(), 1));
    let changed = done(on.store.define(&on.tenant, worded("h1", "new words")).await);
    assert_eq!((changed.is_new, changed.reworded), (false, 1));
    assert_eq!(guideline_of(&on, "Ingest").await, ("new words".to_owned(), 2));
    let next = done(on.store.define(&on.tenant, worded("h2", "newer words")).await);
    assert_eq!((next.is_new, next.reworded), (true, 1));
    let mut described = worded("h2", "newer words");
    described.transitions[1].description = Some("once more".to_owned());
    assert_eq!(done(on.store.define(&on.tenant, described).await).reworded, 1);
    let reworded = TransitionWording {
        version: Version(2),
        name: "Again".to_owned(),
        from: Some("Score".to_owned()),
        position: 0,
        description: Some("once more".to_owned()),
        revision: 1,
    };
    assert_eq!(done(on.store.wording(&on.tenant, "lead").await).transitions, [reworded]);
}

/// A text that says the same in other words, or more in a comment, becomes the text of the version it is equal to.
pub async fn a_text_of_equal_structure_replaces_the_one_before(on: Fixture) {
    let run = on.define_and_start().await;
    for (text, revision, is_new_text) in
        [("name: lead", 0, false), ("name: lead # b", 1, true), ("name: lead # b", 1, false)]
    {
        let mut again = lead("h1");
        text.clone_into(&mut again.source.text);
        let source = again.source.clone();
        let defined = done(on.store.define(&on.tenant, again).await);
        assert_eq!((defined.revision, defined.is_new_text), (revision, is_new_text), "{text}");
        assert_eq!((defined.version, defined.is_new, defined.reworded), (Version(1), false, 0));
        let kept = found(done(on.store.workflow(&on.tenant, "lead", Wanted::Hash("h1")).await));
        let (version, hash) = (Version(1), "h1".to_owned());
        let body = WorkflowBody::Versioned { version, hash, revision, source };
        assert_eq!(kept.body, body);
        assert_eq!(on.load(run).await.head.revision, revision, "a run knows that there is news");
    }
}

/// Every edit counts once; one that says nothing new is none.
pub async fn live_edits_are_counted(on: Fixture) {
    on.define().await;
    let given = StateWording {
        state: "Ingest".to_owned(),
        guideline: Some("Summarize the lead.".to_owned()),
        description: None,
        revision: 0,
    };
    let said = done(on.store.wording(&on.tenant, "lead").await);
    assert_eq!((said.states, said.transitions), (vec![given], vec![]));
    for (guideline, revision) in [("a", 1), ("b", 2), ("b", 2)] {
        done(on.store.reword(&on.tenant, reword("Score", guideline)).await);
        assert_eq!(guideline_of(&on, "Score").await, (guideline.to_owned(), revision));
    }
    let description = Some("what it is".to_owned());
    let described = Rewording { guideline: None, description, ..reword("Score", "") };
    done(on.store.reword(&on.tenant, described).await);
    assert_eq!(guideline_of(&on, "Score").await, ("b".to_owned(), 3));
    for (workflow, state) in [("lead", "Nowhere"), ("other", "Score")] {
        let edit = Rewording { workflow: workflow.to_owned(), ..reword(state, "x") };
        let outcome = on.store.reword(&on.tenant, edit).await;
        assert!(matches!(outcome, Err(StoreError::Refused { .. })), "{outcome:?}");
    }
}

/// By name, a page at a time, and by words in name or description.
pub async fn workflows_are_listed_and_searched(on: Fixture) {
    for name in ["c", "a", "b"] {
        let description = Some(format!("The workflow {name}X"));
        let version = NewVersion { name: name.to_owned(), description, ..lead("h") };
        done(on.store.define(&on.tenant, version).await);
    }
    on.define_and_start().await;
    let names = async |filter: WorkflowFilter| {
        let page = done(on.store.workflows(&on.tenant, &filter).await);
        let names: Vec<String> = page.items.into_iter().map(|item| item.name).collect();
        (names.join(" "), page.next)
    };
    let any = WorkflowFilter::default;
    assert_eq!(names(any()).await, ("a b c lead".to_owned(), None));
    let (first, cursor) = names(WorkflowFilter { limit: 3, ..any() }).await;
    assert_eq!(first, "a b c");
    let second = WorkflowFilter { limit: 3, cursor, ..any() };
    assert_eq!(names(second).await, ("lead".to_owned(), None));
    let searched = WorkflowFilter { query: Some("WORKFLOW bx".to_owned()), ..any() };
    assert_eq!(names(searched).await, ("b".to_owned(), None));
    let lead = done(on.store.workflows(&on.tenant, &any()).await).items.remove(3);
    assert_eq!((lead.version, lead.states, lead.live_runs), (Some(Version(1)), 3, 1));
    assert_eq!(lead.created_at, at(0));
}

/// With their runs, hashes and authors.
pub async fn versions_are_listed_newest_first(on: Fixture) {
    on.define().await;
    on.start("a").await;
    on.start("b").await;
    done(on.store.define(&on.tenant, NewVersion { at: at(9), ..lead("h2") }).await);
    let versions = done(on.store.versions(&on.tenant, "lead").await);
    let seen: Vec<_> = versions
        .iter()
        .map(|one| (one.version.0, one.hash.as_str(), one.live_runs, one.created_at))
        .collect();
    assert_eq!(seen, [(2, "h2", 0, at(9)), (1, "h1", 2, at(0))]);
    assert_eq!(versions[0].by, "tester");
    assert_eq!(done(on.store.versions(&on.tenant, "other").await), []);
}
