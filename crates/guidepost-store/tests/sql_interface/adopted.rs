//! Files made by the document's own statements.

use guidepost_core::id::{RunNo, RunRef, StateId};
use guidepost_core::time::Timestamp;
use guidepost_store::StoreError;

use crate::file::{File, LEAD};

/// S0.18: a file made by the document's own statements is adopted, with its rows and their ids.
#[test]
fn a_file_made_by_the_documents_own_statements_is_adopted() {
    let file = File::bare();
    file.shell(include_str!("agent_state_schema.sql"));
    file.shell(LEAD);
    file.shell("UPDATE agent_instance SET current_state_id = 2 WHERE agent_id = 18");
    file.with_store(async |store, tenant| {
        let loaded = store.load(tenant, &RunRef::No(RunNo(18))).await.unwrap().unwrap();
        assert_eq!(loaded.run.placed[0].to, StateId::from("ScoreAndReflect"));
        assert_eq!(store.due(tenant, Timestamp(0), 9).await.unwrap().len(), 2);
    });
    assert_eq!(
        file.shell("SELECT agent_id, current_state, next_transition FROM agent_next_actions"),
        "17|IngestLead|Summarized\n18|ScoreAndReflect|SendIntro"
    );
    file.shell("UPDATE agent_instance SET current_state_id = 3 WHERE agent_id = 18");
    assert_eq!(file.shell("SELECT count(*) FROM sqlite_schema WHERE name LIKE 'bare%'"), "0");
    assert_eq!(file.shell("PRAGMA integrity_check"), "ok");
}

/// S0.19a: a bare file whose rows contradict each other is left as it is, and the reason given.
#[test]
fn a_bare_file_that_contradicts_itself_is_left_as_it_is() {
    let file = File::bare();
    file.shell(include_str!("agent_state_schema.sql"));
    file.shell(LEAD);
    file.shell("UPDATE agent_instance SET current_state_id = 99 WHERE agent_id = 18");
    match guidepost_store::open(file.url()) {
        Err(StoreError::Refused { what, .. }) => {
            assert_eq!(what, "state 99 is no state of the workflow");
        }
        other => panic!("expected a refusal, got {:?}", other.err()),
    }
    assert_eq!(file.shell("SELECT count(*) FROM agent_next_actions WHERE agent_id = 17"), "1");
}

/// A bare file may have names that definitions refuse; it is left as it is, and the first is told.
#[test]
fn a_bare_file_with_names_that_are_none_is_left_as_it_is() {
    let file = File::bare();
    file.shell(include_str!("agent_state_schema.sql"));
    file.shell(LEAD);
    file.shell("UPDATE workflow_state SET name = 'v1.0 review' WHERE state_id = 3");
    let before = file.shell(".dump");
    match guidepost_store::open(file.url()) {
        Err(StoreError::Refused { what, .. }) => assert_eq!(
            what,
            "the state name `v1.0 review` contains a dot, which separates the states of a path"
        ),
        other => panic!("expected a refusal, got {:?}", other.err()),
    }
    assert_eq!(file.shell(".dump"), before);
    file.shell("UPDATE workflow_state SET name = 'v1 review' WHERE state_id = 3");
    assert!(guidepost_store::open(file.url()).is_ok());
}

/// A bare file that has more than the document says is left as it is: adopting it would lose that.
#[test]
fn a_bare_file_with_additions_is_left_as_it_is() {
    for (addition, named) in [
        ("ALTER TABLE workflow ADD COLUMN owner TEXT", "extra column workflow.owner"),
        ("ALTER TABLE workflow_state DROP COLUMN guideline", "no column workflow_state.guideline"),
        ("CREATE INDEX mine ON agent_instance (agent_name)", "extra index mine"),
        (
            "CREATE TRIGGER mine AFTER INSERT ON agent_instance BEGIN SELECT 1; END",
            "extra trigger mine",
        ),
    ] {
        let file = File::bare();
        file.shell(include_str!("agent_state_schema.sql"));
        file.shell(LEAD);
        if addition.contains("DROP") {
            file.shell("DROP VIEW agent_next_actions");
        }
        file.shell(addition);
        let before = file.shell(".dump");
        match guidepost_store::open(file.url()) {
            Err(StoreError::Refused { what, .. }) => assert!(what.ends_with(named), "{what}"),
            other => panic!("expected a refusal, got {:?}", other.err()),
        }
        assert_eq!(file.shell(".dump"), before);
    }
}
