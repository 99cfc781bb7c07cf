//! One damaged run hides no others: every list tells of it, and of them.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use expect_test::expect;
use rusqlite::Connection;
use rusqlite::config::DbConfig;
use serde_json::{Value as Json, json};

use crate::conversation::Conversation;

const NAP: &str = "
name: nap
initial: Rest
states:
  Rest: { after: { 30d: END } }
  END: { type: final }
";

/// Three runs of agents' steps and one that naps, with a hand on the file that no trigger holds back.
fn with_runs() -> (Conversation, Connection) {
    let talk = Conversation::new();
    talk.store();
    talk.file("nap.yaml", NAP);
    for name in ["one", "two", "three"] {
        let create = ["steps", "create", "--name", name, "--step", "writer=Write."];
        assert_eq!(talk.run(&create).exit, 0);
    }
    assert_eq!(talk.run(&["apply", "nap.yaml"]).exit, 0);
    assert_eq!(talk.run(&["start", "nap"]).exit, 0);
    let shell = Connection::open(talk.path().join("guidepost.db")).unwrap();
    shell.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false).unwrap();
    (talk, shell)
}

#[test]
fn a_damaged_run_hides_no_others() {
    for damage in [
        "UPDATE agent_instance SET state = '{' WHERE agent_id = 2",
        "UPDATE agent_instance SET run_id = 'none', leaves = '[' WHERE agent_id = 2",
        "UPDATE agent_instance SET due_at = 0, state = '{' WHERE agent_id = 2",
    ] {
        let (talk, shell) = with_runs();
        assert_eq!(shell.execute(damage, []).unwrap(), 1);
        for words in [&["ls"][..], &["find", "--in", "runs"], &["ls", "--json"], &["steps", "list"]]
        {
            let answer = talk.run(words);
            assert_eq!((answer.exit, answer.stderr.as_str()), (0, ""), "{damage}: {words:?}");
            for run in ["r-1", "r-2", "r-3"] {
                assert!(answer.stdout.contains(run), "{damage}: {words:?}: {}", answer.stdout);
            }
        }
        let listed = talk.run(&["steps", "list"]).stdout;
        assert!(listed.contains("r-2  two  damaged[GP0310]: "), "{listed}");
        let listed = talk.run(&["steps", "list", "--json"]).stdout;
        let listed: Json = serde_json::from_str(&listed).unwrap();
        assert_eq!(listed[1]["damaged"]["code"], "GP0310", "{listed}");
        assert!(listed[0]["damaged"].is_null(), "{listed}");
        let timers = talk.run(&["timers"]);
        assert!(timers.exit == 0 && timers.stdout.contains("r-4"), "{}", timers.stdout);
        assert_eq!(talk.run(&["tasks"]).exit, 0);
        let doctor = talk.run(&["doctor"]);
        assert!(doctor.stdout.contains("the history of r-2 is damaged"), "{}", doctor.stderr);
        assert!(!doctor.stdout.contains("r-1"), "{}", doctor.stdout);
        assert_eq!(talk.run(&["steps", "get", "r-2"]).exit, 1, "whoever asks for it is told");
    }
}

/// What a server over stdio answers to calls of its tools: the text, and whether it is an error.
fn over_mcp(talk: &Conversation, calls: &[(&str, Json)]) -> Vec<(String, bool)> {
    let hello = json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "probe", "version": "1" } });
    let mut server = talk.command(&["mcp"]);
    let server = server.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut server = server.spawn().unwrap();
    let mut asks = server.stdin.take().unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let mut ask = |id: usize, method: &str, params: &Json| {
        let asked = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        writeln!(asks, "{asked}").unwrap();
        let line = lines.next().unwrap().unwrap();
        let answer: Json = serde_json::from_str(&line).unwrap();
        assert_eq!(answer["id"], id, "{line}");
        if method == "initialize" {
            writeln!(asks, r#"{{"jsonrpc":"2.0","method":"notifications/initialized"}}"#).unwrap();
        }
        answer["result"].clone()
    };
    ask(0, "initialize", &hello);
    let mut told = Vec::new();
    for (id, (tool, arguments)) in (1..).zip(calls) {
        let answer = ask(id, "tools/call", &json!({ "name": tool, "arguments": arguments }));
        let text = answer["content"][0]["text"].as_str().unwrap().to_owned();
        told.push((text, answer["isError"] == true));
    }
    drop(asks);
    assert!(server.wait().unwrap().success());
    told
}

