//! SQL and Guidepost on one file.

use guidepost_core::id::{Rev, RunNo, RunRef, Seq};
use guidepost_core::time::Timestamp;
use guidepost_store::{HistoryPage, StoreError, Wanted, WorkflowBody};

use crate::file::File;
use crate::{nested, settle, settling};

/// S0.2: to Guidepost, an agent inserted by hand is a run like any other, to be settled, and its workflow an open one.
#[test]
fn an_agent_inserted_by_hand_is_a_live_run() {
    File::each(|file| {
        file.lead();
        file.shell("UPDATE agent_instance SET current_state_id = 2 WHERE agent_id = 17");
        file.with_store(async |store, tenant| {
            assert_eq!(store.due(tenant, Timestamp(0), 9).await.unwrap(), [RunNo(17), RunNo(18)]);
            let workflow = store.workflow(tenant, "LeadQualAgent", Wanted::Current).await.unwrap();
            let WorkflowBody::Open(open) = workflow.unwrap().body else { panic!("it is open") };
            let states: Vec<&str> = open.states.iter().map(|state| state.name.as_str()).collect();
            assert_eq!(states, ["IngestLead", "ScoreAndReflect", "AwaitResponse", "END"]);
            assert_eq!(open.transitions[2].description.as_deref(), Some("Hand off to AE"));
            let loaded = store.load(tenant, &RunRef::from("writer")).await.unwrap().unwrap();
            assert_eq!((loaded.head.no, loaded.head.seq), (RunNo(17), Seq(2)));
            assert_eq!((loaded.run.rev, loaded.run.workflow.as_str()), (Rev(2), "LeadQualAgent"));
            let to: Vec<&str> = loaded.run.placed.iter().map(|placed| placed.to.as_str()).collect();
            assert_eq!(to, ["IngestLead", "ScoreAndReflect"]);
            let verified = store.verify(tenant, RunNo(17)).await.unwrap();
            assert_eq!((verified.unsealed, verified.problems), (2, vec![]));
        });
    });
}

/// Settling what SQL did seals it, and the run goes on by either way.
#[test]
fn a_settled_run_goes_on_by_sql_and_by_guidepost() {
    File::each(|file| {
        file.lead();
        file.with_store(async |store, tenant| {
            settle(store, tenant, RunNo(17)).await;
            let verified = store.verify(tenant, RunNo(17)).await.unwrap();
            assert_eq!((verified.records, verified.unsealed, verified.problems), (2, 0, vec![]));
            assert_eq!(store.due(tenant, Timestamp(0), 9).await.unwrap(), [RunNo(18)]);
        });
        file.shell("UPDATE agent_instance SET current_state_id = 2 WHERE agent_id = 17");
        file.refused(
            "UPDATE record SET payload = '' WHERE seq = 1 AND run_no = 17",
            "never edited",
        );
        file.with_store(async |store, tenant| {
            let loaded = store.load(tenant, &RunRef::No(RunNo(17))).await.unwrap().unwrap();
            assert!(loaded.run.active.contains_key("IngestLead"), "the move is not settled yet");
            assert_eq!((loaded.run.placed.len(), loaded.run.rev), (1, Rev(3)));
            settle(store, tenant, RunNo(17)).await;
            let loaded = store.load(tenant, &RunRef::No(RunNo(17))).await.unwrap().unwrap();
            assert!(loaded.run.active.contains_key("ScoreAndReflect"));
            let verified = store.verify(tenant, RunNo(17)).await.unwrap();
            assert_eq!((verified.records, verified.unsealed, verified.problems), (4, 0, vec![]));
            let page = HistoryPage { newest_first: false, kinds: vec![], beyond: None, limit: 9 };
            assert_eq!(store.history(tenant, RunNo(17), &page).await.unwrap().items.len(), 4);
        });
    });
}

/// A decision made before a move by SQL is too late.
#[test]
fn a_move_by_sql_makes_a_decision_stale() {
    File::each(|file| {
        file.lead();
        let outcome = file.with_store(async |store, tenant| {
            let loaded = store.load(tenant, &RunRef::No(RunNo(17))).await.unwrap().unwrap();
            file.shell("UPDATE agent_instance SET current_state_id = 2 WHERE agent_id = 17");
            let batch = settling(loaded.run);
            store.commit(tenant, RunNo(17), Rev(1), batch).await
        });
        assert!(
            matches!(outcome, Err(StoreError::Conflict { present: Rev(2), .. })),
            "{outcome:?}"
        );
    });
}

/// What would be written to a file that was deleted or replaced would be lost, and what is read from it is not what others see.
#[cfg(unix)]
#[test]
fn a_file_that_was_deleted_or_replaced_is_noticed() {
    for is_replaced in [false, true] {
        let file = File::open();
        file.lead();
        for suffix in ["", "-wal", "-shm"] {
            std::fs::remove_file(format!("{}{suffix}", file.url())).unwrap();
        }
        if is_replaced {
            drop(guidepost_store::open(file.url()).unwrap());
        }
        let (written, read) = file.with_store(async |store, tenant| {
            let read = store.load(tenant, &RunRef::No(RunNo(17))).await.map(drop);
            (store.define(tenant, nested()).await.map(drop), read)
        });
        for outcome in [written, read] {
            match outcome {
                Err(StoreError::Failed { what, .. }) => {
                    assert!(what.contains("deleted or replaced"), "{what}");
                }
                other => panic!("expected a refusal, got {other:?}"),
            }
        }
        assert_eq!(std::path::Path::new(file.url()).exists(), is_replaced, "none is made anew");
    }
}
