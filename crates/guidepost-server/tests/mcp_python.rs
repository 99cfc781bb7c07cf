//! The official Python client, against a server in a process of its own.
//!
//! `GUIDEPOST_TEST_PYTHON` is an interpreter that has the package `mcp`; `cargo xtask test` provides one. With `skip` in its
//! place the test is left out. Called with `serve`, this program is the server.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "this is a test and its own harness")]

use std::process::{Command, ExitCode};
use std::sync::Arc;

use guidepost_server::mcp::{Options, serve_stdio};
use guidepost_server::ops::Ops;

/// The variable that names the interpreter.
const VARIABLE: &str = "GUIDEPOST_TEST_PYTHON";

const CLIENT: &str = include_str!("mcp_python.py");

fn main() -> ExitCode {
    let argument = std::env::args().nth(1);
    match argument.as_deref() {
        Some("serve") => serve(),
        Some("--list") => {
            println!("the_python_client_works_with_it: test");
            ExitCode::SUCCESS
        }
        Some(HEEDING) => converse(),
        _ => {
            expect_variable_heeded();
            converse()
        }
    }
}

/// This program, told to do only what the variable says.
const HEEDING: &str = "heeding";

/// Only somebody who says so leaves the test out: without an interpreter it fails, and says what to do.
fn expect_variable_heeded() {
    let told = |variable: Option<&str>| {
        let mut this = Command::new(std::env::current_exe().unwrap());
        this.arg(HEEDING).env_remove(VARIABLE).envs(variable.map(|value| (VARIABLE, value)));
        let output = this.output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    let (is_ok, text) = told(Some("skip"));
    assert!(is_ok && text.ends_with("left out: GUIDEPOST_TEST_PYTHON=skip\n"), "{text}");
    let (is_ok, text) = told(None);
    assert!(!is_ok && text.contains("run `cargo xtask test`, which installs it"), "{text}");
    // An interpreter that cannot do it.
    assert!(!told(Some("false")).0);
}

#[tokio::main(flavor = "current_thread")]
async fn serve() -> ExitCode {
    let store = guidepost_store::open("memory:").unwrap();
    serve_stdio(Arc::new(Ops::new(store)), Options::default()).await.unwrap();
    ExitCode::SUCCESS
}

fn converse() -> ExitCode {
    let Some(python) = std::env::var_os(VARIABLE) else {
        println!(
            "the_python_client_works_with_it ... FAILED: GUIDEPOST_TEST_PYTHON names no interpreter with the package `mcp`: \
             run `cargo xtask test`, which installs it, or set GUIDEPOST_TEST_PYTHON=skip to leave this test out"
        );
        return ExitCode::FAILURE;
    };
    if python == "skip" {
        println!("the_python_client_works_with_it ... left out: GUIDEPOST_TEST_PYTHON=skip");
        return ExitCode::SUCCESS;
    }
    let server = std::env::current_exe().unwrap();
    let status = Command::new(python).arg("-c").arg(CLIENT).arg(server).status().unwrap();
    println!("the_python_client_works_with_it ... {status}");
    if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
