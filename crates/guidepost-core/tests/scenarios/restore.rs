//! Going back to an earlier state of execution.

use expect_test::expect;

use crate::check;

const DEFINITION: &str = r#"
name: t
initial: Draft
states:
  Draft: { task: write, output: [text], onDone: Review }
  Review: { task: review, output: [verdict], after: { 10s: Late }, on: { again: Draft }, onDone: Publish }
  Publish: { task: publish, onDone: END }
  Late: {}
  END: { type: final }
"#;

#[test]
fn steps_before_the_target_keep_their_results_and_its_work_begins_anew() {
    check(
        &format!(
            "{DEFINITION}---\nstart engine\ndone Draft {{\"text\":\"a\"}}\nwait 4s\ndone Review {{\"verdict\":\"good\"}}\n\
             rollback 3\ndone Review {{\"verdict\":\"bad\"}}\nrollback 2\n"
        ),
        expect![[r#"
            start engine -> in Draft; work Draft#1
            done Draft {"text":"a"} -> in Review; /text = "a"; timer after:Review#1:0 in 10s; work Review#1; next: again
            wait 4s -> in Review; next: again
            done Review {"verdict":"good"} -> in Publish; /verdict = "good"; work Publish#1
            rollback 3 -> in Review; restored; timer after:Review#2:0 in 10s; /verdict unset; cancel work Publish#1; work Review#2; next: again
            done Review {"verdict":"bad"} -> in Publish; /verdict = "bad"; work Publish#2
            rollback 2 -> in Draft; restored; /text unset; /verdict unset; cancel work Publish#2; work Draft#2
        "#]],
    );
}

#[test]
fn a_timer_has_as_much_time_left_as_it_had() {
    check(
        &format!(
            "{DEFINITION}---\nstart engine\ndone Draft {{\"text\":\"a\"}}\nwait 4s\nattempt Review tired\n\
             wait 5s\nrollback 3\nwait 9s\nwait 1s\nrollback 3\nwait 10s\n"
        ),
        expect![[r#"
            start engine -> in Draft; work Draft#1
            done Draft {"text":"a"} -> in Review; /text = "a"; timer after:Review#1:0 in 10s; work Review#1; next: again
            wait 4s -> in Review; next: again
            attempt Review tired -> in Review; failed; attempt 1 failed
            wait 5s -> in Review; failed
            rollback 3 -> in Review; restored; timer after:Review#2:0 in 10s; work Review#2; next: again
            wait 9s -> in Review; next: again
            wait 1s -> in Late; cancel work Review#2
            rollback 3 -> in Review; restored; timer after:Review#3:0 in 10s; work Review#3; next: again
            wait 10s -> in Late; cancel work Review#3
        "#]],
    );
}

#[test]
fn a_run_that_is_over_can_go_back_but_not_to_its_end() {
    check(
        &format!(
            "{DEFINITION}---\nstart engine\ndone Draft {{\"text\":\"a\"}}\ndone Review {{\"verdict\":\"good\"}}\n\
             done Publish\nrollback 6\nrollback 4\ndone Publish\n"
        ),
        expect![[r#"
            start engine -> in Draft; work Draft#1
            done Draft {"text":"a"} -> in Review; /text = "a"; timer after:Review#1:0 in 10s; work Review#1; next: again
            done Review {"verdict":"good"} -> in Publish; /verdict = "good"; work Publish#1
            done Publish -> in END; completed
            rollback 6 -> rejected: at rev 6 the run was completed: it cannot go on
            rollback 4 -> in Publish; restored; work Publish#2
            done Publish -> in END; completed
        "#]],
    );
}

#[test]
fn a_paused_run_goes_back_and_stays_paused() {
    check(
        &format!(
            "{DEFINITION}---\nstart engine\ndone Draft {{\"text\":\"a\"}}\npause\nrollback 2\nresume\n"
        ),
        expect![[r#"
            start engine -> in Draft; work Draft#1
            done Draft {"text":"a"} -> in Review; /text = "a"; timer after:Review#1:0 in 10s; work Review#1; next: again
            pause -> in Review; paused
            rollback 2 -> in Draft; paused; restored; /text unset; cancel work Review#1; work Draft#2
            resume -> in Draft
        "#]],
    );
}

#[test]
fn work_that_had_ended_keeps_its_result_in_a_region_that_waits_for_another() {
    check(
        r#"
name: t
initial: Both
states:
  Both:
    type: parallel
    states:
      A: { initial: Ask, states: { Ask: { task: a, output: [a], on: { on: Done } }, Done: { type: final } } }
      B: { initial: Do, states: { Do: { task: b, output: [b], onDone: Done }, Done: { type: final } } }
    onDone: END
  END: { type: final }
---
start engine
done Both.A.Ask {"a":1}
done Both.B.Do {"b":2}
rollback 3
done Both.A.Ask {"a":3}
done Both.B.Do {"b":4}
"#,
        expect![[r#"
            start engine -> in Both.A.Ask, Both.B.Do; work Both.A.Ask#1; work Both.B.Do#1; next: on
            done Both.A.Ask {"a":1} -> in Both.A.Ask, Both.B.Do; /a = 1; next: on
            done Both.B.Do {"b":2} -> in Both.A.Ask, Both.B.Done; /b = 2; next: on
            rollback 3 -> in Both.A.Ask, Both.B.Do; restored; /b unset; work Both.B.Do#2; next: on
            done Both.A.Ask {"a":3} -> rejected: the work of `Both.A.Ask` is not going on
            done Both.B.Do {"b":4} -> in Both.A.Ask, Both.B.Done; /b = 4; next: on
        "#]],
    );
}

#[test]
fn branches_that_had_ended_keep_their_results_and_the_others_begin_anew() {
    check(
        r#"
name: t
attributes:
  files: { type: string, is_array: true, default: [a, b, c] }
  notes: { type: string, is_array: true }
initial: Read
states:
  Read: { task: read, for_each: files, concurrency: 2, output: [notes], onDone: END }
  END: { type: final }
---
start engine
done Read[1] {"notes":"first"}
done Read[2] {"notes":"second"}
done Read[3] {"notes":"third"}
rollback 4
done Read[2] {"notes":"anew"}
done Read[3] {"notes":"new"}
"#,
        expect![[r#"
            start engine -> in Read; /files = ["a","b","c"]; 3 branches; /$items.Read = ["a","b","c"]; /notes = [null,null,null]; work Read#1[1]; work Read#1[2]
            done Read[1] {"notes":"first"} -> in Read; branch 1 ended; /notes/0 = "first"; work Read#1[3]
            done Read[2] {"notes":"second"} -> in Read; branch 2 ended; /notes/1 = "second"
            done Read[3] {"notes":"third"} -> in END; completed; branch 3 ended; /notes/2 = "third"; /$items.Read unset
            rollback 4 -> in Read; restored; /$items.Read = ["a","b","c"]; /notes = ["first",null,null]; work Read#2[2]; work Read#2[3]
            done Read[2] {"notes":"anew"} -> in Read; branch 2 ended; /notes/1 = "anew"
            done Read[3] {"notes":"new"} -> in END; completed; branch 3 ended; /notes/2 = "new"; /$items.Read unset
        "#]],
    );
}

#[test]
fn what_history_states_remember_is_what_they_remembered() {
    check(
        r#"
name: t
initial: Work
states:
  Work:
    initial: One
    on: { hold: Hold }
    states:
      One: { on: { next: Two } }
      Two: {}
      back: { type: history }
  Hold: { on: { go: Work.back } }
---
start
send hold
send go
send next
send hold
rollback 3
send go
"#,
        expect![[r#"
            start -> in Work.One; next: next, hold
            send hold -> in Hold; next: go
            send go -> in Work.One; next: next, hold
            send next -> in Work.Two; next: hold
            send hold -> in Hold; next: go
            rollback 3 -> in Hold; restored; next: go
            send go -> in Work.One; next: next, hold
        "#]],
    );
}

#[test]
fn who_looked_before_has_to_look_again() {
    check(
        r#"
name: t
initial: a
states: { a: { on: { X: b } }, b: { on: { Y: a } } }
---
start
send X
rollback 2
send@2 X
send@4 X
"#,
        expect![[r#"
            start -> in a; next: X
            send X -> in b; next: Y
            rollback 2 -> in a; restored; next: X
            send@2 X -> rejected: rev 2 is old: the run is at rev 4
            send@4 X -> in b; next: Y
        "#]],
    );
}
