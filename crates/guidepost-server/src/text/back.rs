//! Going back, forking, migrating, replaying and comparing, in words.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use guidepost_core::id::{Branch, StateId, Visit};
use guidepost_core::machine::WorkKind;
use guidepost_core::record::{Compensation, Done, Lasting};
use serde_json::Value as Json;

use super::budget::{REPLY_MAX, fitting};
use super::foreign::{line, name, quoted, value, word};
use super::standing;
use super::times::to_the_second;
use crate::ops::{
    Checkpointed, Ending, Forked, MadeGood, Migrated, MigratedRun, Outcome, Replayed, RolledBack,
    RunsDiffer,
};
use crate::words::Words;

/// Letters of one record, value or reason.
const PART_MAX: usize = 300;

/// That a run was taken back, or what has to be confirmed first.
#[must_use]
pub fn rolled_back(answer: &RolledBack, words: Words) -> String {
    let to = format!("back to rev {}, {}", answer.to, steps(answer.steps));
    let mut text = match answer.is_done {
        true => format!("went {to}\n"),
        false => format!("not done: going {to}, has to be confirmed with --yes\n"),
    };
    if let Some(version) = answer.left_version {
        let _ = match answer.is_done {
            true => writeln!(text, "its migration is taken back too; it was in version {version}"),
            false => writeln!(text, "it would leave version {version}: its migration was later"),
        };
    }
    let (good, not) = match answer.is_done {
        true => ("is made good first", "not undone"),
        false => ("it would make good first", "it would not undo"),
    };
    text.push_str(&compensations(&answer.compensations, good));
    text.push_str(&lasting(&answer.lasting, not));
    text.push_str(left_to_people(&answer.lasting));
    text.push_str(&made_good(&answer.made_good));
    text + &standing(&answer.standing, words)
}

/// That a run is cancelled when what it did is made good, or what has to be confirmed first.
#[must_use]
pub fn ending(answer: &Ending, words: Words) -> String {
    let (opening, good, not) = match (answer.is_done, answer.compensations.is_empty()) {
        (true, true) => ("cancelled; there was nothing to make good", "", "not undone"),
        (true, false) => ("cancelled when all is made good", "is made good first", "not undone"),
        (false, _) => (
            "not done: this has to be confirmed with --yes",
            "it would make good first",
            "it would not undo",
        ),
    };
    let mut text = format!("{opening}\n");
    text.push_str(&compensations(&answer.compensations, good));
    text.push_str(&lasting(&answer.lasting, not));
    text.push_str(left_to_people(&answer.lasting));
    text.push_str(&made_good(&answer.made_good));
    text + &standing(&answer.standing, words)
}

/// What makes good what was done, in its order.
fn compensations(work: &[Compensation], what: &str) -> String {
    let lines = work.iter().map(|one| {
        let piece = piece(&one.state, one.visit, one.branch);
        let called = one.name.as_ref().map(|called| format!(" {}", word(called)));
        let prompt = one.prompt.as_ref().map(|prompt| format!(", {}", quoted(prompt, PART_MAX)));
        let spec = match &one.spec {
            Json::Object(fields) if fields.is_empty() => String::new(),
            spec => format!(", {}", value(spec, PART_MAX)),
        };
        let (called, prompt) = (called.unwrap_or_default(), prompt.unwrap_or_default());
        format!("{what}: {piece} by {}{called}{prompt}{spec}", one.kind.as_str())
    });
    let mut text = fitting(lines, REPLY_MAX / 2).0;
    let is_asked = |one: &&Compensation| one.kind == WorkKind::Task;
    let queues: BTreeSet<String> =
        work.iter().filter(is_asked).filter_map(|one| one.name.as_deref().map(word)).collect();
    for queue in queues {
        let _ =
            writeln!(text, "whoever does that gets it with `guidepost tasks claim task:{queue}`");
    }
    text
}

/// That nobody makes good what launched runs did, if their steps say how.
fn left_to_people(found: &[Lasting]) -> &'static str {
    match found.iter().any(|one| one.run_no.is_some() && !one.compensate.is_null()) {
        true => {
            "what launched runs did is left to people: only `guidepost cancel RUN --compensate` makes it good, while they \
             are alive\n"
        }
        false => "",
    }
}

