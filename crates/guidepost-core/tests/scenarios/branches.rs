//! Fan-out: branches begin, end in any order, are tried again one by one, and join.

use expect_test::expect;
use guidepost_core::id::Branch;
use guidepost_core::record::Record;
use guidepost_core::run::{Driver, Run};
use guidepost_core::simulator::Simulator;
use guidepost_core::testing::machine;
use guidepost_core::time::Timestamp;
use serde_json::{Value as Json, json};

use crate::check;

fn review(keys: &str, script: &str) -> String {
    format!(
        r#"
name: t
attributes: {{ files: {{ type: string, is_array: true }}, notes: {{ type: string, is_array: true }} }}
initial: Review
states:
  Review: {{ agent: reader, prompt: "Read {{{{ item }}}}.", for_each: files, output: [notes], {keys} onDone: END, onError: Help }}
  Help: {{}}
  END: {{ type: final }}
---
{script}"#
    )
}

const THREE: &str = r#"start engine {"files": ["a", "b", "c"]}"#;

#[test]
fn branches_end_in_any_order_and_join_in_the_order_of_the_items() {
    check(
        &review(
            "concurrency: 2,",
            &format!(
                "{THREE}\ndone Review[2] {{\"notes\": \"B\"}}\ndone Review[2] {{\"notes\": \"B\"}}\ndone Review[3] {{\"notes\": \"C\"}}\ndone Review[1] {{\"notes\": \"A\"}}\n"
            ),
        ),
        expect![[r#"
            start engine {"files": ["a", "b", "c"]} -> in Review; /files = ["a","b","c"]; 3 branches; /$items.Review = ["a","b","c"]; /notes = [null,null,null]; work Review#1[1]; work Review#1[2]
            done Review[2] {"notes": "B"} -> in Review; branch 2 ended; /notes/1 = "B"; work Review#1[3]
            done Review[2] {"notes": "B"} -> rejected: the work of `Review` is not going on
            done Review[3] {"notes": "C"} -> in Review; branch 3 ended; /notes/2 = "C"
            done Review[1] {"notes": "A"} -> in END; completed; branch 1 ended; /notes/0 = "A"; /$items.Review unset
        "#]],
    );
}

/// A run whose three branches ended well, the first one last.
#[expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]
fn reviewed() -> Simulator {
    let text = review("", "");
    let (definition, _) = text.split_once("---").unwrap();
    let mut run = Simulator::new(machine(definition), Timestamp(0));
    let object = |value: Json| value.as_object().cloned().unwrap();
    run.start(Driver::Engine, object(json!({ "files": ["a", "b", "c"] }))).unwrap();
    for branch in [2, 3, 1] {
        let given = object(json!({ "notes": format!("n{branch}") }));
        run.branch_done("Review", Branch(branch), given).unwrap();
    }
    run
}

#[test]
fn every_branch_that_ended_well_tells_what_it_gave() {
    let run = reviewed();
    let ends = run.history.iter().filter_map(|record| match record {
        Record::BranchEnded(ended) => Some(json!(ended.changes)),
        _ => None,
    });
    let expected = [(2, 1), (3, 2), (1, 0)].map(
        |(branch, place)| json!([{ "set": [format!("/notes/{place}"), format!("n{branch}")] }]),
    );
    assert_eq!(ends.collect::<Vec<_>>(), expected);
    assert_eq!(run.run.data.to_json()["notes"], json!(["n1", "n2", "n3"]));
}

/// As it was written once.
#[test]
fn a_history_that_tells_with_the_whole_what_the_last_branch_gave_folds_to_the_same() {
    let run = reviewed();
    let mut records = run.history.clone();
    let Some([Record::BranchEnded(last), Record::Transitioned(whole)]) = records
        .windows(2)
        .position(|pair| matches!(pair, [Record::BranchEnded(_), Record::Transitioned(_)]))
        .and_then(|at| records.get_mut(at..at + 2))
    else {
        panic!("no branch ends the whole: {:?}", run.history)
    };
    whole.changes.splice(0..0, std::mem::take(&mut last.changes));
    let mut folded = Run::default();
    folded.apply_all(&records).unwrap();
    assert_eq!(folded, run.run);
}

#[test]
fn a_branch_that_fails_for_good_does_not_stop_the_others() {
    check(
        &review(
            "retry: { max_attempts: 2, delay: 2s },",
            &format!(
                "{THREE}\nattempt Review[1] no ink\nattempt Review[1] no ink\ndone Review[2] {{\"notes\": \"B\"}}\nfailed Review[3] torn\n"
            ),
        ),
        expect![[r#"
            start engine {"files": ["a", "b", "c"]} -> in Review; /files = ["a","b","c"]; 3 branches; /$items.Review = ["a","b","c"]; /notes = [null,null,null]; work Review#1[1]; work Review#1[2]; work Review#1[3]
            attempt Review[1] no ink -> in Review; attempt 1 failed; retry Review#1[1] at 2s
            attempt Review[1] no ink -> in Review; attempt 2 failed; branch 1 failed
            done Review[2] {"notes": "B"} -> in Review; branch 2 ended; /notes/1 = "B"
            failed Review[3] torn -> in Help; branch 3 failed; /$items.Review unset
        "#]],
    );
}

#[test]
fn any_takes_the_first_that_ends_well_and_stops_the_rest() {
    check(
        &review(
            "join: any,",
            &format!("{THREE}\nfailed Review[1] torn\ndone Review[3] {{\"notes\": \"C\"}}\n"),
        ),
        expect![[r#"
            start engine {"files": ["a", "b", "c"]} -> in Review; /files = ["a","b","c"]; 3 branches; /$items.Review = ["a","b","c"]; /notes = [null,null,null]; work Review#1[1]; work Review#1[2]; work Review#1[3]
            failed Review[1] torn -> in Review; branch 1 failed
            done Review[3] {"notes": "C"} -> in END; completed; branch 3 ended; /notes/2 = "C"; /$items.Review unset; cancel work Review#1
        "#]],
    );
}

#[test]
fn a_count_that_cannot_be_reached_fails_at_once() {
    check(
        &review("join: 2,", &format!("{THREE}\nfailed Review[1] torn\nfailed Review[2] lost\n")),
        expect![[r#"
            start engine {"files": ["a", "b", "c"]} -> in Review; /files = ["a","b","c"]; 3 branches; /$items.Review = ["a","b","c"]; /notes = [null,null,null]; work Review#1[1]; work Review#1[2]; work Review#1[3]
            failed Review[1] torn -> in Review; branch 1 failed
            failed Review[2] lost -> in Help; branch 2 failed; /$items.Review unset; cancel work Review#1
        "#]],
    );
}

#[test]
fn nothing_to_do_is_done_at_once() {
    check(
        &review("", "start engine {\"files\": []}\n"),
        expect![[r#"
        start engine {"files": []} -> in END; completed; /files = []; /notes = []
    "#]],
    );
}

#[test]
fn items_that_are_no_list_fail_the_work() {
    check(
        r#"
name: t
initial: Review
states:
  Review: { task: read, for_each: "'abc'", onError: Help }
  Help: {}
---
start engine
"#,
        expect![[r#"
            start engine -> in Help
        "#]],
    );
}

#[test]
fn leaving_the_state_stops_all_branches_and_forgets_the_items() {
    check(
        r#"
name: t
attributes: { files: { type: string, is_array: true } }
initial: Review
states:
  Review: { task: read, for_each: files, on: { STOP: Help }, onDone: Help }
  Help: { on: { AGAIN: Review } }
---
start engine {"files": ["a", "b"]}
done Review[1] {}
send STOP
done Review[2] {}
send AGAIN
"#,
        expect![[r#"
            start engine {"files": ["a", "b"]} -> in Review; /files = ["a","b"]; 2 branches; /$items.Review = ["a","b"]; work Review#1[1]; work Review#1[2]; next: STOP
            done Review[1] {} -> in Review; branch 1 ended; next: STOP
            send STOP -> in Help; /$items.Review unset; cancel work Review#1; next: AGAIN
            done Review[2] {} -> rejected: the work of `Review` is not going on
            send AGAIN -> in Review; 2 branches; /$items.Review = ["a","b"]; work Review#2[1]; work Review#2[2]; next: STOP
        "#]],
    );
}

#[test]
fn an_agent_that_drives_reports_the_whole() {
    check(
        &review("", "start {\"files\": [\"a\", \"b\"]}\nsend done {\"notes\": [\"A\", \"B\"]}\n"),
        expect![[r#"
            start {"files": ["a", "b"]} -> in Review; /files = ["a","b"]; work Review#1; next: done {notes!}, failed {reason!}
            send done {"notes": ["A", "B"]} -> in END; completed; /notes = ["A","B"]
        "#]],
    );
}
