//! `guidepost check`: every problem in workflow files.

use guidepost_core::diagnostic::{Diagnostic, Severity};
use guidepost_core::schedule::Schedule;
use guidepost_core::workflow::Compiled;
use guidepost_server::ops::{System, World as _, leaves};

use crate::args::{self, CheckFormat};
use crate::definition::{DefinitionFile, Report};
use crate::failure::{Exit, Failure};
use crate::output::Output;

/// Tells every problem in the files.
///
/// # Errors
///
/// If a file cannot be read. Problems in it are answers.
pub(crate) fn run(args: &args::Check, out: &mut Output) -> Result<Exit, Failure> {
    let format = if out.is_json() { CheckFormat::Json } else { args.format };
    let mut exit = Exit::Ok;
    for path in &args.files {
        let file = DefinitionFile::read(path)?;
        let compiled = file.compile();
        if compiled.machine.is_none() {
            exit = Exit::Failed;
        }
        show(format, &file.name, &compiled, out);
    }
    Ok(exit)
}

fn show(format: CheckFormat, file: &str, compiled: &Compiled, out: &mut Output) {
    let found = &compiled.diagnostics;
    match format {
        CheckFormat::Full => {
            for problem in found {
                out.finding(&Failure::of_diagnostic(file, problem));
            }
            out.line(summary(file, compiled));
            let schedules = compiled.machine.iter().flat_map(|machine| &machine.schedules);
            for (name, schedule) in schedules {
                out.aside(format!("  {}", next_times(name, schedule)));
            }
        }
        CheckFormat::Short => {
            for Diagnostic { severity, code, message, at, .. } in found {
                out.line(format!("{file}:{at}: {}[{code}]: {message}", word(*severity)));
            }
        }
        CheckFormat::Github => {
            for problem in found {
                out.line(annotation(file, problem));
            }
        }
        CheckFormat::Json => out.json_line(&Report::of_compiled(file, compiled)),
    }
}

/// A line per file: what it is, or how much is wrong with it.
fn summary(file: &str, compiled: &Compiled) -> String {
    let errors = compiled.diagnostics.iter().filter(|found| found.is_error()).count();
    let warnings = compiled.diagnostics.len() - errors;
    match &compiled.machine {
        Some(machine) => {
            let warnings = match warnings {
                0 => String::new(),
                some => format!(", {}", count(some, "warning")),
            };
            format!(
                "{file}: ok, workflow `{}` with {}{warnings}",
                machine.name,
                count(leaves(machine), "state")
            )
        }
        None => format!("{file}: {}, {}", count(errors, "error"), count(warnings, "warning")),
    }
}

/// A schedule, and the next three times at which it begins a run.
fn next_times(name: &str, schedule: &Schedule) -> String {
    let next = schedule.times.upcoming(System.now(), 3);
    let next: Vec<String> = next.iter().map(ToString::to_string).collect();
    format!("schedule `{name}`: {}, next {}", schedule.times, next.join(", "))
}

fn count(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

/// A workflow command of GitHub Actions. Its properties and its text have escapes of their own.
fn annotation(file: &str, found: &Diagnostic) -> String {
    let text = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |name: &str| text(name).replace(':', "%3A").replace(',', "%2C");
    let hint = found.hint.as_ref().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
    format!(
        "::{} file={},line={},col={},title={}::{}",
        word(found.severity),
        property(file),
        found.at.line,
        found.at.column,
        found.code,
        text(&format!("{}{hint}", found.message))
    )
}

#[cfg(test)]
mod tests {
    use guidepost_core::diagnostic::Position;

    use super::*;

    #[test]
    fn an_annotation_cannot_be_broken_by_a_name() {
        let found = Diagnostic::error("GP0102", Position { line: 3, column: 7 }, "no `a\nb`")
            .with_hint("100%");
        assert_eq!(
            annotation("a,b.yaml", &found),
            "::error file=a%2Cb.yaml,line=3,col=7,title=GP0102::no `a%0Ab`%0Ahint: 100%25"
        );
    }
}
