//! What goes wrong for good ends in a named state, with a sentence that says what to do. Each by the real program.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::run::guidepost;

/// A command's exit code, and everything it says.
fn told(directory: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let command = &mut guidepost(directory, arguments);
    let output = command.stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

fn in_directory(workflow: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("w.yaml"), workflow).unwrap();
    directory
}

/// R1: work that takes the process down is tried by the next one, and by a third, and then held back.
#[test]
fn a_step_that_kills_the_process_three_times_is_held_back() {
    let directory = in_directory(
        "name: deadly\nsteps: [{ name: A, exec: { shell: true, command: 'kill -9 $PPID' } }]\n",
    );
    let begin = ["run", "w.yaml", "--key", "k", "--lease", "100ms"];
    let deaths = (0..10).take_while(|_| {
        let (exit, _) = told(directory.path(), &begin);
        // It does not come to an end by which it would have a code.
        exit.is_none()
    });
    assert_eq!(deaths.count(), 3);
    let (_, said) = told(directory.path(), &["where", "r-1"]);
    assert!(said.contains("run r-1 deadly@1 rev 3 paused"), "{said}");
    assert!(said.contains("quarantined") && said.contains("resume"), "{said}");
}

/// A worker that hangs loses its task to another, and what it says later is refused.
#[test]
fn a_hung_workers_late_answer_is_refused_and_the_other_ones_counts() {
    let directory = in_directory(
        "name: pay\nattributes: { by: { type: string } }\nsteps: [{ name: Pay, task: pay, output: [by] }]\n",
    );
    let at = directory.path();
    assert_eq!(told(at, &["apply", "w.yaml"]).0, Some(0));
    // The run begins, and waits for a worker.
    assert_eq!(told(at, &["run", "pay"]).0, Some(5));
    assert_eq!(
        told(at, &["tasks", "claim", "task:pay", "--lease", "50ms", "--as", "zombie"]).0,
        Some(0)
    );
    std::thread::sleep(Duration::from_millis(100));
    let (exit, said) = told(at, &["tasks", "claim", "task:pay", "--as", "second"]);
    assert_eq!(exit, Some(0), "{said}");
    let answer = |who: &str, attempt: &str| {
        let output = format!("{{\"by\":\"{who}\"}}");
        told(
            at,
            &[
                "tasks",
                "complete",
                "r-1:Pay#1",
                "--attempt",
                attempt,
                "--output",
                &output,
                "--as",
                who,
            ],
        )
    };
    let (exit, said) = answer("zombie", "1");
    assert_eq!(exit, Some(1), "{said}");
    assert!(said.contains("the task `r-1:Pay#1` is not held any more"), "{said}");
    assert!(said.contains("hint: drop the result"), "{said}");
    let (exit, said) = answer("second", "2");
    assert_eq!(exit, Some(0), "{said}");
    let (_, said) = told(at, &["where", "r-1"]);
    assert!(said.contains("completed") && said.contains("by=second"), "{said}");
    assert_eq!(told(at, &["verify"]).0, Some(0));
}

/// A loop without an end goes as far as its limit, and says who may raise that.
#[test]
fn an_endless_loop_ends_at_its_limit_with_a_sentence() {
    let directory = in_directory(
        "name: round\nlimits: { max_steps: 6 }\ninitial: A\nstates:\n  A: { exec: { shell: true, command: 'true' }, onDone: B }\n  B: { exec: { shell: true, command: 'true' }, onDone: A }\n",
    );
    let (exit, said) = told(directory.path(), &["run", "w.yaml"]);
    assert_eq!(exit, Some(5), "{said}");
    assert!(said.contains("paused") && said.contains("over_limit"), "{said}");
    assert!(said.contains("max_steps") && said.contains("guidepost limit"), "{said}");
}
