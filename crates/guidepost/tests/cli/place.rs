//! How a store is named: paths and URLs of every shape, read by all commands in one way.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;

use expect_test::expect;

use crate::conversation::Conversation;

/// A `?` in the name of a directory was taken for the beginning of options, and broke every command in it.
#[test]
fn a_question_mark_in_a_directory_is_part_of_its_name() {
    let talk = Conversation::new();
    talk.file("why?/flow.yaml", "states: { A: { type: final } }\n");
    assert_eq!(talk.run_in("why?", &["init", "--store", "guidepost.db"]).exit, 0);
    for words in [&["apply", "flow.yaml"][..], &["start", "flow"], &["where", "r-1"], &["verify"]] {
        let answer = talk.run_in("why?", words);
        assert_eq!((answer.exit, answer.stderr.as_str()), (0, ""), "{words:?}");
    }
    assert!(fs::metadata(talk.path().join("why?/guidepost.db")).unwrap().len() > 0);
    // The same below the user's data directory.
    let data = talk.path().join("data?");
    let answer = talk.run_with_variable(&["start", "--goal", "x"], "XDG_DATA_HOME", &data);
    assert_eq!((answer.exit, answer.stderr.as_str()), (0, ""));
    assert!(data.join("guidepost/guidepost.db").is_file());
    let answer = talk.run(&["demo", "--keep", "why?/demo.db"]);
    assert_eq!((answer.exit, answer.stderr.as_str()), (0, ""));
    assert!(talk.path().join("why?/demo.db").is_file());
}

