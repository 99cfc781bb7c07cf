//! `timers`, `watch`: what is due, and following along from another process.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use expect_test::expect;
use serde_json::Value as Json;

use crate::conversation::Conversation;

const REVIEW: &str = "
name: review
initial: Draft
states:
  Draft: { guideline: Write it., on: { submit: Check }, after: { 48h: Lost } }
  Check: { on: { approve: Done, reject: Draft } }
  Done: { type: final }
  Lost: { type: final }
";

/// A watcher at work, with what it tells.
struct Watcher {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Watcher {
    fn of(talk: &Conversation, words: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_guidepost"))
            .arg("watch")
            .args(words)
            .current_dir(talk.path())
            .env_clear()
            .env("HOME", talk.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn exit(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

#[test]
fn what_is_due_is_listed() {
    let mut talk = Conversation::new();
    talk.file("review.yaml", REVIEW);
    talk.type_("apply review.yaml").type_("timers").type_("start review").type_("timers nobody");
    talk.expect(&expect![[r#"
        $ guidepost apply review.yaml
        saved review@1 (review.yaml)

        $ guidepost timers
        nothing is due

        $ guidepost start review
        started
        run r-1 review@1 rev 2
        state: Draft (1 of 4)
        do: Write it.
        next:
        - submit

        $ guidepost timers nobody
        ! error[GP0302]: there is no run `nobody`
        ! hint: list the runs there are with `guidepost find --in runs`
        exit 4

    "#]]);
    let told = talk.run(&["timers"]).stdout;
    // What is left is rounded up to the second; a slow machine may have spent some.
    let left = told.strip_prefix("[TIME]  r-1  review  after 2d in Draft  in ").unwrap_or_default();
    assert!(left == "2d\n" || left.starts_with("1d23h59m"), "{told}");
    let told = talk.run(&["timers", "r-1", "--json"]).stdout;
    assert!(told.contains("\"due\":[NS],\"at\":\"[TIME]\""), "{told}");
    let told: Json = serde_json::from_str(&told.replace("[NS]", "0")).unwrap();
    assert_eq!((&told["run"], &told["state"]), (&"r-1".into(), &"Draft".into()));
}

#[test]
fn a_run_is_watched_from_another_process_until_it_ends() {
    let talk = Conversation::new();
    talk.file("review.yaml", REVIEW);
    for words in [["apply", "review.yaml"], ["start", "review"]] {
        assert_eq!(talk.run(&words).exit, 0);
    }
    let mut watcher = Watcher::of(&talk, &["r-1"]);
    assert_eq!(watcher.line(), "r-1 rev 2 [running in Draft]");
    assert_eq!(talk.run(&["do", "r-1", "submit"]).exit, 0);
    assert_eq!(watcher.line(), "e-3 rev 3 tester: submit, Draft -> Check  [running in Check]");
    assert_eq!(talk.run(&["do", "r-1", "approve"]).exit, 0);
    assert_eq!(watcher.line(), "e-4 rev 4 tester: approve, Check -> Done");
    assert_eq!(watcher.line(), "e-5 rev 5: completed  [completed in Done]");
    assert_eq!((watcher.line(), watcher.exit()), (String::new(), Some(0)));
    assert_eq!(talk.run(&["watch", "r-1"]).stdout, "r-1 rev 5 [completed in Done]\n");
    assert_eq!(talk.run(&["watch", "r-7"]).exit, 4);
}

#[cfg(unix)]
#[test]
fn all_runs_are_watched_until_ctrl_c() {
    let talk = Conversation::new();
    talk.file("review.yaml", REVIEW);
    for words in [["apply", "review.yaml"], ["start", "review"]] {
        assert_eq!(talk.run(&words).exit, 0);
    }
    let mut watcher = Watcher::of(&talk, &["--all", "--json"]);
    // Whatever is recorded before it looks is not its business, so it is given something until it tells.
    let mut first = None;
    std::thread::scope(|scope| {
        let (told, stop) = std::sync::mpsc::channel();
        let talk = &talk;
        scope.spawn(move || {
            while stop.try_recv().is_err() {
                assert_eq!(talk.run(&["log", "r-1", "note", "still here"]).exit, 0);
            }
        });
        first = Some(watcher.line());
        told.send(()).unwrap();
    });
    let first: Json = serde_json::from_str(&first.unwrap()).unwrap();
    assert_eq!((&first["run"], &first["record"]["kind"]), (&"r-1".into(), &"note".into()));
    assert_eq!(talk.run(&["start", "review"]).exit, 0);
    let begun = loop {
        let line: Json = serde_json::from_str(&watcher.line()).unwrap();
        if line["run"] == "r-2" && !line["states"].is_null() {
            break line;
        }
    };
    assert_eq!((&begun["status"], &begun["states"][0]), (&"running".into(), &"Draft".into()));
    let id = watcher.child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    assert_eq!(watcher.exit(), Some(0));
}
