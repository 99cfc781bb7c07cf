//! `cargo xtask bench`: how far Guidepost is from the floor.
//!
//! `measures.rs` lists the measures and what is promised of each. A bench target measures pairs: what Guidepost does, and next to it, in turn, the least that could do the same (the
//! floor). It prints a line of JSON for each pair, `{"name": …, "value": …, "floor": …, "ratio": …}`. A ratio of two
//! neighbours says more than two figures of a noisy machine, so what is reported is the median of the ratios.

mod clean;
mod measures;
mod peers;
mod statistics;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::{Value as Json, json};

use crate::bench::measures::{MEASURES, Measure};
use crate::bench::statistics::{Median, median};
use crate::project::Project;

/// A bench target: its package and its name.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Target {
    package: String,
    name: String,
}

/// Pairs of each benchmark, at least, in what is written to the document.
const PAIRS: usize = 15;

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

/// What to measure, how, and what to do with the results.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options<'a> {
    /// The bench targets; none stands for all of them.
    pub(crate) targets: &'a [&'a str],
    /// Takes fewer pairs, and writes no document.
    pub(crate) quick: bool,
    /// Prints lines of JSON instead of a table.
    pub(crate) json: bool,
    /// Measures also how long it takes from the sources to the end of the demo.
    pub(crate) clean_build: bool,
    /// Measures also engines that others make.
    pub(crate) peers: bool,
}

/// Measures, and shows or writes the results.
///
/// # Errors
///
/// If a target cannot be built, prints nothing that can be read, or measures less than it is to.
pub(crate) fn run(project: &Project, options: Options<'_>) -> Result<bool> {
    let Options { targets: wanted, quick, json, clean_build, peers } = options;
    let targets = chosen(targets(&project.metadata()?), wanted)?;
    for target in &targets {
        measure(project, target, quick, true)?;
    }
    let begun = Instant::now();
    let mut results = Results::new();
    for target in &targets {
        let output = measure(project, target, quick, false)?;
        ensure!(read(&output, &mut results) > 0, "`{}` printed no results", target.name);
    }
    eprintln!("measured for {} s", begun.elapsed().as_secs());
    for Measure { name, .. } in MEASURES {
        let pairs = results.get(name).map_or(0, |samples| samples.ratios.len());
        let least = if quick { 1 } else { PAIRS };
        let is_chosen = wanted.is_empty() || pairs > 0;
        ensure!(
            pairs >= least || !is_chosen,
            "`{name}` was measured {pairs} times, and is to be {least} times"
        );
    }
    let compared = if peers { peers::compare(project)? } else { Vec::new() };
    let clean = clean_build.then(|| clean::seconds(project)).transpose()?;
    if json {
        results.iter().for_each(|(name, samples)| println!("{}", line(name, samples)));
        for (name, samples) in &compared {
            println!("{}", line(&format!("engine-next-to-{name}"), samples));
        }
        clean.iter().for_each(|seconds| println!("{}", clean::line(*seconds)));
        return Ok(true);
    }
    let page = project.root.join(DOCUMENT);
    // What is not measured now stands there as it was measured last.
    let before = std::fs::read_to_string(&page).unwrap_or_default();
    let today = project.ask("date", &["-u", "+%Y-%m-%d"]).unwrap_or_default();
    let table = table(&results, &today, if quick { "" } else { &before });
    if !quick {
        let others = if compared.is_empty() {
            peers::kept(&before)
        } else {
            peers::section(&compared, &today)
        };
        let clean =
            clean.map_or_else(|| clean::kept(&before), |seconds| clean::sentence(seconds, &today));
        let document = document(&table, &machine(project), &clean, &others);
        std::fs::write(&page, document).with_context(|| format!("{DOCUMENT} cannot be written"))?;
        eprintln!("wrote {DOCUMENT}");
    }
    print!("{table}");
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

/// The targets of these names.
fn chosen(targets: Vec<Target>, names: &[&str]) -> Result<Vec<Target>> {
    let known: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
    if let Some(unknown) = names.iter().find(|name| !known.contains(name)) {
        anyhow::bail!("there is no bench target `{unknown}`; there are {}", known.join(", "));
    }
    let is_chosen = |target: &Target| names.is_empty() || names.contains(&target.name.as_str());
    Ok(targets.into_iter().filter(is_chosen).collect())
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
        let ratio = number("ratio").unwrap_or(value / floor);
        if ![value, floor, ratio].into_iter().all(f64::is_finite) {
            continue;
        }
        found += 1;
        let samples = results.entry(name.to_owned()).or_default();
        samples.values.push(value);
        samples.floors.push(floor);
        samples.ratios.push(ratio);
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

/// The results for people. A measure that was not taken has the row it has in `before`, if any.
fn table(results: &Results, today: &str, before: &str) -> String {
    let mut text = "| Measure | Unit | Guidepost | Floor | Ratio, median | 95 % interval | Pairs | Target | Met | Measured |\n\
                    |---|---|---:|---:|---:|---:|---:|---|---|---|\n"
        .to_owned();
    for Measure { name, unit, target, .. } in MEASURES {
        let Some(samples) = results.get(name) else {
            let start = format!("| `{name}` |");
            let kept = before.lines().filter(|line| line.starts_with(&start));
            kept.for_each(|row| text.extend([row, "\n"]));
            continue;
        };
        let value = rounded(middle(&samples.values).middle);
        let floor = rounded(middle(&samples.floors).middle);
        let ratio = middle(&samples.ratios);
        let interval = ratio
            .interval
            .map_or("too few pairs".to_owned(), |(low, high)| format!("{low:.3} to {high:.3}"));
        let is_met = if target.is_met(ratio.middle, value, floor) { "yes" } else { "no" };
        let (middle, count, target) = (ratio.middle, samples.ratios.len(), target.words(unit));
        let row = format!(
            "| `{name}` | {unit} | {value} | {floor} | {middle:.3} | {interval} | {count} | {target} | {is_met} | {today} |"
        );
        let _ = writeln!(text, "{row}");
    }
    text
}

fn document(table: &str, machine: &str, clean: &str, others: &str) -> String {
    let mut meanings = String::new();
    for Measure { name, what, .. } in MEASURES {
        let _ = writeln!(meanings, "- `{name}`: {what}");
    }
    format!(
        "<!-- Made by `cargo xtask bench`. -->\n\n# Benchmarks\n\n\
         Each measure is taken in pairs: Guidepost, and next to it, in turn, the least that could do the same on the same \
         machine and disk (the floor). Values and floors are medians. The ratio is taken within each pair, and its median \
         is what the target speaks of; the interval runs between two order statistics, holds the true median with a \
         probability of at least 95 %, and assumes nothing about the distribution. Where the floor is a promise, it is the \
         same in every pair.\n\n\
         {table}\n{clean}The machine: {machine}.\n\n{others}\
         ## What the lines mean\n\n{meanings}\n\
         ## To repeat this\n\n\
         `cargo xtask bench` measures all of it and writes this page; leave the machine alone meanwhile. `--clean-build` \
         adds a build from nothing, which takes minutes, `--peers` the other engines. `cargo xtask bench --quick --json` takes fewer pairs and prints one \
         line of JSON for each measure. `cargo xtask bench engine` measures one target, and leaves the other lines as they are. Temporary files, and with them the disk that is measured, are where `TMPDIR` says.\n"
    )
}

/// The machine in words that name nobody.
fn machine(project: &Project) -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let first_line = |program: &str, arguments: &[&str]| {
        project.ask(program, arguments).unwrap_or_else(|| format!("an unknown {program}"))
    };
    let memory = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        line.trim().trim_end_matches("kB").trim().parse::<f64>().ok()
    });
    let memory = memory.map_or("memory of unknown size".to_owned(), |kibibytes| {
        format!("{:.0} GiB of memory", kibibytes / 1024.0 / 1024.0)
    });
    let kernel = first_line("uname", &["-sr"]);
    let kernel = kernel.split('-').next().unwrap_or_default();
    let rustc = first_line("rustc", &["--version"]);
    let rustc = rustc.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    let sqlite = sqlite(project).unwrap_or_else(|| "an unknown version of SQLite".to_owned());
    format!("{cores} cores ({}), {memory}, {kernel}, {sqlite}, {rustc}", std::env::consts::ARCH)
}

