//! Engines of one store that may do different things, and what becomes of them.
#![cfg(unix)]

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Stdio};
use std::time::Duration;

use expect_test::expect;
use rusqlite::config::DbConfig;

use crate::conversation::Conversation;

const SAY: &str = "
name: say
attributes: { said: { type: string } }
states:
  Say: { exec: [printf, hello], retry: { max_attempts: 1 }, output: [said], onDone: END }
  END: { type: final }
";

/// Begins a command, in the background.
fn begin(talk: &Conversation, words: &[&str]) -> Child {
    let mut command = talk.command(words);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Tells a process to end, and gives its exit code.
fn end(mut child: Child) -> Option<i32> {
    let told = std::process::Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(told.success());
    child.wait().unwrap().code()
}

/// Waits until a command says what is wished.
fn until(talk: &Conversation, words: &[&str], wish: &str) -> String {
    for _ in 0..200 {
        let answer = talk.run(words);
        if answer.stdout.contains(wish) {
            return answer.stdout;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("{wish}: {}", talk.run(words).stdout)
}

/// Whoever runs one run with too little is told so at once, loses nothing, and goes on with more.
#[test]
fn a_run_that_needs_what_is_not_allowed_waits_where_it_is() {
    let mut talk = Conversation::new();
    talk.file("say.yaml", SAY);
    talk.type_("run say.yaml")
        .type_("tasks")
        .type_("where r-1")
        .type_("run r-1 --allow-exec cat --json")
        .type_("run r-1 --allow-exec printf");
    talk.expect(&expect![[r#"
        $ guidepost run say.yaml
        e-1 rev 1 tester: started say
        e-2 rev 2: began in Say

        run r-1 say@1 rev 2
        state: Say (1 of 2)
        exec: <<printf hello>>
        next: nothing now: Say#1 is ready for an engine with `--allow-exec` for its program, and nobody is at it; have an engine do it with `guidepost run r-1`
        ! error[GP0461]: `r-1` cannot go on here: this engine may not do what comes next
        !   caused by: `r-1:Say#1`: the command `printf` is not allowed here; whoever runs this allows it with `--allow-exec printf`
        ! hint: nothing is lost: `guidepost run r-1` goes on from there once that is allowed, and so does any other engine that may
        exit 1

        $ guidepost tasks
        r-1:Say#1  exec  attempt 0  ready since [TIME], for an engine with `--allow-exec` for its program

        $ guidepost where r-1
        run r-1 say@1 rev 2
        state: Say (1 of 2)
        exec: <<printf hello>>
        next: nothing now: Say#1 is ready for an engine with `--allow-exec` for its program, and nobody is at it; have an engine do it with `guidepost run r-1`

        $ guidepost run r-1 --allow-exec cat --json
        {"run":"r-1","run_no":1,"run_id":"[UUID]","workflow":"say","version":1,"rev":2,"status":"running","driver":"engine","agent":"tester","states":[{"state":"Say","number":1,"of":2,"wording":0,"work":"exec","prompt":"printf hello","visit":1,"since":[NS]}],"data":{},"next":[],"in_hand":[{"piece":"Say#1","queue":"exec","attempt":0,"is":"ready"}],"updated_at":[NS]}
        ! {"code":"GP0461","message":"`r-1` cannot go on here: this engine may not do what comes next","hint":"nothing is lost: `guidepost run r-1` goes on from there once that is allowed, and so does any other engine that may","exit":1,"kind":"refused","causes":["`r-1:Say#1`: the command `printf` is not allowed here; whoever runs this allows it with `--allow-exec printf`"]}
        exit 1

        $ guidepost run r-1 --allow-exec printf
        r-1 rev 2 [running in Say]; `guidepost history r-1` shows how it came there
        e-3 rev 3: done, Say -> END with <<{"said":"hello"}>>
        e-4 rev 4: completed

        run r-1 say@1 rev 4 completed
        state: END (2 of 2)
        have: said=hello
        next: nothing, the run is completed

    "#]]);
}

/// An engine that may not do what comes leaves it to one that may, and says so once.
#[test]
fn what_one_engine_may_not_do_is_left_to_another() {
    let talk = Conversation::new();
    talk.file("say.yaml", SAY);
    for _ in 0..2 {
        assert_eq!(talk.run(&["run", "say.yaml"]).exit, 1, "it is left where it is");
    }
    let mut choosy = begin(&talk, &["run", "--all", "--allow-exec", "cat"]);
    let mut stderr = BufReader::new(choosy.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains("left to other engines") {
        assert!(stderr.read_line(&mut said).unwrap() > 0, "{said}");
    }
    // It has time to take the tasks again.
    std::thread::sleep(Duration::from_millis(900));
    let tasks = talk.run(&["tasks"]).stdout;
    for run in ["r-1", "r-2"] {
        let line = format!("{run}:Say#1  exec  attempt 0  ready since ");
        assert!(tasks.contains(&line), "{tasks}");
    }
    let able = begin(&talk, &["run", "--all", "--allow-exec", "printf"]);
    for run in ["r-1", "r-2"] {
        until(&talk, &["where", run], "completed");
    }
    assert!(!talk.run(&["history", "r-1"]).stdout.contains("failed"));
    assert_eq!((end(choosy), end(able)), (Some(0), Some(0)));
    stderr.read_to_string(&mut said).unwrap();
    let told: Vec<&str> = said.lines().filter(|line| line.contains("left to other")).collect();
    assert_eq!(told.len(), 1, "{said}");
    // Of those that wait equally long, either comes first.
    let names = |run: &str| told[0].contains(&format!("run={run} task={run}:Say#1"));
    assert!(names("r-1") || names("r-2"), "{said}");
    assert!(told[0].contains("WARN") && told[0].contains("`--allow-exec printf`"), "{said}");
}

/// S4.3, S4.18: what pauses a run does not cut off what is under way in `guidepost run`: it ends, is kept, and is not done again.
#[test]
fn s4_18_a_pause_cuts_off_nothing_that_is_under_way() {
    for (name, is_limit) in [("paused", false), ("limited", true)] {
        let talk = Conversation::new();
        talk.file(
            "slow.yaml",
            "name: slow
type: parallel
limits: { max_steps: 2 }
states:
  L:
    states:
      A: { exec: [sh, -c, 'echo begin >> log; until [ -e go ]; do sleep 0.05; done; echo end >> log'], onDone: Z }
      Z: { type: final }
  R:
    states:
      A: { on: { Next: B } }
      B: { exec: [echo, one], onDone: C }
      C: { exec: [echo, two], onDone: D }
      D: { exec: [echo, three], onDone: Z }
      Z: { type: final }
",
        );
        let log = || std::fs::read_to_string(talk.path().join("log")).unwrap_or_default();
        let mut command = begin(&talk, &["run", "slow.yaml", "--allow-exec", "sh,echo"]);
        for _ in 0..200 {
            if log() == "begin\n" {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let pause: &[&str] = if is_limit { &["do", "r-1", "Next"] } else { &["pause", "r-1"] };
        let answer = talk.run(pause);
        assert_eq!(answer.exit, 0, "{name}: {}", answer.stderr);
        until(&talk, &["where", "r-1"], "paused");
        // It has time to give up.
        std::thread::sleep(Duration::from_millis(900));
        assert!(command.try_wait().unwrap().is_none(), "{name}: it waits for what is under way");
        talk.file("go", "");
        assert_eq!(command.wait().unwrap().code(), Some(5), "{name}");
        assert_eq!(log(), "begin\nend\n", "{name}");
        let mut said = String::new();
        command.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(said.contains("what is under way ends first"), "{name}: {said}");
        let history = talk.run(&["history", "r-1"]).stdout;
        assert!(history.contains("L.A -> L.Z"), "{name}: its result is kept: {history}");
    }
}

/// What nobody takes is told by whoever looks after the store.
#[test]
fn what_no_engine_takes_is_told() {
    let talk = Conversation::new();
    talk.store();
    talk.file("say.yaml", SAY);
    assert_eq!(talk.run(&["run", "say.yaml"]).exit, 1);
    let told = "r-1:Say#1 is ready since ";
    let doctor = talk.run(&["doctor"]);
    assert!(doctor.exit == 0 && !doctor.stdout.contains(told), "{}", doctor.stdout);
    let shell = rusqlite::Connection::open(talk.path().join("guidepost.db")).unwrap();
    shell.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false).unwrap();
    let earlier = "UPDATE task SET ready_at = ready_at - 60000000000";
    assert_eq!(shell.execute(earlier, []).unwrap(), 1);
    let doctor = talk.run(&["doctor"]);
    assert_eq!(doctor.exit, 0, "nothing is broken");
    assert!(doctor.stdout.contains(&format!("note        {told}")), "{}", doctor.stdout);
    let json = talk.run(&["doctor", "--json"]).stdout;
    assert!(json.contains(r#""untaken_tasks":[{"id":"r-1:Say#1""#), "{json}");
    assert_eq!(talk.run(&["pause", "r-1"]).exit, 0);
    assert!(!talk.run(&["doctor"]).stdout.contains(told), "nobody is to take it now");
}

/// S4.3: what is tried again later says when.
#[test]
fn a_task_that_is_tried_again_says_when() {
    let talk = Conversation::new();
    let again = "retry: { max_attempts: 2, delay: 2h }";
    let fails =
        SAY.replace("[printf, hello]", "['false']").replace("retry: { max_attempts: 1 }", again);
    talk.file("say.yaml", &fails);
    assert_eq!(talk.run(&["run", "say.yaml", "--allow-exec", "false"]).exit, 5);
    let tasks = talk.run(&["tasks"]).stdout;
    assert!(tasks.contains("r-1:Say#1  exec  attempt 1  is tried again at "), "{tasks}");
}

/// A command that takes its time to end when it is asked to, and says so.
const TIDY: &str = "trap 'sleep 0.4; echo tidied >> log; exit 1' TERM
echo begun >> log
while :; do sleep 0.05; done
";

const TIDIED: &str = "begun\ntidied\n";

/// Begins a run of such a command, and gives it when the command has begun.
fn begin_tidy(talk: &Conversation) -> Child {
    talk.file("tidy.sh", TIDY);
    talk.file("tidy.yaml", "name: tidy\nsteps: [{ name: Go, exec: [sh, tidy.sh] }]\n");
    talk.store();
    let child = begin(talk, &["run", "tidy.yaml", "--allow-exec", "sh"]);
    let has_begun = |_| {
        std::thread::sleep(Duration::from_millis(25));
        log(talk) == "begun\n"
    };
    assert!((0..400).any(has_begun), "it does not begin");
    child
}

fn log(talk: &Conversation) -> String {
    std::fs::read_to_string(talk.path().join("log")).unwrap_or_default()
}

/// Who is told to end asks what it runs to end, and waits for that before it gives it back.
#[test]
fn a_command_may_tidy_up_when_its_engine_is_told_to_end() {
    let talk = Conversation::new();
    let child = begin_tidy(&talk);
    assert_eq!(end(child), Some(5), "it says that the run waits");
    assert_eq!(log(&talk), TIDIED);
    let tasks = talk.run(&["tasks"]).stdout;
    assert!(tasks.contains("r-1:Go#1  exec  attempt 1  ready since "), "{tasks}");
}

/// Also an engine whose store is gone is stopped in order.
#[test]
fn a_command_may_tidy_up_when_the_store_fails() {
    let talk = Conversation::new();
    let mut child = begin_tidy(&talk);
    for name in ["guidepost.db", "guidepost.db-wal", "guidepost.db-shm"] {
        let _ = std::fs::remove_file(talk.path().join(name));
    }
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert_eq!(log(&talk), TIDIED);
}
