//! The official Python client, against a server in a process of its own.
//!
//! `GUIDEPOST_TEST_PYTHON` is an interpreter that has the package `mcp`; `cargo xtask test` provides one. With `skip` in its
//! place the test is left out. Called with `serve`, this program is the server.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "this is a test and its own harness")]

use std::process::{Command, ExitCode};
use std::sync::Arc;

use guidepost_server::mcp::{Options, serve_stdio};
use guidepost_server::ops::Ops;

const CLIENT: &str = include_str!("mcp_python.py");

fn main() -> ExitCode {
    let argument = std::env::args().nth(1);
    match argument.as_deref() {
        Some("serve") => serve(),
        Some("--list") => {
            println!("the_python_client_works_with_it: test");
            ExitCode::SUCCESS
        }
        _ => test(),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn serve() -> ExitCode {
    let store = guidepost_store::open("memory:").unwrap();
    serve_stdio(Arc::new(Ops::new(store)), Options::default()).await.unwrap();
    ExitCode::SUCCESS
}

fn test() -> ExitCode {
    let Some(python) = std::env::var_os("GUIDEPOST_TEST_PYTHON") else {
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