/// What was made good before, and is not again.
fn made_good(pieces: &[MadeGood]) -> String {
    let lines = pieces.iter().map(|one| {
        let run = one.run_no.map(|run| format!("{run} ")).unwrap_or_default();
        let piece = piece(&one.state, one.visit, one.branch);
        format!("made good before: {run}{piece}, at rev {}", one.rev)
    });
    fitting(lines, REPLY_MAX / 2).0
}

/// A piece of work: `Sit#1[2]`.
fn piece(state: &StateId, visit: Visit, branch: Branch) -> String {
    let branch = if branch.is_whole() { String::new() } else { format!("[{branch}]") };
    format!("{}#{visit}{branch}", name(state.as_str()))
}

/// That a run was forked, or what has to be confirmed first.
#[must_use]
pub fn forked(answer: &Forked, words: Words) -> String {
    let (origin, from) = (&answer.origin, answer.from);
    let mut text = match (answer.is_done, answer.is_new) {
        (true, true) => format!("forked from {origin} at rev {from}\n"),
        (true, false) => format!("forked before with this key, from {origin}\n"),
        (false, _) => {
            format!("not done: a fork of {origin} at rev {from} has to be confirmed with --yes\n")
        }
    };
    text.push_str(&lasting(&answer.lasting, "it may do again"));
    text + &standing(&answer.standing, words)
}

fn steps(count: u64) -> String {
    match count {
        0 => "where its work begins anew".to_owned(),
        1 => "1 step".to_owned(),
        _ => format!("{count} steps"),
    }
}

/// What lasts, a line each: the branches of a fan-out in their order.
fn lasting(found: &[Lasting], what: &str) -> String {
    let mut found = found.to_vec();
    let is_one_fan =
        |a: &Lasting, b: &Lasting| (a.run_no, &a.state, a.visit) == (b.run_no, &b.state, b.visit);
    found.chunk_by_mut(is_one_fan).for_each(|fan| fan.sort_by_key(|one| one.branch));
    let lines = found.iter().map(|one| {
        let how = match one.how {
            Done::Ended => "",
            Done::Failed => ", which failed and may be half done",
            Done::Begun => ", which had begun and may be half done",
        };
        let piece = piece(&one.state, one.visit, one.branch);
        let remedy = match &one.compensate {
            Json::Null => String::new(),
            remedy => format!("; to make it good: {}", value(remedy, PART_MAX)),
        };
        let run = one.run_no.map(|run| format!("{run} ")).unwrap_or_default();
        format!("{what}: {run}{piece}{how}{remedy}")
    });
    fitting(lines, REPLY_MAX / 2).0
}

/// The places a run can be taken back to.
#[must_use]
pub fn checkpointed(answer: &Checkpointed) -> String {
    let mut text = format!("{} is at rev {}\n", answer.run, answer.rev);
    let named = answer.checkpoints.iter().rev();
    let named = named.map(|place| format!("checkpoint {} rev {}", word(&place.name), place.rev));
    let steps = answer.steps.iter().rev().map(|place| {
        let entered: Vec<String> = place.entered.iter().map(|state| name(state)).collect();
        format!("rev {}: {} at {}", place.rev, entered.join(", "), to_the_second(place.at))
    });
    text.push_str(&fitting(named.chain(steps), REPLY_MAX - 200).0);
    text
}

/// What became of the runs that were to be migrated.
#[must_use]
pub fn migrated(answer: &Migrated) -> String {
    let lines = answer.runs.iter().map(|run| migrated_run(run).trim_end().to_owned());
    let (mut text, _) = fitting(lines, REPLY_MAX - 200);
    let count = |outcome| answer.runs.iter().filter(|run| run.outcome == outcome).count();
    let refused = count(Outcome::Refused);
    let unconfirmed = match count(Outcome::Unconfirmed) {
        0 => String::new(),
        runs => format!(", {runs} to be confirmed with --yes"),
    };
    let _ = match answer.is_dry_run {
        true => writeln!(
            text,
            "{} would be migrated, {refused} could not; nothing was changed",
            count(Outcome::WouldMigrate)
        ),
        false => {
            writeln!(text, "{} migrated, {refused} refused{unconfirmed}", count(Outcome::Migrated))
        }
    };
    text
}

