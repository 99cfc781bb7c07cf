//! What others do in the same time: engines that people would hold Guidepost against, on the same disk in the same run.

use std::fmt::Write as _;

use anyhow::{Context, Result, ensure};
use serde_json::Value as Json;

use super::{PAIRS, Samples, middle, rounded};
use crate::project::Project;
use crate::services;

/// The other engines: their names in `peers.py`, and what they are called.
const PEERS: [(&str, &str); 2] = [("langgraph", "LangGraph"), ("dbos", "DBOS")];

/// What is installed from PyPI.
const REQUIREMENTS: &[&str] =
    &["langgraph==1.2.22", "langgraph-checkpoint-sqlite==3.1.2", "dbos==3.4.0"];

/// How many times as fast as the faster of them Guidepost is to be.
const TARGET: f64 = 10.0;

/// Runs of ten steps that a peer does in one measurement, and how many of them at once.
const RUNS: &str = "64";
const AT_ONCE: &str = "64";

/// What was measured against each peer, by its name.
pub(crate) type Compared = Vec<(&'static str, Samples)>;

/// Measures the engine and each peer in turn.
///
/// # Errors
///
/// If a peer cannot be installed or fails.
pub(crate) fn compare(project: &Project) -> Result<Compared> {
    let python = services::python(project, REQUIREMENTS, "langgraph, dbos")?;
    let python = python.display().to_string();
    let script = project.root.join("xtask/src/bench/peers.py").display().to_string();
    let mut compared: Compared =
        PEERS.iter().map(|(_, called)| (*called, Samples::default())).collect();
    for pair in 1..=PAIRS {
        eprintln!("measuring LangGraph and DBOS, {pair} of {PAIRS} …");
        let own = engine(project)?;
        for ((name, _), (_, samples)) in PEERS.iter().zip(&mut compared) {
            let folder = project.target.join("xtask").join("peers");
            std::fs::create_dir_all(&folder)?;
            let file = folder.join("peer.db").display().to_string();
            let rate = project.ask(&python, &[&script, name, &file, RUNS, AT_ONCE]);
            std::fs::remove_dir_all(&folder)?;
            let rate = rate.and_then(|rate| rate.lines().last()?.parse::<f64>().ok());
            let rate = rate.with_context(|| format!("`{script} {name}` fails"))?;
            samples.values.push(own);
            samples.floors.push(rate);
            samples.ratios.push(own / rate);
        }
    }
    Ok(compared)
}

/// Steps per second of the engine alone.
fn engine(project: &Project) -> Result<f64> {
    let bench = ["bench", "--quiet", "--package", "guidepost-engine", "--all-features"];
    let arguments = [&bench[..], &["--bench", "engine", "--", "--rate"]].concat();
    let output = project.command("cargo", &arguments).output().context("cargo cannot be run")?;
    ensure!(output.status.success(), "the bench target `engine` fails");
    let line: Json = serde_json::from_slice(&output.stdout).context("no line of JSON")?;
    line["value"].as_f64().context("the line has no value")
}

/// How the section of the document begins, and what comes after it.
const HEADING: &str = "## Next to others\n";
const NEXT_HEADING: &str = "## What the lines mean\n";

/// The section as the document had it before.
pub(crate) fn kept(before: &str) -> String {
    let from = before.find(HEADING).map(|at| &before[at..]);
    let kept = from.and_then(|from| from.find(NEXT_HEADING).map(|to| &from[..to]));
    kept.unwrap_or_default().to_owned()
}

/// The section of the document.
pub(crate) fn section(compared: &Compared, today: &str) -> String {
    let mut text = format!(
        "{HEADING}\n\
         The same durable steps of work, {RUNS} runs of ten at a time, by engines that keep them in SQLite at the durability they \
         offer ({}), each measured in turn with Guidepost's 6,400 runs, 64 at once, on {today}. What importing and setting up takes does \
         not count, and eight times as many runs go no faster with them. Target: {TARGET} times the faster one.\n\n\
         | Engine | steps/s | Guidepost, steps/s | Ratio, median | 95 % interval | Pairs | Met |\n\
         |---|---:|---:|---:|---:|---:|---|\n",
        REQUIREMENTS.join(", ")
    );
    for (called, samples) in compared {
        let ratio = middle(&samples.ratios);
        let interval = ratio
            .interval
            .map_or("too few pairs".to_owned(), |(low, high)| format!("{low:.0} to {high:.0}"));
        let is_met = if ratio.middle >= TARGET { "yes" } else { "no" };
        let _ = writeln!(
            text,
            "| {called} | {} | {} | {:.0} | {interval} | {} | {is_met} |",
            rounded(middle(&samples.floors).middle),
            rounded(middle(&samples.values).middle),
            ratio.middle,
            samples.ratios.len()
        );
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_section_says_who_was_how_much_slower() {
        let samples =
            Samples { values: vec![9_000.0; 15], floors: vec![500.0; 15], ratios: vec![18.0; 15] };
        let text = section(&vec![("LangGraph", samples)], "2026-11-21");
        assert!(text.contains("| LangGraph | 500 | 9000 | 18 | 18 to 18 | 15 | yes |"), "{text}");
        assert_eq!(kept(&format!("# Benchmarks\n\n{text}{NEXT_HEADING}\n…")), text);
        assert_eq!(kept("# Benchmarks\n"), "");
    }
}
