//! Parallel regions: all active at once, each taking events for itself.

use expect_test::expect;

use crate::check;
use guidepost_core::testing::play;

#[test]
fn an_event_moves_every_region_that_takes_it() {
    check(
        r#"
name: t
initial: p
states:
  p:
    type: parallel
    states:
      code: { initial: c1, states: { c1: { on: { NEXT: c2, CODED: c2 } }, c2: {} } }
      docs: { initial: d1, states: { d1: { on: { NEXT: d2 } }, d2: {} } }
---
start
send NEXT
"#,
        expect![[r#"
            start -> in p.code.c1, p.docs.d1; next: NEXT, CODED
            send NEXT -> in p.code.c2, p.docs.d2
        "#]],
    );
    check(
        r#"
name: t
initial: p
states:
  p:
    type: parallel
    states:
      code: { initial: c1, states: { c1: { on: { CODED: c2 } }, c2: {} } }
      docs: { initial: d1, states: { d1: { on: { NEXT: d2 } }, d2: {} } }
---
start
send CODED
"#,
        expect![[r#"
            start -> in p.code.c1, p.docs.d1; next: CODED, NEXT
            send CODED -> in p.code.c2, p.docs.d1; next: NEXT
        "#]],
    );
}

#[test]
fn leaving_one_region_leaves_them_all() {
    check(
        r##"
name: t
initial: p
states:
  p:
    type: parallel
    exit: [{ log: "leave p" }]
    states:
      a: { exit: [{ log: "leave a" }], initial: a1, states: { a1: { exit: [{ log: "leave a1" }], on: { OUT: '#t.over' } } } }
      b: { exit: [{ log: "leave b" }], initial: b1, states: { b1: { exit: [{ log: "leave b1" }] } } }
  over: {}
---
start
send OUT
"##,
        expect![[r#"
            start -> in p.a.a1, p.b.b1; next: OUT
            send OUT -> in over; log "leave b1"; log "leave b"; log "leave a1"; log "leave a"; log "leave p"
        "#]],
    );
}

#[test]
fn several_targets_say_where_each_region_begins() {
    check(
        r##"
name: t
initial: idle
states:
  idle: { on: { GO: { target: ["#t.p.a.a2", "#t.p.b.b2"] }, HALF: "#t.p.a.a2" } }
  p:
    type: parallel
    on: { BACK: idle }
    states:
      a: { initial: a1, states: { a1: {}, a2: {} } }
      b: { initial: b1, states: { b1: {}, b2: {} } }
---
start
send GO
send BACK
send HALF
"##,
        expect![[r#"
            start -> in idle; next: GO, HALF
            send GO -> in p.a.a2, p.b.b2; next: BACK
            send BACK -> in idle; next: GO, HALF
            send HALF -> in p.a.a2, p.b.b1; next: BACK
        "#]],
    );
}

#[test]
fn of_two_transitions_that_leave_the_same_state_the_inner_one_wins_else_the_first() {
    check(
        r##"
name: t
initial: p
states:
  p:
    type: parallel
    states:
      a: { initial: a1, states: { a1: { on: { OUT: "#t.x" } } } }
      b: { initial: b1, states: { b1: { on: { OUT: "#t.y" } } } }
  x: {}
  y: {}
---
start
send OUT
"##,
        expect![[r#"
            start -> in p.a.a1, p.b.b1; next: OUT
            send OUT -> in x
        "#]],
    );
}

#[test]
fn a_transition_between_regions_starts_both_anew() {
    check(
        r##"
name: t
initial: p
states:
  p:
    type: parallel
    entry: [{ log: "enter p" }]
    exit: [{ log: "leave p" }]
    states:
      a: { initial: a1, states: { a1: { on: { JUMP: "#t.p.b.b2" } }, a2: {} } }
      b: { initial: b1, states: { b1: { on: { B: b3 } }, b2: {}, b3: {} } }
---
start
send B
send JUMP
"##,
        expect![[r#"
            start -> in p.a.a1, p.b.b1; log "enter p"; next: JUMP, B
            send B -> in p.a.a1, p.b.b3; next: JUMP
            send JUMP -> in p.a.a1, p.b.b2; next: JUMP
        "#]],
    );
}

#[test]
fn a_parallel_root_has_all_its_regions_active() {
    check(
        r#"
name: t
type: parallel
states:
  a: { initial: a1, states: { a1: { on: { A: a2 } }, a2: { type: final } } }
  b: { initial: b1, states: { b1: { on: { B: b2 } }, b2: { type: final } } }
---
start
send A
send B
"#,
        expect![[r#"
            start -> in a.a1, b.b1; next: A, B
            send A -> in a.a2, b.b1; next: B
            send B -> in a.a2, b.b2; completed
        "#]],
    );
}

#[test]
fn a_guard_may_ask_where_another_region_is() {
    check(
        r#"
name: t
type: parallel
states:
  build: { initial: red, states: { red: { on: { PASS: green } }, green: {} } }
  ship: { initial: held, states: { held: { on: { SHIP: { target: sent, guard: "in_state('build.green')" } } }, sent: {} } }
---
start
send SHIP
send PASS
send SHIP
"#,
        expect![[r#"
            start -> in build.red, ship.held; next: PASS
            send SHIP -> rejected: `SHIP` is not legal in `build.red`, `ship.held` as things are: no guard of its transitions holds
            send PASS -> in build.green, ship.held; next: SHIP
            send SHIP -> in build.green, ship.sent
        "#]],
    );
}

/// B6: whatever the order, each result is taken once, and only the last one completes the whole.
#[test]
fn b6_results_of_regions_are_taken_once_in_any_order() {
    let definition = r#"
name: t
initial: p
states:
  p:
    type: parallel
    states:
      a: { initial: w, states: { w: { ask: { question: "Go on?" }, onDone: end }, end: { type: final } } }
      b: { initial: w, states: { w: { task: build, onDone: end }, end: { type: final } } }
      c: { initial: w, states: { w: { agent: writer, prompt: go, onDone: end }, end: { type: final } } }
    onDone: END
  END: { type: final }
---
start engine
"#;
    for order in ["abc", "acb", "bac", "bca", "cab", "cba"] {
        let results: String =
            order.chars().map(|region| format!("done p.{region}.w {{}}\n").repeat(2)).collect();
        let told = play(&format!("{definition}{results}"));
        let lines: Vec<&str> = told.lines().skip(1).collect();
        for (number, pair) in lines.chunks(2).enumerate() {
            assert_eq!(pair[0].contains("completed"), number == 2, "{order}: {told}");
            assert!(!pair[0].contains("rejected"), "{order}: {told}");
            assert!(pair[1].contains("rejected"), "{order}: {told}");
        }
    }
}
