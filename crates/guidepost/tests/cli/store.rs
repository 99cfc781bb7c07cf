//! Which store is used, and how it is: the choice, `where`, `doctor`, `verify`.

use std::fs;

use expect_test::expect;

use crate::conversation::Conversation;
use crate::runs::with_bugfix;

#[test]
fn the_store_is_the_option_else_the_nearest_file_else_the_users_own() {
    let mut talk = Conversation::new();
    talk.type_("where");
    assert!(talk.path().join(".local/share/guidepost/guidepost.db").is_file());
    talk.store();
    talk.file("other.db", "");
    talk.type_("where").type_("where --store other.db").type_("where --store redis://x");
    talk.expect(&expect![[r#"
        $ guidepost where
        no open runs
        next: `guidepost find` lists workflows, `guidepost start` begins one
        ! store: sqlite:[HERE]/.local/share/guidepost/guidepost.db, chosen by the user's data directory
        ! durability: disk: what was acknowledged survives loss of power

        $ guidepost where
        no open runs
        next: `guidepost find` lists workflows, `guidepost start` begins one
        ! store: sqlite:[HERE]/guidepost.db, chosen by the nearest guidepost.db upward
        ! durability: disk: what was acknowledged survives loss of power

        $ guidepost where --store other.db
        no open runs
        next: `guidepost find` lists workflows, `guidepost start` begins one
        ! store: sqlite:other.db, chosen by --store
        ! durability: disk: what was acknowledged survives loss of power

        $ guidepost where --store redis://x
        ! error[GP0311]: `redis:…` is no store: this program has no backend `redis`
        !   --> the store chosen by --store
        ! hint: expected a file path, `sqlite:PATH` or `memory:`
        exit 64

    "#]]);
}

#[test]
fn doctor_tells_how_the_store_is() {
    let mut talk = with_bugfix();
    talk.run(&["start", "bugfix", "--input", r#"{"issue":1}"#]);
    talk.type_("doctor").type_("doctor --json").type_("doctor --store memory:");
    talk.expect(&expect![[r#"
        $ guidepost doctor
        guidepost   0.1.0
        store       sqlite:[HERE]/guidepost.db
        chosen by   the nearest guidepost.db upward
        durability  disk: what was acknowledged survives loss of power
        workflows   1
        runs        1 running
        health      ok: the newest histories are whole, and every run has its tasks

        $ guidepost doctor --json
        {"version":"0.1.0","store":{"backend":"sqlite","url":"sqlite:[HERE]/guidepost.db","durability":"disk"},"chosen_by":"the nearest guidepost.db upward","workflows":1,"runs":{"running":1},"schedules":0,"late_schedules":[],"untaken_tasks":[],"failing_schedules":[],"damaged_schedules":[],"unfinished_workflows":[],"unusable_workflows":[],"damaged_runs":[],"stranded_runs":[],"tool_servers":[],"ok":true}

        $ guidepost doctor --store memory:
        guidepost   0.1.0
        store       memory:
        chosen by   --store
        durability  none: everything is gone with the process
        workflows   0
        runs        none
        health      ok: the newest histories are whole, and every run has its tasks

    "#]]);
}

/// Who writes a workflow by SQL begins with its name: nothing is wrong.
#[test]
fn doctor_takes_note_of_a_workflow_that_is_being_written() {
    let talk = with_bugfix();
    let shell = rusqlite::Connection::open(talk.path().join("guidepost.db")).unwrap();
    shell.execute_batch("INSERT INTO workflow (workflow_id, name) VALUES (100, 'begun')").unwrap();
    let answer = talk.run(&["doctor"]);
    assert_eq!((answer.exit, answer.stderr.as_str()), (0, ""));
    assert!(answer.stdout.contains("note        workflow begun has no states yet"));
    let answer = talk.run(&["doctor", "--json"]);
    assert!(answer.stdout.contains(r#""unfinished_workflows":["begun"]"#), "{}", answer.stdout);
}

const PAY: &str = "
name: pay
initial: Charge
states:
  Charge: { task: charge, onDone: END }
  END: { type: final }
";

/// Does to the tasks what no statement may: the triggers that refuse it are away for that long.
fn tamper_with_tasks(talk: &Conversation, sql: &str) {
    let shell = rusqlite::Connection::open(talk.path().join("guidepost.db")).unwrap();
    let triggers =
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'task'";
    let mut triggers = shell.prepare(triggers).unwrap();
    let triggers = triggers.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let triggers: Vec<(String, String)> = triggers.map(Result::unwrap).collect();
    for (name, _) in &triggers {
        shell.execute_batch(&format!("DROP TRIGGER {name}")).unwrap();
    }
    assert_eq!(shell.execute(sql, []).unwrap(), 1);
    triggers.iter().for_each(|(_, sql)| shell.execute_batch(sql).unwrap());
}

/// Work without a task is done by nobody, and a task without work in vain: both are found, and what is told helps.
#[test]
fn doctor_finds_runs_that_cannot_go_on_by_themselves() {
    let mut talk = Conversation::new();
    talk.file("pay.yaml", PAY).store();
    assert!(talk.run(&["run", "pay.yaml"]).stdout.contains("state: Charge"));
    assert_eq!(talk.run(&["doctor"]).exit, 0);
    tamper_with_tasks(&talk, "DELETE FROM task");
    talk.type_("doctor").type_("doctor --json").type_("rollback r-1 --to 2");
    assert_eq!(talk.run(&["doctor"]).exit, 0);
    tamper_with_tasks(&talk, "UPDATE task SET visit = 7");
    talk.type_("doctor").type_("cancel r-1").type_("doctor");
    talk.expect(&expect![[r#"
        $ guidepost doctor
        guidepost   0.1.0
        store       sqlite:[HERE]/guidepost.db
        chosen by   the nearest guidepost.db upward
        durability  disk: what was acknowledged survives loss of power
        workflows   1
        runs        1 running
        problem     r-1 cannot go on: no task is filed for r-1:Charge#1; `guidepost rollback r-1 --to 2` begins that anew
        exit 1

        $ guidepost doctor --json
        {"version":"0.1.0","store":{"backend":"sqlite","url":"sqlite:[HERE]/guidepost.db","durability":"disk"},"chosen_by":"the nearest guidepost.db upward","workflows":1,"runs":{"running":1},"schedules":0,"late_schedules":[],"untaken_tasks":[],"failing_schedules":[],"damaged_schedules":[],"unfinished_workflows":[],"unusable_workflows":[],"damaged_runs":[],"stranded_runs":[{"run":"r-1","rev":2,"status":"running","missing":["r-1:Charge#1"],"left_over":[]}],"tool_servers":[],"ok":false}
        exit 1

        $ guidepost rollback r-1 --to 2
        went back to rev 2, where its work begins anew
        run r-1 pay@1 rev 3
        state: Charge (1 of 2)
        task: <<charge>>
        next: nothing now: Charge#2 waits for a worker, who takes it with `guidepost tasks claim task:charge`; `guidepost wait` tells when the run moved

        $ guidepost doctor
        guidepost   0.1.0
        store       sqlite:[HERE]/guidepost.db
        chosen by   the nearest guidepost.db upward
        durability  disk: what was acknowledged survives loss of power
        workflows   1
        runs        1 running
        problem     r-1 cannot go on: no task is filed for r-1:Charge#2; `guidepost rollback r-1 --to 3` begins that anew
        problem     r-1 is running and no longer waits for r-1:Charge#7, whose result would be refused; `guidepost cancel r-1` ends it with the run
        exit 1

        $ guidepost cancel r-1
        ok rev 4: still in Charge; run cancelled
        next: nothing, the run is cancelled

        $ guidepost doctor
        guidepost   0.1.0
        store       sqlite:[HERE]/guidepost.db
        chosen by   the nearest guidepost.db upward
        durability  disk: what was acknowledged survives loss of power
        workflows   1
        runs        1 cancelled
        health      ok: the newest histories are whole, and every run has its tasks

    "#]]);
}

#[test]
fn a_history_is_verified() {
    let mut talk = with_bugfix();
    talk.run(&["start", "bugfix", "--input", r#"{"issue":1}"#]);
    talk.type_("verify r-1").type_("verify").type_("verify r-9");
    let answer = talk.run(&["verify", "r-1", "--json", "--anchor", &"0".repeat(64)]);
    assert_eq!(answer.exit, 1);
    assert!(answer.stdout.contains("no record has the hash that was published"));
    talk.type_("verify r-1 --anchor r-1").type_("verify --anchor x");
    talk.expect(&expect![[r#"
        $ guidepost verify r-1
        r-1: 2 records, nothing wrong
        head [HASH]

        $ guidepost verify
        1 run checked: every history is whole

        $ guidepost verify r-9
        ! error[GP0302]: there is no run `r-9`
        ! hint: list the runs there are with `guidepost find --in runs`
        exit 4

        $ guidepost verify r-1 --anchor r-1
        ! error[GP0407]: `r-1` is no head of a history
        ! hint: expected 64 hexadecimal digits, from an earlier `guidepost verify`
        exit 64

        $ guidepost verify --anchor x
        ! error: the following required arguments were not provided:
        !   <RUN>
        ! 
        ! Usage: guidepost verify --anchor <HEAD> <RUN>
        ! 
        ! For more information, try '--help'.
        exit 64

    "#]]);
}

#[test]
fn what_is_no_store_is_left_alone() {
    let mut talk = Conversation::new();
    talk.file(
        "guidepost.db",
        "this is not a database, but it is longer than the header of one would be, to be sure",
    );
    talk.type_("ls");
    talk.expect(&expect![[r#"
        $ guidepost ls
        ! error[GP0311]: `sqlite:[HERE]/guidepost.db` is no store: the file is no SQLite database
        !   --> the store chosen by the nearest guidepost.db upward
        ! hint: expected a file path, `sqlite:PATH` or `memory:`
        exit 64

    "#]]);
    assert!(
        fs::read_to_string(talk.path().join("guidepost.db")).unwrap().starts_with("this is not")
    );
}
