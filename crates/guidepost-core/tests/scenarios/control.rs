//! Interventions: pause, resume, cancel.

use expect_test::expect;

use crate::check;

const DEFINITION: &str = r#"
name: t
initial: a
states:
  a: { after: { 10s: late }, on: { X: b } }
  b: { ask: { type: text }, onDone: END }
  late: {}
  END: { type: final }
"#;

#[test]
fn a_paused_run_takes_no_event_and_fires_no_timer_until_it_is_resumed() {
    check(
        &format!("{DEFINITION}---\nstart\npause\npause\nsend X\nwait 20s\nresume\nwait 1s\n"),
        expect![[r#"
            start -> in a; timer after:a#1:0 in 10s; next: X
            pause -> in a; paused
            pause -> rejected: the run is paused
            send X -> rejected: the run is paused
            wait 20s -> in a; paused
            resume -> in a; next: X
            wait 1s -> in late
        "#]],
    );
}

#[test]
fn a_resumed_run_waits_if_it_waited_before() {
    check(
        &format!("{DEFINITION}---\nstart\nsend X\npause\nresume\n"),
        expect![[r#"
        start -> in a; timer after:a#1:0 in 10s; next: X
        send X -> in b; waiting; work b#1; next: done {answer!}
        pause -> in b; paused
        resume -> in b; waiting; next: done {answer!}
    "#]],
    );
}

#[test]
fn a_cancelled_run_is_over() {
    check(
        &format!("{DEFINITION}---\nstart\ncancel\nsend X\ncancel\nresume\nwait 1h\n"),
        expect![[r#"
            start -> in a; timer after:a#1:0 in 10s; next: X
            cancel -> in a; cancelled
            send X -> rejected: the run is cancelled
            cancel -> rejected: the run is cancelled
            resume -> rejected: the run is cancelled
            wait 1h -> in a; cancelled
        "#]],
    );
}

#[test]
fn where_a_run_is_and_what_it_is_doing_are_two_things() {
    // S2.45b: `researching` is a state, `running` and `waiting` are statuses; neither is taken for the other.
    check(
        r#"
name: t
initial: researching
states:
  researching: { on: { Next: waiting } }
  waiting: { on: { Next: validating } }
  validating: { ask: { type: text }, onDone: completed }
  completed: {}
---
start
send Next
send Next
send done {"answer": "yes"}
"#,
        expect![[r#"
            start -> in researching; next: Next
            send Next -> in waiting; next: Next
            send Next -> in validating; waiting; work validating#1; next: done {answer!}
            send done {"answer": "yes"} -> in completed; /validating = "yes"
        "#]],
    );
}
