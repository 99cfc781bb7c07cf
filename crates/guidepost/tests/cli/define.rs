//! Saving and showing workflows: `apply`, `define`, `show`.

use expect_test::expect;

use crate::conversation::Conversation;
use crate::runs::BUGFIX;

#[test]
fn a_workflow_is_saved_as_versions() {
    let mut talk = Conversation::new();
    talk.store();
    talk.file("bugfix.yaml", BUGFIX);
    talk.type_("define bugfix.yaml").type_("ls workflows").type_("apply bugfix.yaml");
    talk.file("bugfix.yaml", &BUGFIX.replace("Read the diff.", "Read the diff twice."));
    talk.type_("apply bugfix.yaml");
    talk.file("bugfix.yaml", &BUGFIX.replace("approve: Merged", "approve: Merged, defer: Fix"));
    talk.type_("define --save bugfix.yaml")
        .type_("define --save bugfix.yaml")
        .type_("ls workflows")
        .type_("show bugfix@1")
        .type_("show bugfix@9")
        .type_("show bugfx");
    talk.expect(&expect![[r#"
        $ guidepost define bugfix.yaml
        bugfix is sound: 3 states, 3 transitions; nothing saved, --save does

        $ guidepost ls workflows
        ! no workflows; `guidepost init` writes one, `guidepost apply` saves it

        $ guidepost apply bugfix.yaml
        saved bugfix@1 (bugfix.yaml)

        $ guidepost apply bugfix.yaml
        reworded bugfix@1 (bugfix.yaml)

        $ guidepost define --save bugfix.yaml
        saved bugfix@2: 3 states, 4 transitions
        next: guidepost start bugfix

        $ guidepost define --save bugfix.yaml
        bugfix@2 has this structure already; wording changed in 0
        next: guidepost start bugfix

        $ guidepost ls workflows
        WORKFLOW  VERSION  STATES  LIVE RUNS  DESCRIPTION
        bugfix    2        3       0          Fix a bug and have the fix reviewed.

        $ guidepost show bugfix@1
        bugfix@1 {issue!}: Fix a bug and have the fix reviewed.
        Fix (atomic): Change the code so that the failing test passes.
        - submit -> Review
        Review (atomic): Read the diff.
        - approve -> Merged
        - reject -> Fix
        Merged (final)

        $ guidepost show bugfix@9
        ! error[GP0402]: workflow `bugfix` has no version `9`
        ! hint: the newest is `bugfix@2`
        exit 4

        $ guidepost show bugfx
        ! error[GP0401]: there is no workflow `bugfx`
        ! hint: did you mean `bugfix`?
        exit 4

    "#]]);
}

#[test]
fn a_definition_may_come_on_stdin() {
    let talk = Conversation::new();
    talk.store();
    let saved = talk.run_with_input(&["apply", "-"], BUGFIX);
    assert_eq!((saved.exit, saved.stdout.as_str()), (0, "saved bugfix@1 (<stdin>)\n"));
}

#[test]
fn a_problem_in_one_file_leaves_the_store_as_it_was() {
    let mut talk = Conversation::new();
    talk.store();
    talk.file("good.yaml", BUGFIX);
    talk.file("bad.yaml", "name: bad\nstates: 3\n");
    talk.type_("apply good.yaml bad.yaml").type_("ls workflows");
    talk.expect(&expect![[r#"
        $ guidepost apply good.yaml bad.yaml
        ! error[GP0108]: the workflow has no states
        !   --> bad.yaml:1:1
        ! error[GP0403]: 1 problem in `bad.yaml`
        ! hint: `guidepost explain CODE` tells more about each
        exit 1

        $ guidepost ls workflows
        ! no workflows; `guidepost init` writes one, `guidepost apply` saves it

    "#]]);
}

/// States that only group others count nowhere.
#[test]
fn every_command_counts_states_the_same_way() {
    let talk = Conversation::new();
    talk.store();
    let nested = "name: nested\ninitial: A\nstates: { A: { initial: B, states: { B: { on: { go: Z } } } }, Z: { type: final } }\n";
    talk.file("nested.yaml", nested);
    for (line, part) in [
        ("check nested.yaml", "with 2 states"),
        ("define nested.yaml", "2 states, 1 transition;"),
        ("define nested.yaml --save", "2 states, 1 transition\n"),
        ("ls workflows", "nested    1        2 "),
        ("ls workflows --json", r#""states":2"#),
    ] {
        let answer = talk.run(&line.split(' ').collect::<Vec<_>>());
        assert!(answer.stdout.contains(part), "{line}: {}{}", answer.stdout, answer.stderr);
    }
}
