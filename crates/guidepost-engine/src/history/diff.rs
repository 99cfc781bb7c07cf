//! Where two runs part, and what differs.

use std::collections::BTreeMap;

use guidepost_core::data::Pointer;
use guidepost_core::id::{Rev, RunId, StateId};
use guidepost_core::record::{Record, Restoration, Restored};
use guidepost_core::run::{Run, Status, Unfoldable};
use guidepost_core::time::Timestamp;
use guidepost_store::Entry;
use serde::Serialize;
use serde_json::{Map, Value as Json, json};

use super::records;

/// What two runs have in common, and what differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// How many records they have in common, from the beginning.
    pub common: u64,
    /// The places both came to, in order, up to where they part.
    pub common_path: Vec<String>,
    /// The first run from there.
    pub a: Part,
    /// The second run from there.
    pub b: Part,
    /// Values in their data that are not equal, by their place.
    pub data: Vec<Differing>,
}

impl Difference {
    /// Whether the runs took the same way, as far as both went, and came to the same.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.a.parts_with.is_null()
            && self.b.parts_with.is_null()
            && self.data.is_empty()
            && self.a.ending == self.b.ending
    }
}

/// One run from where two part.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Part {
    /// The first record that the other has not; null if there is none.
    pub parts_with: Json,
    /// The rev of that record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rev: Option<Rev>,
    /// The places it came to from there, in order.
    pub path: Vec<String>,
    /// How it stands.
    #[serde(flatten)]
    pub ending: Ending,
}

/// How a run stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ending {
    /// What it is doing.
    pub status: Status,
    /// The innermost states it is in.
    pub states: Vec<StateId>,
    /// What it gave back, or why it failed.
    #[serde(skip_serializing_if = "Json::is_null")]
    pub output: Json,
}

/// A value that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Differing {
    /// Where, as a JSON Pointer.
    pub at: String,
    /// The first run's value; absent if it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub a: Option<Json>,
    /// The second run's value; absent if it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub b: Option<Json>,
}

/// A history, folded along the way.
struct Told {
    /// Each record as it is compared, without who, when and which visit.
    records: Vec<(Rev, Json)>,
    /// The places come to by each record.
    places: Vec<Vec<String>>,
    run: Run,
}

/// Compares two histories. Who did something and when does not count. A fork is compared with its origin from where it was
/// forked.
///
/// # Errors
///
/// [`Unfoldable`] if one of them was damaged.
pub fn diff(a: (RunId, &[Entry]), b: (RunId, &[Entry])) -> Result<Difference, Unfoldable> {
    let (told_a, told_b) = (Told::of(a.1)?, Told::of(b.1)?);
    let (from_a, from_b) = match (forked_at(a.1), forked_at(b.1)) {
        (_, Some((origin, rev))) if origin == a.0 => (count(rev), 1),
        (Some((origin, rev)), _) if origin == b.0 => (1, count(rev)),
        _ => (0, 0),
    };
    let (rest_a, rest_b) = (told_a.from(from_a), told_b.from(from_b));
    let same = rest_a.iter().zip(rest_b).take_while(|((_, a), (_, b))| a == b).count();
    let (at_a, at_b) = (from_a + same, from_b + same);
    let mut data = Vec::new();
    let (data_a, data_b) = (told_a.run.data.to_json(), told_b.run.data.to_json());
    differences(&Pointer::from(""), Some(&data_a), Some(&data_b), &mut data);
    Ok(Difference {
        common: at_a.max(at_b) as u64,
        common_path: told_a.places.iter().take(at_a).flatten().cloned().collect(),
        a: told_a.part(at_a),
        b: told_b.part(at_b),
        data,
    })
}

/// The run a history began in, and the rev at which it left it.
fn forked_at(entries: &[Entry]) -> Option<(RunId, Rev)> {
    match records(entries).next() {
        Some((_, Record::Restored(Restored { why: Restoration::Forked { run, rev }, .. }))) => {
            Some((*run, *rev))
        }
        _ => None,
    }
}

fn count(rev: Rev) -> usize {
    usize::try_from(rev.0).unwrap_or(usize::MAX)
}

impl Told {
    fn of(entries: &[Entry]) -> Result<Self, Unfoldable> {
        let mut told = Self { records: Vec::new(), places: Vec::new(), run: Run::default() };
        for (rev, record) in records(entries) {
            told.run.apply(record)?;
            let entered = leaves(&told.run).into_iter();
            let entered = entered.filter(|state| told.run.active[state].rev == told.run.rev);
            let place = |state: StateId| format!("{state}#{}", told.run.active[&state].visit);
            told.places.push(entered.map(place).collect());
            told.records.push((rev, comparable(record)));
        }
        Ok(told)
    }

    fn from(&self, start: usize) -> &[(Rev, Json)] {
        self.records.get(start..).unwrap_or_default()
    }

    fn part(&self, start: usize) -> Part {
        let first = self.records.get(start);
        Part {
            parts_with: first.map_or(Json::Null, |(_, record)| record.clone()),
            rev: first.map(|(rev, _)| *rev),
            path: self.places.iter().skip(start).flatten().cloned().collect(),
            ending: Ending {
                status: self.run.status,
                states: leaves(&self.run),
                output: self.run.output.clone(),
            },
        }
    }
}

/// The innermost states of a run, by their names alone: the machine may be gone.
fn leaves(run: &Run) -> Vec<StateId> {
    let is_inside = |inner: &StateId, outer: &StateId| {
        inner.as_str().strip_prefix(outer.as_str()).is_some_and(|rest| rest.starts_with('.'))
    };
    let states = run.active.keys();
    let mut leaves: Vec<StateId> = states
        .filter(|outer| !run.active.keys().any(|inner| is_inside(inner, outer)))
        .cloned()
        .collect();
    leaves.sort();
    leaves
}

/// A record without what differs between any two runs: who, when, and the machine's hash.
fn comparable(record: &Record) -> Json {
    let at = record.at();
    let body = record.body().ok().and_then(|body| serde_json::from_slice::<Json>(&body).ok());
    let mut body = body.unwrap_or(Json::Null);
    if let Some(fields) = body.as_object_mut() {
        for name in ["at", "by", "note", "machine", "retry_at"] {
            fields.remove(name);
        }
        if let Some(timers) = fields.get_mut("timers").and_then(Json::as_array_mut) {
            for timer in timers {
                let due = timer["due"].as_i64().unwrap_or_default();
                timer["due"] = json!(Timestamp(due).since(at));
            }
        }
        if let Some(active) = fields.get_mut("active").and_then(Json::as_object_mut) {
            active.values_mut().filter_map(Json::as_object_mut).for_each(|state| {
                state.remove("t");
            });
        }
    }
    json!({ "kind": record.kind(), "body": body })
}

/// Values that are not equal, at the smallest places that say so.
fn differences(at: &Pointer, a: Option<&Json>, b: Option<&Json>, found: &mut Vec<Differing>) {
    match (a, b) {
        (a, b) if a == b => {}
        (Some(Json::Object(a)), Some(Json::Object(b))) => {
            let both = |fields: &Map<String, Json>| fields.keys().cloned().collect::<Vec<_>>();
            let names: BTreeMap<String, ()> =
                both(a).into_iter().chain(both(b)).map(|name| (name, ())).collect();
            for name in names.keys() {
                differences(&at.inside(name), a.get(name), b.get(name), found);
            }
        }
        (a, b) => {
            found.push(Differing { at: at.to_string(), a: a.cloned(), b: b.cloned() });
        }
    }
}
