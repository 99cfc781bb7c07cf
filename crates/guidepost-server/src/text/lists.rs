//! Lists of runs and workflows, in words.

use std::fmt::Write as _;

use guidepost_core::kernel::Argument;
use guidepost_core::run::Status;
use guidepost_store::Page;

use super::budget::{REPLY_MAX, fitting};
use super::foreign::{line, name, quoted, word};
use super::names::{listed, states, workflow};
use super::schedules::schedule;
use crate::ops::{RunHit, ScheduleView, WorkflowHit};
use crate::words::Words;

/// Letters of a goal or a description in a list.
const LINE_MAX: usize = 100;

/// The open runs, and how to go on from there.
#[must_use]
pub fn open_runs(found: &Page<RunHit>, words: Words) -> String {
    if found.items.is_empty() {
        return words
            .choose(
                "no open runs\nnext: guidepost_find lists workflows, guidepost_start begins one\n",
                "no open runs\nnext: `guidepost find` lists workflows, `guidepost start` begins one\n",
            )
            .to_owned();
    }
    let next = words.choose("guidepost_where", "`guidepost where`");
    let others = match found.next {
        None => String::new(),
        Some(_) => format!("; {} lists the others", words.find_runs()),
    };
    let shown = Page { items: found.items.iter().collect(), next: None };
    let text = list("open run", &shown, words, |hit| run(hit));
    format!("{text}next: {next} with one of these{others}\n")
}

/// Runs that were found.
#[must_use]
pub fn runs(found: &Page<RunHit>, words: Words) -> String {
    list("run", found, words, run)
}

/// Workflows that were found, with what their runs start with.
#[must_use]
pub fn workflows(found: &Page<WorkflowHit>, words: Words) -> String {
    list("workflow", found, words, found_workflow)
}

/// Schedules that were found, with when they come next.
#[must_use]
pub fn schedules(found: &Page<ScheduleView>, words: Words) -> String {
    list("schedule", found, words, schedule)
}

fn list<T>(noun: &str, found: &Page<T>, words: Words, line: impl Fn(&T) -> String) -> String {
    // Room for the first and the last line.
    let (lines, count) = fitting(found.items.iter().map(line), REPLY_MAX - 200);
    let more = found.next.is_some() || count < found.items.len();
    let many = if found.items.len() == 1 { "" } else { "s" };
    let least = if more { " or more" } else { "" };
    let mut text = match found.items.len() {
        0 => format!("no {noun}s found\n"),
        n => format!("{n}{least} {noun}{many}\n"),
    };
    text.push_str(&lines);
    match &found.next {
        Some(next) if count == found.items.len() => {
            let _ = writeln!(text, "more: {}", words.argument("cursor", next));
        }
        _ if count < found.items.len() => {
            let _ = writeln!(
                text,
                "{} not shown: ask with {}",
                found.items.len() - count,
                words.argument("limit", count)
            );
        }
        _ => {}
    }
    text
}

fn run(run: &RunHit) -> String {
    let mut text = format!(
        "{} {} rev {} in {}",
        run.name.run,
        workflow(&run.workflow, run.version),
        run.rev,
        states(run.states.iter())
    );
    if run.status != Status::Running {
        let _ = write!(text, ", {}", run.status);
    }
    if run.is_overdue {
        text.push_str(", overdue");
    }
    if let Some(damage) = &run.damaged {
        let _ = write!(text, ", {damage}");
    }
    if let Some(agent) = &run.agent {
        let _ = write!(text, ", agent {}", word(agent));
    }
    if let Some(goal) = &run.goal {
        let _ = write!(text, ": {}", quoted(goal, LINE_MAX));
    }
    text
}

fn found_workflow(hit: &WorkflowHit) -> String {
    let mut text = workflow(&hit.summary.name, hit.summary.version);
    match hit.input.as_deref() {
        None => text.push_str(" (cannot be used)"),
        Some([]) => {}
        Some(input) => {
            let _ = write!(text, " {}", arguments(input));
        }
    }
    if let Some(description) = &hit.summary.description {
        let _ = write!(text, ": {}", line(description, LINE_MAX));
    }
    text
}

/// Arguments as replies write them: `{lead!, score?}`.
pub(super) fn arguments(arguments: &[Argument]) -> String {
    let names = arguments.iter().map(|argument| {
        format!("{}{}", name(&argument.name), if argument.required { '!' } else { '?' })
    });
    format!("{{{}}}", listed(names, ""))
}
