//! Stale revs: a sender that looked before the state was entered or left is told, not obeyed.

use expect_test::expect;

use crate::check;

#[test]
fn an_event_sent_at_an_old_rev_is_refused_if_the_state_changed_since() {
    check(
        r#"
name: t
initial: a
states:
  a: { on: { NEXT: b, OTHER: c } }
  b: { on: { NEXT: c, BACK: a } }
  c: {}
---
start
send@2 NEXT
send@2 OTHER
send@2 NEXT
send@9 NEXT
send@3 NEXT
"#,
        expect![[r#"
            start -> in a; next: NEXT, OTHER
            send@2 NEXT -> in b; next: NEXT, BACK
            send@2 OTHER -> rejected: rev 2 is old: the run is at rev 3
            send@2 NEXT -> rejected: rev 2 is old: the run is at rev 3
            send@9 NEXT -> rejected: rev 9 is old: the run is at rev 3
            send@3 NEXT -> in c
        "#]],
    );
}

#[test]
fn another_regions_move_does_not_make_a_rev_stale() {
    // B6: two agents in two regions never get in each other's way.
    check(
        r#"
name: t
type: parallel
states:
  a: { initial: a1, states: { a1: { on: { A: a2 } }, a2: {} } }
  b: { initial: b1, states: { b1: { on: { B: b2 } }, b2: {} } }
---
start
send@2 A
send@2 B
"#,
        expect![[r#"
            start -> in a.a1, b.b1; next: A, B
            send@2 A -> in a.a2, b.b1; next: B
            send@2 B -> in a.a2, b.b2
        "#]],
    );
}

#[test]
fn an_event_is_stale_if_an_inner_state_that_was_left_since_would_have_taken_it() {
    check(
        r#"
name: t
initial: a
states:
  a:
    initial: in1
    on: { GO: out }
    states:
      in1: { on: { GO: in3, MOVE: in2 } }
      in2: {}
      in3: {}
  out: {}
---
start
send@2 MOVE
send@2 GO
send@3 GO
"#,
        expect![[r#"
            start -> in a.in1; next: GO, MOVE
            send@2 MOVE -> in a.in2; next: GO
            send@2 GO -> rejected: rev 2 is old: the run is at rev 3
            send@3 GO -> in out
        "#]],
    );
}

#[test]
fn staleness_comes_before_what_the_event_carries_and_before_the_end() {
    check(
        r#"
name: t
events: { Scored: { data: { score: { type: number, required: true } } } }
initial: a
states:
  a: { on: { Yes: end, No: end, Scored: b } }
  b: { on: { Scored: end } }
  end: { type: final }
---
start
send@2 Scored {"score": 1}
send@2 Scored
send@3 Scored {"score": 1}
send@3 Scored {"score": 1}
send Scored
"#,
        expect![[r#"
            start -> in a; next: Yes, No, Scored {score!}
            send@2 Scored {"score": 1} -> in b; next: Scored {score!}
            send@2 Scored -> rejected: rev 2 is old: the run is at rev 3
            send@3 Scored {"score": 1} -> in end; completed
            send@3 Scored {"score": 1} -> rejected: rev 3 is old: the run is at rev 5
            send Scored -> rejected: the run is completed
        "#]],
    );
}

#[test]
fn the_end_of_work_is_stale_if_its_state_was_entered_since() {
    check(
        r#"
name: t
type: parallel
states:
  a:
    initial: a1
    states:
      a1: { task: x, onDone: a2, on: { AGAIN: { target: a1, reenter: true } } }
      a2: { type: final }
  b: { initial: b1, states: { b1: { on: { B: b2 } }, b2: {} } }
---
start
send@2 AGAIN
send@2 done
send@2 failed {"reason": "x"}
send@9 done
send@3 B
send@3 done
"#,
        expect![[r#"
            start -> in a.a1, b.b1; work a.a1#1; next: done, failed {reason!}, AGAIN, B
            send@2 AGAIN -> in a.a1, b.b1; cancel work a.a1#1; work a.a1#2; next: done, failed {reason!}, AGAIN, B
            send@2 done -> rejected: rev 2 is old: the run is at rev 3
            send@2 failed {"reason": "x"} -> rejected: rev 2 is old: the run is at rev 3
            send@9 done -> rejected: rev 9 is old: the run is at rev 3
            send@3 B -> in a.a1, b.b2; next: done, failed {reason!}, AGAIN
            send@3 done -> in a.a2, b.b2
        "#]],
    );
}
