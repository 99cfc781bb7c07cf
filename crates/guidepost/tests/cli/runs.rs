//! A run from its start to its end, in the words an agent without MCP reads.

use expect_test::expect;

use crate::conversation::Conversation;

/// A workflow with both gates.
pub(crate) const BUGFIX: &str = r#"
name: bugfix
description: Fix a bug and have the fix reviewed.
attributes:
  issue: { type: integer, required: true }
events:
  reject: { data: { reason: { type: string, required: true } } }
initial: Fix
states:
  Fix:
    guideline: Change the code so that the failing test passes.
    on:
      submit: { target: Review, requires: [{ action: tool_execution, name: tests, min: 1 }] }
  Review:
    guideline: Read the diff.
    on: { approve: Merged, reject: Fix }
  Merged: { type: final }
"#;

pub(crate) fn with_bugfix() -> Conversation {
    let talk = Conversation::new();
    talk.file("bugfix.yaml", BUGFIX);
    talk.store();
    let applied = talk.run(&["apply", "bugfix.yaml"]);
    assert_eq!((applied.exit, applied.stderr.as_str()), (0, ""));
    talk
}

#[test]
fn a_run_is_led_from_its_start_to_its_end() {
    let mut talk = with_bugfix();
    talk.type_("find bug")
        .type_(r#"start bugfix --input '{"issue":42}' --key t-42"#)
        .type_(r#"start bugfix --input '{"issue":42}' --key t-42"#)
        .type_("do r-1 approve --rev 2")
        .type_("do r-1 submit --rev 2")
        .type_(
            r#"log r-1 action 'ran the tests' --data '{"type":"tool_execution","name":"tests"}'"#,
        )
        .type_("do r-1 submit --rev 2 --note 'all green'")
        .type_("do r-1 submit --rev 2 --note 'all green'")
        .type_("do r-1 reject --rev 3")
        .type_(r#"do r-1 reject '{"reason":"no test for empty input"}' --rev 2"#)
        .type_("do r-1 approve --rev 3")
        .type_("do r-1 approve --rev 4")
        .type_("where r-1")
        .type_("history r-1")
        .type_("ls")
        .type_("ls --all");
    talk.expect(&expect![[r#"
        $ guidepost find bug
        1 workflow
        bugfix@1 {issue!}: Fix a bug and have the fix reviewed.

        $ guidepost start bugfix --input '{"issue":42}' --key t-42
        started
        run r-1 bugfix@1 rev 2
        state: Fix (1 of 3)
        do: Change the code so that the failing test passes.
        have: issue=42
        next:
        - submit (needs on record: 1 action `tool_execution` `tests`)

        $ guidepost start bugfix --input '{"issue":42}' --key t-42
        started before with this key
        run r-1 bugfix@1 rev 2
        state: Fix (1 of 3)
        do: Change the code so that the failing test passes.
        have: issue=42
        next:
        - submit (needs on record: 1 action `tool_execution` `tests`)

        $ guidepost do r-1 approve --rev 2
        not done: approve is not legal in Fix. Legal now: submit. Example: submit {}. Nothing changed; rev is 2.
        exit 2

        $ guidepost do r-1 submit --rev 2
        not done: submit needs on record, since the state was entered: 1 action `tool_execution` `tests` (there are 0). Record it with `guidepost log` first. Legal now: submit. Example: submit {}. Nothing changed; rev is 2.
        exit 2

        $ guidepost log r-1 action 'ran the tests' --data '{"type":"tool_execution","name":"tests"}'
        logged e-3 in r-1, rev 2
        next: submit

        $ guidepost do r-1 submit --rev 2 --note 'all green'
        ok rev 3: Fix -> Review
        do: Read the diff.
        next:
        - approve
        - reject {reason!}

        $ guidepost do r-1 submit --rev 2 --note 'all green'
        ok rev 3: Fix -> Review
        do: Read the diff.
        next:
        - approve
        - reject {reason!}

        $ guidepost do r-1 reject --rev 3
        not done: reject does not fit: lacks `reason`. You sent no data. Expected reject {reason!}. Legal now: approve, reject {reason!}. Example: reject {"reason":"…"}. Nothing changed; rev is 3.
        exit 2

        $ guidepost do r-1 reject '{"reason":"no test for empty input"}' --rev 2
        not done: rev 2 is old, the run is at rev 3 (tester sent submit at [TIME]). Now in Review. Legal: approve, reject {reason!}. Example: reject {"reason":"…"}. Call again with --rev 3 only if you still want it.
        exit 3

        $ guidepost do r-1 approve --rev 3
        ok rev 5: Review -> Merged; run completed
        next: nothing, the run is completed

        $ guidepost do r-1 approve --rev 4
        not done: rev 4 is old, the run is at rev 5 (tester sent approve at [TIME]). Now in Merged.
        exit 3

        $ guidepost where r-1
        run r-1 bugfix@1 rev 5 completed
        state: Merged (3 of 3)
        have: issue=42
        next: nothing, the run is completed

        $ guidepost history r-1
        e-1 rev 1 tester: started bugfix
        e-2 rev 2: began in Fix
        e-3 rev 2 tester: action tool_execution tests
        e-4 rev 3 tester: submit, Fix -> Review, <<all green>>
        e-5 rev 4 tester: approve, Review -> Merged
        e-6 rev 5: completed

        $ guidepost ls
        ! no open runs; --all shows those that are over

        $ guidepost ls --all
        RUN  WORKFLOW  STATE   STATUS     REV  AGENT   CHANGED
        r-1  bugfix@1  Merged  completed  5    tester  [TIME]

    "#]]);
}

#[test]
fn a_run_can_be_paused_resumed_and_cancelled() {
    let mut talk = with_bugfix();
    talk.run(&["start", "bugfix", "--input", r#"{"issue":1}"#]);
    talk.type_("pause r-1 --note lunch")
        .type_("do r-1 submit")
        .type_("resume r-1")
        .type_("cancel r-1")
        .type_("resume r-1")
        .type_("wait r-1 --seconds 0");
    talk.expect(&expect![[r#"
        $ guidepost pause r-1 --note lunch
        ok rev 3: still in Fix; run paused (requested: lunch)
        do: Change the code so that the failing test passes.
        next: nothing while the run is paused; resume it with `guidepost resume r-1`

        $ guidepost do r-1 submit
        not done: the run is paused. Resume it with `guidepost resume r-1`. Nothing changed; rev is 3.
        exit 2

        $ guidepost resume r-1
        ok rev 4: still in Fix
        do: Change the code so that the failing test passes.
        next:
        - submit (needs on record: 1 action `tool_execution` `tests`)

        $ guidepost cancel r-1
        ok rev 5: still in Fix; run cancelled
        next: nothing, the run is cancelled

        $ guidepost resume r-1
        not done: the run is cancelled. Nothing changed; rev is 5.
        exit 2

        $ guidepost wait r-1 --seconds 0
        run r-1 bugfix@1 rev 5 cancelled
        state: Fix (1 of 3)
        have: issue=1
        next: nothing, the run is cancelled

    "#]]);
}

#[test]
fn waiting_ends_with_5_if_nothing_moved() {
    let mut talk = with_bugfix();
    talk.run(&["start", "bugfix", "--input", r#"{"issue":1}"#]);
    talk.type_("wait r-1 --seconds 0").type_("wait r-1 --rev 1 --seconds 0");
    talk.expect(&expect![[r#"
        $ guidepost wait r-1 --seconds 0
        still waiting: r-1 is at rev 2 in Fix
        next: submit
        exit 5

        $ guidepost wait r-1 --rev 1 --seconds 0
        run r-1 bugfix@1 rev 2
        state: Fix (1 of 3)
        do: Change the code so that the failing test passes.
        have: issue=1
        next:
        - submit (needs on record: 1 action `tool_execution` `tests`)

    "#]]);
}

#[test]
fn parts_of_a_record_can_be_read() {
    let mut talk = with_bugfix();
    talk.run(&["start", "bugfix", "--input", r#"{"issue":7}"#]);
    talk.run(&[
        "log",
        "r-1",
        "artifact",
        "--data",
        r#"{"name":"patch","type":"text/x-diff","uri":"a.diff"}"#,
    ]);
    talk.type_("read r-1")
        .type_("read r-1 data issue")
        .type_("read r-1 artifacts")
        .type_("read r-1 event e-2")
        .type_("read r-1 event")
        .type_("read r-1 event e-99");
    assert!(talk.run(&["read", "r-1", "diagram"]).stdout.starts_with("stateDiagram-v2\n"));
    talk.expect(&expect![[r#"
        $ guidepost read r-1
        e-3 rev 2 tester: artifact patch at a.diff
        e-2 rev 2: began in Fix
        e-1 rev 1 tester: started bugfix

        $ guidepost read r-1 data issue
        7

        $ guidepost read r-1 artifacts
        e-3 rev 2 tester: artifact patch at a.diff

        $ guidepost read r-1 event e-2
        e-2 rev 2 transitioned at [TIME]
        <<{"cause":"initial","event":"xstate.init","from":"","to":[],"entered":["Fix"],"at":[NS]}>>

        $ guidepost read r-1 event
        ! error[GP0407]: which record is to be read?
        ! hint: give its id, as in `guidepost read RUN event e-7`; `guidepost read RUN` lists them
        exit 64

        $ guidepost read r-1 event e-99
        ! error[GP0410]: run `r-1` has no record `e-99`
        ! hint: list the records there are with `guidepost read r-1 history`
        exit 4

    "#]]);
}

/// B19: what somebody needs who takes the run over, in one answer.
#[test]
fn a_run_can_be_taken_over() {
    let talk = with_bugfix();
    talk.run(&["start", "bugfix", "--input", r#"{"issue":1}"#]);
    let lookup = r#"{"name":"tests","type":"tool_execution","status":"running"}"#;
    talk.run(&["log", "r-1", "action", "--data", lookup]);
    talk.run(&["log", "r-1", "decision", "--data", r#"{"question":"how","chosen":"small"}"#]);
    let answer = talk.run(&["where", "r-1", "--full"]).stdout;
    for part in
        ["do: Change the code", "decision how -> small", "e-3", "safe to repeat", "- submit"]
    {
        assert!(answer.contains(part), "{part}: {answer}");
    }
    let packet = talk.run(&["where", "r-1", "--full", "--json"]).stdout;
    assert!(packet.contains(r#""unfinished":[{"id":"e-3""#), "{packet}");
}

#[test]
fn a_fact_needs_words_or_fields() {
    let talk = Conversation::new();
    talk.store();
    talk.run(&["start", "--goal", "tidy the inbox"]);
    let answer = talk.run(&["log", "r-1", "note"]);
    assert_eq!(answer.exit, 64);
    assert!(answer.stderr.contains("neither TEXT nor --data says what happened"));
    assert_eq!(talk.run(&["log", "r-1", "note", "hm"]).exit, 0);
    assert_eq!(talk.run(&["log", "r-1", "note", "--data", r#"{"text":"hm"}"#]).exit, 0);
    assert!(talk.run(&["log", "--help"]).stdout.contains("<RUN> <KIND> [TEXT]"));
}

#[test]
fn a_run_without_a_workflow_is_only_recorded() {
    let mut talk = Conversation::new();
    talk.store();
    talk.type_("start --goal 'tidy the inbox'")
        .type_("log r-1 decision 'archive it all'")
        .type_("where");
    talk.expect(&expect![[r#"
        $ guidepost start --goal 'tidy the inbox'
        started
        run r-1 observed rev 2
        state: Executing (2 of 5)
        goal: <<tidy the inbox>>
        do: Record what you do; send done or failed at the end.
        next:
        - think
        - wait
        - done
        - failed

        $ guidepost log r-1 decision 'archive it all'
        logged e-3 in r-1, rev 2
        next: think, wait, done, failed

        $ guidepost where
        1 open run
        r-1 observed rev 2 in Executing, agent tester: <<tidy the inbox>>
        next: `guidepost where` with one of these
        ! store: sqlite:[HERE]/guidepost.db, chosen by the nearest guidepost.db upward
        ! durability: disk: what was acknowledged survives loss of power

    "#]]);
}

#[test]
fn a_page_shows_the_path_and_runs_nothing() {
    let talk = with_bugfix();
    talk.run(&["start", "bugfix", "--input", r#"{"issue":1}"#]);
    let script = r#"{"name":"<script>alert(1)</script>","type":"tool_execution"}"#;
    assert_eq!(talk.run(&["log", "r-1", "action", "--data", script]).exit, 0);
    assert_eq!(talk.run(&["start", "--goal", "<b>tidy</b>"]).exit, 0);
    for what in ["r-1", "bugfix", "r-2"] {
        let page = talk.run(&["show", what, "--html"]);
        assert_eq!(page.exit, 0, "{}", page.stderr);
        assert!(page.stdout.starts_with("<!doctype html>"));
        for unwanted in ["<script", "<b>", "http://", "https://", "url("] {
            // The name of SVG's namespace is an address, but nobody asks there.
            let page = page.stdout.replace("http://www.w3.org/2000/svg", "");
            assert!(!page.contains(unwanted), "{what}: {unwanted}");
        }
    }
}

#[test]
fn a_page_says_why_nothing_is_legal() {
    let talk = Conversation::new();
    talk.file("one.yaml", "name: one\nsteps: [{ name: Check, task: check }]\n");
    talk.run(&["run", "one.yaml"]);
    let page = talk.run(&["show", "r-1", "--html"]).stdout;
    let expected = "nothing now: Check#1 waits for a worker, who takes it with `guidepost tasks claim task:check`";
    assert!(page.contains(expected), "{page}");
}

/// A page is handed around and a terminal looked at by many: neither tells what is sensitive. Whoever claims the work is
/// told.
#[test]
fn pages_and_closing_words_do_not_tell_what_is_sensitive() {
    let talk = Conversation::new();
    talk.file(
        "secret.yaml",
        "
name: secret
attributes: { token: { type: string, sensitive: true, default: SECRET1 } }
initial: Use
states:
  Use: { agent: w, prompt: 'use {{ token }} now', onDone: END }
  END: { type: final }
",
    );
    let ran = talk.run(&["run", "secret.yaml"]);
    assert!(ran.stdout.contains("use (sensitive) now"), "{}", ran.stdout);
    let page = talk.run(&["show", "r-1", "--html"]).stdout;
    assert!(page.contains("use (sensitive) now"), "{page}");
    talk.run(&["start", "secret"]);
    let guided = talk.run(&["where", "r-2"]).stdout;
    assert!(guided.contains("use SECRET1 now"), "{guided}");
    let guided_page = talk.run(&["show", "r-2", "--html"]).stdout;
    assert!(guided_page.contains("use (sensitive) now"), "{guided_page}");
    for told in [&ran.stdout, &ran.stderr, &page, &guided_page] {
        assert!(!told.contains("SECRET1"), "{told}");
    }
    let claimed = talk.run(&["tasks", "claim", "agent:w"]).stdout;
    assert!(claimed.contains("use SECRET1 now"), "{claimed}");
}