#[test]
fn a_store_that_is_named_is_not_made_by_looking_however_it_is_named() {
    let mut talk = Conversation::new();
    talk.type_("ls --store sqlite://miss.db")
        .type_("ls --store file:miss.db")
        .type_("ls --store sqlite:miss.db?foo=1")
        .type_("ls --store memory:x")
        .type_("ls --store sqlite:");
    assert!(!talk.path().join("miss.db").exists());
    talk.expect(&expect![[r#"
        $ guidepost ls --store sqlite://miss.db
        ! error[GP0311]: `miss.db` is no store: there is no such file
        !   --> the store chosen by --store
        ! hint: check the name, or make an empty store with `guidepost init --store miss.db`
        exit 4

        $ guidepost ls --store file:miss.db
        ! error[GP0311]: `miss.db` is no store: there is no such file
        !   --> the store chosen by --store
        ! hint: check the name, or make an empty store with `guidepost init --store miss.db`
        exit 4

        $ guidepost ls --store sqlite:miss.db?foo=1
        ! error[GP0311]: `sqlite:miss.db?foo=1` is no store: the option `foo=1` is unknown
        !   --> the store chosen by --store
        ! hint: expected a file path, `sqlite:PATH` or `memory:`
        exit 64

        $ guidepost ls --store memory:x
        ! error[GP0311]: `memory:…` is no store: memory has no name; nothing follows `memory:`
        !   --> the store chosen by --store
        ! hint: expected a file path, `sqlite:PATH` or `memory:`
        exit 64

        $ guidepost ls --store sqlite:
        ! error[GP0311]: `sqlite:` is no store: it names no file
        !   --> the store chosen by --store
        ! hint: expected a file path, `sqlite:PATH` or `memory:`
        exit 64

    "#]]);
}

#[test]
fn a_variable_that_is_no_text_is_told() {
    let talk = Conversation::new();
    for (name, words) in [
        ("GUIDEPOST_STORE", &["ls"][..]),
        ("GUIDEPOST_AGENT", &["where", "--store", "memory:"]),
        ("GUIDEPOST_LOG", &["ls"]),
    ] {
        let answer = talk.run_with_variable(words, name, OsStr::from_bytes(b"a\xff.db"));
        assert_eq!((answer.exit, answer.stdout.as_str()), (64, ""), "{name}: {}", answer.stderr);
        let told = format!("error[GP0407]: the variable {name} is no UTF-8 text: `a\u{fffd}.db`");
        assert!(answer.stderr.starts_with(&told), "{}", answer.stderr);
    }
    assert!(!talk.path().join(".local").exists(), "another store was taken instead");
}

/// A store that cannot be made was said to have been written to, perhaps.
#[test]
fn a_store_that_cannot_be_made_is_told_with_what_helps() {
    let mut talk = Conversation::new();
    talk.type_("demo --keep nope/x.db").type_("start --goal x --store nope/x.db");
    talk.expect(&expect![[r#"
        $ guidepost demo --keep nope/x.db
        Guidepost: workflows that lead agents, and a record of what agents did

        1. Two workflows are saved in one SQLite file
        ! error[GP0315]: the store `sqlite:nope/x.db` cannot be used: the file cannot be created
        !   caused by: No such file or directory (os error 2)
        ! hint: check the path and its permissions, or name another file with --keep
        exit 1

        $ guidepost start --goal x --store nope/x.db
        ! error[GP0315]: the store `sqlite:nope/x.db` cannot be used: the file cannot be created
        !   caused by: No such file or directory (os error 2)
        !   --> the store chosen by --store
        ! hint: check the path and its permissions, or name another store with --store
        exit 1

    "#]]);
}

/// The message was the hundred lines of SQL that make the store, and a malformed file was called unavailable.
#[test]
fn a_file_that_is_no_sound_store_is_told_in_a_sentence() {
    let mut talk = Conversation::new();
    let theirs = rusqlite::Connection::open(talk.path().join("theirs.db")).unwrap();
    theirs
        .execute_batch(include_str!(
            "../../../guidepost-store/tests/sql_interface/agent_state_schema.sql"
        ))
        .unwrap();
    theirs.execute_batch("CREATE TABLE task (theirs)").unwrap();
    talk.run(&["start", "--goal", "x", "--store", "broken.db"]);
    let broken = talk.path().join("broken.db");
    let mut bytes = fs::read(&broken).unwrap();
    bytes[100..].fill(0xff);
    fs::write(&broken, bytes).unwrap();
    talk.type_("ls --store theirs.db").type_("ls --store broken.db");
    talk.expect(&expect![[r#"
        $ guidepost ls --store theirs.db
        ! error[GP0311]: `sqlite:theirs.db` is no store: table task already exists, and the store needs the name; rename what has it
        !   --> the store chosen by --store
        ! hint: expected a file path, `sqlite:PATH` or `memory:`
        exit 64

        $ guidepost ls --store broken.db
        ! error[GP0313]: the store `sqlite:broken.db` is damaged: its file is malformed
        !   --> the store chosen by --store
        ! hint: take a copy, then go back to a backup, or save what can be read with `.recover` in the sqlite3 shell
        exit 1

    "#]]);
}

/// Who opens a file that is not there with another program leaves an empty one. It hides no store, unless it is named.
#[test]
fn an_empty_file_hides_no_store() {
    let mut talk = Conversation::new();
    talk.store();
    assert_eq!(talk.run(&["start", "--goal", "tidy"]).exit, 0);
    talk.file("below/guidepost.db", "");
    let found = talk.run_in("below", &["ls"]);
    assert!(found.stdout.contains("r-1"), "{}{}", found.stdout, found.stderr);
    assert_eq!(fs::metadata(talk.path().join("below/guidepost.db")).unwrap().len(), 0);
    let named = talk.run_in("below", &["ls", "--store", "guidepost.db"]);
    assert_eq!((named.exit, named.stdout.contains("r-1")), (0, false), "{}", named.stderr);
    talk.type_("init --store new.db")
        .type_("init --store new.db --json")
        .type_("ls --store new.db");
    talk.expect(&expect![[r#"
        $ guidepost init --store new.db
        wrote sqlite:new.db

        Try next:
          sqlite3 new.db 'SELECT name FROM workflow'

        $ guidepost init --store new.db --json
        {"store":"sqlite:new.db"}

        $ guidepost ls --store new.db
        ! no open runs; --all shows those that are over

    "#]]);
    let shell = rusqlite::Connection::open(talk.path().join("new.db")).unwrap();
    shell.execute("INSERT INTO workflow (name) VALUES ('by-hand')", []).unwrap();
}
