//! Going back, forking, migrating, replaying and comparing, as people type it.

use expect_test::expect;

use crate::conversation::Conversation;

const BUGFIX: &str = r#"
name: bugfix
attributes:
  issue: { type: integer, required: true }
  pr: { type: string }
initial: Fix
states:
  Fix: { guideline: Change the code., output: [pr], on: { submit: Review } }
  Review: { guideline: Read the diff., on: { approve: Merged, reject: Fix } }
  Merged: { type: final }
"#;

fn with_run() -> Conversation {
    let talk = Conversation::new();
    talk.file("bugfix.yaml", BUGFIX);
    talk.store();
    for line in [
        &["apply", "bugfix.yaml"][..],
        &["start", "bugfix", "--input", r#"{"issue":42}"#],
        &["do", "r-1", "submit", r#"{"pr":"first"}"#],
        &["do", "r-1", "reject"],
    ] {
        let answer = talk.run(line);
        assert_eq!((answer.exit, answer.stderr.as_str()), (0, ""), "{}", answer.stdout);
    }
    talk
}

#[test]
fn a_run_is_taken_back_to_a_place_with_a_name() {
    let mut talk = with_run();
    talk.type_("checkpoint r-1 rejected")
        .type_(r#"do r-1 submit '{"pr":"second"}'"#)
        .type_("rollback r-1 --to rejected --note 'start over'")
        .type_("rollback r-1 --steps 1")
        .type_("rollback r-1 --steps 7")
        .type_("rollback r-1 --to Revue")
        .type_("rollback r-1")
        .type_("checkpoint r-1 7")
        .type_("history r-1 --kind restored --kind checkpoint");
    talk.expect(&expect![[r#"
        $ guidepost checkpoint r-1 rejected
        r-1 is at rev 4
        checkpoint rejected rev 4
        rev 4: Fix#2 at [TIME]
        rev 3: Review#1 at [TIME]
        rev 2: Fix#1 at [TIME]

        $ guidepost do r-1 submit '{"pr":"second"}'
        ok rev 5: Fix -> Review
        do: Read the diff.
        next:
        - approve
        - reject

        $ guidepost rollback r-1 --to rejected --note 'start over'
        went back to rev 4, 1 step
        run r-1 bugfix@1 rev 6
        state: Fix (1 of 3)
        do: Change the code.
        have: issue=42 pr=first
        next:
        - submit {pr?}

        $ guidepost rollback r-1 --steps 1
        went back to rev 3, 1 step
        run r-1 bugfix@1 rev 7
        state: Review (2 of 3)
        do: Read the diff.
        have: issue=42 pr=first
        next:
        - approve
        - reject

        $ guidepost rollback r-1 --steps 7
        ! error[GP0407]: the run has come 1 step, and is to go back 7
        ! hint: go back fewer
        exit 64

        $ guidepost rollback r-1 --to Revue
        ! error[GP0407]: the run has no place `Revue`
        ! hint: expected a rev, a checkpoint, a state's visit such as `Review#2`, or a time; `guidepost checkpoint RUN` lists them
        exit 64

        $ guidepost rollback r-1
        ! error: the following required arguments were not provided:
        !   --to <PLACE>
        ! 
        ! Usage: guidepost rollback --to <PLACE> <RUN>
        ! 
        ! For more information, try '--help'.
        exit 64

        $ guidepost checkpoint r-1 7
        ! error[GP0407]: `7` cannot be a checkpoint's name: it would be read as another place
        ! hint: use a word, such as `before-release`
        exit 64

        $ guidepost history r-1 --kind restored --kind checkpoint
        e-5 rev 4 tester: checkpoint rejected for rev 4
        e-7 rev 6 tester: went back to rev 4, <<start over>>
        e-8 rev 7 tester: went back to rev 3

    "#]]);
}

#[test]
fn what_cannot_be_undone_has_to_be_confirmed() {
    let mut talk = Conversation::new();
    talk.store().file(
        "pay.yaml",
        r#"
name: pay
initial: Charge
states:
  Charge: { exec: [charge], compensate: { exec: [refund] }, by: agent, onDone: Tell }
  Tell: { on: { told: END } }
  END: { type: final }
"#,
    );
    talk.run(&["apply", "pay.yaml"]);
    talk.run(&["start", "pay"]);
    talk.run(&["do", "r-1", "done"]);
    talk.type_("rollback r-1 --steps 1")
        .type_("fork r-1 --at 2")
        .type_("rollback r-1 --steps 1 --yes");
    talk.expect(&expect![[r#"
        $ guidepost rollback r-1 --steps 1
        not done: going back to rev 2, 1 step, has to be confirmed with --yes
        it would make good first: Charge#1 by exec, <<{"command":["refund"]}>>
        run r-1 pay@1 rev 3
        state: Tell (2 of 3)
        next:
        - told
        exit 2

        $ guidepost fork r-1 --at 2
        not done: a fork of r-1 at rev 2 has to be confirmed with --yes
        it may do again: Charge#1; to make it good: <<{"exec":["refund"]}>>
        run r-1 pay@1 rev 3
        state: Tell (2 of 3)
        next:
        - told
        exit 2

        $ guidepost rollback r-1 --steps 1 --yes
        went back to rev 2, 1 step
        is made good first: Charge#1 by exec, <<{"command":["refund"]}>>
        run r-1 pay@1 rev 5
        state: Charge (1 of 3)
        exec: <<charge>>
        makes good first: Charge#1
        next: nothing until what was done is made good; let an engine do that with `guidepost run r-1`

    "#]]);
}

#[test]
fn a_fork_goes_another_way_and_the_difference_is_told() {
    let mut talk = with_run();
    talk.type_(r#"fork r-1 --at Review#1 --set pr='"other"' --set issue=7"#)
        .type_("do r-2 approve")
        .type_("diff r-1 r-2")
        .type_("diff r-1 r-1")
        .type_("fork r-1 --set issue='\"seven\"'")
        .type_("fork r-1 --set issue");
    talk.expect(&expect![[r#"
        $ guidepost fork r-1 --at Review#1 --set pr='"other"' --set issue=7
        forked from r-1 at rev 3
        run r-2 bugfix@1 rev 1
        state: Review (2 of 3)
        do: Read the diff.
        have: issue=7 pr=other
        next:
        - approve
        - reject

        $ guidepost do r-2 approve
        ok rev 3: Review -> Merged; run completed
        next: nothing, the run is completed

        $ guidepost diff r-1 r-2
        3 records in common: Fix#1 -> Review#1
        r-1 from rev 4: Fix#2
        r-1 is running in Fix
        r-2 from rev 2: Merged#1
        r-2 is completed in Merged
        data /issue: 42 | 7
        data /pr: first | other
        exit 1

        $ guidepost diff r-1 r-1
        r-1 and r-1 took the same way to the same end, 4 records

        $ guidepost fork r-1 --set issue='"seven"'
        ! error[GP0407]: the data does not fit: issue is a string, but must be a whole number
        ! hint: `guidepost show WORKFLOW` lists what its attributes take
        exit 64

        $ guidepost fork r-1 --set issue
        ! error: invalid value 'issue' for '--set <PATH=JSON>': expected a place and a value, as in score=90
        ! 
        ! For more information, try '--help'.
        exit 64

    "#]]);
}

#[test]
fn live_runs_follow_a_new_version_and_come_back() {
    let mut talk = with_run();
    talk.file("bugfix.yaml", &BUGFIX.replace("Fix", "Mend"));
    talk.run(&["apply", "bugfix.yaml"]);
    talk.type_("migrate --all bugfix --to 2 --dry-run")
        .type_("migrate r-1 --to 2 --map Fix=Mend")
        .type_("where r-1")
        .type_("migrate r-1 --to bugfix@1 --map Mend=Fix")
        .type_("migrate r-1 --to 9")
        .type_("migrate --to 2")
        .type_("verify r-1");
    talk.expect(&expect![[r#"
        $ guidepost migrate --all bugfix --to 2 --dry-run
        r-1: stays in version 1
          no: the run is in `Fix`, which the version does not have
            name what it is called there with `--map Fix=NEW`
        0 would be migrated, 1 could not; nothing was changed
        exit 2

        $ guidepost migrate r-1 --to 2 --map Fix=Mend
        r-1: version 1 -> 2, rev 5
          Fix -> Mend
        1 migrated, 0 refused

        $ guidepost where r-1
        run r-1 bugfix@2 rev 5
        state: Mend (1 of 3)
        do: Change the code.
        have: issue=42 pr=first
        next:
        - submit {pr?}

        $ guidepost migrate r-1 --to bugfix@1 --map Mend=Fix
        r-1: version 2 -> 1, rev 6
          Mend -> Fix
        1 migrated, 0 refused

        $ guidepost migrate r-1 --to 9
        ! error[GP0402]: workflow `bugfix` has no version `9`
        ! hint: the newest is `bugfix@2`
        exit 4

        $ guidepost migrate --to 2
        ! error: the following required arguments were not provided:
        !   <RUN>...
        ! 
        ! Usage: guidepost migrate --to <VERSION> <RUN>...
        ! 
        ! For more information, try '--help'.
        exit 64

        $ guidepost verify r-1
        r-1: 6 records, nothing wrong
        head [HASH]

    "#]]);
}

#[test]
fn a_history_is_held_against_what_decided_it_and_against_other_rules() {
    let mut talk = with_run();
    talk.file("other.yaml", &BUGFIX.replace("reject: Fix", "reject: Merged"));
    talk.type_("replay r-1")
        .type_("replay r-1 --against other.yaml")
        .type_("replay r-1 --against bugfix@1")
        .type_("replay r-1 --against bugfix@7")
        .type_("replay r-1 --against none.yaml");
    talk.expect(&expect![[r#"
        $ guidepost replay r-1
        r-1: 4 records, all decided alike

        $ guidepost replay r-1 --against other.yaml
        r-1: parts at rev 4, on event reject
        recorded: <<{"kind":"transitioned","body":{"cause":"event","event":"reject","from":"Review","to":["Fix"],"exited":["Review"],"entered":["Fix"],"by":"tester","at":[NS]}}>>
        decided: <<{"kind":"transitioned","body":{"cause":"event","event":"reject","from":"Review","to":["Merged"],"exited":["Review"],"entered":["Merged"],"by":"tester","at":[NS]}}>>
        exit 1

        $ guidepost replay r-1 --against bugfix@1
        r-1: 4 records, all decided alike

        $ guidepost replay r-1 --against bugfix@7
        ! error[GP0402]: workflow `bugfix` has no version `7`
        ! hint: the newest is `bugfix@1`
        exit 4

        $ guidepost replay r-1 --against none.yaml
        ! error[GP0452]: `none.yaml` cannot be read
        !   caused by: No such file or directory (os error 2)
        ! hint: `guidepost init` writes a sample workflow
        exit 4

    "#]]);
}

#[test]
fn programs_get_json() {
    let talk = with_run();
    let json = |line: &[&str], exit: i32| -> serde_json::Value {
        let answer = talk.run(&[line, &["--json"]].concat());
        assert_eq!((answer.exit, answer.stderr.as_str()), (exit, ""), "{line:?}");
        // What differs from time to time is filtered out of what is shown.
        serde_json::from_str(&answer.stdout.replace("[NS]", "0")).unwrap()
    };
    assert_eq!(json(&["checkpoint", "r-1", "here"], 0)["checkpoints"][0]["rev"], 4);
    assert_eq!(json(&["rollback", "r-1", "--steps", "1"], 0)["to"], 3);
    assert_eq!(json(&["fork", "r-1"], 0)["run"], "r-2");
    assert_eq!(json(&["replay", "r-1"], 0)["records"], 5);
    assert_eq!(json(&["diff", "r-1", "r-2"], 0)["is_same"], true);
    assert_eq!(json(&["migrate", "r-1", "--to", "1"], 0)["runs"][0]["outcome"], "unchanged");
}

/// S3.22: automatic checkpoints by step, of which the last are kept, and how far one may go back.
#[test]
fn s3_22_a_workflow_names_places_by_itself() {
    let mut talk = Conversation::new();
    let named = BUGFIX.replace(
        "initial: Fix",
        "checkpoints: { every: step, max: 2 }\nlimits: { max_rollback_steps: 2 }\ninitial: Fix",
    );
    talk.file("bugfix.yaml", &named);
    talk.type_("apply bugfix.yaml")
        .type_(r#"start bugfix --input '{"issue":42}'"#)
        .type_(r#"do r-1 submit '{"pr":"first"}'"#)
        .type_("do r-1 reject")
        .type_(r#"do r-1 submit '{"pr":"second"}'"#)
        .type_("checkpoint r-1 --list")
        .type_("rollback r-1 --to auto-3")
        .type_("rollback r-1 --to 2")
        .type_("rollback r-1 --to auto-4")
        .type_("checkpoint r-1 auto-4")
        .type_("checkpoint r-1 --json");
    talk.expect(&expect![[r#"
        $ guidepost apply bugfix.yaml
        saved bugfix@1 (bugfix.yaml)

        $ guidepost start bugfix --input '{"issue":42}'
        started
        run r-1 bugfix@1 rev 2
        state: Fix (1 of 3)
        do: Change the code.
        have: issue=42
        next:
        - submit {pr?}

        $ guidepost do r-1 submit '{"pr":"first"}'
        ok rev 3: Fix -> Review
        do: Read the diff.
        next:
        - approve
        - reject

        $ guidepost do r-1 reject
        ok rev 4: Review -> Fix
        do: Change the code.
        next:
        - submit {pr?}

        $ guidepost do r-1 submit '{"pr":"second"}'
        ok rev 5: Fix -> Review
        do: Read the diff.
        next:
        - approve
        - reject

        $ guidepost checkpoint r-1 --list
        r-1 is at rev 5
        checkpoint auto-5 rev 5
        checkpoint auto-4 rev 4
        rev 5: Review#2 at [TIME]
        rev 4: Fix#2 at [TIME]
        rev 3: Review#1 at [TIME]
        rev 2: Fix#1 at [TIME]

        $ guidepost rollback r-1 --to auto-3
        ! error[GP0407]: there is no automatic checkpoint `auto-3`, or none any more
        ! hint: `guidepost checkpoint RUN --list` lists those there are; `--to 3` goes to the rev itself
        exit 64

        $ guidepost rollback r-1 --to 2
        ! error[GP0407]: that is 3 steps back, and the workflow allows 2
        ! hint: take a later place, or raise `max_rollback_steps` under `limits:`
        exit 64

        $ guidepost rollback r-1 --to auto-4
        went back to rev 4, 1 step
        run r-1 bugfix@1 rev 6
        state: Fix (1 of 3)
        do: Change the code.
        have: issue=42 pr=first
        next:
        - submit {pr?}

        $ guidepost checkpoint r-1 auto-4
        ! error[GP0407]: `auto-4` cannot be a checkpoint's name: it would be read as another place
        ! hint: use a word, such as `before-release`
        exit 64

        $ guidepost checkpoint r-1 --json
        {"run":"r-1","rev":6,"checkpoints":[{"name":"auto-3","rev":3,"named_at":[NS],"automatic":true},{"name":"auto-6","rev":6,"named_at":[NS],"automatic":true}],"steps":[{"rev":2,"at":[NS],"entered":["Fix#1"]},{"rev":3,"at":[NS],"entered":["Review#1"]},{"rev":6,"at":[NS],"entered":["Fix#3"]}]}

    "#]]);
}

/// What begins anew in another version and cannot be undone asks first, and is named.
#[test]
fn a_migration_that_begins_irreversible_work_anew_asks_first() {
    let mut talk = Conversation::new();
    let order = |state: &str| {
        format!(
            "name: order\ninitial: {state}\nstates:\n  {state}: {{ task: pay, irreversible: true, onDone: END }}\n  END: {{ type: final }}\n"
        )
    };
    talk.file("one.yaml", &order("Pay"));
    talk.file("two.yaml", &order("Charge"));
    talk.run(&["apply", "one.yaml"]);
    talk.run(&["run", "order@1"]);
    talk.run(&["apply", "two.yaml"]);
    talk.type_("tasks claim task:pay --lease 1h")
        .type_("migrate r-1 --to 2 --map Pay=Charge --dry-run")
        .type_("migrate r-1 --to 2 --map Pay=Charge")
        .type_("where r-1")
        .type_("migrate r-1 --to 2 --map Pay=Charge --yes --note 'it was not charged'")
        .type_("rollback r-1 --to 2")
        .type_("rollback r-1 --to 2 --yes");
    talk.expect(&expect![[r#"
        $ guidepost tasks claim task:pay --lease 1h
        r-1:Pay#1 --attempt 1
          key [KEY]  until [TIME]

        $ guidepost migrate r-1 --to 2 --map Pay=Charge --dry-run
        r-1: would go from version 1 to 2 if confirmed with --yes
          Pay -> Charge
        would begin anew: Pay#1, which had begun and may be half done
        1 would be migrated, 0 could not; nothing was changed

        $ guidepost migrate r-1 --to 2 --map Pay=Charge
        r-1: stays in version 1: going to 2 has to be confirmed with --yes
          Pay -> Charge
        would begin anew: Pay#1, which had begun and may be half done
        0 migrated, 0 refused, 1 to be confirmed with --yes
        exit 2

        $ guidepost where r-1
        run r-1 order@1 rev 2
        state: Pay (1 of 2)
        task: <<pay>>
        next: nothing now: Pay#1 is held by tester until [TIME]; `guidepost wait` tells when the run moved

        $ guidepost migrate r-1 --to 2 --map Pay=Charge --yes --note 'it was not charged'
        r-1: version 1 -> 2, rev 3
          Pay -> Charge
        begins anew: Pay#1, which had begun and may be half done
        1 migrated, 0 refused

        $ guidepost rollback r-1 --to 2
        not done: going back to rev 2, 1 step, has to be confirmed with --yes
        it would leave version 2: its migration was later
        it would not undo: Charge#2, which had begun and may be half done
        it would not undo: Pay#1, which had begun and may be half done
        run r-1 order@2 rev 3
        state: Charge (1 of 2)
        task: <<pay>>
        next: nothing now: Charge#2 waits for a worker, who takes it with `guidepost tasks claim task:pay`; `guidepost wait` tells when the run moved
        exit 2

        $ guidepost rollback r-1 --to 2 --yes
        went back to rev 2, 1 step
        its migration is taken back too; it was in version 2
        not undone: Charge#2, which had begun and may be half done
        not undone: Pay#1, which had begun and may be half done
        run r-1 order@1 rev 4
        state: Pay (1 of 2)
        task: <<pay>>
        next: nothing now: Pay#2 waits for a worker, who takes it with `guidepost tasks claim task:pay`; `guidepost wait` tells when the run moved

    "#]]);
}
