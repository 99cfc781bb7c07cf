//! The end of every reply: what is legal now.

use std::fmt::Write as _;

use guidepost_core::run::{Driver, PauseReason, Status};

use super::budget::fitting;
use super::foreign::{line, told};
use super::names::listed;
use crate::ops::{Next, Standing};
use crate::words::Words;

/// The size of the list of legal events. A state with more has them in the diagram.
const NEXT_MAX: usize = 2_000;

/// Letters of an event with its arguments.
pub(super) const EVENT_MAX: usize = 400;

/// Letters of an event's description.
const DESCRIPTION_MAX: usize = 160;

/// What is legal now, or why nothing is.
pub(super) fn next(standing: &Standing, words: Words) -> String {
    if standing.next.is_empty() {
        return format!("next: {}\n", why_nothing(standing, words));
    }
    let (lines, count) = fitting(standing.next.iter().map(event), NEXT_MAX);
    let mut text = format!("next:\n{lines}");
    if count < standing.next.len() {
        let diagram = words.read(&standing.name.run, "diagram");
        let _ = writeln!(text, "  {} more: {diagram}", standing.next.len() - count);
    }
    text
}

fn why_nothing(standing: &Standing, words: Words) -> String {
    let engine_works =
        standing.driver == Driver::Engine && standing.states.iter().any(|now| now.work.is_some());
    match standing.status {
        Status::Completed => "nothing, the run is completed".to_owned(),
        Status::Failed => "nothing, the run has failed".to_owned(),
        Status::Cancelled => "nothing, the run is cancelled".to_owned(),
        Status::Paused if standing.paused == Some(PauseReason::OverLimit) => {
            "nothing until the limit is raised".to_owned()
        }
        Status::Paused => {
            let resume = format!("guidepost resume {}", standing.name.run);
            format!("nothing while the run is paused; {}", words.person(&resume, "resume it"))
        }
        Status::Running | Status::Waiting if !standing.making_good.is_empty() => {
            let run = format!("guidepost run {}", standing.name.run);
            let who = words.person(&run, "let an engine do that");
            format!("nothing until what was done is made good; {who}")
        }
        Status::Waiting => match &standing.until {
            Some(timer) => format!(
                "nothing before {}, {}; no program has to run until then, {} tells when the run moved",
                timer.due,
                line(&timer.what, EVENT_MAX),
                words.wait()
            ),
            None => format!("nothing now; {} tells when the run moved", words.wait()),
        },
        Status::Running if engine_works => {
            format!("nothing, the engine is at work; {} tells when it is done", words.wait())
        }
        Status::Running => "nothing leads on from here; stop, or ask a person".to_owned(),
    }
}

/// A legal event on a line of its own, with what its author says about it.
fn event(legal: &Next) -> String {
    let mut text = format!("- {}", line(&legal.to_string(), EVENT_MAX));
    let description = legal.description.as_ref().filter(|told| !told.text.trim().is_empty());
    if let Some(description) = description {
        let _ = write!(text, ": {}", told(description, DESCRIPTION_MAX).replace("\n  ", " "));
    }
    if !legal.requires.is_empty() {
        let facts: Vec<String> =
            legal.requires.iter().map(|fact| line(&fact.to_string(), DESCRIPTION_MAX)).collect();
        let _ = write!(text, " (needs on record: {})", facts.join(", "));
    }
    text
}

/// What is legal in a run, for the end of an error that is about something else.
#[must_use]
pub fn legal_now(standing: &Standing, words: Words) -> String {
    match standing.next.as_slice() {
        [] => next(standing, words),
        legal => format!("Legal now: {}. rev is {}.\n", legal_line(legal), standing.rev),
    }
}

/// Legal events on one line: `approve {comment?}, reject {reason!}`.
pub(super) fn legal_line(next: &[Next]) -> String {
    listed(next.iter().map(|legal| line(&legal.to_string(), EVENT_MAX)), "nothing")
}
