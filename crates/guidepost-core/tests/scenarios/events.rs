//! Which events are taken: names, prefixes, wildcards, guards in order, and what is refused.

use expect_test::expect;

use crate::check;

#[test]
fn an_event_no_state_takes_is_refused_and_the_legal_ones_are_named() {
    check(
        r#"
name: t
initial: review
states:
  review: { on: { Approve: { target: done, description: Good enough }, Reject: fix } }
  fix: { on: { Submit: review } }
  done: { type: final }
---
start
send Merge
send Approve
send Approve
"#,
        expect![[r#"
            start -> in review; next: Approve, Reject
            send Merge -> rejected: `Merge` is not legal in `review`
            send Approve -> in done; completed
            send Approve -> rejected: the run is completed
        "#]],
    );
}

/// A state around others is asked only for what nothing inside it takes, in any of its regions.
#[test]
fn what_an_inner_state_is_sure_to_take_is_not_listed_for_those_around_it() {
    check(
        r#"
name: t
initial: p
on: { Stop: end, order.paid: end, order.*: end, parcel.sent: end, "*": end }
states:
  p:
    type: parallel
    states:
      left:
        initial: a
        states:
          a: { on: { order.*: b, parcel.*: { target: b, guard: event.late }, Next: c } }
          b: { on: { Next: { target: c } } }
          c: { on: { "*": { actions: { log: took it } } } }
      right:
        initial: x
        states: { x: { on: { Turn: y } }, y: {} }
  end: { type: final }
---
start
send order.paid
send Next
send Stop
"#,
        expect![[r#"
            start -> in p.left.a, p.right.x; next: order.*, parcel.*, Next, Turn, Stop, parcel.sent, *
            send order.paid -> in p.left.b, p.right.x; next: Next, Turn, Stop, order.paid, order.*, parcel.sent, *
            send Next -> in p.left.c, p.right.x; next: *, Turn
            send Stop -> in p.left.c, p.right.x; log "took it"; next: *, Turn
        "#]],
    );
}

#[test]
fn a_prefix_answers_the_name_and_everything_below_it_and_a_star_everything() {
    check(
        r#"
name: t
initial: a
states:
  a:
    on:
      order.*: b
      "*": c
  b: { on: { back: a } }
  c: { on: { back: a } }
---
start
send order
send back
send order.paid.late
send back
send orders
"#,
        expect![[r#"
            start -> in a; next: order.*, *
            send order -> in b; next: back
            send back -> in a; next: order.*, *
            send order.paid.late -> in b; next: back
            send back -> in a; next: order.*, *
            send orders -> in c; next: back
        "#]],
    );
}

#[test]
fn the_first_transition_whose_guard_holds_is_taken() {
    check(
        r#"
name: t
initial: a
states:
  a:
    on:
      Scored:
        - { target: high, guard: event.score >= 70 }
        - { target: middle, guard: event.score >= 40 }
        - { target: low }
  high: {}
  middle: {}
  low: {}
---
start
send Scored {"score": 50}
"#,
        expect![[r#"
            start -> in a; next: Scored
            send Scored {"score": 50} -> in middle
        "#]],
    );
}

#[test]
fn a_guard_that_cannot_be_evaluated_is_false_with_a_diagnostic() {
    check(
        r#"
name: t
attributes: { score: { type: number } }
initial: a
states:
  a:
    on:
      Go:
        - { target: b, guard: event.score > "high" }
        - { target: c }
      Only: { target: b, guard: event.missing > 3 }
  b: {}
  c: {}
---
start
send Only {"score": 3}
send Go {"score": 3}
"#,
        expect![[r#"
            start -> in a; next: Go, Only
            send Only {"score": 3} -> rejected: `Only` is not legal in `a` as things are: no guard of its transitions holds
            send Go {"score": 3} -> in c; problem: guard `event.score > "high"`: a number and a text have no order
        "#]],
    );
}

#[test]
fn an_event_whose_guard_over_the_data_cannot_be_evaluated_is_not_offered() {
    check(
        r#"
name: t
attributes: { score: { type: any } }
initial: a
states:
  a: { on: { Rank: { target: b, guard: score > 3 }, Skip: b } }
  b: {}
---
start {"score": "high"}
send Rank
send Skip
"#,
        expect![[r#"
            start {"score": "high"} -> in a; /score = "high"; next: Skip
            send Rank -> rejected: `Rank` is not legal in `a` as things are: no guard of its transitions holds
            send Skip -> in b
        "#]],
    );
}

#[test]
fn an_event_is_legal_only_if_a_guard_over_the_data_holds() {
    check(
        r#"
name: t
attributes: { budget: { type: number, required: true } }
initial: a
states:
  a:
    on:
      Buy: { target: b, guard: budget > 10 }
      Save: { target: c, guard: budget <= 10 }
      Ask: { target: c, guard: event.price < budget }
  b: {}
  c: {}
---
start {"budget": 5}
send Buy
send Ask {"price": 3}
"#,
        expect![[r#"
            start {"budget": 5} -> in a; /budget = 5; next: Save, Ask
            send Buy -> rejected: `Buy` is not legal in `a` as things are: no guard of its transitions holds
            send Ask {"price": 3} -> in c
        "#]],
    );
}

#[test]
fn guards_may_be_named_and_combined() {
    check(
        r#"
name: t
attributes: { n: { type: integer, default: 5 } }
guards: { isBig: n > 3, isEven: n % 2 == 0 }
initial: a
states:
  a:
    on:
      AND: { target: b, guard: { type: and, guards: [isBig, isEven] } }
      OR: { target: b, guard: { type: or, guards: [isBig, isEven] } }
      NOT: { target: b, guard: { type: not, guard: isBig } }
  b: {}
---
start
send AND
send NOT
send OR
"#,
        expect![[r#"
            start -> in a; /n = 5; next: OR
            send AND -> rejected: `AND` is not legal in `a` as things are: no guard of its transitions holds
            send NOT -> rejected: `NOT` is not legal in `a` as things are: no guard of its transitions holds
            send OR -> in b
        "#]],
    );
}

#[test]
fn inner_states_without_an_enabled_transition_leave_the_event_to_outer_ones() {
    check(
        r#"
name: t
initial: a
states:
  a:
    initial: b
    on: { X: out }
    states: { b: { on: { X: { target: c, guard: event.inner } } }, c: {} }
  out: {}
---
start
send X {"inner": false}
"#,
        expect![[r#"
            start -> in a.b; next: X
            send X {"inner": false} -> in out
        "#]],
    );
}

#[test]
fn the_opposite_of_a_guard_that_cannot_be_evaluated_is_no_answer_either() {
    check(
        r#"
name: t
attributes: { n: { type: number } }
initial: a
states:
  a:
    on:
      A: { target: b, guard: { type: not, guards: ["n > 1"] } }
      B: { target: b, guard: { type: or, guards: [{ type: not, guards: ["n > 1"] }, "true"] } }
      C: { target: b, guard: { type: and, guards: ["false", "n > 1"] } }
  b: {}
---
start
send A
send C
send B
"#,
        expect![[r#"
            start -> in a; next: B
            send A -> rejected: `A` is not legal in `a` as things are: no guard of its transitions holds
            send C -> rejected: `C` is not legal in `a` as things are: no guard of its transitions holds
            send B -> in b; problem: guard `n > 1`: `n` is undefined
        "#]],
    );
}

#[test]
fn an_event_with_a_name_of_the_machines_own_is_refused() {
    check(
        r#"{"id":"m","initial":"a","states":{
            "a":{"invoke":{"src":"load","id":"w"},
                 "on":{"xstate.done.actor.w":"c","xstate.init":"c","xstate.*":"c","*":"c"},
                 "onDone":"b","after":{"1000":"b"}},
            "b":{"initial":"x","states":{"x":{"type":"final"}},"on":{"*":"c"}},"c":{}}}
---
start
send xstate.done.actor.w {"output": {"passed": true}}
send xstate.error.actor.w
send xstate.init
send xstate.after.1000.m.a
send xstate.done.state.m.b
send xstate
"#,
        expect![[r#"
            start -> in a; timer after:a#1:0 in 1s; work a#1; next: done, failed {reason!}, xstate.*, *
            send xstate.done.actor.w {"output": {"passed": true}} -> rejected: `xstate.done.actor.w` is not legal in `a`
            send xstate.error.actor.w -> rejected: `xstate.error.actor.w` is not legal in `a`
            send xstate.init -> rejected: `xstate.init` is not legal in `a`
            send xstate.after.1000.m.a -> rejected: `xstate.after.1000.m.a` is not legal in `a`
            send xstate.done.state.m.b -> rejected: `xstate.done.state.m.b` is not legal in `a`
            send xstate -> in c; cancel work a#1
        "#]],
    );
}
