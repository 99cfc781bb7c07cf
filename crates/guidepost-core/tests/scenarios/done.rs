//! Final states: what is complete, and who is told.

use expect_test::expect;

use crate::check;

#[test]
fn reaching_a_final_child_takes_the_parents_done_transition() {
    check(
        r#"
name: t
initial: a
states:
  a:
    initial: a1
    onDone: b
    states:
      a1: { on: { X: fin } }
      fin: { type: final }
  b: { on: { Y: END } }
  END: { type: final }
---
start
send X
send Y
send Y
"#,
        expect![[r#"
            start -> in a.a1; next: X
            send X -> in b; next: Y
            send Y -> in END; completed
            send Y -> rejected: the run is completed
        "#]],
    );
}

#[test]
fn a_parallel_state_is_done_when_all_its_regions_are() {
    check(
        r#"
name: t
initial: p
states:
  p:
    type: parallel
    onDone: after
    states:
      a: { initial: a1, states: { a1: { on: { A: a2 } }, a2: { type: final } } }
      b: { initial: b1, states: { b1: { on: { B: b2 } }, b2: { type: final } } }
  after: {}
---
start
send B
send A
"#,
        expect![[r#"
            start -> in p.a.a1, p.b.b1; next: A, B
            send B -> in p.a.a1, p.b.b2; next: A
            send A -> in after
        "#]],
    );
}

#[test]
fn a_final_state_may_give_back_a_value() {
    check(
        r#"
name: t
attributes: { score: { type: number, default: 7 } }
initial: a
states:
  a: { on: { OK: good, NO: bad } }
  good: { type: final, output: { verdict: "'good'", score: score } }
  bad: { type: final }
---
start
send OK
"#,
        expect![[r#"
            start -> in a; /score = 7; next: OK, NO
            send OK -> in good; completed; output {"verdict":"good","score":7}
        "#]],
    );
}

#[test]
fn the_machines_own_output_counts_before_a_final_states() {
    check(
        r#"
name: t
attributes: { score: { type: number, default: 7 } }
output: { total: score * 2 }
initial: a
states:
  a: { on: { OK: good } }
  good: { type: final }
---
start
send OK
"#,
        expect![[r#"
            start -> in a; /score = 7; next: OK
            send OK -> in good; completed; output {"total":14}
        "#]],
    );
}

#[test]
fn at_the_end_exit_actions_run_innermost_first() {
    check(
        r#"
name: t
exit: [{ log: "leave all" }]
initial: a
states:
  a: { on: { OK: fin }, exit: [{ log: "leave a" }] }
  fin: { type: final, exit: [{ log: "leave fin" }] }
---
start
send OK
"#,
        expect![[r#"
            start -> in a; next: OK
            send OK -> in fin; completed; log "leave a"; log "leave fin"; log "leave all"
        "#]],
    );
}
