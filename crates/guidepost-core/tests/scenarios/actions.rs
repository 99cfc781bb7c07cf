//! Actions on the way: assign, raise, send, log.

use expect_test::expect;

use crate::check;

#[test]
fn assignments_see_the_event_and_the_ones_before_them() {
    check(
        r#"
name: t
attributes: { a: { type: integer, default: 1 }, b: { type: integer }, names: { type: string, is_array: true, default: [] } }
initial: s
states:
  s:
    on:
      ADD:
        actions:
          - assign: { a: a + event.by, b: a * 10 }
          - log: "a={{ a }} b={{ b }}"
---
start
send ADD {"by": 2}
"#,
        expect![[r#"
            start -> in s; /a = 1; /names = []; next: ADD
            send ADD {"by": 2} -> in s; /a = 3; /b = 30; log "a=3 b=30"; next: ADD
        "#]],
    );
}

#[test]
fn a_value_that_does_not_fit_is_not_assigned_and_the_problem_is_on_record() {
    check(
        r#"
name: t
attributes: { a: { type: integer, default: 1 } }
initial: s
states:
  s: { on: { SET: { actions: [{ assign: { a: "'text'" } }] } } }
---
start
send SET
"#,
        expect![[r#"
            start -> in s; /a = 1; next: SET
            send SET -> in s; problem: `a` cannot be set: is a string, but must be a whole number; next: SET
        "#]],
    );
}

#[test]
fn what_cannot_be_worked_out_is_neither_logged_nor_withdrawn() {
    check(
        r#"
name: t
attributes: { a: number, b: object }
initial: s
states:
  s: { on: { GO: { actions: [{ log: { $expr: "b.c.d" } }, { log: "a is {{ a / 0 }}" }, { cancel: { $expr: "b.c.d" } }, { log: "a is {{ a }}" }] } } }
---
start {"a": 1}
send GO
"#,
        expect![[r#"
            start {"a": 1} -> in s; /a = 1; next: GO
            send GO -> in s; problem: `b.c.d`: `b` is undefined; problem: `a is {{ a / 0 }}`: cannot divide by 0 (line 1, column 9); problem: `b.c.d`: `b` is undefined; log "a is 1"; next: GO
        "#]],
    );
}

#[test]
fn raised_events_come_before_sent_ones_and_both_within_the_same_step() {
    check(
        r#"
name: t
initial: a
states:
  a:
    on:
      GO: { target: b, actions: [{ send: LATER }, { raise: SOONER }] }
  b: { on: { SOONER: c, LATER: wrong } }
  c: { on: { LATER: d } }
  d: {}
  wrong: {}
---
start
send GO
"#,
        expect![[r#"
            start -> in a; next: GO
            send GO -> in d
        "#]],
    );
}

#[test]
fn an_initial_transition_may_have_actions() {
    check(
        r#"
name: t
initial: a
states:
  a:
    entry: [{ log: "enter a" }]
    initial: { target: b, actions: [{ log: "on the way to b" }] }
    states: { b: { entry: [{ log: "enter b" }] } }
---
start
"#,
        expect![[r#"
            start -> in a.b; log "enter a"; log "on the way to b"; log "enter b"
        "#]],
    );
}
