//! The engine at work: `run`, `tasks`, and the picture of what it did.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use expect_test::expect;

use crate::conversation::Conversation;

const PAY: &str = "
name: pay
attributes: { amount: { type: number, default: 3 }, receipt: { type: string } }
initial: Approve
states:
  Approve: { ask: { question: 'Pay {{ amount }}?', options: [Yes, No] }, on: { Yes: Charge, No: END } }
  Charge: { task: charge, input: { amount: '{{ amount }}' }, output: [receipt], onDone: Tell, onError: END }
  Tell: { exec: [echo, 'paid by {{ receipt }}'], onDone: END, onError: END }
  END: { type: final }
";

/// S4.11, S4.12: several steps of different agents, to the end.
#[test]
fn a_workflow_of_several_agents_is_run_to_its_end() {
    let mut talk = Conversation::new();
    talk.file("research.yaml", include_str!("../../../../examples/research.yaml"));
    let answer = talk.run(&["run", "research.yaml", "--input", r#"{"topic": "tea"}"#]);
    assert_eq!((answer.exit, answer.stderr.as_str()), (0, ""), "{}", answer.stdout);
    let told = |what: &str| assert!(answer.stdout.contains(what), "{what}: {}", answer.stdout);
    told("3 branches of Read, 2 at once");
    told("attempt 1 of Read[2] failed: <<the page did not load>>, again at ");
    told("run r-1 research@1 rev 11 completed");
    talk.type_("read r-1 data /report").type_("tasks").type_("run r-1 --json");
    let picture = talk.run(&["graph", "--svg", "r-1"]).stdout;
    assert!(picture.starts_with("<svg ") && picture.contains("class=\"now\""), "{picture}");
    let input = r#"{"topic": "coffee"}"#;
    let last = talk.run(&["run", "research.yaml", "--input", input, "--json"]).stdout;
    assert_eq!(last.lines().filter(|line| line.starts_with("{\"record\":")).count(), 11, "{last}");
}

/// Engines in processes of their own do no more at once than the workflow allows, and all of it in the end.
#[cfg(unix)]
#[test]
fn what_a_workflow_bounds_is_bounded_over_all_processes() {
    const ENGINES: usize = 5;
    let talk = Conversation::new();
    // Two at once would fail to make the directory.
    talk.file("alone.sh", "mkdir here || exit 1\nsleep 0.1\nrmdir here\n");
    talk.file(
        "alone.yaml",
        "
name: alone
concurrency: { exec: 1 }
states:
  One: { exec: [sh, alone.sh], onDone: Two }
  Two: { exec: [sh, alone.sh], onDone: END }
  END: { type: final }
",
    );
    talk.run(&["define", "alone.yaml"]);
    let words = ["run", "alone.yaml", "--allow-exec", "sh"];
    let answers: Vec<_> = std::thread::scope(|scope| {
        let engines: Vec<_> = (0..ENGINES).map(|_| scope.spawn(|| talk.run(&words))).collect();
        engines.into_iter().map(|engine| engine.join().unwrap()).collect()
    });
    for answer in answers {
        assert_eq!(answer.exit, 0, "{}{}", answer.stdout, answer.stderr);
        assert!(answer.stdout.contains("alone@1 rev 5 completed"), "{}", answer.stdout);
    }
}

/// Whichever way the command is told to end, what it runs ends with it, and goes on with whoever comes next.
#[cfg(unix)]
#[test]
fn what_a_run_does_ends_with_the_command() {
    for signal in ["-INT", "-TERM", "-HUP"] {
        let talk = Conversation::new();
        talk.file(
            "slow.sh",
            "echo begun >> log\nif [ ! -e again ]; then sleep 3; fi\necho done >> log\n",
        );
        talk.file(
            "slow.yaml",
            "name: slow\nstates:\n  Go: { exec: [sh, slow.sh], onDone: END }\n  END: { type: final }\n",
        );
        let log = || std::fs::read_to_string(talk.path().join("log")).unwrap_or_default();
        let mut command = talk.command(&["run", "slow.yaml", "--allow-exec", "sh"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while log().is_empty() {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        let id = child.id().to_string();
        let told = std::process::Command::new("kill").args([signal, &id]).status().unwrap();
        assert!(told.success());
        assert_eq!(child.wait().unwrap().code(), Some(5), "{signal}: it says that the run waits");
        std::thread::sleep(std::time::Duration::from_millis(3_200));
        assert_eq!(log(), "begun\n", "{signal}");
        talk.file("again", "");
        let answer = talk.run(&["run", "r-1", "--allow-exec", "sh"]);
        assert_eq!((answer.exit, log().as_str()), (0, "begun\nbegun\ndone\n"), "{signal}");
    }
}

/// Who waits for other runs is told so, and goes on when they are done.
#[test]
fn who_waits_its_turn_is_told_why() {
    let talk = Conversation::new();
    talk.file(
        "one.yaml",
        "
name: one
concurrency: { runs: 1 }
states:
  Go: { exec: [echo, hi], onDone: Ask }
  Ask: { ask: Done?, on: { Yes: END } }
  END: { type: final }
",
    );
    let words = ["run", "one.yaml", "--allow-exec", "echo"];
    assert_eq!(talk.run(&words).exit, 5, "it waits for a person, and has begun");
    let mut second =
        talk.command(&words).stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut told = String::new();
    BufReader::new(second.stderr.take().unwrap()).read_line(&mut told).unwrap();
    assert!(told.starts_with("r-2:Go#1 waits its turn: `concurrency` of `one` allows"), "{told}");
    let claimed = talk.run(&["tasks", "claim", "exec"]);
    assert_eq!((claimed.exit, claimed.stdout.starts_with("r-2:Go#1 waits its turn")), (5, true));
    let tasks = talk.run(&["tasks"]).stdout;
    assert!(tasks.contains("r-2:Go#1  exec  attempt 0  ready since"), "{tasks}");
    assert!(tasks.contains(", begins as `concurrency` of one allows"), "{tasks}");
    assert_eq!(talk.run(&["do", "r-1", "Yes"]).exit, 0);
    let output = second.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(5));
    assert!(String::from_utf8_lossy(&output.stdout).contains("state: Ask"));
}

/// It is told so however many tasks of others stand before its own.
#[test]
fn who_waits_its_turn_is_found_behind_others() {
    let talk = Conversation::new();
    let items: Vec<String> = (0..110).map(|item| item.to_string()).collect();
    let items = items.join(", ");
    talk.file(
        "many.yaml",
        &format!(
            "name: many\nsteps: [{{ name: Go, for_each: [{items}], concurrency: 110, task: x }}]\n"
        ),
    );
    talk.file("one.yaml", "name: one\nconcurrency: { runs: 1 }\nsteps: [{ name: Go, task: x }]\n");
    for file in ["many.yaml", "one.yaml", "one.yaml"] {
        assert_eq!(talk.run(&["run", file]).exit, 5, "{file}: it waits for a worker");
    }
    for (limit, expected) in [("100", 100), ("11", 11)] {
        let claimed = talk.run(&["tasks", "claim", "task:x", "--limit", limit, "--json"]).stdout;
        assert_eq!(claimed.lines().count(), expected, "{claimed}");
    }
    let claimed = talk.run(&["tasks", "claim", "task:x"]);
    assert!(claimed.stdout.starts_with("r-3:Go#1 waits its turn"), "{}", claimed.stdout);
}

/// S4.3: what a person and a worker outside are needed for.
#[test]
fn a_run_waits_for_people_and_workers() {
    let mut talk = Conversation::new();
    talk.file("pay.yaml", PAY);
    talk.type_("run pay.yaml")
        .type_("do r-1 Yes")
        .type_("run r-1")
        .type_("tasks claim task:other")
        .type_("tasks claim task:charge")
        .type_("tasks complete r-1:Charge#1 --attempt 1 --output '{\"recept\":\"x\"}'")
        .type_("tasks complete r-1:Charge#1 --attempt 2 --output '{\"receipt\":\"x\"}'")
        .type_("tasks extend r-1:Charge#1 --attempt 1")
        .type_("tasks complete r-1:Charge#1 --attempt 1 --output '{\"receipt\":\"$(id)\"}'")
        .type_("tasks complete r-1:Charge#1 --attempt 1 --output '{\"receipt\":\"$(id)\"}'")
        .type_("tasks fail Charge --attempt 1 --reason x")
        .type_("run r-1 --allow-exec cat")
        .type_("tasks");
    talk.expect(&expect![[r#"
        $ guidepost run pay.yaml
        e-1 rev 1 tester: started pay
        e-2 rev 2: began in Approve

        run r-1 pay@1 rev 2 waiting
        state: Approve (1 of 4)
        question: <<Pay 3?>>
        have: amount=3
        next:
        - Yes
        - No
        once it can go on, `guidepost run r-1` goes on
        exit 5

        $ guidepost do r-1 Yes
        ok rev 3: Approve -> Charge
        task: <<charge {"amount":3}>>
        next: nothing now: Charge#1 waits for a worker, who takes it with `guidepost tasks claim task:charge`; `guidepost wait` tells when the run moved

        $ guidepost run r-1
        r-1 rev 3 [running in Charge]; `guidepost history r-1` shows how it came there

        run r-1 pay@1 rev 3
        state: Charge (2 of 4)
        task: <<charge {"amount":3}>>
        have: amount=3
        next: nothing now: Charge#1 waits for a worker, who takes it with `guidepost tasks claim task:charge`; `guidepost wait` tells when the run moved
        waits for a worker of `task:charge`: `guidepost tasks claim task:charge`
        once it can go on, `guidepost run r-1` goes on
        exit 5

        $ guidepost tasks claim task:other
        nothing is ready in these queues
        exit 5

        $ guidepost tasks claim task:charge
        r-1:Charge#1 --attempt 1
          {"input":{"amount":3}}
          gives: receipt
          key [KEY]  until [TIME]

        $ guidepost tasks complete r-1:Charge#1 --attempt 1 --output '{"recept":"x"}'
        not done: done does not fit: receipt is missing: the step gives it. You sent {recept}. Nothing changed; rev is 3.
        exit 2

        $ guidepost tasks complete r-1:Charge#1 --attempt 2 --output '{"receipt":"x"}'
        ! error[GP0312]: the task `r-1:Charge#1` is not held any more
        ! hint: drop the result: the work ended, or is being done by somebody else
        exit 1

        $ guidepost tasks extend r-1:Charge#1 --attempt 1
        extended r-1:Charge#1

        $ guidepost tasks complete r-1:Charge#1 --attempt 1 --output '{"receipt":"$(id)"}'
        completed r-1:Charge#1

        $ guidepost tasks complete r-1:Charge#1 --attempt 1 --output '{"receipt":"$(id)"}'
        completed before r-1:Charge#1

        $ guidepost tasks fail Charge --attempt 1 --reason x
        ! error: invalid value 'Charge' for '<TASK>': not a task: expected a run, a state and its visit, as in `r-7:Review#2`, `r-7:Review#2[3]` or `r-7:Review#2:compensate@9`
        ! 
        ! For more information, try '--help'.
        exit 64

        $ guidepost run r-1 --allow-exec cat
        r-1 rev 4 [running in Tell]; `guidepost history r-1` shows how it came there

        run r-1 pay@1 rev 4
        state: Tell (3 of 4)
        exec: <<echo "paid by $(id)">>
        have: amount=3 receipt=<<$(id)>>
        next: nothing now: Tell#1 is ready for an engine with `--allow-exec` for its program, and nobody is at it; have an engine do it with `guidepost run r-1`
        ! error[GP0461]: `r-1` cannot go on here: this engine may not do what comes next
        !   caused by: `r-1:Tell#1`: the command `echo` is not allowed here; whoever runs this allows it with `--allow-exec echo`
        ! hint: nothing is lost: `guidepost run r-1` goes on from there once that is allowed, and so does any other engine that may
        exit 1

        $ guidepost tasks
        r-1:Tell#1  exec  attempt 0  ready since [TIME], for an engine with `--allow-exec` for its program

    "#]]);
}

/// S4.3: a tool of an MCP server, which is Guidepost itself here; and what `doctor` tells of such servers.
#[test]
fn a_step_calls_a_tool_of_a_server_that_the_operator_names() {
    let mut talk = Conversation::new();
    talk.file("tool.yaml", include_str!("../../../../examples/tool.yaml"));
    let servers = include_str!("../../../../examples/tools.json");
    let own = format!("\"command\": {:?}", env!("CARGO_BIN_EXE_guidepost"));
    talk.file("tools.json", &servers.replace("\"command\": \"guidepost\"", &own));
    talk.file("odd.json", r#"{ "mcpServers": { "a": { "comand": "x" }, "b": {} } }"#);
    talk.file("gone.json", r#"{ "mcpServers": { "gone": { "command": "/no/such/program" } } }"#);
    talk.store();
    talk.type_("run tool.yaml --tools tools.json")
        .type_("run tool.yaml")
        .type_("run tool.yaml --tools odd.json")
        .type_("doctor --tools tools.json")
        .type_("doctor --tools gone.json")
        .type_("doctor --tools none.json");
    talk.expect(&expect![[r#"
        $ guidepost run tool.yaml --tools tools.json
        e-1 rev 1 tester: started logbook
        e-2 rev 2: began in Open
        e-3 rev 3: done, Open -> Look with <<{"opened":"started\nrun r-2 observed rev 2\nstate: Executing (2 of 5)\ngoal: < <tidy the inbox> >\ndo: Record what you do; send done or failed at the end.\nnext…>>
        e-4 rev 4: done, Look -> END with <<{"open":"2 runs\nr-2 observed rev 2 in Executing, agent tester: < <tidy the inbox> >\nr-1 logbook@1 rev 3 in Look, agent tester\n"}>>
        e-5 rev 5: completed

        run r-1 logbook@1 rev 5 completed
        state: END (4 of 4)
        have: goal=<<tidy the inbox>> opened=<<started run r-2 observed rev 2 state: Executing (2 of 5) goal: < <tidy the inbox…>> open=<<2 runs r-2 observed rev 2 in Executing, agent tester: < <tidy the inbox> > r-1 l…>>
        next: nothing, the run is completed

        $ guidepost run tool.yaml
        e-1 rev 1 tester: started logbook
        e-2 rev 2: began in Open

        run r-3 logbook@1 rev 2
        state: Open (1 of 4)
        tool: <<guidepost/guidepost_start {"goal":"tidy the inbox"}>>
        have: goal=<<tidy the inbox>>
        next: nothing now: Open#1 is ready for an engine with its server in the file of `--tools`, and nobody is at it; have an engine do it with `guidepost run r-3`
        ! error[GP0461]: `r-3` cannot go on here: this engine may not do what comes next
        !   caused by: `r-3:Open#1`: `guidepost/guidepost_start` needs a tool server, and none is known here; whoever runs this names servers in a file, and the file with `--tools FILE`
        ! hint: nothing is lost: `guidepost run r-3` goes on from there once that is allowed, and so does any other engine that may
        exit 1

        $ guidepost run tool.yaml --tools odd.json
        ! error[GP0460]: the tool servers cannot be used: `a` has `comand`, which means nothing here; did you mean `command`?
        !   --> odd.json
        ! hint: `guidepost explain GP0460` shows the form of the file
        exit 1

        $ guidepost doctor --tools tools.json
        guidepost   0.1.0
        store       sqlite:[HERE]/guidepost.db
        chosen by   the nearest guidepost.db upward
        durability  disk: what was acknowledged survives loss of power
        workflows   1
        runs        2 running, 1 completed
        tools       guidepost: 8
        health      ok: the newest histories are whole, and every run has its tasks

        $ guidepost doctor --tools gone.json
        guidepost   0.1.0
        store       sqlite:[HERE]/guidepost.db
        chosen by   the nearest guidepost.db upward
        durability  disk: what was acknowledged survives loss of power
        workflows   1
        runs        2 running, 1 completed
        problem     the tool server `gone` cannot be started: `/no/such/program`: No such file or directory (os error 2)
        exit 1

        $ guidepost doctor --tools none.json
        ! error[GP0452]: `none.json` cannot be read
        !   caused by: No such file or directory (os error 2)
        ! hint: name the file of tool servers with --tools or GUIDEPOST_TOOLS
        exit 4

    "#]]);
}

const STAY: &str = "
name: stay
attributes: { room: { type: string }, price: { type: number } }
initial: Book
states:
  Book: { task: book, output: [room, price], onDone: Stay, compensate: { task: unbook, input: { room: '{{ room }}' } } }
  Stay: { on: { Leave: END } }
  END: { type: final }
";

/// B8: who makes work good is told which task does that, and no answer to the work passes for one to it.
#[test]
fn what_makes_work_good_is_a_task_with_a_name_of_its_own() {
    let mut talk = Conversation::new();
    talk.file("stay.yaml", STAY);
    talk.run(&["run", "stay.yaml"]);
    talk.run(&["tasks", "claim", "task:book"]);
    talk.type_(r#"tasks complete r-1:Book#1 --attempt 1 --output '{"room":"7","price":90}'"#)
        .type_("rollback r-1 --to Book#1 --yes")
        .type_("cancel r-1 --compensate")
        .type_("tasks")
        .type_("tasks claim task:unbook")
        .type_(r#"tasks complete r-1:Book#1 --attempt 1 --output '{"room":"7","price":90}'"#)
        .type_("tasks fail r-1:Book#1 --attempt 1 --reason late")
        .type_("tasks complete r-1:Book#1:compensate --attempt 1")
        .type_(r#"tasks complete r-1:Book#1:compensate@6 --attempt 1 --output '"by phone"'"#)
        .type_(r#"tasks complete r-1:Book#1:compensate@5 --attempt 1 --output '"by phone"'"#)
        .type_("tasks");
    talk.expect(&expect![[r#"
        $ guidepost tasks complete r-1:Book#1 --attempt 1 --output '{"room":"7","price":90}'
        completed r-1:Book#1

        $ guidepost rollback r-1 --to Book#1 --yes
        went back to rev 2, 1 step
        is made good first: Book#1 by task unbook, <<{"input":{"room":"7"}}>>
        whoever does that gets it with `guidepost tasks claim task:unbook`
        run r-1 stay@1 rev 5
        state: Book (1 of 3)
        task: <<book>>
        makes good first: Book#1
        next: nothing until what was done is made good; let an engine do that with `guidepost run r-1`

        $ guidepost cancel r-1 --compensate
        not done: what was done is made good first: `Book#1`. An engine does it: `guidepost run RUN`; then try again. Nothing changed; rev is 5.
        exit 2

        $ guidepost tasks
        r-1:Book#1:compensate@5  task:unbook  attempt 0  ready since [TIME]  makes Book#1 good

        $ guidepost tasks claim task:unbook
        r-1:Book#1:compensate@5 --attempt 1
          makes Book#1 good
          {"input":{"room":"7"}}
          key [KEY]  until [TIME]

        $ guidepost tasks complete r-1:Book#1 --attempt 1 --output '{"room":"7","price":90}'
        ! error[GP0312]: the task `r-1:Book#1` is not held any more
        ! hint: drop the result: the work ended, or is being done by somebody else
        exit 1

        $ guidepost tasks fail r-1:Book#1 --attempt 1 --reason late
        ! error[GP0312]: the task `r-1:Book#1` is not held any more
        ! hint: drop the result: the work ended, or is being done by somebody else
        exit 1

        $ guidepost tasks complete r-1:Book#1:compensate --attempt 1
        ! error: invalid value 'r-1:Book#1:compensate' for '<TASK>': not a task: expected a run, a state and its visit, as in `r-7:Review#2`, `r-7:Review#2[3]` or `r-7:Review#2:compensate@9`
        ! 
        ! For more information, try '--help'.
        exit 64

        $ guidepost tasks complete r-1:Book#1:compensate@6 --attempt 1 --output '"by phone"'
        ! error[GP0312]: the task `r-1:Book#1:compensate@6` is not held any more
        ! hint: drop the result: the work ended, or is being done by somebody else
        exit 1

        $ guidepost tasks complete r-1:Book#1:compensate@5 --attempt 1 --output '"by phone"'
        completed r-1:Book#1:compensate@5

        $ guidepost tasks
        r-1:Book#2  task:book  attempt 0  ready since [TIME]

    "#]]);
}

/// `run RUN` shows what happens from then on, and says where the rest is.
#[test]
fn a_run_that_is_gone_on_with_shows_only_what_is_new() {
    let mut talk = Conversation::new();
    talk.file(
        "long.yaml",
        "
name: long
attributes: { n: { type: integer, default: 0 } }
initial: Wait
states:
  Wait: { on: { Go: Say, Round: { target: Wait, reenter: true } } }
  Say: { agent: a, prompt: Say it., onDone: Rest }
  Rest: { on: { Home: END } }
  END: { type: final }
agents: { a: { type: scripted, answers: { Say: hello } } }
",
    );
    talk.run(&["apply", "long.yaml"]);
    talk.run(&["run", "long", "--key", "k"]);
    for _ in 0..20 {
        assert_eq!(talk.run(&["do", "r-1", "Round"]).exit, 0);
    }
    talk.run(&["do", "r-1", "Go"]);
    talk.type_("run r-1").type_("run long --key k").type_("do r-1 Home").type_("run r-1");
    talk.expect(&expect![[r#"
        $ guidepost run r-1
        r-1 rev 23 [running in Say]; `guidepost history r-1` shows how it came there
        e-24 rev 24: done, Say -> Rest with <<{"result":"hello"}>>

        run r-1 long@1 rev 24
        state: Rest (3 of 4)
        have: n=0
        next:
        - Home
        once it can go on, `guidepost run r-1` goes on
        exit 5

        $ guidepost run long --key k
        r-1 rev 24 [running in Rest]; `guidepost history r-1` shows how it came there

        run r-1 long@1 rev 24
        state: Rest (3 of 4)
        have: n=0
        next:
        - Home
        once it can go on, `guidepost run r-1` goes on
        exit 5

        $ guidepost do r-1 Home
        ok rev 26: Rest -> END; run completed
        next: nothing, the run is completed

        $ guidepost run r-1
        r-1 rev 26 [completed in END]; `guidepost history r-1` shows how it came there

        run r-1 long@1 rev 26 completed
        state: END (4 of 4)
        have: n=0
        next: nothing, the run is completed

    "#]]);
    let lines = talk.run(&["run", "r-1", "--json"]).stdout;
    assert_eq!(lines.lines().count(), 1, "{lines}");
}

/// What takes one value may be given it as it is, in `do` and in `simulate`; what takes several says which.
#[test]
fn a_value_that_stands_alone_goes_where_only_one_fits() {
    let mut talk = Conversation::new();
    talk.file(
        "note.yaml",
        "
name: note
attributes: { title: { type: string }, text: { type: string }, stars: { type: integer } }
events: { Rated: { data: { stars: { type: integer, required: true } } } }
initial: Name
states:
  Name: { agent: a, prompt: Name it., output: [title], onDone: Write }
  Write: { agent: a, prompt: Write it., output: [title, text], onDone: Rate }
  Rate: { output: [stars], on: { Rated: END, Skip: END } }
  END: { type: final }
",
    );
    talk.run(&["apply", "note.yaml"]);
    talk.run(&["start", "note"]);
    talk.type_("do r-1 done '\"Tea\"' --rev 2")
        .type_("do r-1 done '\"Tea\"'")
        .type_("do r-1 done '{\"title\":\"Tea\",\"text\":\"It is a leaf.\"}'")
        .type_("do r-1 Rated many")
        .type_("do r-1 Skip 5")
        .type_("do r-1 Rated 5")
        .type_("do r-1 Rated 5")
        .type_("read r-1 data")
        .type_("simulate note.yaml --done Name='\"Tea\"' --done Write=7 --done Write={\"title\":\"a\",\"text\":\"b\"}");
    talk.expect(&expect![[r#"
        $ guidepost do r-1 done '"Tea"' --rev 2
        ok rev 3: Name -> Write
        agent: <<Write it.>>
        next:
        - done {title!, text!}
        - failed {reason!}

        $ guidepost do r-1 done '"Tea"'
        ! error[GP0407]: `done` takes several values by name
        ! hint: give them in an object, as in '{"title":"…","text":"…"}'
        exit 64

        $ guidepost do r-1 done '{"title":"Tea","text":"It is a leaf."}'
        ok rev 4: Write -> Rate
        next:
        - Rated {stars!}
        - Skip

        $ guidepost do r-1 Rated many
        ! error: invalid value 'many' for '[JSON]': expected JSON, as in '{"score":90}' or '"done"': expected value at line 1 column 1
        ! 
        ! For more information, try '--help'.
        exit 64

        $ guidepost do r-1 Skip 5
        ! error[GP0407]: `Skip` takes no value by name
        ! hint: leave the value out, or give an object
        exit 64

        $ guidepost do r-1 Rated 5
        ok rev 6: Rate -> END; run completed
        next: nothing, the run is completed

        $ guidepost do r-1 Rated 5
        not done: the run is completed. Nothing changed; rev is 6.
        exit 2

        $ guidepost read r-1 data
        title=Tea
        text=<<It is a leaf.>>
        stars=5

        $ guidepost simulate note.yaml --done Name='"Tea"' --done Write=7 --done Write={"title":"a","text":"b"}
        start
          enter Name
          in: Name
          active: Name
          status: running, rev 2
          data: {}
          legal: done {title!}, failed {reason!}

        done Name Tea
          done: Name -> Write
          in: Write
          active: Write
          status: running, rev 3
          data: {"title":"Tea"}
          legal: done {title!, text!}, failed {reason!}

        done Write 7
          not done: `done` does not carry what it must [GP0204]
            title is missing: the step gives it
            text is missing: the step gives it
          in: Write
          active: Write
          status: running, rev 3
          data: {"title":"Tea"}
          legal: done {title!, text!}, failed {reason!}

        done Write {"title":"a","text":"b"}
          done: Write -> Rate
          in: Rate
          active: Rate
          status: running, rev 4
          data: {"title":"a","text":"b"}
          legal: Rated {stars!}, Skip
        exit 2

    "#]]);
}
