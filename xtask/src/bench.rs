//! `cargo xtask bench`: how far Guidepost is from the floor.
//!
//! A bench target measures pairs: what Guidepost does, and next to it, in turn, the least that could do the same (the
//! floor). It prints lines of JSON, one for each pair, `{"name": …, "value": …, "floor": …, "ratio": …}`, or one for many,
//! with the medians and a list of `ratios`. A ratio of two neighbours says more than two figures of a noisy machine, so what
//! is reported is the median of the ratios.

mod statistics;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value as Json, json};

use crate::bench::statistics::{Median, median};
use crate::project::Project;

/// A bench target: its package and its name.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Target {
    package: String,
    name: String,
}

/// Pairs of each benchmark, at least.
const PAIRS: usize = 15;
/// The same with `--quick`: the fewest that give an interval.
const PAIRS_QUICK: usize = 6;

/// How long all targets together may be repeated with `--quick`, building left out.
const QUICK: Duration = Duration::from_secs(90);

/// Where the results are kept.
const DOCUMENT: &str = "docs/benchmarks.md";

/// What was measured, by the benchmark's name.
type Results = BTreeMap<String, Samples>;

/// What the pairs of one benchmark measured.
#[derive(Debug, Clone, PartialEq, Default)]
struct Samples {
    values: Vec<f64>,
    floors: Vec<f64>,
    ratios: Vec<f64>,
}

/// Measures, and shows or writes the results.
///
/// # Errors
///
/// If a target cannot be built, or prints nothing that can be read.
pub(crate) fn run(project: &Project, quick: bool, json: bool) -> Result<bool> {
    let least = if quick { PAIRS_QUICK } else { PAIRS };
    let targets = targets(&project.metadata()?);
    ensure!(!targets.is_empty(), "there is no bench target");
    for target in &targets {
        measure(project, target, quick, true)?;
    }
    let begun = Instant::now();
    let mut results = Results::new();
    for (target, share) in targets.iter().zip(1_u32..) {
        let until = begun + QUICK / u32::try_from(targets.len()).unwrap_or(1) * share;
        let mut of_target = Results::new();
        while of_target.values().map(|samples| samples.ratios.len()).min().unwrap_or(0) < least {
            let output = measure(project, target, quick, false)?;
            ensure!(read(&output, &mut of_target) > 0, "`{}` printed no results", target.name);
            if quick && Instant::now() > until {
                break;
            }
        }
        results.extend(of_target);
    }
    if json {
        results.iter().for_each(|(name, samples)| println!("{}", line(name, samples)));
    } else if quick {
        print!("{}", table(&results));
    } else {
        let document = document(&results, &machine(project));
        std::fs::write(project.root.join(DOCUMENT), document)
            .with_context(|| format!("{DOCUMENT} cannot be written"))?;
        print!("{}", table(&results));
        println!("wrote {DOCUMENT}");
    }
    Ok(true)
}

/// The bench targets of the workspace.
fn targets(metadata: &Json) -> Vec<Target> {
    let mut found = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let targets = package["targets"].as_array().into_iter().flatten();
        let is_bench =
            |target: &&Json| target["kind"].as_array().is_some_and(|k| k.contains(&json!("bench")));
        found.extend(targets.filter(is_bench).filter_map(|target| {
            let text = |value: &Json| value.as_str().map(ToOwned::to_owned);
            Some(Target { package: text(&package["name"])?, name: text(&target["name"])? })
        }));
    }
    found
}

