//! Nested states: which are entered and left, in which order, and who takes an event first.

use expect_test::expect;

use crate::check;

#[test]
fn a_run_begins_in_the_initial_states_all_the_way_down() {
    check(
        r#"
name: t
initial: a
states:
  a:
    initial: a2
    states:
      a1: { on: { X: a2 } }
      a2:
        states: { deep: { on: { X: END } } }
  END: { type: final }
---
start
send X
"#,
        expect![[r#"
            start -> in a.a2.deep; next: X
            send X -> in END; completed
        "#]],
    );
}

#[test]
fn the_inner_state_takes_an_event_before_the_outer_one() {
    check(
        r#"
name: t
initial: a
states:
  a:
    initial: b
    on: { X: outer, Y: outer }
    states:
      b: { on: { X: c } }
      c: {}
  outer: {}
---
start
send X
send Y
"#,
        expect![[r#"
            start -> in a.b; next: X, Y
            send X -> in a.c; next: X, Y
            send Y -> in outer
        "#]],
    );
}

#[test]
fn states_are_left_innermost_first_and_entered_outermost_first() {
    check(
        r#"
name: t
initial: a
states:
  a:
    entry: [{ log: "enter a" }]
    exit: [{ log: "leave a" }]
    initial: a1
    states:
      a1:
        entry: [{ log: "enter a1" }]
        exit: [{ log: "leave a1" }]
        on: { GO: { target: b, actions: [{ log: "on the way" }] } }
  b:
    entry: [{ log: "enter b" }]
    initial: b1
    states:
      b1: { entry: [{ log: "enter b1" }] }
---
start
send GO
"#,
        expect![[r#"
            start -> in a.a1; log "enter a"; log "enter a1"; next: GO
            send GO -> in b.b1; log "leave a1"; log "leave a"; log "on the way"; log "enter b"; log "enter b1"
        "#]],
    );
}

#[test]
fn a_transition_into_its_own_source_does_not_leave_it() {
    check(
        r#"
name: t
initial: a
states:
  a:
    entry: [{ log: "enter a" }]
    exit: [{ log: "leave a" }]
    initial: a1
    on:
      INNER: .a2
      SELF: a
    states:
      a1: {}
      a2: {}
---
start
send INNER
send SELF
"#,
        expect![[r#"
            start -> in a.a1; log "enter a"; next: INNER, SELF
            send INNER -> in a.a2; next: INNER, SELF
            send SELF -> in a.a1; next: INNER, SELF
        "#]],
    );
}

#[test]
fn a_transition_that_reenters_leaves_its_source_and_enters_it_again() {
    check(
        r#"
name: t
initial: a
states:
  a:
    entry: [{ log: "enter a" }]
    exit: [{ log: "leave a" }]
    initial: a1
    on:
      INNER: { target: .a2, reenter: true }
      SELF: { target: a, reenter: true }
    states:
      a1: {}
      a2: {}
---
start
send INNER
send SELF
"#,
        expect![[r#"
            start -> in a.a1; log "enter a"; next: INNER, SELF
            send INNER -> in a.a2; log "leave a"; log "enter a"; next: INNER, SELF
            send SELF -> in a.a1; log "leave a"; log "enter a"; next: INNER, SELF
        "#]],
    );
}

#[test]
fn an_atomic_state_that_targets_itself_stays_unless_it_reenters() {
    check(
        r#"
name: t
initial: a
states:
  a:
    entry: [{ log: "enter" }]
    on:
      STAY: a
      AGAIN: { target: a, reenter: true }
---
start
send STAY
send AGAIN
"#,
        expect![[r#"
            start -> in a; log "enter"; next: STAY, AGAIN
            send STAY -> in a; next: STAY, AGAIN
            send AGAIN -> in a; log "enter"; next: STAY, AGAIN
        "#]],
    );
}

#[test]
fn a_transition_between_cousins_leaves_and_enters_only_below_their_common_ancestor() {
    check(
        r##"
name: t
initial: top
states:
  top:
    entry: [{ log: "enter top" }]
    exit: [{ log: "leave top" }]
    initial: left
    states:
      left:
        exit: [{ log: "leave left" }]
        initial: l1
        states: { l1: { on: { GO: "#t.top.right.r2" } } }
      right:
        entry: [{ log: "enter right" }]
        initial: r1
        states:
          r1: { entry: [{ log: "enter r1" }] }
          r2: { entry: [{ log: "enter r2" }] }
---
start
send GO
"##,
        expect![[r#"
            start -> in top.left.l1; log "enter top"; next: GO
            send GO -> in top.right.r2; log "leave left"; log "enter right"; log "enter r2"
        "#]],
    );
}

#[test]
fn an_event_of_the_root_is_taken_from_everywhere() {
    check(
        r#"
name: t
initial: a
on: { RESET: .a, STOP: .END }
states:
  a: { on: { GO: b } }
  b: {}
  END: { type: final }
---
start
send GO
send RESET
send STOP
send RESET
"#,
        expect![[r#"
            start -> in a; next: GO, RESET, STOP
            send GO -> in b; next: RESET, STOP
            send RESET -> in a; next: GO, RESET, STOP
            send STOP -> in END; completed
            send RESET -> rejected: the run is completed
        "#]],
    );
}
