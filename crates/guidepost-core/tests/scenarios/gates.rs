//! Gates: what an event must carry, and what must be on record before it is taken.

use expect_test::expect;

use crate::check;

#[test]
fn an_event_must_carry_what_it_declares() {
    // B3, the first kind of evidence gate.
    check(
        r#"
name: t
attributes: { score: { type: number } }
events:
  Scored: { data: { score: { type: number, required: true }, why: { type: string } } }
initial: a
states:
  a: { output: [score], on: { Scored: b } }
  b: {}
---
start
send Scored
send Scored {"score": "high"}
send Scored {"score": 80, "why": "ICP fits"}
send Scored
"#,
        expect![[r#"
            start -> in a; next: Scored {score!, why?}
            send Scored -> rejected: `Scored` does not carry what it must
            send Scored {"score": "high"} -> rejected: `Scored` does not carry what it must
            send Scored {"score": 80, "why": "ICP fits"} -> in b; /score = 80
            send Scored -> rejected: `Scored` is not legal in `b`
        "#]],
    );
}

#[test]
fn a_transition_may_require_facts_since_its_state_was_entered() {
    // B3, the second kind: facts from before do not count, nor does a lesser transition stand in.
    check(
        r#"
name: t
initial: research
states:
  research: { on: { Next: score } }
  score:
    on:
      Scored:
        - { target: send, guard: event.score >= 70, requires: [{ action: tool_execution, name: crm_lookup, min: 1 }] }
        - { target: rejected }
      Back: research
  send: {}
  rejected: {}
---
start
action tool_execution crm_lookup
send Next
send Scored {"score": 80}
action tool_execution web_search
send Scored {"score": 80}
action tool_execution crm_lookup
send Scored {"score": 80}
"#,
        expect![[r#"
            start -> in research; next: Next
            action tool_execution crm_lookup -> in research; next: Next
            send Next -> in score; next: Scored, Back
            send Scored {"score": 80} -> rejected: `Scored` needs facts that are not on record since the state was entered
            action tool_execution web_search -> in score; next: Scored, Back
            send Scored {"score": 80} -> rejected: `Scored` needs facts that are not on record since the state was entered
            action tool_execution crm_lookup -> in score; next: Scored, Back
            send Scored {"score": 80} -> in send
        "#]],
    );
}

#[test]
fn what_a_machine_sends_itself_does_not_get_round_what_is_required() {
    let definition = r#"
name: t
initial: a
states:
  a:
    on:
      RAISE: { actions: [ { raise: { event: Ship } } ] }
      SEND: { actions: [ { send: { event: Ship } } ] }
      LATER: { actions: [ { send: { event: Ship, delay: 1s } } ] }
      AGAIN: { target: a, reenter: true, actions: [ { raise: { event: Ship } } ] }
      Ship: { target: shipped, requires: [{ action: tests }] }
  shipped: {}
---
start
"#;
    check(
        &format!(
            "{definition}send RAISE\nsend SEND\nsend LATER\nwait 1s\nsend Ship\naction tests unit\nsend AGAIN\n"
        ),
        expect![[r#"
            start -> in a; next: RAISE, SEND, LATER, AGAIN, Ship
            send RAISE -> in a; problem: a transition of `a` was not taken: it needs 1 action `tests` on record, and there are 0; next: RAISE, SEND, LATER, AGAIN, Ship
            send SEND -> in a; problem: a transition of `a` was not taken: it needs 1 action `tests` on record, and there are 0; next: RAISE, SEND, LATER, AGAIN, Ship
            send LATER -> in a; timer send:5.0 in 1s; next: RAISE, SEND, LATER, AGAIN, Ship
            wait 1s -> in a; log "a transition of `a` was not taken: it needs 1 action `tests` on record, and there are 0"; next: RAISE, SEND, LATER, AGAIN, Ship
            send Ship -> rejected: `Ship` needs facts that are not on record since the state was entered
            action tests unit -> in a; next: RAISE, SEND, LATER, AGAIN, Ship
            send AGAIN -> in a; problem: a transition of `a` was not taken: it needs 1 action `tests` on record, and there are 0; next: RAISE, SEND, LATER, AGAIN, Ship
        "#]],
    );
    check(
        &format!("{definition}action tests unit\nsend RAISE\n"),
        expect![[r#"
        start -> in a; next: RAISE, SEND, LATER, AGAIN, Ship
        action tests unit -> in a; next: RAISE, SEND, LATER, AGAIN, Ship
        send RAISE -> in shipped
    "#]],
    );
}

#[test]
fn what_a_machine_sends_itself_carries_what_it_must_or_is_not_taken() {
    check(
        r#"
name: t
attributes: { score: number }
events: { Scored: { data: { score: { type: number, required: true } } } }
initial: a
states:
  a:
    on:
      EMPTY: { actions: [ { raise: { event: Scored } } ] }
      WRONG: { actions: [ { send: { event: Scored, data: { score: '"high"' } } } ] }
      LATER: { actions: [ { send: { event: Scored, delay: 1s } } ] }
      RIGHT: { actions: [ { raise: { event: Scored, data: { score: 80 } } } ] }
      Scored: { target: b, actions: [ { assign: { score: event.score } } ] }
  b: {}
---
start
send EMPTY
send WRONG
send LATER
wait 1s
send RIGHT
"#,
        expect![[r#"
            start -> in a; next: EMPTY, WRONG, LATER, RIGHT, Scored {score!}
            send EMPTY -> in a; problem: `Scored` was not taken, it does not carry what it must: lacks `score`; next: EMPTY, WRONG, LATER, RIGHT, Scored {score!}
            send WRONG -> in a; problem: `Scored` was not taken, it does not carry what it must: score is a string, but must be a number; next: EMPTY, WRONG, LATER, RIGHT, Scored {score!}
            send LATER -> in a; timer send:5.0 in 1s; next: EMPTY, WRONG, LATER, RIGHT, Scored {score!}
            wait 1s -> in a; log "`Scored` was not taken, it does not carry what it must: lacks `score`"; next: EMPTY, WRONG, LATER, RIGHT, Scored {score!}
            send RIGHT -> in b; /score = 80
        "#]],
    );
}

#[test]
fn what_is_required_to_be_observed_is_not_proven_by_a_claim() {
    check(
        r#"
name: t
initial: test
states:
  test: { on: { Passed: { target: ship, requires: [{ action: tool_execution, name: run_tests, observed: true }] } } }
  ship: {}
---
start
action tool_execution run_tests
send Passed
observed tool_execution run_tests
send Passed
"#,
        expect![[r#"
            start -> in test; next: Passed
            action tool_execution run_tests -> in test; next: Passed
            send Passed -> rejected: `Passed` needs facts that are not on record since the state was entered
            observed tool_execution run_tests -> in test; next: Passed
            send Passed -> in ship
        "#]],
    );
}

#[test]
fn a_run_starts_only_with_what_its_attributes_allow() {
    check(
        r#"
name: t
attributes:
  lead: { type: object, required: true }
  tags: { type: string, is_array: true }
  score: { type: number, default: 1 }
initial: a
states: { a: { on: { X: b } }, b: {} }
---
start
start {"lead": "Ada", "tags": "x", "scor": 3}
start {"lead": {"name": "Ada"}, "tags": ["x"]}
"#,
        expect![[r#"
            start -> rejected: the run cannot start with this data
            start {"lead": "Ada", "tags": "x", "scor": 3} -> rejected: the run cannot start with this data
            start {"lead": {"name": "Ada"}, "tags": ["x"]} -> in a; /lead = {"name":"Ada"}; /tags = ["x"]; /score = 1; next: X
        "#]],
    );
}

#[test]
fn what_a_state_keeps_of_an_event_is_shown_unless_another_event_is_described_to_carry_it() {
    check(
        r#"
name: t
attributes: { pr: { type: string }, changes: { type: string, is_array: true } }
events: { Submit: { data: { pr: { type: string, required: true } } } }
initial: collect
states:
  collect: { output: [changes], on: { Collected: fix } }
  fix: { output: [pr], on: { Submit: done, GiveUp: done } }
  done: {}
---
start
send Collected {"changes": ["a"]}
send Submit {"pr": "1"}
"#,
        expect![[r#"
            start -> in collect; next: Collected {changes?}
            send Collected {"changes": ["a"]} -> in fix; /changes = ["a"]; next: Submit {pr!}, GiveUp
            send Submit {"pr": "1"} -> in done; /pr = "1"
        "#]],
    );
}

#[test]
fn facts_count_only_if_there_are_enough_of_them_since_the_state_that_requires_them() {
    // The inner transition wants facts since the inner state was entered, whatever the outer one may count.
    check(
        r#"
name: t
initial: outer
states:
  outer:
    initial: first
    on: { Next: { target: out, requires: [{ action: tool_execution, name: run_tests, min: 2 }] } }
    states:
      first: { on: { Deeper: second } }
      second: { on: { Next: { target: in, requires: [{ action: tool_execution, name: run_tests, min: 2 }] } } }
  in: {}
  out: {}
---
start
action tool_execution run_tests
send Next
action tool_execution run_tests
send Deeper
send Next
action tool_execution run_tests
send Next
action tool_execution run_tests
send Next
"#,
        expect![[r#"
            start -> in outer.first; next: Deeper, Next
            action tool_execution run_tests -> in outer.first; next: Deeper, Next
            send Next -> rejected: `Next` needs facts that are not on record since the state was entered
            action tool_execution run_tests -> in outer.first; next: Deeper, Next
            send Deeper -> in outer.second; next: Next
            send Next -> rejected: `Next` needs facts that are not on record since the state was entered
            action tool_execution run_tests -> in outer.second; next: Next
            send Next -> rejected: `Next` needs facts that are not on record since the state was entered
            action tool_execution run_tests -> in outer.second; next: Next
            send Next -> in in
        "#]],
    );
}
