//! The help can be read, and every command has one with examples.

use expect_test::expect;

use crate::conversation::Conversation;

pub(crate) const COMMANDS: [&str; 38] = [
    "demo",
    "init",
    "check",
    "apply",
    "define",
    "ls",
    "show",
    "graph",
    "simulate",
    "run",
    "start",
    "where",
    "do",
    "log",
    "wait",
    "find",
    "read",
    "history",
    "steps",
    "tasks",
    "timers",
    "watch",
    "pause",
    "resume",
    "cancel",
    "checkpoint",
    "rollback",
    "fork",
    "migrate",
    "add-step",
    "delete",
    "replay",
    "diff",
    "verify",
    "doctor",
    "explain",
    "mcp",
    "connect",
];

#[test]
fn the_overview_shows_the_first_steps() {
    let mut talk = Conversation::new();
    talk.type_("--help");
    talk.expect(&expect![[r#"
        $ guidepost --help
        Durable workflows and a flight recorder for AI agents

        Usage: guidepost [OPTIONS] <COMMAND>

        Commands:
          demo        Watch a scripted agent being led through two workflows over MCP
          init        Write a sample workflow to edit
          check       Read workflow files and tell every problem in them
          apply       Save workflow files as new versions
          define      Check one workflow file, and save it with --save
          ls          List runs, or workflows
          show        Show a run or a workflow; with --html as one page for a browser
          graph       Print a workflow as a diagram
          simulate    Step through a workflow file, without a store
          run         Run a workflow to its end: agents, commands, requests, other workflows
          start       Start a run of a workflow, for an agent to walk
          where       Tell where a run is, what to do there and what is legal next
          do          Send an event to a run
          log         Record what happened, without moving the run
          wait        Wait until a run moves
          find        Find workflows or runs by words
          read        Read part of a run's record
          history     Print a run's history, oldest first
          steps       Workflows that are plain lists of agents' steps: create, execute, look, retry
          tasks       List what is to be done, and do it as a worker
          timers      List what is due, and when
          schedules   List when runs begin by themselves; pause, resume, or begin one now
          watch       Follow a run, or all runs, as things happen
          pause       Stop a run from taking inputs
          resume      Let a paused run go on
          cancel      End a run from outside
          limit       Show what a run may still spend, or raise its limits
          checkpoint  Name a place in a run's history, or list the places to go back to
          rollback    Take a run back to an earlier place
          fork        Begin a run where another was, with other data if wished
          migrate     Take live runs to another version of their workflow
          add-step    Add a step to a run under way
          delete      Delete a run with everything that belongs to it
          replay      Decide a run's history again, without any effect, and compare
          diff        Show where two runs part and what differs
          verify      Check that histories are whole and fold to what is stored
          doctor      Tell which store is used and how it is, and whether the tool servers answer
          explain     Explain an error code
          mcp         Serve agents over MCP on stdin and stdout
          connect     Print, or with --write make, the MCP entry an agent needs

        Options:
          -h, --help     Print help
          -V, --version  Print version

        Everywhere:
              --store <URL>  The store to work on: a file, `sqlite:PATH` or `memory:`
              --as <NAME>    Who acts; by default GUIDEPOST_AGENT, else your user name
              --json         Answer with JSON, for programs

        First steps:
          guidepost demo                     watch an agent being led through a workflow
          guidepost init                     write a sample workflow to edit
          guidepost simulate workflow.yaml   step through it, without a store
          guidepost apply workflow.yaml      save it
          guidepost connect claude-code      let your agent use it over MCP

        The store: --store, else GUIDEPOST_STORE, else the nearest guidepost.db upward, else the user's data
        directory.
        Exit codes: 0 done, 1 failed, 2 not legal now, 3 stale rev, 4 not found, 5 still waiting, 64 wrong
        usage;
        the same failure has the same code in every command.

    "#]]);
}

#[test]
fn every_command_has_its_help() {
    let talk = Conversation::new();
    let overview = talk.run(&["--help"]).stdout;
    for command in COMMANDS {
        assert!(overview.contains(&format!("\n  {command} ")), "{command} is not in the overview");
        for option in ["--help", "-h"] {
            let help = talk.run(&[command, option]);
            assert_eq!((help.exit, help.stderr.as_str()), (0, ""), "{command}");
            assert!(help.stdout.contains("Usage: guidepost"), "{command}");
            assert!(help.stdout.lines().all(|line| line.chars().count() <= 130), "{command}");
        }
    }
}

#[test]
fn nothing_typed_is_an_error_that_shows_the_help() {
    let talk = Conversation::new();
    let answer = talk.run(&[]);
    assert_eq!(answer.exit, 64);
    assert!(answer.stderr.contains("First steps:"));
    assert_eq!(
        talk.run(&["--version"]).stdout,
        format!("guidepost {}\n", env!("CARGO_PKG_VERSION"))
    );
}
