//! Time: delayed transitions and delayed events.

use expect_test::expect;

use crate::check;

#[test]
fn a_delayed_transition_is_taken_when_its_time_has_come() {
    check(
        r#"
name: t
initial: a
states:
  a: { after: { 72h: late }, on: { REPLY: b } }
  b: {}
  late: {}
---
start
wait 71h
wait 1h
"#,
        expect![[r#"
            start -> in a; timer after:a#1:0 in 3d; next: REPLY
            wait 71h -> in a; next: REPLY
            wait 1h -> in late
        "#]],
    );
}

#[test]
fn leaving_a_state_ends_its_timers() {
    check(
        r#"
name: t
initial: a
states:
  a: { after: { 10s: late }, on: { REPLY: b } }
  b: { after: { 1000: c } }
  c: {}
  late: {}
---
start
wait 9s
send REPLY
wait 1s
wait 1h
"#,
        expect![[r#"
            start -> in a; timer after:a#1:0 in 10s; next: REPLY
            wait 9s -> in a; next: REPLY
            send REPLY -> in b; waiting; timer after:b#1:0 in 1s
            wait 1s -> in c
            wait 1h -> in c
        "#]],
    );
}

#[test]
fn timers_due_in_one_stretch_fire_in_order_each_at_its_time() {
    check(
        r#"
name: t
initial: a
states:
  a: { after: { 5s: b } }
  b: { after: { 5s: c } }
  c: { after: { 5s: d } }
  d: {}
---
start
wait 12s
"#,
        expect![[r#"
            start -> in a; waiting; timer after:a#1:0 in 5s
            wait 12s -> in c; waiting; timer after:b#1:0 in 5s; timer after:c#1:0 in 5s
        "#]],
    );
}

#[test]
fn a_timer_whose_guard_does_not_hold_is_spent() {
    check(
        r#"
name: t
attributes: { urgent: { type: boolean, default: false } }
initial: a
states:
  a: { after: { 5s: { target: b, guard: urgent } } }
  b: {}
---
start
wait 5s
wait 5s
"#,
        expect![[r#"
            start -> in a; waiting; /urgent = false; timer after:a#1:0 in 5s
            wait 5s -> in a; waiting
            wait 5s -> in a; waiting
        "#]],
    );
}

#[test]
fn an_event_may_be_sent_later_and_withdrawn() {
    check(
        r#"
name: t
initial: a
states:
  a:
    entry: [{ send: { event: NUDGE, delay: 10s, id: nudge, data: { n: 1 } } }]
    on: { NUDGE: b, FORGET: { actions: [{ cancel: nudge }] } }
  b: {}
---
start
send FORGET
wait 20s
"#,
        expect![[r#"
            start -> in a; timer send:nudge in 10s; next: NUDGE, FORGET
            send FORGET -> in a; next: NUDGE, FORGET
            wait 20s -> in a; next: NUDGE, FORGET
        "#]],
    );
    check(
        r#"
name: t
initial: a
states:
  a:
    entry: [{ send: { event: NUDGE, delay: 10s, id: nudge } }]
    on: { NUDGE: b }
  b: {}
---
start
wait 10s
"#,
        expect![[r#"
            start -> in a; timer send:nudge in 10s; next: NUDGE
            wait 10s -> in b
        "#]],
    );
}

#[test]
fn a_delay_may_be_computed_or_named() {
    check(
        r#"
name: t
attributes: { patience: { type: string, default: 2m } }
delays: { long: patience }
initial: a
states:
  a: { after: { long: b } }
  b: {}
---
start
wait 2m
"#,
        expect![[r#"
            start -> in a; waiting; /patience = "2m"; timer after:a#1:0 in 2m
            wait 2m -> in b
        "#]],
    );
}

#[test]
fn a_state_that_waits_is_done_when_its_time_has_come() {
    check(
        r#"
name: t
attributes: { pause: { type: string, default: 2m } }
initial: a
states:
  a: { wait: 10s, onDone: b, on: { SKIP: b } }
  b: { wait: pause, onDone: c }
  c: { wait: 1s }
---
start
wait 9s
wait 1s
wait 2m
wait 1s
"#,
        expect![[r#"
            start -> in a; waiting; /pause = "2m"; timer wait:a#1 in 10s; work a#1; next: SKIP
            wait 9s -> in a; waiting; next: SKIP
            wait 1s -> in b; waiting; timer wait:b#1 in 2m; work b#1
            wait 2m -> in c; waiting; timer wait:c#1 in 1s; work c#1
            wait 1s -> in c
        "#]],
    );
    check(
        r#"
name: t
initial: a
states:
  a: { wait: 10s, onDone: b, on: { SKIP: c } }
  b: {}
  c: {}
---
start
send SKIP
wait 10s
"#,
        expect![[r#"
            start -> in a; waiting; timer wait:a#1 in 10s; work a#1; next: SKIP
            send SKIP -> in c; cancel work a#1
            wait 10s -> in c
        "#]],
    );
}

#[test]
fn delayed_events_without_a_name_never_take_each_others_place() {
    check(
        r#"
name: t
initial: a
states:
  a: { on: { go: b } }
  b: { entry: [{ send: { event: first, delay: 1s } }], always: c }
  c: { entry: [{ send: { event: second, delay: 2s } }], on: { first: d, second: e } }
  d: { on: { second: e } }
  e: {}
---
start
send go
wait 1s
wait 1s
"#,
        expect![[r#"
            start -> in a; next: go
            send go -> in c; timer send:3.0 in 1s; timer send:3.1 in 2s; next: first, second
            wait 1s -> in d; next: second
            wait 1s -> in e
        "#]],
    );
}
