//! `cargo xtask test`: every test, with the real programs they talk to.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use anyhow::{Context, Result};

use crate::project::{Project, is_ci};
use crate::services;

/// Runs every test. Says whether all passed and, in continuous integration, none was left out.
///
/// # Errors
///
/// If cargo cannot be run.
pub(crate) fn run(project: &Project) -> Result<bool> {
    println!("programs the tests talk to:");
    let found = services::provide(project);
    if is_ci() && !found.missing.is_empty() {
        for (service, why) in &found.missing {
            eprintln!("error: {} is missing: {why}", service.name);
        }
        eprintln!("error: with CI set, no test may be left out");
        return Ok(false);
    }

    let arguments = ["test", "--workspace", "--all-features", "--no-fail-fast"];
    println!("cargo {}", arguments.join(" "));
    let mut cargo = project.command("cargo", &arguments);
    cargo.stdout(Stdio::piped());
    for (variable, place) in &found.variables {
        cargo.env(variable, place);
    }
    let mut child = cargo.spawn().context("cargo cannot be run")?;
    let mut tally = Tally::default();
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).lines() {
            let line = line.context("cargo's output cannot be read")?;
            println!("{line}");
            tally.count(&line);
        }
    }
    let is_ok = child.wait().context("cargo did not end")?.success() && tally.failed == 0;

    println!();
    if found.missing.is_empty() {
        println!("nothing was left out for want of a program");
    }
    for (service, why) in &found.missing {
        println!("left out for want of {}: {} ({why})", service.name, service.tests);
    }
    println!("{}", tally.closing_line(is_ok));
    Ok(is_ok)
}

/// How many tests ended how.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    suites: u64,
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Tally {
    /// Counts a line of cargo's output, if it is the end of a suite.
    fn count(&mut self, line: &str) {
        let Some(rest) = line.trim().strip_prefix("test result:") else { return };
        self.suites += 1;
        for part in rest.split(['.', ';']) {
            let mut words = part.split_whitespace();
            let (Some(number), Some(what)) = (words.next(), words.next()) else { continue };
            let Ok(number) = number.parse::<u64>() else { continue };
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }

    fn closing_line(&self, is_ok: bool) -> String {
        let verdict = if is_ok { "ok" } else { "FAILED" };
        let Self { suites, passed, failed, ignored } = self;
        format!(
            "test result: {verdict}. {passed} passed; {failed} failed; {ignored} ignored; in {suites} suites"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(lines: &str) -> Tally {
        let mut tally = Tally::default();
        lines.lines().for_each(|line| tally.count(line));
        tally
    }

    #[test]
    fn the_results_of_all_suites_are_added_up() {
        let output = "\
running 3 tests
test a ... ok
test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s

test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.05s";
        let tally = tally(output);
        assert_eq!(tally, Tally { suites: 2, passed: 15, failed: 0, ignored: 1 });
        assert_eq!(
            tally.closing_line(true),
            "test result: ok. 15 passed; 0 failed; 1 ignored; in 2 suites"
        );
    }

    #[test]
    fn a_failure_is_counted_and_shown() {
        let line = "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out";
        let tally = tally(line);
        assert_eq!(tally, Tally { suites: 1, passed: 3, failed: 2, ignored: 0 });
        assert!(tally.closing_line(false).starts_with("test result: FAILED. 3 passed; 2 failed"));
    }
}
