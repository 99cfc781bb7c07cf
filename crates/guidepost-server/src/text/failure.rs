//! Errors in words: what was not done, why, what is legal now, an example, and the present rev.

use std::fmt::Write as _;

use guidepost_core::kernel::Rejected;
use guidepost_core::machine::schema::Mismatch;

use super::budget::{REPLY_MAX, capped};
use super::definition::problems;
use super::foreign::{line, name, sentence, word};
use super::names::states;
use super::next::{EVENT_MAX, legal_line};
use super::times::to_the_second;
use crate::ops::{LastMove, Next, NotDone, OpError, Refusal};
use crate::words::Words;

/// Letters of one sentence.
const SENTENCE_MAX: usize = 400;

/// An error, for an agent or a person to act on.
#[must_use]
pub fn error(error: &OpError, words: Words) -> String {
    let text = match error {
        OpError::NotDone(not_done) => self::not_done(not_done, error, words),
        OpError::BadDefinition { problems: found, .. } => {
            let errors = found.iter().filter(|problem| problem.is_error()).count();
            let noun = if errors == 1 { "problem" } else { "problems" };
            format!("{errors} {noun}, nothing saved\n{}", problems(found))
        }
        other => sentence_and_hint(&format!("not done: {other}"), other.advice(words).as_deref()),
    };
    capped(&text, REPLY_MAX)
}

fn sentence_and_hint(what: &str, hint: Option<&str>) -> String {
    let what = line(what, SENTENCE_MAX);
    match hint {
        None => format!("{what}.\n"),
        Some(hint) => format!("{what}. {}\n", sentence(hint, SENTENCE_MAX)),
    }
}

fn not_done(not_done: &NotDone, error: &OpError, words: Words) -> String {
    let mut text = match &not_done.refusal {
        Refusal::Rejected(rejected) => why(not_done, rejected, error, words),
        Refusal::RevAhead { seen, present } => {
            format!("not done: rev {seen} does not exist yet, the run is at rev {present}.")
        }
    };
    let next = &not_done.next;
    let is_stale = matches!(not_done.refusal, Refusal::Rejected(Rejected::Stale { .. }));
    match (next.is_empty(), is_stale) {
        (true, _) => {}
        (false, true) => {
            let _ = write!(text, " Legal: {}.", legal_line(next));
        }
        (false, false) => {
            let _ = write!(text, " Legal now: {}.", legal_line(next));
        }
    }
    text.push_str(&example(not_done));
    if is_stale && !next.is_empty() {
        let rev = words.argument("rev", not_done.rev);
        let _ = write!(text, " Call again with {rev} only if you still want it.");
    }
    if !not_done.run.is_empty() && !is_stale {
        let _ = write!(text, " Nothing changed; rev is {}.", not_done.rev);
    }
    text.push('\n');
    text
}

fn why(not_done: &NotDone, rejected: &Rejected, error: &OpError, words: Words) -> String {
    match rejected {
        Rejected::NotLegal { event, states: active, .. } => {
            format!("not done: {} is not legal in {}.", word(event.as_str()), states(active.iter()))
        }
        Rejected::Guarded { event, states: active, guards, .. } => format!(
            "not done: {} is not legal in {} as things are; not true: {}.",
            word(event.as_str()),
            states(active.iter()),
            line(&guards.join("; "), SENTENCE_MAX)
        ),
        Rejected::Unproven { event, missing, .. } => {
            let facts: Vec<String> = missing
                .iter()
                .map(|(fact, there)| {
                    format!("{} (there are {there})", line(&fact.to_string(), SENTENCE_MAX))
                })
                .collect();
            // What must be observed cannot be claimed, so recording it would not help.
            let advice = if missing.iter().any(|(fact, _)| fact.observed) {
                "What is to be observed counts only if the engine or telemetry saw it".to_owned()
            } else {
                format!("Record it with {} first", words.log())
            };
            format!(
                "not done: {} needs on record, since the state was entered: {}. {advice}.",
                word(event.as_str()),
                facts.join(", ")
            )
        }
        Rejected::BadData { event, problems, expected } => {
            let expected = expected
                .as_deref()
                .map(|legal| format!(" Expected {}.", line(&legal.to_string(), EVENT_MAX)));
            format!(
                "not done: {} does not fit: {} You sent {}.{}",
                word(event.as_str()),
                ended(mismatches(problems)),
                sent(not_done),
                expected.unwrap_or_default()
            )
        }
        Rejected::Stale { seen, present, states: active, .. } => format!(
            "not done: rev {seen} is old, the run is at rev {present}{}. Now in {}.",
            not_done.moved.as_ref().map(moved).unwrap_or_default(),
            states(active.iter())
        ),
        Rejected::BadStart { problems } => format!(
            "not started: {} You sent {}. Send them as {}.",
            ended(mismatches(problems)),
            sent(not_done),
            words.choose("input", "--input")
        ),
        other => sentence_and_hint(&format!("not done: {other}"), error.advice(words).as_deref())
            .trim_end()
            .to_owned(),
    }
}

fn mismatches(problems: &[Mismatch]) -> String {
    const SHOWN_MAX: usize = 10;
    let shown = problems.iter().take(SHOWN_MAX);
    let shown = shown.map(|problem| line(&problem.to_string(), SENTENCE_MAX));
    let mut shown: Vec<String> = shown.collect();
    if problems.len() > SHOWN_MAX {
        shown.push(format!("{} more", problems.len() - SHOWN_MAX));
    }
    shown.join("; ")
}

/// The text with a full stop, unless it ends with a question.
fn ended(mut text: String) -> String {
    if !text.ends_with('?') {
        text.push('.');
    }
    text
}

fn sent(not_done: &NotDone) -> String {
    const SHOWN_MAX: usize = 20;
    if not_done.sent.is_empty() {
        return "no data".to_owned();
    }
    let names: Vec<String> = not_done.sent.iter().take(SHOWN_MAX).map(|name| word(name)).collect();
    format!("{{{}}}", names.join(", "))
}

fn moved(last: &LastMove) -> String {
    match last.by.as_str() {
        "" => format!(" ({} at {})", name(&last.event), to_the_second(last.at)),
        by => format!(" ({} sent {} at {})", word(by), name(&last.event), to_the_second(last.at)),
    }
}

/// Data for the event that was meant, else for the first legal one that must carry any, else for the first.
fn example(not_done: &NotDone) -> String {
    let meant = match &not_done.refusal {
        Refusal::Rejected(Rejected::BadData { expected, .. }) => expected.as_deref(),
        Refusal::Rejected(_) | Refusal::RevAhead { .. } => None,
    };
    let must_carry = |next: &&Next| next.arguments.iter().any(|argument| argument.required);
    let next = &not_done.next;
    let shown = || next.iter().find(must_carry).or(next.first()).map(|next| &next.legal);
    match meant.or_else(shown) {
        Some(legal) => {
            format!(
                " Example: {} {}.",
                name(legal.event.as_str()),
                line(&legal.example().to_string(), EVENT_MAX)
            )
        }
        None => String::new(),
    }
}
