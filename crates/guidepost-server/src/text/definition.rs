//! What checking, saving and showing a definition says.

use std::fmt::Write as _;

use guidepost_core::diagnostic::Diagnostic;

use super::budget::{REPLY_MAX, fitting, size};
use super::foreign::{line, name, sentence, wording};
use super::lists::arguments;
use super::names::{self, listed};
use crate::ops::{Definition, WorkflowView};
use crate::words::Words;

/// Letters of a problem, and of a guideline in an outline.
const PROBLEM_MAX: usize = 300;
const GUIDELINE_MAX: usize = 160;

/// A definition that was checked, and perhaps saved.
#[must_use]
pub fn definition(definition: &Definition, words: Words) -> String {
    let size = format!(
        "{}, {}",
        counted(definition.states, "state"),
        counted(definition.transitions, "transition")
    );
    let workflow = name(&definition.workflow);
    let mut text = match &definition.saved {
        None => {
            let save = words.choose("save=true", "--save");
            format!("{workflow} is sound: {size}; nothing saved, {save} does\n")
        }
        Some(saved) if saved.is_new => format!("saved {workflow}@{}: {size}\n", saved.version),
        Some(saved) => format!(
            "{workflow}@{} has this structure already; wording changed in {}{}\n",
            saved.version,
            saved.reworded,
            if saved.is_new_text { "; the new text replaces the old" } else { "" },
        ),
    };
    text.push_str(&problems(&definition.warnings));
    if definition.saved.is_some() {
        let _ = writeln!(text, "next: {}", words.start(&workflow));
    }
    text
}

fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// A workflow with its states and transitions.
#[must_use]
pub fn workflow(view: &WorkflowView) -> String {
    let mut text = names::workflow(&view.workflow, view.version);
    if !view.input.is_empty() {
        let _ = write!(text, " {}", arguments(&view.input));
    }
    if let Some(description) = &view.description {
        let _ = write!(text, ": {}", line(description, PROBLEM_MAX));
    }
    text.push('\n');
    for schedule in &view.schedules {
        let _ = writeln!(text, "schedule: {}", super::schedule(schedule));
    }
    text.push_str(&ways_out(view, None, "in every state"));
    let lines = view.states.iter().map(|state| {
        let guideline = state.guideline.as_deref().map(|text| wording(text, GUIDELINE_MAX));
        let guideline = guideline.map(|text| format!(": {text}")).unwrap_or_default();
        let head = format!("{} ({}){guideline}", name(&state.state), state.kind);
        ways_out(view, Some(&state.state), &head).trim_end().to_owned()
    });
    let (lines, count) = fitting(lines, REPLY_MAX.saturating_sub(size(&text) + 100));
    text.push_str(&lines);
    if count < view.states.len() {
        let _ = writeln!(text, "{} more states", view.states.len() - count);
    }
    text
}

/// A state's transitions, a line each, below a line about the state; nothing for the root if it has none.
fn ways_out(view: &WorkflowView, state: Option<&str>, head: &str) -> String {
    let own = view.transitions.iter().filter(|transition| transition.from.as_deref() == state);
    let lines: Vec<String> = own
        .map(|transition| {
            let event =
                if transition.event.is_empty() { transition.kind } else { &transition.event };
            format!(
                "- {} -> {}\n",
                name(event),
                listed(transition.to.iter().map(|to| name(to)), "nowhere")
            )
        })
        .collect();
    if lines.is_empty() && state.is_none() {
        return String::new();
    }
    format!("{head}\n{}", lines.concat())
}

/// Problems of a definition, a line each, as many as a reply holds.
pub(super) fn problems(problems: &[Diagnostic]) -> String {
    let (mut text, count) = fitting(problems.iter().map(problem), REPLY_MAX - 300);
    if problems.is_empty() {
        return String::new();
    }
    if count < problems.len() {
        let _ = writeln!(text, "{} more", problems.len() - count);
    }
    text
}

fn problem(problem: &Diagnostic) -> String {
    let place = match problem.at.line {
        0 => String::new(),
        line => format!("line {line}: "),
    };
    let sort = if problem.is_error() { "" } else { "warning: " };
    let mut text = format!("{place}{sort}{}", line(&problem.message, PROBLEM_MAX));
    if let Some(hint) = &problem.hint {
        let _ = write!(text, ". {}", sentence(hint, PROBLEM_MAX));
    }
    text
}
