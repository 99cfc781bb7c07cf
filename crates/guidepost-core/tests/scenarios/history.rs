//! History states: going back to what was active.

use expect_test::expect;

use crate::check;

const DEFINITION: &str = r#"
name: t
initial: work
states:
  work:
    initial: plan
    on: { INTERRUPT: pause }
    states:
      plan: { on: { NEXT: build } }
      build:
        initial: one
        states:
          one: { on: { NEXT: two } }
          two: {}
      shallow: { type: history }
      deep: { type: history, history: deep }
  pause: { on: { SHALLOW: work.shallow, DEEP: work.deep } }
"#;

/// In one region a state is to stay as history says; from another region a transition leads both anew.
#[test]
fn what_history_would_keep_is_entered_once_if_another_region_leaves_it() {
    check(
        r##"
name: t
initial: p
states:
  p:
    type: parallel
    states:
      left: { on: { GO: { target: [p.left, p.right.b] } } }
      right:
        initial: a
        states:
          a: { on: { GO: { target: p.right.back, actions: { log: stays } } } }
          b: { entry: { log: here } }
          back: { type: history }
---
start
send GO
"##,
        expect![[r#"
            start -> in p.left, p.right.a; next: GO
            send GO -> in p.left, p.right.b; log "stays"; log "here"; next: GO
        "#]],
    );
}

#[test]
fn shallow_history_restores_the_child_and_deep_history_all_levels() {
    check(
        &format!(
            "{DEFINITION}---\nstart\nsend NEXT\nsend NEXT\nsend INTERRUPT\nsend SHALLOW\nsend NEXT\nsend INTERRUPT\nsend DEEP\n"
        ),
        expect![[r#"
            start -> in work.plan; next: NEXT, INTERRUPT
            send NEXT -> in work.build.one; next: NEXT, INTERRUPT
            send NEXT -> in work.build.two; next: INTERRUPT
            send INTERRUPT -> in pause; next: SHALLOW, DEEP
            send SHALLOW -> in work.build.one; next: NEXT, INTERRUPT
            send NEXT -> in work.build.two; next: INTERRUPT
            send INTERRUPT -> in pause; next: SHALLOW, DEEP
            send DEEP -> in work.build.two; next: INTERRUPT
        "#]],
    );
}

#[test]
fn without_a_past_history_leads_where_the_parent_begins_or_to_its_own_default() {
    check(
        r#"
name: t
initial: out
states:
  out: { on: { A: work.plain, B: work.own } }
  work:
    initial: first
    on: { OUT: out }
    states:
      first: {}
      second: {}
      plain: { type: history }
      own: { type: history, target: second }
---
start
send B
"#,
        expect![[r#"
            start -> in out; next: A, B
            send B -> in work.second; next: OUT
        "#]],
    );
    check(
        r#"
name: t
initial: out
states:
  out: { on: { A: work.plain } }
  work:
    initial: first
    on: { OUT: out, AGAIN: { target: work.plain, reenter: true } }
    states:
      first: { on: { NEXT: second } }
      second: {}
      plain: { type: history }
---
start
send A
send NEXT
send OUT
send A
"#,
        expect![[r#"
            start -> in out; next: A
            send A -> in work.first; next: NEXT, OUT, AGAIN
            send NEXT -> in work.second; next: OUT, AGAIN
            send OUT -> in out; next: A
            send A -> in work.second; next: OUT, AGAIN
        "#]],
    );
}

#[test]
fn history_of_a_parallel_state_restores_every_region() {
    check(
        r#"
name: t
initial: p
states:
  p:
    type: parallel
    on: { OUT: out }
    states:
      a: { initial: a1, states: { a1: { on: { A: a2 } }, a2: {} } }
      b: { initial: b1, states: { b1: { on: { B: b2 } }, b2: {} } }
      back: { type: history, history: deep }
  out: { on: { BACK: p.back } }
---
start
send A
send OUT
send BACK
"#,
        expect![[r#"
            start -> in p.a.a1, p.b.b1; next: A, B, OUT
            send A -> in p.a.a2, p.b.b1; next: B, OUT
            send OUT -> in out; next: BACK
            send BACK -> in p.a.a2, p.b.b1; next: B, OUT
        "#]],
    );
}

#[test]
fn a_state_that_history_leads_back_to_without_leaving_it_simply_stays() {
    check(
        r#"
name: t
initial: work
states:
  work:
    initial: a
    states:
      a: { entry: [{ log: "enter a" }], on: { BACK: last, AGAIN: { target: last, reenter: true } } }
      last: { type: history }
---
start
send BACK
send AGAIN
"#,
        expect![[r#"
            start -> in work.a; log "enter a"; next: BACK, AGAIN
            send BACK -> in work.a; next: BACK, AGAIN
            send AGAIN -> in work.a; log "enter a"; next: BACK, AGAIN
        "#]],
    );
}

#[test]
fn history_of_a_parallel_state_without_a_past_leads_to_where_its_regions_begin() {
    check(
        r#"
name: t
initial: out
states:
  out: { on: { BACK: p.back } }
  p:
    type: parallel
    states:
      a: { initial: a1, states: { a1: {}, a2: {} } }
      b: { initial: b1, states: { b1: {}, b2: {} } }
      back: { type: history }
---
start
send BACK
"#,
        expect![[r#"
            start -> in out; next: BACK
            send BACK -> in p.a.a1, p.b.b1
        "#]],
    );
}

#[test]
fn history_restores_what_the_same_step_left() {
    check(
        r#"
name: t
initial: work
states:
  work:
    initial: plan
    on: { REFRESH: refresh }
    states:
      plan: { on: { NEXT: build } }
      build: { on: { NEXT: test } }
      test: {}
      past: { type: history }
  refresh: { always: work.past }
---
start
send NEXT
send REFRESH
send NEXT
send REFRESH
"#,
        expect![[r#"
            start -> in work.plan; next: NEXT, REFRESH
            send NEXT -> in work.build; next: NEXT, REFRESH
            send REFRESH -> in work.build; next: NEXT, REFRESH
            send NEXT -> in work.test; next: REFRESH
            send REFRESH -> in work.test; next: REFRESH
        "#]],
    );
}

#[test]
fn history_may_lead_to_another_history() {
    check(
        r#"
name: t
initial: out
states:
  out: { on: { A: work.first } }
  work:
    initial: second
    on: { OUT: out, AGAIN: { target: work.first, reenter: true } }
    states:
      first: { type: history, target: second }
      second: { type: history, target: both.left.b }
      both:
        type: parallel
        states:
          left: { initial: a, states: { a: {}, b: {} } }
          right: { initial: x, states: { x: { on: { NEXT: y } }, y: {} } }
---
start
send A
send NEXT
send AGAIN
"#,
        expect![[r#"
            start -> in out; next: A
            send A -> in work.both.left.b, work.both.right.x; next: NEXT, OUT, AGAIN
            send NEXT -> in work.both.left.b, work.both.right.y; next: OUT, AGAIN
            send AGAIN -> in work.both.left.a, work.both.right.x; next: NEXT, OUT, AGAIN
        "#]],
    );
}