/// The version of SQLite that is built in, which its package's own version does not tell.
fn sqlite(project: &Project) -> Option<String> {
    let asked = ["metadata", "--locked", "--format-version", "1"];
    let metadata: Json = serde_json::from_str(&project.ask("cargo", &asked)?).ok()?;
    let packages = metadata["packages"].as_array()?;
    let package = packages.iter().find(|package| package["name"] == "libsqlite3-sys")?;
    let manifest = std::path::Path::new(package["manifest_path"].as_str()?);
    let header = std::fs::read_to_string(manifest.parent()?.join("sqlite3/sqlite3.h")).ok()?;
    let version = header.lines().find_map(|line| line.strip_prefix("#define SQLITE_VERSION "))?;
    Some(format!("SQLite {}", version.trim().trim_matches('"')))
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
    }

    #[test]
    fn the_table_says_what_was_promised_and_whether_it_holds() {
        let mut output = String::new();
        for n in 41..=55 {
            let value = n * 1_000;
            let line = json!({ "name": "durable-64-full", "value": value, "floor": 100_000 });
            let _ = writeln!(output, "{line}");
        }
        let row = "| `durable-64-full` | steps/s | 48000 | 100000 | 0.480 | 0.440 to 0.520 | 15 | at least 0.5 | no | 2026-11-21 |";
        let table = table(&results(&output), "2026-11-21", "");
        assert!(table.contains(row), "{table}");
        let page = document(&table, "a machine", "", "");
        assert!(page.contains(row));
        // Another day, something else is measured.
        let line = json!({ "name": "kernel-plain", "value": 2, "floor": 1 }).to_string();
        let table = super::table(&results(&line), "2026-11-22", &page);
        assert!(table.contains(row), "{table}");
        assert!(table.contains("| too few pairs | 1 | at least 1 | yes | 2026-11-22 |"), "{table}");
    }

    #[test]
    fn a_target_that_is_not_there_is_told() {
        let target = |name: &str| Target { package: "p".to_owned(), name: name.to_owned() };
        let all = || vec![target("store"), target("engine")];
        assert_eq!(chosen(all(), &[]).unwrap(), all());
        assert_eq!(chosen(all(), &["engine"]).unwrap(), [target("engine")]);
        let error = chosen(all(), &["engines"]).unwrap_err().to_string();
        assert_eq!(error, "there is no bench target `engines`; there are store, engine");
    }
}