/// Builds or runs a bench target, and returns what it prints.
fn measure(
    project: &Project,
    Target { package, name: target }: &Target,
    quick: bool,
    build_only: bool,
) -> Result<String> {
    let mut arguments =
        vec!["bench", "--quiet", "--package", package, "--all-features", "--bench", target];
    if build_only {
        eprintln!("building the bench `{target}` …");
        arguments.push("--no-run");
    } else {
        eprintln!("measuring `{target}` …");
        if quick {
            arguments.extend(["--", "--quick"]);
        }
    }
    let mut cargo = project.command("cargo", &arguments);
    let output = cargo.stderr(std::process::Stdio::inherit()).output();
    let output = output.context("cargo cannot be run")?;
    ensure!(output.status.success(), "the bench target `{target}` fails");
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Adds what a target printed, and says how many lines were results; others are left out.
fn read(output: &str, results: &mut Results) -> usize {
    let mut found = 0;
    for line in output.lines() {
        let Ok(Json::Object(result)) = serde_json::from_str(line.trim()) else { continue };
        let number = |field: &str| result.get(field).and_then(Json::as_f64);
        let name = result.get("name").and_then(Json::as_str);
        let (Some(name), Some(value), Some(floor)) = (name, number("value"), number("floor"))
        else {
            continue;
        };
        let ratios: Vec<f64> = match result.get("ratios").and_then(Json::as_array) {
            Some(ratios) => ratios.iter().filter_map(Json::as_f64).collect(),
            None => vec![number("ratio").unwrap_or(value / floor)],
        };
        let mut numbers = [value, floor].into_iter().chain(ratios.iter().copied());
        if ratios.is_empty() || !numbers.all(f64::is_finite) {
            continue;
        }
        found += 1;
        let samples = results.entry(name.to_owned()).or_default();
        samples.values.push(value);
        samples.floors.push(floor);
        samples.ratios.extend(ratios);
    }
    found
}

fn middle(sample: &[f64]) -> Median {
    median(sample).unwrap_or(Median { middle: f64::NAN, interval: None })
}

/// One line of JSON for one benchmark.
fn line(name: &str, samples: &Samples) -> Json {
    let ratio = middle(&samples.ratios);
    let mut line = json!({
        "name": name,
        "value": rounded(middle(&samples.values).middle),
        "floor": rounded(middle(&samples.floors).middle),
        "ratio": rounded(ratio.middle),
        "pairs": samples.ratios.len(),
    });
    if let Some((low, high)) = ratio.interval {
        line["ratio_low"] = rounded(low).into();
        line["ratio_high"] = rounded(high).into();
    }
    line
}

/// A number with four significant digits; more would be noise.
fn rounded(number: f64) -> f64 {
    format!("{number:.3e}").parse().unwrap_or(number)
}

/// The results for people.
fn table(results: &Results) -> String {
    let mut text = "| Benchmark | Guidepost | Floor | Ratio, median | 95 % interval | Pairs |\n\
                    |---|---:|---:|---:|---:|---:|\n"
        .to_owned();
    for (name, samples) in results {
        let value = rounded(middle(&samples.values).middle);
        let floor = rounded(middle(&samples.floors).middle);
        let ratio = middle(&samples.ratios);
        let interval = ratio
            .interval
            .map_or("too few pairs".to_owned(), |(low, high)| format!("{low:.3} to {high:.3}"));
        let (middle, count) = (ratio.middle, samples.ratios.len());
        let row = format!("| `{name}` | {value} | {floor} | {middle:.3} | {interval} | {count} |");
        let _ = writeln!(text, "{row}");
    }
    text
}

fn document(results: &Results, machine: &str) -> String {
    format!(
        "<!-- Made by `cargo xtask bench`. -->\n\n# Benchmarks\n\n\
         Each benchmark runs in pairs: Guidepost, and next to it the least that could do the same, on the same disk at the \
         same moment. The name says what is counted; values and floors are medians. The ratio is taken within each pair; its interval runs \
         between two order statistics and assumes nothing about the distribution.\n\n\
         Measured on {machine}.\n\n{}",
        table(results)
    )
}

/// The machine in words that name nobody.
fn machine(project: &Project) -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let rustc = project.ask("rustc", &["--version"]).unwrap_or_default();
    let rustc = rustc.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    let system = (std::env::consts::OS, std::env::consts::ARCH);
    format!("{cores} cores, {} on {}, {rustc}", system.0, system.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(output: &str) -> Results {
        let mut results = Results::new();
        read(output, &mut results);
        results
    }

    #[test]
    fn bench_targets_are_found_wherever_they_are() {
        let metadata = json!({ "packages": [
            { "name": "a", "targets": [{ "name": "a", "kind": ["lib"] }] },
            { "name": "b", "targets": [{ "name": "speed", "kind": ["bench"] }] },
        ] });
        let expected = Target { package: "b".to_owned(), name: "speed".to_owned() };
        assert_eq!(targets(&metadata), [expected]);
    }

    #[test]
    fn results_are_read_and_other_lines_left_out() {
        let output = "running\n{\"name\": \"a\", \"value\": 50, \"floor\": 100, \"ratio\": 0.5}\n\
                      {\"name\": \"a\", \"value\": 60, \"floor\": 100}\n{\"name\": \"b\"}\nnull\n\
                      {\"name\": \"c\", \"value\": 1, \"floor\": 0}\n";
        let results = results(output);
        assert_eq!(results.len(), 1, "an infinite ratio is no result");
        assert_eq!(results["a"].ratios, [0.5, 0.6]);
    }

    #[test]
    fn one_line_may_stand_for_many_pairs() {
        let output = "{\"name\": \"a\", \"value\": 5, \"floor\": 2, \"ratio\": 2.5, \
                      \"ratios\": [2.4, 2.5, 2.6]}";
        assert_eq!(results(output)["a"].ratios, [2.4, 2.5, 2.6]);
    }

    #[test]
    fn a_line_gives_the_median_of_the_ratios() {
        let mut output = String::new();
        for n in 1..=15 {
            let _ = writeln!(output, "{{\"name\": \"a\", \"value\": {}, \"floor\": 100}}", n * 10);
        }
        let results = results(&output);
        let expected = json!({
            "name": "a", "value": 80.0, "floor": 100.0, "ratio": 0.8, "pairs": 15,
            "ratio_low": 0.4, "ratio_high": 1.2,
        });
        assert_eq!(line("a", &results["a"]), expected);
        assert!(table(&results).contains("| `a` | 80 | 100 | 0.800 | 0.400 to 1.200 | 15 |"));
    }
}
