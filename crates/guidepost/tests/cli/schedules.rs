//! Runs that begin by themselves: `schedules`, and what other commands know of them.

use expect_test::expect;
use serde_json::Value as Json;

use crate::conversation::Conversation;

const REPORT: &str = "
name: report
attributes: { day: { type: string }, who: { type: string } }
schedules:
  daily: { cron: '0 9 * * MON-FRI', timezone: Europe/Berlin, due_as: day, overlap: queue }
  leap: { cron: '@yearly', input: { who: ada }, goal: look back, catch_up: all }
steps:
  - { name: Collect, task: collect }
";

#[test]
fn schedules_are_listed_paused_resumed_and_begun_by_hand() {
    let mut talk = Conversation::new();
    talk.file("report.yaml", REPORT);
    talk.type_("apply report.yaml")
        .type_("schedules")
        .type_("schedules pause report")
        .type_("schedules pause report dialy")
        .type_("schedules pause report daily")
        .type_("schedules resume report daily")
        .type_("schedules run report leap")
        .type_("schedules run report leap --json")
        .type_("schedules --workflow reprot")
        .type_("ls")
        .type_("history r-1")
        .type_("show report")
        .type_("timers")
        .type_("doctor");
    talk.expect(&expect![[r#"
        $ guidepost apply report.yaml
        saved report@1 (report.yaml)

        $ guidepost schedules
        report/daily  cron 0 9 * * MON-FRI in Europe/Berlin  next [TIME]
        report/leap  cron @yearly in UTC  next [TIME]

        $ guidepost schedules pause report
        ! error[GP0407]: workflow `report` has 2 schedules
        ! hint: say which: daily, leap
        exit 64

        $ guidepost schedules pause report dialy
        ! error[GP0414]: workflow `report` has no schedule `dialy`
        ! hint: there is daily, leap
        exit 4

        $ guidepost schedules pause report daily
        report/daily  cron 0 9 * * MON-FRI in Europe/Berlin  paused

        $ guidepost schedules resume report daily
        report/daily  cron 0 9 * * MON-FRI in Europe/Berlin  next [TIME]

        $ guidepost schedules run report leap
        report/leap  cron @yearly in UTC  next [TIME]; last r-1 for [TIME], which goes on
        ! `guidepost run r-1` does its work, if no engine is about

        $ guidepost schedules run report leap --json
        {"workflow":"report","name":"leap","times":"cron @yearly in UTC","overlap":"skip","catch_up":"all","input":{"who":"ada"},"is_paused":false,"due":[NS],"at":"[TIME]","last":{"run":"r-2","at":"[TIME]","is_live":true}}

        $ guidepost schedules --workflow reprot
        ! error[GP0401]: there is no workflow `reprot`
        ! hint: did you mean `report`?
        exit 4

        $ guidepost ls
        RUN  WORKFLOW  STATE    STATUS   REV  AGENT  CHANGED
        r-2  report@1  Collect  running  2           [TIME]
        r-1  report@1  Collect  running  2           [TIME]

        $ guidepost history r-1
        e-1 rev 1 schedule:leap: started report
        e-2 rev 2: began in Collect

        $ guidepost show report
        report@1 {day?, who?}
        schedule: report/daily  cron 0 9 * * MON-FRI in Europe/Berlin  next [TIME]
        schedule: report/leap  cron @yearly in UTC  next [TIME]; last r-2 for [TIME], which goes on
        Collect (atomic)
        - done -> Done
        Done (final)

        $ guidepost timers
        report/daily  cron 0 9 * * MON-FRI in Europe/Berlin  next [TIME]
        report/leap  cron @yearly in UTC  next [TIME]; last r-2 for [TIME], which goes on

        $ guidepost doctor
        guidepost   0.1.0
        store       sqlite:[HERE]/.local/share/guidepost/guidepost.db
        chosen by   the user's data directory
        durability  disk: what was acknowledged survives loss of power
        workflows   1
        runs        2 running
        schedules   2
        health      ok: the newest histories are whole, and every run has its tasks

    "#]]);
}

#[test]
fn a_check_shows_when_runs_will_begin() {
    let talk = Conversation::new();
    talk.file("report.yaml", REPORT);
    let answer = talk.run(&["check", "report.yaml"]);
    expect![[r#"
        report.yaml: ok, workflow `report` with 2 states
          schedule `daily`: cron 0 9 * * MON-FRI in Europe/Berlin, next [TIME], [TIME], [TIME]
          schedule `leap`: cron @yearly in UTC, next [TIME], [TIME], [TIME]
    "#]]
    .assert_eq(&answer.stdout);
    talk.file("wrong.yaml", &REPORT.replace("Europe/Berlin", "Europe/Berlim"));
    let answer = talk.run(&["check", "wrong.yaml"]);
    expect![[r#"
        error[GP0128]: there is no time zone `Europe/Berlim`
          --> wrong.yaml:5:47
        hint: did you mean `Europe/Berlin`?
        wrong.yaml: 1 error, 0 warnings
    "#]]
    .assert_eq(&answer.stdout);
}

/// Here somebody has given it something that no run of the workflow takes.
#[test]
fn a_schedule_whose_runs_cannot_begin_is_named() {
    let mut talk = Conversation::new();
    talk.file("report.yaml", REPORT);
    talk.type_("apply report.yaml --store here.db");
    let shell = rusqlite::Connection::open(talk.path().join("here.db")).unwrap();
    let triggers = rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER;
    shell.set_db_config(triggers, false).unwrap();
    let wrong = "UPDATE workflow_schedule SET schedule = json_set(schedule, '$.input.wo', 'ada') WHERE name = 'leap'";
    assert_eq!(shell.execute(wrong, []).unwrap(), 1);
    talk.type_("schedules run report leap --store here.db")
        .type_("schedules --store here.db")
        .type_("doctor --store here.db")
        .type_("apply report.yaml --store here.db")
        .type_("schedules run report leap --store here.db")
        .type_("schedules --store here.db");
    talk.expect(&expect![[r#"
        $ guidepost apply report.yaml --store here.db
        saved report@1 (report.yaml)

        $ guidepost schedules run report leap --store here.db
        ! error[GP0407]: no run of the schedule can begin: the run cannot start with this data: wo is no attribute of the workflow; did you mean `who`?
        ! hint: correct the definition and save it again
        exit 64

        $ guidepost schedules --store here.db
        report/daily  cron 0 9 * * MON-FRI in Europe/Berlin  next [TIME]
        report/leap  cron @yearly in UTC  next [TIME]; no run could begin for [TIME]: the run cannot start with this data: wo is no attribute of the workflow; did you mean `who`?

        $ guidepost doctor --store here.db
        guidepost   0.1.0
        store       sqlite:here.db
        chosen by   --store
        durability  disk: what was acknowledged survives loss of power
        workflows   1
        runs        none
        schedules   2
        problem     a schedule begins no runs: report/leap  cron @yearly in UTC  next [TIME]; no run could begin for [TIME]: the run cannot start with this data: wo is no attribute of the workflow; did you mean `who`?; correct its workflow and save it, then try it: `guidepost schedules run report leap`
        exit 1

        $ guidepost apply report.yaml --store here.db
        unchanged report@1 (report.yaml)

        $ guidepost schedules run report leap --store here.db
        report/leap  cron @yearly in UTC  next [TIME]; last r-1 for [TIME], which goes on; passed over [TIME]: the run cannot start with this data: wo is no attribute of the workflow; did you mean `who`?
        ! `guidepost run r-1` does its work, if no engine is about

        $ guidepost schedules --store here.db
        report/daily  cron 0 9 * * MON-FRI in Europe/Berlin  next [TIME]
        report/leap  cron @yearly in UTC  next [TIME]; last r-1 for [TIME], which goes on; passed over [TIME]: the run cannot start with this data: wo is no attribute of the workflow; did you mean `who`?

    "#]]);
    let health = talk.run(&["doctor", "--store", "here.db", "--json"]);
    let health: serde_json::Value = serde_json::from_str(&health.stdout).unwrap();
    assert_eq!(
        (&health["ok"], &health["failing_schedules"]),
        (&true.into(), &serde_json::json!([]))
    );
}

#[test]
fn a_simulation_shows_when_schedules_come_next_by_its_own_clock() {
    let talk = Conversation::new();
    talk.file("digest.yaml", include_str!("../../../../examples/digest.yaml"));
    let said = |words: &[&str]| {
        let told = talk.command(words).output().unwrap();
        assert!(told.status.success(), "{told:?}");
        String::from_utf8(told.stdout).unwrap()
    };
    // A Thursday, in winter; what happens in between takes no time.
    let simulate = ["simulate", "digest.yaml", "--driver", "engine", "--advance", "1d"];
    let words = [&simulate[..], &["--failed", "Gather", "--advance", "1d"]].concat();
    let text = said(&words);
    let told: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("  now") || line.starts_with("  schedule"))
        .collect();
    let next = |now: &str, days: [&str; 3]| {
        let [first, second, third] = days.map(|day| format!("2026-01-{day}T08:00:00Z"));
        let times = "cron 0 9 * * MON-FRI in Europe/Berlin";
        [
            format!("  now: 2026-01-{now}T00:00:00Z"),
            format!("  schedule `default`: {times}, next {first}, {second}, {third}"),
        ]
    };
    let expected = [
        next("01", ["01", "02", "05"]),
        next("02", ["02", "05", "06"]),
        next("03", ["05", "06", "07"]),
    ];
    assert_eq!(told, expected.concat());
    let words = [&words[..], &["--json"]].concat();
    for (line, next) in said(&words).lines().zip(["01", "02", "02", "05"]) {
        let step: Json = serde_json::from_str(line).unwrap();
        let first = format!("2026-01-{next}T08:00:00Z");
        assert_eq!(step["schedules"][0]["next"][0], first, "{line}");
        assert_eq!(step["schedules"][0]["name"], "default");
    }
    talk.file("plain.yaml", "name: plain\nsteps: [{ name: A, wait: 1s }]\n");
    let plain = said(&["simulate", "plain.yaml", "--json"]);
    assert!(!plain.contains("schedules") && !plain.contains("\"now\""), "{plain}");
}

/// The example does what its first lines say.
#[test]
fn the_example_with_a_schedule_is_begun_and_done() {
    let mut talk = Conversation::new();
    talk.file("digest.yaml", include_str!("../../../../examples/digest.yaml"));
    talk.type_("apply digest.yaml")
        .type_("schedules")
        .type_("schedules run digest")
        .type_("run r-1");
    talk.expect(&expect![[r#"
        $ guidepost apply digest.yaml
        saved digest@1 (digest.yaml)

        $ guidepost schedules
        digest/default  cron 0 9 * * MON-FRI in Europe/Berlin  next [TIME]

        $ guidepost schedules run digest
        digest/default  cron 0 9 * * MON-FRI in Europe/Berlin  next [TIME]; last r-1 for [TIME], which goes on
        ! `guidepost run r-1` does its work, if no engine is about

        $ guidepost run r-1
        r-1 rev 2 [running in Gather]; `guidepost history r-1` shows how it came there
        e-3 rev 3: done, Gather -> Sum with <<{"news":["A harbour orders two more turbines.","The grid study is out."]}>>
        e-4 rev 4: done, Sum -> Done with <<{"digest":"Two turbines more, and a study to read."}>>
        e-5 rev 5: completed with <<{"digest":"Two turbines more, and a study to read."}>>

        run r-1 digest@1 rev 5 completed
        state: Done (3 of 3)
        goal: <<default, due [TIME]>>
        have: due=[TIME] topic=<<tide power>> news=<<["A harbour orders two more turbines.","The grid study is out."]>> digest=<<Two turbines more, and a study to read.>>
        result: <<{"digest":"Two turbines more, and a study to read."}>>
        next: nothing, the run is completed

    "#]]);
}

#[test]
fn an_empty_store_has_no_schedules() {
    let mut talk = Conversation::new();
    talk.file("plain.yaml", "name: plain\nsteps: [{ name: A, wait: 1s }]\n");
    talk.type_("apply plain.yaml")
        .type_("schedules")
        .type_("schedules --json")
        .type_("schedules pause plain")
        .type_("run --all plain");
    talk.expect(&expect![[r#"
        $ guidepost apply plain.yaml
        saved plain@1 (plain.yaml)

        $ guidepost schedules
        no schedules; a workflow has them under `schedules:`

        $ guidepost schedules --json
        {"items":[],"next":null}

        $ guidepost schedules pause plain
        ! error[GP0414]: workflow `plain` has no schedule
        ! hint: write it under `schedules:` of the workflow, and save that
        exit 4

        $ guidepost run --all plain
        ! error: the argument '--all' cannot be used with '[FILE|WORKFLOW|RUN]'
        ! 
        ! Usage: guidepost run --all [FILE|WORKFLOW|RUN]
        ! 
        ! For more information, try '--help'.
        exit 64

    "#]]);
}

/// A row that cannot be read is listed as damaged, beside those that can; saving the workflow again mends it.
#[test]
fn a_schedule_that_cannot_be_read_hides_no_others() {
    let mut talk = Conversation::new();
    talk.file("report.yaml", REPORT);
    talk.run(&["apply", "report.yaml", "--store", "here.db"]);
    let shell = rusqlite::Connection::open(talk.path().join("here.db")).unwrap();
    let triggers = rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER;
    shell.set_db_config(triggers, false).unwrap();
    let wrong = "UPDATE workflow_schedule SET schedule = '{' WHERE name = 'leap'";
    assert_eq!(shell.execute(wrong, []).unwrap(), 1);
    talk.type_("schedules --store here.db")
        .type_("schedules pause report leap --store here.db")
        .type_("timers --store here.db")
        .type_("doctor --store here.db")
        .type_("apply report.yaml --store here.db")
        .type_("schedules --store here.db");
    talk.expect(&expect![[r#"
        $ guidepost schedules --store here.db
        report/daily  cron 0 9 * * MON-FRI in Europe/Berlin  next [TIME]
        report/leap  damaged[GP0405]: the stored definition of workflow `report` cannot be used: its schedule `leap` cannot be read: EOF while parsing an object at line 1 column 1

        $ guidepost schedules pause report leap --store here.db
        ! error[GP0405]: the stored definition of workflow `report` cannot be used: its schedule `leap` cannot be read: EOF while parsing an object at line 1 column 1
        ! hint: see its text and correct it with `guidepost show report`
        exit 1

        $ guidepost timers --store here.db
        report/daily  cron 0 9 * * MON-FRI in Europe/Berlin  next [TIME]

        $ guidepost doctor --store here.db
        guidepost   0.1.0
        store       sqlite:here.db
        chosen by   --store
        durability  disk: what was acknowledged survives loss of power
        workflows   1
        runs        none
        schedules   2
        problem     a schedule cannot be read, and begins no runs: report/leap  damaged[GP0405]: the stored definition of workflow `report` cannot be used: its schedule `leap` cannot be read: EOF while parsing an object at line 1 column 1; save its workflow again
        exit 1

        $ guidepost apply report.yaml --store here.db
        unchanged report@1 (report.yaml)

        $ guidepost schedules --store here.db
        report/daily  cron 0 9 * * MON-FRI in Europe/Berlin  next [TIME]
        report/leap  cron @yearly in UTC  next [TIME]

    "#]]);
}
