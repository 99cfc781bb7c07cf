//! Eventless transitions and livelocks.

use expect_test::expect;

use crate::check;

#[test]
fn eventless_transitions_are_taken_until_none_is_enabled() {
    check(
        r#"
name: t
attributes: { n: { type: integer, default: 0 } }
initial: count
states:
  count:
    always:
      - { target: enough, guard: n >= 3 }
      - { guard: n < 3, actions: [{ assign: { n: n + 1 } }] }
  enough: {}
---
start
"#,
        expect![[r#"
            start -> in enough; /n = 0; /n = 1; /n = 2; /n = 3
        "#]],
    );
}

#[test]
fn a_sent_event_that_leads_into_a_livelock_is_rejected_with_the_cycle() {
    check(
        r#"
name: t
initial: rest
states:
  rest: { on: { GO: ping, STAY: rest } }
  ping: { always: { target: pong, guard: "true" } }
  pong: { always: { target: ping, guard: "true" } }
---
start
send GO
send STAY
"#,
        expect![[r#"
            start -> in rest; next: GO, STAY
            send GO -> rejected: the workflow would not come to rest within 1000 steps: ping (always) -> pong (always) -> ping (always)
            send STAY -> in rest; next: GO, STAY
        "#]],
    );
}

#[test]
fn a_timer_that_leads_into_a_livelock_pauses_the_run_as_stuck() {
    check(
        r#"
name: t
initial: rest
states:
  rest: { after: { 10s: ping } }
  ping: { always: { target: pong, guard: "true" } }
  pong: { always: { target: ping, guard: "true" } }
---
start
wait 10s
send X
"#,
        expect![[r#"
            start -> in rest; waiting; timer after:rest#1:0 in 10s
            wait 10s -> in rest; paused; stuck: ping (always) -> pong (always) -> ping (always)
            send X -> rejected: the run is paused
        "#]],
    );
}

#[test]
fn raising_the_same_event_for_ever_is_a_livelock_too() {
    check(
        r#"
name: t
initial: a
states:
  a: { on: { GO: { actions: [{ raise: GO }] } } }
---
start
send GO
"#,
        expect![[r#"
            start -> in a; next: GO
            send GO -> rejected: the workflow would not come to rest within 1000 steps: a (GO) -> a (GO)
        "#]],
    );
}

#[test]
fn of_eventless_transitions_in_several_regions_the_first_in_the_document_wins() {
    check(
        r##"
name: t
initial: p
states:
  p:
    type: parallel
    states:
      a: { initial: a1, states: { a1: { on: { GO: a2 } }, a2: { always: "#t.x" } } }
      b: { initial: b1, states: { b1: { always: { target: "#t.y", guard: "in_state('p.a.a2')" } } } }
  x: {}
  y: {}
---
start
send GO
"##,
        expect![[r#"
            start -> in p.a.a1, p.b.b1; next: GO
            send GO -> in x
        "#]],
    );
}
