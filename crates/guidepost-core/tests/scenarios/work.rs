//! The work of states, as the kernel sees it: begun on entry, ended by a result, offered to who does it.

use expect_test::expect;
use guidepost_core::effect::Effect;
use guidepost_core::id::{Branch, Visit};
use guidepost_core::input::{AttemptFailed, By, Input};
use guidepost_core::kernel::decide_all;
use guidepost_core::run::Driver;
use guidepost_core::simulator::Simulator;
use guidepost_core::testing::machine;
use guidepost_core::time::Timestamp;
use serde_json::Map;

use crate::check;

const DRAFT: &str = r#"
name: t
attributes: { topic: { type: string, default: tea }, text: { type: string } }
initial: Draft
states:
  Draft: { agent: writer, prompt: "Write about {{ topic }}.", output: [text], onDone: Review, onError: Help }
  Review: { ask: { type: choice, options: [Good, Bad] }, on: { Good: END, Bad: Draft } }
  Help: {}
  END: { type: final }
"#;

#[test]
fn to_an_agent_that_drives_work_is_offered_as_done_and_failed() {
    check(
        &format!(
            "{DRAFT}---\nstart\nsend done\nsend done {{\"text\": \"Hot.\"}}\nsend Bad\nsend failed {{\"reason\": \"no ink\"}}\n"
        ),
        expect![[r#"
            start -> in Draft; /topic = "tea"; work Draft#1; next: done {text!}, failed {reason!}
            send done -> rejected: `done` does not carry what it must
            send done {"text": "Hot."} -> in Review; waiting; /text = "Hot."; work Review#1; next: Good, Bad
            send Bad -> in Draft; cancel work Review#1; work Draft#2; next: done {text!}, failed {reason!}
            send failed {"reason": "no ink"} -> in Help
        "#]],
    );
}

#[test]
fn when_the_engine_drives_nobody_else_may_report_the_end_of_work() {
    check(
        &format!(
            "{DRAFT}---\nstart engine\nsend done {{\"text\": \"Hot.\"}}\ndone Draft {{\"text\": \"Hot.\"}}\nsend Good\n"
        ),
        expect![[r#"
            start engine -> in Draft; /topic = "tea"; work Draft#1
            send done {"text": "Hot."} -> rejected: the engine does the work of `Draft`
            done Draft {"text": "Hot."} -> in Review; waiting; /text = "Hot."; work Review#1; next: Good, Bad
            send Good -> in END; completed; cancel work Review#1
        "#]],
    );
}

#[test]
fn a_result_is_accepted_once_per_visit() {
    check(
        r#"
name: t
initial: a
states:
  a: { agent: x, prompt: go, on: { NEXT: b } }
  b: {}
---
start
done a {}
done a {}
failed a late
send NEXT
done a {}
"#,
        expect![[r#"
            start -> in a; work a#1; next: done, failed {reason!}, NEXT
            done a {} -> in a; next: NEXT
            done a {} -> rejected: the work of `a` is not going on
            failed a late -> rejected: the work of `a` is not going on
            send NEXT -> in b
            done a {} -> rejected: the work of `a` is not going on
        "#]],
    );
}

#[test]
fn a_failure_nothing_answers_fails_the_run() {
    check(
        r#"
name: t
initial: a
states:
  a: { agent: x, prompt: go, onDone: b }
  b: {}
---
start
failed a out of ink
send done
"#,
        expect![[r#"
            start -> in a; work a#1; next: done, failed {reason!}
            failed a out of ink -> in a; failed
            send done -> rejected: the run is failed
        "#]],
    );
}

#[test]
fn work_in_two_regions_is_told_apart_by_its_state() {
    check(
        r#"
name: t
initial: p
states:
  p:
    type: parallel
    onDone: END
    states:
      a: { initial: w, states: { w: { agent: x, prompt: go, onDone: f }, f: { type: final } } }
      b: { initial: w, states: { w: { agent: y, prompt: go, onDone: f }, f: { type: final } } }
  END: { type: final }
---
start
send done
send done.p.b.w
send done
"#,
        expect![[r#"
            start -> in p.a.w, p.b.w; work p.a.w#1; work p.b.w#1; next: done.p.a.w, failed.p.a.w {reason!}, done.p.b.w, failed.p.b.w {reason!}
            send done -> rejected: `done` is not legal in `p.a.w`, `p.b.w`
            send done.p.b.w -> in p.a.w, p.b.f; next: done, failed {reason!}
            send done -> in END; completed
        "#]],
    );
}

#[test]
fn leaving_a_state_cancels_its_work() {
    check(
        r#"
name: t
initial: a
states:
  a: { agent: x, prompt: go, onDone: b, on: { SKIP: b } }
  b: {}
---
start
send SKIP
"#,
        expect![[r#"
            start -> in a; work a#1; next: done, failed {reason!}, SKIP
            send SKIP -> in b; cancel work a#1
        "#]],
    );
}

#[test]
fn outputs_are_checked_before_anything_moves() {
    check(
        r#"
name: t
attributes: { n: { type: integer } }
initial: a
states:
  a: { agent: x, prompt: go, output: [n], onDone: b }
  b: {}
---
start
send done {"n": "three"}
send done {"n": 3}
"#,
        expect![[r#"
            start -> in a; work a#1; next: done {n!}, failed {reason!}
            send done {"n": "three"} -> rejected: `done` does not carry what it must
            send done {"n": 3} -> in b; /n = 3
        "#]],
    );
}

#[test]
fn an_event_of_xstates_name_for_the_end_of_work_is_taken() {
    let machine = r#"{"id":"m","initial":"a","states":{
        "a":{"invoke":{"src":"load","id":"f"},"on":{"xstate.done.actor.f":"b","xstate.error.actor.f":"c"}},
        "b":{},"c":{}}}"#;
    check(
        &format!("{machine}\n---\nstart\ndone a {{}}\n"),
        expect![[r#"
        start -> in a; work a#1; next: done, failed {reason!}
        done a {} -> in b
    "#]],
    );
    check(
        &format!("{machine}\n---\nstart\nfailed a no net\n"),
        expect![[r#"
        start -> in a; work a#1; next: done, failed {reason!}
        failed a no net -> in c
    "#]],
    );
}

#[test]
fn after_an_answer_nothing_waits_for_a_run_is_at_work_again() {
    check(
        r#"
name: t
initial: a
states:
  a: { ask: { type: text }, on: { NEXT: b } }
  b: {}
---
start
send done {"answer": "yes"}
pause
resume
"#,
        expect![[r#"
            start -> in a; waiting; work a#1; next: NEXT
            send done {"answer": "yes"} -> in a; /a = "yes"; next: NEXT
            pause -> in a; paused
            resume -> in a; next: NEXT
        "#]],
    );
}

const FLAKY: &str = r#"
name: t
initial: Charge
states:
  Charge: { task: pay, retry: { max_attempts: 3, delay: 1s, backoff: 3 }, onDone: Paid, onError: Help }
  Help: { on: { AGAIN: Charge } }
  Paid: { type: final }
"#;

#[test]
fn a_failed_attempt_is_tried_again_later_and_later_until_there_are_no_more() {
    check(
        &format!(
            "{FLAKY}---\nstart engine\nattempt Charge declined\nattempt Charge declined\nattempt Charge declined\nattempt Charge declined\nsend AGAIN\nattempt Charge declined\n"
        ),
        expect![[r#"
            start engine -> in Charge; work Charge#1
            attempt Charge declined -> in Charge; attempt 1 failed; retry Charge#1 at 1s
            attempt Charge declined -> in Charge; attempt 2 failed; retry Charge#1 at 3s
            attempt Charge declined -> in Help; attempt 3 failed; next: AGAIN
            attempt Charge declined -> rejected: the work of `Charge` is not going on
            send AGAIN -> in Charge; work Charge#2
            attempt Charge declined -> in Charge; attempt 1 failed; retry Charge#2 at 1s
        "#]],
    );
}

#[test]
fn the_wait_before_another_attempt_is_never_longer_than_a_day() {
    check(
        r#"
name: t
initial: a
states:
  a: { task: x, retry: { max_attempts: 5, delay: 10h, backoff: 2 } }
---
start engine
attempt a torn
attempt a torn
attempt a torn
attempt a torn
"#,
        expect![[r#"
            start engine -> in a; work a#1
            attempt a torn -> in a; attempt 1 failed; retry a#1 at 10h
            attempt a torn -> in a; attempt 2 failed; retry a#1 at 20h
            attempt a torn -> in a; attempt 3 failed; retry a#1 at 1d
            attempt a torn -> in a; attempt 4 failed; retry a#1 at 1d
        "#]],
    );
}

#[test]
fn chance_shortens_the_wait_before_another_attempt_by_up_to_a_quarter() {
    let machine = machine("name: t\ninitial: a\nstates: { a: { task: x, retry: 2 } }\n");
    let mut simulator = Simulator::new(machine, Timestamp(0));
    simulator.start(Driver::Engine, Map::new()).unwrap();
    let wait = |chance| {
        let attempt = AttemptFailed {
            state: "a".into(),
            visit: Visit(1),
            branch: Branch::WHOLE,
            attempt: 1,
            reason: "torn".to_owned(),
            may_retry: true,
            chance,
            by: By::default(),
            at: Timestamp(0),
        };
        let input = Input::AttemptFailed(attempt);
        let (decision, _) = decide_all(&simulator.machine, &simulator.run, &input).unwrap();
        match &decision.effects[..] {
            [Effect::RetryWork { at, .. }] => at.0,
            other => panic!("a retry, not {other:?}"),
        }
    };
    assert_eq!(wait(0), 1_000_000_000);
    assert_eq!(wait(500), 875_000_000);
    assert_eq!(wait(999), 750_250_000);
    assert_eq!(wait(1_000), 1_000_000_000);
}

#[test]
fn what_is_going_on_when_the_run_is_paused_still_ends_and_nothing_follows() {
    check(
        r#"
name: t
initial: a
states:
  a: { task: x, retry: 2, onDone: b }
  b: { task: y, onDone: END }
  END: { type: final }
---
start engine
pause
attempt a torn
done a {}
resume
done b {}
"#,
        expect![[r#"
            start engine -> in a; work a#1
            pause -> in a; paused
            attempt a torn -> in a; paused; attempt 1 failed; retry a#1 at 1s
            done a {} -> in b; paused; work b#1
            resume -> in b
            done b {} -> in END; completed
        "#]],
    );
}

const QUESTION: &str = r#"
name: t
initial: Ask
states:
  Ask: { ask: { type: choice, options: [Yes, No] }, expires: 2d, on: { Yes: END, Remind: {} }, onError: Late }
  Late: {}
  END: { type: final }
---
start
"#;

#[test]
fn a_question_that_expires_fails_and_is_withdrawn() {
    check(
        &format!("{QUESTION}wait 47h\nsend Remind\nwait 1h\nsend Yes\n"),
        expect![[r#"
        start -> in Ask; waiting; timer expires:Ask#1 in 2d; work Ask#1; next: Yes, Remind
        wait 47h -> in Ask; waiting; next: Yes, Remind
        send Remind -> in Ask; waiting; next: Yes, Remind
        wait 1h -> in Late; cancel work Ask#1
        send Yes -> rejected: `Yes` is not legal in `Late`
    "#]],
    );
}

#[test]
fn a_question_that_is_answered_or_left_does_not_expire() {
    check(
        &format!("{QUESTION}send Yes\nwait 3d\n"),
        expect![[r#"
        start -> in Ask; waiting; timer expires:Ask#1 in 2d; work Ask#1; next: Yes, Remind
        send Yes -> in END; completed; cancel work Ask#1
        wait 3d -> in END; completed
    "#]],
    );
    check(
        &format!("{QUESTION}done Ask {{\"answer\": \"Yes\"}}\nwait 3d\n"),
        expect![[r#"
        start -> in Ask; waiting; timer expires:Ask#1 in 2d; work Ask#1; next: Yes, Remind
        done Ask {"answer": "Yes"} -> in Ask; /Ask = "Yes"; next: Yes, Remind
        wait 3d -> in Ask; next: Yes, Remind
    "#]],
    );
}

#[test]
fn a_question_whose_expiry_nothing_answers_fails_the_run() {
    check(
        r#"
name: t
initial: Ask
states:
  Ask: { ask: { question: "Go on?", expires: { after: 1h } }, on: { Yes: END } }
  END: { type: final }
---
start
wait 1h
send Yes
"#,
        expect![[r#"
            start -> in Ask; waiting; timer expires:Ask#1 in 1h; work Ask#1; next: Yes
            wait 1h -> in Ask; failed; cancel work Ask#1
            send Yes -> rejected: the run is failed
        "#]],
    );
}
