//! What makes no sense is refused, with what would; nothing is silently passed over.

use expect_test::expect;

use crate::runs::with_bugfix;

#[test]
fn arguments_that_name_nothing_are_refused() {
    let mut talk = with_bugfix();
    talk.run(&["start", "bugfix", "--input", r#"{"issue":42}"#]);
    talk.type_("find --state Fix")
        .type_("find --in runs --state Fxi")
        .type_("find --in runs --state waiting")
        .type_("ls --cursor bogus")
        .type_("ls --workflow bugfx")
        .type_("ls --limit 0")
        .type_("ls workflows --status running")
        .type_("ls workflows --cursor bogus")
        .type_("read r-1 --limit 0")
        .type_("read r-1 history issue")
        .type_("read r-1 data --cursor e-1")
        .type_("log r-1 action_ended 'all done' --ref call-9")
        .type_("graph bugfix --path")
        .type_("graph r-1 --xstate")
        .type_("show r-1 --html --json")
        .type_("do r-1 submit --rev now")
        .type_("wait r-1 --seconds soon")
        .type_("ls --store lost.db")
        .type_("apply bugfix.yaml --store nowhere/lost.db")
        .type_("check .")
        .type_("demo --store lost.db");
    assert!(!talk.path().join("lost.db").exists(), "looking for runs made a store");
    talk.expect(&expect![[r#"
        $ guidepost find --state Fix
        ! error[GP0407]: --state narrows runs down, and workflows were asked for
        ! hint: add `--in runs`
        exit 64

        $ guidepost find --in runs --state Fxi
        ! error[GP0413]: no workflow has a state `Fxi`
        ! hint: did you mean `Fix`?
        exit 4

        $ guidepost find --in runs --state waiting
        no runs found

        $ guidepost ls --cursor bogus
        ! error[GP0407]: `bogus` is no place in a list of runs
        ! hint: take the cursor from the end of the page before
        exit 64

        $ guidepost ls --workflow bugfx
        ! error[GP0401]: there is no workflow `bugfx`
        ! hint: did you mean `bugfix`?
        exit 4

        $ guidepost ls --limit 0
        ! error: invalid value '0' for '--limit <N>': expected a number from 1 to 1000
        ! 
        ! For more information, try '--help'.
        exit 64

        $ guidepost ls workflows --status running
        ! error[GP0407]: --status narrows runs down, and workflows were asked for
        ! hint: `guidepost find WORDS` finds workflows by words
        exit 64

        $ guidepost ls workflows --cursor bogus
        ! error[GP0407]: `bogus` is no place in the list of workflows
        ! hint: take the cursor from the end of the page before
        exit 64

        $ guidepost read r-1 --limit 0
        ! error: invalid value '0' for '--limit <N>': expected a number from 1 to 1000
        ! 
        ! For more information, try '--help'.
        exit 64

        $ guidepost read r-1 history issue
        ! error[GP0407]: `issue` is a place, and a list of records has none
        ! hint: a place belongs to data, a record's id to event, a step to thread
        exit 64

        $ guidepost read r-1 data --cursor e-1
        ! error[GP0407]: the cursor `e-1` belongs to a list of records
        ! hint: leave it out, or read the history, the artifacts or a thread
        exit 64

        $ guidepost log r-1 action_ended 'all done' --ref call-9
        ! error[GP0407]: no action on record was begun with the ref `call-9`
        ! hint: record the action with a `ref` first, or one whole action with its `status`
        exit 64

        $ guidepost graph bugfix --path
        ! error[GP0407]: `bugfix` is no run, and only a run has gone a way
        ! hint: name a run by its id, as in `guidepost graph r-1 --path`
        exit 64

        $ guidepost graph r-1 --xstate
        ! error[GP0407]: `r-1` is a run, and XState describes workflows
        ! hint: name its workflow instead
        exit 64

        $ guidepost show r-1 --html --json
        ! {"code":"GP0407","message":"the argument '--html' cannot be used with '--json'","hint":"Usage: guidepost show --html <RUN|WORKFLOW>","exit":64,"kind":"usage"}
        exit 64

        $ guidepost do r-1 submit --rev now
        ! error: invalid value 'now' for '--rev <REV>': expected a whole number, 0 or more
        ! 
        ! For more information, try '--help'.
        exit 64

        $ guidepost wait r-1 --seconds soon
        ! error: invalid value 'soon' for '--seconds <N>': expected a number from 0 to 86400
        ! 
        ! For more information, try '--help'.
        exit 64

        $ guidepost ls --store lost.db
        ! error[GP0311]: `lost.db` is no store: there is no such file
        !   --> the store chosen by --store
        ! hint: check the name, or make an empty store with `guidepost init --store lost.db`
        exit 4

        $ guidepost apply bugfix.yaml --store nowhere/lost.db
        ! error[GP0315]: the store `sqlite:nowhere/lost.db` cannot be used: the file cannot be created
        !   caused by: No such file or directory (os error 2)
        !   --> the store chosen by --store
        ! hint: check the path and its permissions, or name another store with --store
        exit 1

        $ guidepost check .
        ! error[GP0452]: `.` cannot be read
        !   caused by: Is a directory (os error 21)
        ! hint: name the files in it, as in `DIR/*.yaml`
        exit 1

        $ guidepost demo --store lost.db
        ! error[GP0407]: the demo plays in a store of its own
        ! hint: `guidepost demo --keep lost.db` keeps it in a new file
        exit 64

    "#]]);
}

#[test]
fn what_is_so_already_stays_so() {
    let mut talk = with_bugfix();
    talk.run(&["start", "bugfix", "--input", r#"{"issue":42}"#]);
    for command in ["pause r-1 --note lunch", "resume r-1", "cancel r-1"] {
        talk.type_(command).type_(command);
    }
    talk.type_("pause r-1");
    talk.expect(&expect![[r#"
        $ guidepost pause r-1 --note lunch
        ok rev 3: still in Fix; run paused (requested: lunch)
        do: Change the code so that the failing test passes.
        next: nothing while the run is paused; resume it with `guidepost resume r-1`

        $ guidepost pause r-1 --note lunch
        nothing to do: r-1 is paused (requested: lunch) already
        next: nothing while the run is paused; resume it with `guidepost resume r-1`

        $ guidepost resume r-1
        ok rev 4: still in Fix
        do: Change the code so that the failing test passes.
        next:
        - submit (needs on record: 1 action `tool_execution` `tests`)

        $ guidepost resume r-1
        nothing to do: r-1 is running already
        next:
        - submit (needs on record: 1 action `tool_execution` `tests`)

        $ guidepost cancel r-1
        ok rev 5: still in Fix; run cancelled
        next: nothing, the run is cancelled

        $ guidepost cancel r-1
        nothing to do: r-1 is cancelled already
        next: nothing, the run is cancelled

        $ guidepost pause r-1
        not done: the run is cancelled. Nothing changed; rev is 5.
        exit 2

    "#]]);
}

/// The commands of the other door have no place in what people read here.
#[test]
fn no_answer_names_a_tool() {
    let talk = with_bugfix();
    let mut seen = String::new();
    for line in [
        "where",
        "define bugfix.yaml",
        "define bugfix.yaml --save",
        "start bugfix",
        "start bugfix --input {\"issue\":1}",
        "start bugfix --input {\"issue\":2}",
        "start --goal tidy",
        "where",
        "where r-1",
        "where r-1 --full",
        "where r-3 --full",
        "do r-1 submit",
        "do r-1 approve",
        "do r-1 approve --rev 99",
        "wait r-1 --seconds 0",
        "pause r-1",
        "where r-1",
        "do r-1 submit",
        "find --limit 1",
        "find --in runs --limit 1",
        "read r-1 --limit 1",
        "read r-1 event e-99",
        "read r-1 data nowhere",
        "show r-3",
        "show bugfix",
        "where r-99",
        "show nothing",
        "history r-1",
        "verify",
        "doctor",
        "ls",
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let answer = talk.run(&words);
        for text in [&answer.stdout, &answer.stderr] {
            assert!(!text.contains("guidepost_"), "{line}: {text}");
            assert!(!text.contains("save=true") && !text.contains("in=runs"), "{line}: {text}");
        }
        seen.push_str(&answer.stdout);
        seen.push_str(&answer.stderr);
    }
    // It is commands that were looked at, not silence.
    assert!(seen.matches("`guidepost ").count() >= 8, "{seen}");
}
