//! How errors look, and what the exit code says.

use expect_test::expect;

use crate::conversation::Conversation;
use crate::runs::with_bugfix;

#[test]
fn an_error_says_what_why_and_what_next() {
    let mut talk = with_bugfix();
    talk.type_("where r-9")
        .type_("where r-9 --json")
        .type_("start bugfx")
        .type_("start bugfix")
        .type_("start bugfix --json")
        .type_("do r-1 submit '[1'")
        .type_("check nowhere.yaml")
        .type_("lss")
        .type_("explain GP9999")
        .type_("explain gp0201");
    talk.expect(&expect![[r#"
        $ guidepost where r-9
        ! error[GP0302]: there is no run `r-9`
        ! hint: list the runs there are with `guidepost find --in runs`
        exit 4

        $ guidepost where r-9 --json
        ! {"code":"GP0302","message":"there is no run `r-9`","hint":"list the runs there are with `guidepost find --in runs`","exit":4,"kind":"not_found"}
        exit 4

        $ guidepost start bugfx
        ! error[GP0401]: there is no workflow `bugfx`
        ! hint: did you mean `bugfix`?
        exit 4

        $ guidepost start bugfix
        not started: issue is missing; it must be of type integer. You sent no data. Send them as --input.
        exit 64

        $ guidepost start bugfix --json
        ! {"code":"GP0210","message":"the run cannot start with this data","hint":"send what is missing as --input JSON","exit":64,"kind":"usage","problems":[{"at":"/issue","what":"is missing; it must be of type integer"}]}
        exit 64

        $ guidepost do r-1 submit '[1'
        ! error: invalid value '[1' for '[JSON]': expected JSON, as in '{"score":90}' or '"done"': EOF while parsing a list at line 1 column 2
        ! 
        ! For more information, try '--help'.
        exit 64

        $ guidepost check nowhere.yaml
        ! error[GP0452]: `nowhere.yaml` cannot be read
        !   caused by: No such file or directory (os error 2)
        ! hint: `guidepost init` writes a sample workflow
        exit 4

        $ guidepost lss
        ! error: unrecognized subcommand 'lss'
        ! 
        !   tip: a similar subcommand exists: 'ls'
        ! 
        ! Usage: guidepost [OPTIONS] <COMMAND>
        ! 
        ! For more information, try '--help'.
        exit 64

        $ guidepost explain GP9999
        ! error[GP0455]: there is no error code `GP9999`
        ! hint: `guidepost explain` lists all codes
        exit 4

        $ guidepost explain gp0201
        # GP0201: the event is not legal here

        No active state has a transition for the event, so nothing was changed.

        **Why it happens.** The run is in another state than the sender believes, or the event is spelt differently in the
        workflow. States inside others also take the events of the states around them; what none of them takes is not legal.

        **What to do.** Choose one of the events the message lists. `guidepost where RUN` shows the state and its legal events
        with what each must carry. If the list is empty, the run can go on only by itself: by work that ends or a time that
        comes.

    "#]]);
}

#[test]
fn what_agents_say_cannot_steer_the_terminal() {
    let talk = Conversation::new();
    talk.store();
    let goal = "\u{1b}[2J\u{1b}]0;x\u{7}hello\r\u{202e}";
    let started = talk.run(&["start", "--goal", goal, "--as", "a\u{202e}b"]);
    assert_eq!(started.exit, 0, "{}", started.stderr);
    for words in [&["where"][..], &["where", "r-1"], &["ls"], &["history", "r-1"], &["show", "r-1"]]
    {
        let answer = talk.run(words);
        assert_eq!(answer.exit, 0);
        assert!(!answer.stdout.contains(['\u{1b}', '\u{7}', '\r', '\u{202e}']), "{words:?}");
    }
}

/// The same data was refused with 64 by `start` and with 2 by `simulate`.
#[test]
fn the_same_failure_ends_every_command_with_the_same_exit_code() {
    let talk = with_bugfix();
    for input in ["{\"issue\":\"x\"}", "{\"isue\":1,\"issue\":1}"] {
        assert_eq!(talk.run(&["start", "bugfix", "--input", input]).exit, 64, "{input}");
        assert_eq!(talk.run(&["simulate", "bugfix.yaml", "--input", input]).exit, 64, "{input}");
    }
    // Nobody declares agents, so any name may be one's: none of its runs are there.
    let nobody = talk.run(&["ls", "--agent", "nobody"]);
    assert_eq!((nobody.exit, nobody.stdout.as_str()), (0, ""));
}

/// The caller named to `connect` was passed over.
#[test]
fn an_agent_is_connected_under_the_name_it_is_given() {
    let mut talk = Conversation::new();
    talk.type_("connect codex --as reviewer --store team.db")
        .type_("connect claude-code --as reviewer")
        .type_("connect gemini --as r-1")
        .type_("connect gemini --store redis://x");
    talk.expect(&expect![[r#"
        $ guidepost connect codex --as reviewer --store team.db
        [mcp_servers.guidepost]
        command = "[BINARY]"
        args = ["mcp", "--store", "sqlite:[HERE]/team.db", "--as", "reviewer"]
        ! For Codex, in [HERE]/.codex/config.toml:
        ! or run: codex mcp add guidepost -- [BINARY] mcp --store sqlite:[HERE]/team.db --as reviewer
        ! or let Guidepost merge it into the file: add --write

        $ guidepost connect claude-code --as reviewer
        {
          "mcpServers": {
            "guidepost": {
              "command": "[BINARY]",
              "args": ["mcp", "--as", "reviewer"]
            }
          }
        }
        ! For Claude Code, in .mcp.json:
        ! or run: claude mcp add guidepost -- [BINARY] mcp --as reviewer
        ! or let Guidepost merge it into the file: add --write

        $ guidepost connect gemini --as r-1
        ! error[GP0407]: the agent name `r-1` is no name here: it would be taken for the id of a run
        exit 64

        $ guidepost connect gemini --store redis://x
        ! error[GP0311]: `redis:…` is no store: this program has no backend `redis`
        ! hint: expected a file path, `sqlite:PATH` or `memory:`
        exit 64

    "#]]);
}

/// An intervention's answer had the rev twice, under two names.
#[test]
fn an_intervention_tells_the_rev_once() {
    let talk = with_bugfix();
    talk.run(&["start", "bugfix", "--input", "{\"issue\":1}"]);
    for (command, rev) in [("pause", 3), ("resume", 4), ("cancel", 5)] {
        let answer = talk.run(&[command, "r-1", "--json"]);
        assert!(answer.stdout.contains(&format!("\"rev\":{rev},")), "{command}: {}", answer.stdout);
        assert!(!answer.stdout.contains("\"after\""), "{command}: {}", answer.stdout);
    }
}
