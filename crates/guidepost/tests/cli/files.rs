//! Commands over files: `init`, `check`, `graph`, `connect`.

use std::fs;

use expect_test::expect;

use crate::conversation::Conversation;

#[test]
fn the_sample_is_sound_and_can_be_played_to_its_end() {
    let mut talk = Conversation::new();
    talk.type_("init").type_("init").type_("check workflow.yaml").type_(
        r#"simulate workflow.yaml --input '{"topic":"otters"}' --event 'Drafted={"draft":"Otters hold hands."}' --event Approved --event Chosen --event Uploaded"#,
    );
    talk.expect(&expect![[r#"
        $ guidepost init
        wrote workflow.yaml

        Try next:
          guidepost check workflow.yaml
          guidepost simulate workflow.yaml --input '{"topic":"otters"}' --event Drafted='{"draft":"Otters hold hands."}'
          guidepost apply workflow.yaml

        $ guidepost init
        ! error[GP0453]: `workflow.yaml` exists and was left alone
        ! hint: give another name, or replace it with --force
        exit 1

        $ guidepost check workflow.yaml
        workflow.yaml: ok, workflow `write-article` with 8 states

        $ guidepost simulate workflow.yaml --input '{"topic":"otters"}' --event 'Drafted={"draft":"Otters hold hands."}' --event Approved --event Chosen --event Uploaded
        start {"topic":"otters"}
          enter Writing
          in: Writing
          active: Writing
          status: running, rev 2
          data: {"topic":"otters"}
          legal: Drafted {draft!}

        event Drafted {"draft":"Otters hold hands."}
          Drafted: Writing -> Checking
          in: Checking
          active: Checking
          status: running, rev 3
          data: {"topic":"otters","draft":"Otters hold hands."}
          legal: Approved, Rejected {reason!}

        event Approved
          Approved: Checking -> Publishing.Text.Uploading, Publishing.Picture.Choosing
          note: 1 action `tool_execution`, which a transition for it requires, is taken to be on record
          in: Publishing.Text.Uploading, Publishing.Picture.Choosing
          active: Publishing, Publishing.Text, Publishing.Text.Uploading, Publishing.Picture, Publishing.Picture.Choosing
          status: running, rev 4
          data: {"topic":"otters","draft":"Otters hold hands."}
          legal: Uploaded, Chosen

        event Chosen
          Chosen: Publishing.Picture.Choosing -> Publishing.Picture.Done
          in: Publishing.Text.Uploading, Publishing.Picture.Done
          active: Publishing, Publishing.Text, Publishing.Text.Uploading, Publishing.Picture, Publishing.Picture.Done
          status: running, rev 5
          data: {"topic":"otters","draft":"Otters hold hands."}
          legal: Uploaded

        event Uploaded
          Uploaded: Publishing.Text.Uploading -> Publishing.Text.Done
          done: Publishing -> Published
          in: Published
          active: Published
          status: completed, rev 8
          data: {"topic":"otters","draft":"Otters hold hands."}
          legal: nothing

    "#]]);
}

#[test]
fn every_problem_of_a_file_is_told_with_its_place() {
    let mut talk = Conversation::new();
    talk.file(
        "bugfix.yaml",
        "name: bugfix\ninitial: Review\nstates:\n  Review: { on: { approve: mergd, reject: Fix } }\n  Fix: { on: { submit: Review } }\n  merged: { type: final }\n",
    );
    talk.type_("check bugfix.yaml")
        .type_("check --format short bugfix.yaml")
        .type_("check --format github bugfix.yaml")
        .type_("check --json bugfix.yaml")
        .type_("apply bugfix.yaml");
    talk.expect(&expect![[r#"
        $ guidepost check bugfix.yaml
        error[GP0102]: state `Review` has the target `mergd`, which does not exist
          --> bugfix.yaml:4:28
        hint: did you mean `merged`?
        bugfix.yaml: 1 error, 0 warnings
        exit 1

        $ guidepost check --format short bugfix.yaml
        bugfix.yaml:4:28: error[GP0102]: state `Review` has the target `mergd`, which does not exist
        exit 1

        $ guidepost check --format github bugfix.yaml
        ::error file=bugfix.yaml,line=4,col=28,title=GP0102::state `Review` has the target `mergd`, which does not exist%0Ahint: did you mean `merged`?
        exit 1

        $ guidepost check --json bugfix.yaml
        {"file":"bugfix.yaml","ok":false,"workflow":null,"hash":null,"format":null,"states":null,"transitions":null,"problems":[{"severity":"error","code":"GP0102","message":"state `Review` has the target `mergd`, which does not exist","line":4,"column":28,"hint":"did you mean `merged`?"}],"saved":null}
        exit 1

        $ guidepost apply bugfix.yaml
        ! error[GP0102]: state `Review` has the target `mergd`, which does not exist
        !   --> bugfix.yaml:4:28
        ! hint: did you mean `merged`?
        ! error[GP0403]: 1 problem in `bugfix.yaml`
        ! hint: `guidepost explain CODE` tells more about each
        exit 1

    "#]]);
}

#[test]
fn a_workflow_is_drawn_and_translated() {
    let mut talk = Conversation::new();
    talk.file("door.yaml", "name: door\ninitial: shut\nstates:\n  shut: { on: { open: ajar } }\n  ajar: { on: { close: shut } }\n");
    talk.type_("graph door.yaml").type_("graph --xstate door.yaml").type_("graph dor");
    talk.expect(&expect![[r#"
        $ guidepost graph door.yaml
        stateDiagram-v2
            [*] --> shut
            shut
            ajar
            shut --> ajar: open
            ajar --> shut: close

        $ guidepost graph --xstate door.yaml
        {
          "id": "door",
          "initial": "shut",
          "states": {
            "shut": {
              "on": {
                "open": "ajar"
              }
            },
            "ajar": {
              "on": {
                "close": "shut"
              }
            }
          }
        }

        $ guidepost graph dor
        ! error[GP0401]: there is no workflow `dor`
        ! hint: list the workflows there are with `guidepost find`
        exit 4

    "#]]);
}

#[test]
fn an_agent_is_connected_without_losing_what_is_configured() {
    let mut talk = Conversation::new();
    talk.file(".gemini/settings.json", "{\n  // mine\n  \"theme\": \"dark\"\n}\n");
    talk.file(".cursor/mcp.json", "[]");
    talk.type_("connect claude-code")
        .type_("connect claude-code --write --store team.db")
        .type_("connect codex --write")
        .type_("connect codex --write")
        .type_("connect gemini --write")
        .type_("connect cursor --write");
    talk.expect(&expect![[r#"
        $ guidepost connect claude-code
        {
          "mcpServers": {
            "guidepost": {
              "command": "[BINARY]",
              "args": ["mcp"]
            }
          }
        }
        ! For Claude Code, in .mcp.json:
        ! or run: claude mcp add guidepost -- [BINARY] mcp
        ! or let Guidepost merge it into the file: add --write

        $ guidepost connect claude-code --write --store team.db
        wrote .mcp.json
        next: start `claude` here and allow the server; `/mcp` shows it

        $ guidepost connect codex --write
        wrote [HERE]/.codex/config.toml
        next: start `codex`; `/mcp` shows the server

        $ guidepost connect codex --write
        [HERE]/.codex/config.toml has the entry already
        next: start `codex`; `/mcp` shows the server

        $ guidepost connect gemini --write
        added the entry to [HERE]/.gemini/settings.json
        the old file is kept as [HERE]/.gemini/settings.json.guidepost-backup
        next: start `gemini`; `/mcp` shows the server

        $ guidepost connect cursor --write
        ! error[GP0456]: the configuration was left alone: it is no JSON object
        !   --> [HERE]/.cursor/mcp.json
        ! hint: without --write the entry is printed, to be put in by hand
        exit 1

    "#]]);
    let kept = fs::read_to_string(talk.path().join(".gemini/settings.json")).unwrap();
    assert!(kept.contains("// mine") && kept.contains("\"guidepost\""), "{kept}");
    let backup = talk.path().join(".gemini/settings.json.guidepost-backup");
    assert_eq!(fs::read_to_string(backup).unwrap(), "{\n  // mine\n  \"theme\": \"dark\"\n}\n");
    assert_eq!(fs::read_to_string(talk.path().join(".cursor/mcp.json")).unwrap(), "[]");
}

/// Whoever starts a file is told what to do with it.
#[test]
fn a_file_is_not_started() {
    let mut talk = Conversation::new();
    talk.store().file("flow.yaml", "states: { A: { type: final } }\n");
    talk.type_("start flow.yaml").type_("start flaw.yaml");
    talk.expect(&expect![[r#"
        $ guidepost start flow.yaml
        ! error[GP0401]: there is no workflow `flow.yaml`
        ! hint: it is a file: `guidepost apply flow.yaml` saves the workflow in it, and tells its name; `guidepost run flow.yaml` has an engine run it
        exit 4

        $ guidepost start flaw.yaml
        ! error[GP0401]: there is no workflow `flaw.yaml`
        ! hint: list the workflows there are with `guidepost find`
        exit 4

    "#]]);
}
