//! The end of every reply: what is legal now.

use std::fmt::Write as _;

use guidepost_core::run::{PauseReason, Status};

use super::budget::fitting;
use super::foreign::{line, name, told};
use super::names::listed;
use super::times::to_the_second;
use crate::ops::{Hands, InHand, Next, Standing};
use crate::words::Words;

/// The size of the list of legal events. A state with more has them in the diagram.
const NEXT_MAX: usize = 2_000;

/// Letters of an event with its arguments.
pub(super) const EVENT_MAX: usize = 400;

/// How many ways in which work stands are told.
const HANDS_MAX: usize = 3;

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
        Status::Running | Status::Waiting if !standing.in_hand.is_empty() => {
            let is_ready = standing.in_hand.iter().any(|work| work.hands == Hands::Ready);
            let run = format!("guidepost run {}", standing.name.run);
            let advice = match is_ready {
                true => words.person(&run, "have an engine do it"),
                false => format!("{} tells when the run moved", words.wait()),
            };
            format!("nothing now: {}; {advice}", in_hand(standing))
        }
        Status::Waiting => match &standing.until {
            Some(timer) => format!(
                "nothing before {}, {}; no program has to run until then, {} tells when the run moved",
                to_the_second(timer.due),
                line(&timer.what, EVENT_MAX),
                words.wait()
            ),
            None => format!("nothing now; {} tells when the run moved", words.wait()),
        },
        // Between two looks the work may have ended, and what follows not have begun.
        Status::Running if standing.states.iter().any(|now| now.work.is_some()) => {
            format!("nothing now; {} tells when the run moved", words.wait())
        }
        Status::Running => "nothing leads on from here; stop, or ask a person".to_owned(),
    }
}

/// In whose hands the work of a run is, the first few ways: `Charge#1 is held by w-1 until 2026-01-31T12:00:00Z`.
#[must_use]
pub fn in_hand(standing: &Standing) -> String {
    let mut told: Vec<(String, &str, usize)> = Vec::new();
    for work in &standing.in_hand {
        let how = hands(work);
        match told.iter_mut().find(|(known, _, _)| *known == how) {
            Some((_, _, count)) => *count += 1,
            None => told.push((how, &work.piece, 1)),
        }
    }
    let line_of = |(how, first, count): &(String, &str, usize)| match count {
        1 => format!("{} {how}", name(first)),
        count => format!("{} and {} more: {how}", name(first), count - 1),
    };
    let mut lines: Vec<String> = told.iter().take(HANDS_MAX).map(line_of).collect();
    lines.extend((told.len() > HANDS_MAX).then(|| "and more".to_owned()));
    lines.join("; ")
}

fn hands(work: &InHand) -> String {
    let told = match &work.hands {
        Hands::Held { by, until } => {
            format!("is held by {} until {}", name(by), to_the_second(*until))
        }
        Hands::Launched { run } => format!("waits for {run}"),
        Hands::Later { at } => format!("is tried again at {}", to_the_second(*at)),
        Hands::Unclaimed => {
            let queue = name(&work.queue);
            format!("waits for a worker, who takes it with `guidepost tasks claim {queue}`")
        }
        Hands::Ready => {
            let engine = engine_for(&work.queue).map(|with| format!(" for an engine with {with}"));
            format!("is ready{}, and nobody is at it", engine.unwrap_or_default())
        }
    };
    match &work.bound_to {
        Some(workflow) if matches!(work.hands, Hands::Unclaimed | Hands::Ready) => {
            format!("{told} (`concurrency` of {} says how many at once)", name(workflow))
        }
        _ => told,
    }
}

/// What the engines have to be allowed that may do the tasks of a queue; `None` if any may.
#[must_use]
pub fn engine_for(queue: &str) -> Option<&'static str> {
    match queue {
        "exec" => Some("`--allow-exec` for its program"),
        "tool" => Some("its server in the file of `--tools`"),
        _ => None,
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
