//! What checking a history found, in words.

use std::fmt::Write as _;

use super::budget::{REPLY_MAX, fitting};
use super::foreign::line;
use crate::ops::RunVerified;

/// What checking a history found.
#[must_use]
pub fn verified(found: &RunVerified) -> String {
    let checked = &found.verified;
    let mut text = match checked.problems.len() {
        0 => format!("{}: {} records, nothing wrong\n", found.run, checked.records),
        1 => format!("{}: {} records, 1 problem\n", found.run, checked.records),
        n => format!("{}: {} records, {n} problems\n", found.run, checked.records),
    };
    if checked.unsealed > 0 {
        let _ = writeln!(text, "not sealed yet: {}", checked.unsealed);
    }
    let problems = checked.problems.iter().map(|problem| match problem.seq.0 {
        0 => line(&problem.what, 300),
        seq => format!("e-{seq}: {}", line(&problem.what, 300)),
    });
    let (lines, _) = fitting(problems, REPLY_MAX - 500);
    text.push_str(&lines);
    match found.anchor.map(|anchor| anchor.0) {
        None => {}
        Some(0) => text.push_str("the published head is from before its first record\n"),
        Some(seq) => {
            let _ = writeln!(text, "up to e-{seq} it is what was published");
        }
    }
    let _ = writeln!(text, "head {}", checked.head);
    text
}
