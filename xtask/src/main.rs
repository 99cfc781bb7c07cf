//! Tasks of the project: `cargo xtask help` lists them.
//!
//! Each task is one module. They call the ordinary programs (`cargo`, `git`, `apt-get`, `pip`), say what they call, and
//! keep their own logic in pure functions that the unit tests reach.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a task talks to the terminal")]

mod bench;
mod ci;
mod codegen;
mod nightly;
mod project;
mod services;
mod snippets;
mod test;
mod tidy;

use std::process::ExitCode;

use crate::project::Project;

const HELP: &str = "\
Tasks of the project. Usage: cargo xtask <task>

  test                    run every test, after making sure the programs they need are there
  ci                      test, then everything else a change must pass
  tidy                    check the rules that no compiler checks
  codegen [--check]       write the generated documents, or say which are stale
  snippets                check that what documents show works
  bench [<target> …] [--quick] [--json] [--clean-build] [--peers]
                          measure what docs/benchmarks.md promises, all of it or what these bench targets measure, and write
                          the figures there; all of it takes a while, and says how long
                          --quick: fewer pairs, two minutes at most, writes nothing; --json: one line of JSON for each measure;
                          --clean-build: also a build from nothing up to the end of the demo;
                          --peers: also LangGraph and DBOS, from PyPI, next to the engine.
                          Compiling what is measured comes on top of these times
  nightly <minutes>       simulate crashes, delays and failures from fresh seeds for so long
  requirements            list which tests name which requirement
  help                    this text
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[&str]) -> anyhow::Result<ExitCode> {
    let Some((task, options)) = words.split_first() else {
        eprint!("{HELP}");
        return Ok(ExitCode::from(64));
    };
    if *task == "nightly" {
        let Some(minutes) = minutes(options) else {
            eprintln!("error: `nightly` takes the number of minutes, as in `nightly 60`\n\n{HELP}");
            return Ok(ExitCode::from(64));
        };
        let is_ok = nightly::run(&Project::find()?, minutes)?;
        return Ok(if is_ok { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let known: &[&str] = match *task {
        "codegen" => &["--check"],
        "bench" => &["--quick", "--json", "--clean-build", "--peers"],
        _ => &[],
    };
    let (options, targets): (Vec<&str>, Vec<&str>) =
        options.iter().partition(|option| *task != "bench" || option.starts_with('-'));
    if let Some(unknown) = options.iter().find(|option| !known.contains(option)) {
        eprintln!("error: `{task}` has no option `{unknown}`\n\n{HELP}");
        return Ok(ExitCode::from(64));
    }
    let has = |option: &str| options.contains(&option);
    let project = Project::find()?;
    let is_ok = match *task {
        "test" => test::run(&project)?,
        "ci" => ci::run(&project)?,
        "tidy" => tidy::run(&project)?,
        "codegen" => codegen::run(&project, has("--check"))?,
        "snippets" => snippets::check(&project)?,
        "bench" => {
            let (quick, json) = (has("--quick"), has("--json"));
            let (clean_build, peers) = (has("--clean-build"), has("--peers"));
            if quick && (clean_build || peers) {
                eprintln!(
                    "error: `--clean-build` and `--peers` take minutes; leave `--quick` out\n\n{HELP}"
                );
                return Ok(ExitCode::from(64));
            }
            let targets = &targets;
            bench::run(&project, bench::Options { targets, quick, json, clean_build, peers })?
        }
        "requirements" => tidy::requirements::list(&project)?,
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            true
        }
        unknown => {
            eprintln!("error: there is no task `{unknown}`\n\n{HELP}");
            return Ok(ExitCode::from(64));
        }
    };
    Ok(if is_ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The only option of `nightly`.
fn minutes(options: &[&str]) -> Option<u64> {
    match options {
        [minutes] => minutes.parse().ok(),
        _ => None,
    }
}