/// What became of one run.
#[must_use]
pub fn migrated_run(run: &MigratedRun) -> String {
    let version =
        |version: Option<_>| version.map_or("?".to_owned(), |version| format!("{version}"));
    let (from, to) = (version(run.from), version(run.to));
    let mut text = match run.outcome {
        Outcome::Migrated => format!("{}: version {from} -> {to}, rev {}\n", run.run, run.rev),
        Outcome::WouldMigrate if run.lasting.is_empty() => {
            format!("{}: would go from version {from} to {to}\n", run.run)
        }
        Outcome::WouldMigrate => {
            format!("{}: would go from version {from} to {to} if confirmed with --yes\n", run.run)
        }
        Outcome::Unchanged => format!("{}: is in version {to} already\n", run.run),
        Outcome::Unconfirmed => format!(
            "{}: stays in version {from}: going to {to} has to be confirmed with --yes\n",
            run.run
        ),
        Outcome::Refused => format!("{}: stays in version {from}\n", run.run),
    };
    if run.outcome != Outcome::Unchanged {
        for state in &run.states {
            let (old, new) = (name(state.old.as_str()), name(state.new.as_str()));
            if old != new {
                let _ = writeln!(text, "  {old} -> {new}");
            }
        }
    }
    for dropped in &run.dropped {
        let _ = writeln!(text, "  dropped: {}", line(dropped, PART_MAX));
    }
    let anew = if run.outcome == Outcome::Migrated { "begins anew" } else { "would begin anew" };
    text.push_str(&lasting(&run.lasting, anew));
    for obstacle in &run.obstacles {
        let _ = writeln!(text, "  no: {}", line(&obstacle.what, PART_MAX));
        if let Some(hint) = &obstacle.hint {
            let _ = writeln!(text, "    {}", line(hint, PART_MAX));
        }
    }
    text
}

/// That a history decides to itself again, or where it does not.
#[must_use]
pub fn replayed(answer: &Replayed) -> String {
    let Some(found) = &answer.divergence else {
        return format!("{}: {} records, all decided alike\n", answer.run, answer.records);
    };
    let mut text = format!(
        "{}: parts at rev {}, on {}\n",
        answer.run,
        found.rev,
        line(&found.input, PART_MAX)
    );
    let _ = writeln!(text, "recorded: {}", record(&found.recorded));
    let _ = match &found.refused {
        Some(refused) => writeln!(text, "decided: refused, {}", line(refused, PART_MAX)),
        None => writeln!(text, "decided: {}", record(&found.decided)),
    };
    text
}

fn record(record: &Json) -> String {
    if record.is_null() { "nothing".to_owned() } else { value(record, 2 * PART_MAX) }
}

/// Where two runs part, and what differs.
#[must_use]
pub fn diff(answer: &RunsDiffer) -> String {
    let [a, b] = &answer.runs;
    let found = &answer.difference;
    if answer.is_same {
        return format!(
            "{a} and {b} took the same way to the same end, {} records\n",
            found.common
        );
    }
    let path = |path: &[String]| {
        let places: Vec<String> = path.iter().map(|place| name(place)).collect();
        if places.is_empty() { String::new() } else { format!(": {}", places.join(" -> ")) }
    };
    let mut text = match found.common {
        0 => "no records in common\n".to_owned(),
        common => format!("{common} records in common{}\n", path(&found.common_path)),
    };
    for (run, part) in [(a, &found.a), (b, &found.b)] {
        let rev = part.rev.map_or("ends there".to_owned(), |rev| format!("from rev {rev}"));
        let _ = writeln!(text, "{run} {rev}{}", path(&part.path));
        let states: Vec<String> =
            part.ending.states.iter().map(|state| name(state.as_str())).collect();
        let output = match &part.ending.output {
            Json::Null => String::new(),
            output => format!(", output {}", value(output, PART_MAX)),
        };
        let _ = writeln!(text, "{run} is {} in {}{output}", part.ending.status, states.join(", "));
    }
    let side = |side: &Option<Json>| {
        side.as_ref().map_or("nothing".to_owned(), |side| value(side, PART_MAX / 3))
    };
    let data = found.data.iter().map(|differing| {
        format!("data {}: {} | {}", name(&differing.at), side(&differing.a), side(&differing.b))
    });
    text.push_str(&fitting(data, REPLY_MAX / 2).0);
    text
}
