//! The on-disk contract: histories of every release can still be read, mean what they meant, and are written the same way.
//!
//! A file here is never edited once its release is out. A new field or kind gets a new file.

use guidepost_core::id::Rev;
use guidepost_core::record::{Record, Unreadable};
use guidepost_core::run::{Run, Status};
use serde_json::{Value as Json, json};

const HISTORIES: [(&str, &str); 6] = [
    ("0.1.0, completed", include_str!("wire/0.1.0-completed.jsonl")),
    ("0.1.0, failed", include_str!("wire/0.1.0-failed.jsonl")),
    ("0.1.0, cancelled", include_str!("wire/0.1.0-cancelled.jsonl")),
    ("0.1.0, restored", include_str!("wire/0.1.0-restored.jsonl")),
    ("0.1.0, compensated", include_str!("wire/0.1.0-compensated.jsonl")),
    ("0.1.0, restored past runs", include_str!("wire/0.1.0-restored-past-runs.jsonl")),
];

fn records(history: &str) -> Vec<(Json, Record)> {
    let lines = history.lines().map(|line| {
        let line: Json = serde_json::from_str(line).expect("a line is JSON");
        let kind = line["kind"].as_str().expect("a line names its kind");
        let body = line["body"].to_string();
        let record = Record::read(kind, body.as_bytes()).expect("a released record can be read");
        (line, record)
    });
    lines.collect()
}

#[test]
fn every_released_record_reads_and_is_written_as_it_was() {
    for (name, history) in HISTORIES {
        for (line, record) in records(history) {
            let body: Json = serde_json::from_slice(&record.body().unwrap()).unwrap();
            let written = json!({ "kind": record.kind(), "body": body });
            assert_eq!(written.to_string(), line.to_string(), "{name}");
        }
    }
}

#[test]
fn a_released_history_folds_to_the_state_it_meant() {
    let (_, history) = HISTORIES[0];
    let mut run = Run::default();
    for (line, record) in records(history) {
        run.apply(&record).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
    assert_eq!(run.rev, Rev(11));
    assert_eq!(run.status, Status::Completed);
    assert_eq!(run.output, json!({"verdict": "good"}));
    assert_eq!(run.data.to_json(), json!({"notes": ["first", null], "text": "Hot."}));
    assert_eq!(run.active.keys().map(ToString::to_string).collect::<Vec<_>>(), ["END"]);
    assert!(run.timers.is_empty() && run.placed.is_empty());
    assert_eq!(run.memory["Work.back"][0].as_str(), "Work.Review");
}

#[test]
fn a_run_goes_on_from_what_a_restored_record_says_and_from_nothing_else() {
    let (_, history) = HISTORIES[3];
    let mut run = Run::default();
    for (line, record) in records(history) {
        run.apply(&record).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
    assert_eq!((run.rev, run.status), (Rev(3), Status::Waiting));
    assert_eq!((run.workflow.as_str(), run.machine.as_str()), ("release", "77aa"));
    assert_eq!(run.data.to_json(), json!({"notes": ["first"], "text": "Cold."}));
    assert_eq!(run.active["Work.Check"].visit.0, 4);
    assert_eq!(run.active["Work.Check"].rev, Rev(3));
    assert_eq!(run.visits["Work.Draft"].count.0, 2);
    assert_eq!(run.timers["after:Work.Check#4:0"].due.0, 13_000);
    assert_eq!(run.memory["Work.back"][0].as_str(), "Work.Draft");
}

#[test]
fn what_is_made_good_is_told_piece_by_piece() {
    let (_, history) = HISTORIES[4];
    let mut run = Run::default();
    let mut left: Vec<usize> = Vec::new();
    for (line, record) in records(history) {
        run.apply(&record).unwrap_or_else(|error| panic!("{line}: {error}"));
        left.push(run.undoing.as_ref().map_or(0, |undoing| undoing.left().len()));
    }
    assert_eq!(left, [0, 2, 2, 1, 0, 0]);
    assert_eq!((run.rev, run.status), (Rev(6), Status::Cancelled));
}

#[test]
fn the_newest_release_shows_every_kind() {
    let kinds: Vec<&str> = HISTORIES
        .iter()
        .flat_map(|(_, history)| records(history))
        .map(|(_, record)| record.kind())
        .collect();
    for kind in [
        "started",
        "transitioned",
        "work_ended",
        "timer_fired",
        "placed",
        "paused",
        "resumed",
        "completed",
        "failed",
        "cancelled",
        "restored",
        "compensating",
        "compensated",
    ] {
        assert!(kinds.contains(&kind), "{kind}");
    }
}

#[test]
fn what_cannot_be_read_or_folded_is_an_error_and_never_a_panic() {
    assert!(matches!(Record::read("teleported", b"{}"), Err(Unreadable::Kind(_))));
    assert!(matches!(Record::read("completed", b"{"), Err(Unreadable::Body { .. })));
    let (_, history) = HISTORIES[0];
    let all = records(history);
    for skipped in 0..all.len() {
        let mut run = Run::default();
        for (n, (_, record)) in all.iter().enumerate() {
            if n != skipped && run.apply(record).is_err() {
                break;
            }
        }
    }
}
