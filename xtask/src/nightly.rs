//! `cargo xtask nightly <minutes>`: simulations from seeds nobody has tried, for a given time.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

use crate::project::Project;

/// Seeds tried by one process, so that what it says about a failure comes soon.
const SEEDS_AT_ONCE: u64 = 500;

/// The simulation that tries the seeds it is given.
const TRY_SEEDS: [&str; 7] = [
    "test",
    "--release",
    "-p",
    "guidepost-engine",
    "--test",
    "sim",
    "every_run_ends_once_whatever_crashes",
];

/// Tries seeds until the time is over or one fails. Says whether all were well.
///
/// # Errors
///
/// If cargo cannot be run.
pub(crate) fn run(project: &Project, minutes: u64) -> Result<bool> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let first = first_seed(since);
    let mut compile = project.command("cargo", &TRY_SEEDS[..6]);
    compile.arg("--no-run");
    if !compile.status().context("cargo cannot be run")?.success() {
        return Ok(false);
    }
    let end = Instant::now() + Duration::from_secs(minutes.saturating_mul(60));
    let mut next = first;
    while next == first || Instant::now() < end {
        let seeds = format!("{next}..{}", next + SEEDS_AT_ONCE);
        println!("seeds {seeds}");
        let mut cargo = project.command("cargo", &TRY_SEEDS);
        cargo.env("GUIDEPOST_SIM_SEEDS", &seeds).env("RUST_BACKTRACE", "0");
        if !cargo.status().context("cargo cannot be run")?.success() {
            eprintln!("error: one of the seeds {seeds} failed; its message tells how to repeat it");
            return Ok(false);
        }
        next += SEEDS_AT_ONCE;
    }
    println!("{} seeds, from {first} on, and none failed", next - first);
    Ok(true)
}

/// A seed of its own for each second, with room for the first process's seeds. A long night overlaps only nights that
/// begin soon after it.
fn first_seed(since_1970: Duration) -> u64 {
    since_1970.as_secs() * SEEDS_AT_ONCE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_nights_try_different_seeds() {
        let (one, next) =
            (first_seed(Duration::from_secs(10)), first_seed(Duration::from_secs(11)));
        assert!(one + SEEDS_AT_ONCE <= next);
    }
}