/// An agent that looks for runs sees the damaged one named as damaged, and all others; whoever asks for it is told why not.
#[test]
fn agents_are_shown_a_damaged_run_beside_the_others() {
    for damage in [
        "UPDATE agent_instance SET state = '{' WHERE agent_id = 2",
        "UPDATE agent_instance SET run_id = 'none', leaves = '[' WHERE agent_id = 2",
        "UPDATE agent_instance SET due_at = 0, state = '{' WHERE agent_id = 2",
    ] {
        let (talk, shell) = with_runs();
        assert_eq!(shell.execute(damage, []).unwrap(), 1);
        let answers = over_mcp(
            &talk,
            &[
                ("guidepost_find", json!({ "in": "runs" })),
                ("guidepost_find", json!({ "in": "runs", "query": "two" })),
                ("guidepost_where", json!({})),
                ("guidepost_where", json!({ "run": "r-2" })),
                ("guidepost_where", json!({ "run": "r-3" })),
            ],
        );
        let [all, two, open, damaged, sound] = &answers[..] else { panic!("{answers:#?}") };
        for (text, is_error) in [all, open] {
            let named = ["r-1", "r-2", "r-3", "r-4"].map(|run| text.contains(run));
            assert_eq!((named, is_error), ([true; 4], &false), "{damage}: {text}");
        }
        assert!(two.0.starts_with("1 run\nr-2 ") && !two.1, "{damage}: {two:?}");
        // A list looks at the leaves, and at the state of what is overdue.
        let is_seen = !damage.contains("SET state");
        assert_eq!(two.0.contains("damaged[GP0310]"), is_seen, "{damage}: {two:?}");
        assert!(
            damaged.0.contains("r-2") && damaged.0.contains("damaged"),
            "{damage}: {damaged:?}"
        );
        assert!(damaged.1, "{damage}: {damaged:?}");
        assert!(sound.0.starts_with("run r-3 three@1 ") && !sound.1, "{damage}: {sound:?}");
    }
}

#[test]
fn what_can_be_seen_of_a_damaged_run_is_listed_as_damaged() {
    let (mut talk, shell) = with_runs();
    let damage = "UPDATE agent_instance SET leaves = '[' WHERE agent_id = 2";
    assert_eq!(shell.execute(damage, []).unwrap(), 1);
    let status: Vec<String> = talk.run(&["ls"]).stdout.lines().map(str::to_owned).collect();
    assert!(status.iter().any(|line| line.contains("r-2") && line.contains("damaged[GP0310]")));
    talk.type_("find --in runs two");
    talk.expect(&expect![[r#"
        $ guidepost find --in runs two
        1 run
        r-2 two@1 rev 3 in no state, paused, damaged[GP0310]: run `r-2` is damaged: its leaves are no list, agent tester

    "#]]);
}

#[cfg(unix)]
#[test]
fn whoever_watches_all_runs_is_told_of_a_damaged_one_and_goes_on() {
    let (talk, shell) = with_runs();
    let mut watch = talk.command(&["watch", "--all", "--json"]);
    let mut watcher = watch.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watcher.stdout.take().unwrap()).lines();
    let mut line = || -> Json { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    std::thread::scope(|scope| {
        let (told, stop) = std::sync::mpsc::channel();
        let talk = &talk;
        // Until it watches, nothing is its business.
        scope.spawn(move || {
            while stop.try_recv().is_err() {
                assert_eq!(talk.run(&["log", "r-1", "note", "still here"]).exit, 0);
            }
        });
        assert_eq!(line()["run"], "r-1");
        told.send(()).unwrap();
    });
    let damage = "UPDATE agent_instance SET state = '{' WHERE agent_id = 2";
    assert_eq!(shell.execute(damage, []).unwrap(), 1);
    let record = "INSERT INTO record (run_no, seq, rev, kind, at, recorded_at, payload)
                  VALUES (2, 99, 9, 'note', 1, 1, '{}')";
    assert_eq!(shell.execute(record, []).unwrap(), 1);
    let damaged = loop {
        let seen = line();
        if seen["run"] == "r-2" {
            break seen;
        }
    };
    assert_eq!((&damaged["damaged"]["code"], &damaged["record"]), (&"GP0310".into(), &Json::Null));
    assert_eq!(talk.run(&["log", "r-3", "note", "and so on"]).exit, 0);
    assert_eq!(line()["run"], "r-3");
    watcher.kill().unwrap();
    watcher.wait().unwrap();
}
