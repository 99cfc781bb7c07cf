//! Records in words.

use guidepost_core::time::Timestamp;
use serde_json::Value as Json;

use super::foreign::{QUOTED_MAX, name, value, word};
use super::names::states;
use super::times::to_the_second;
use crate::ops::HistoryItem;

/// Letters of one part of a record.
const PART_MAX: usize = 160;

/// A record on one line: `e-118 rev 12 writer-1: reject, review -> fix`.
#[must_use]
pub fn history_item(item: &HistoryItem) -> String {
    let by = match item.by.as_str() {
        "" => String::new(),
        by => format!(" {}", word(by)),
    };
    format!("{} rev {}{by}: {}", item.id, item.rev, what(item))
}

fn what(item: &HistoryItem) -> String {
    let body = &item.body;
    match item.kind.as_str() {
        "transitioned" => transitioned(item),
        "started" => format!("started {}", part(body, "workflow")),
        "placed" => format!("moved by SQL to {}", part(body, "to")),
        "work_ended" if body["ok"] == Json::Bool(true) => {
            format!("work of {} done", part(body, "state"))
        }
        "work_ended" => {
            format!("work of {} failed{}", part(body, "state"), after(": ", body, "reason"))
        }
        "attempt_failed" => {
            let again = body["retry_at"]
                .as_i64()
                .map(|at| format!(", again at {}", to_the_second(Timestamp(at))));
            let again = again.unwrap_or_default();
            let reason = after(": ", body, "reason");
            format!("attempt {} of {} failed{reason}{again}", part(body, "attempt"), branch(body))
        }
        "fanned_out" => format!(
            "{} branches of {}, {} at once",
            part(body, "branches"),
            part(body, "state"),
            part(body, "begun")
        ),
        "branch_ended" if body["ok"] == Json::Bool(true) => {
            format!("{} done{}", branch(body), given(body))
        }
        "branch_ended" => format!("{} failed{}", branch(body), after(": ", body, "reason")),
        "timer_fired" => match &item.timer {
            Some(timer) => format!("timer ran out: {}", name(timer)),
            None => format!("timer {} ran out", part(body, "timer")),
        },
        "paused" => format!("paused, {}{}", part(body, "reason"), after(": ", body, "detail")),
        "completed" => format!("completed{}", after(" with ", body, "output")),
        "failed" => format!("failed{}", after(": ", body, "reason")),
        "cancelled" => format!("cancelled{}", after(": ", body, "reason")),
        "restored" => restored(body),
        "compensating" => {
            let work = body["work"].as_array().into_iter().flatten();
            let work: Vec<String> = work.map(visit).collect();
            let then = if body["cancels"] == Json::Bool(true) {
                "is cancelled then"
            } else {
                "goes on then"
            };
            format!("makes good {}; {then}{}", work.join(", "), after(", ", body, "note"))
        }
        "compensated" if body["ok"] == Json::Bool(true) => format!("{} is made good", visit(body)),
        "compensated" => {
            let again = body["retry_at"]
                .as_i64()
                .map(|at| format!(", again at {}", to_the_second(Timestamp(at))));
            let (again, reason) = (again.unwrap_or_default(), after(": ", body, "reason"));
            format!("{} could not be made good{reason}{again}", visit(body))
        }
        "checkpoint" => {
            format!("checkpoint {} for rev {}", part(body, "name"), part(body, "rev"))
        }
        "limit_reached" => format!(
            "{} {}: {} of {}",
            part(body, "limit"),
            if body["hard"] == Json::Bool(true) { "passed" } else { "nearly reached" },
            amount(body, "spent"),
            amount(body, "max")
        ),
        "limits_set" => {
            format!("limits set to {}{}", part(body, "limits"), after(", ", body, "note"))
        }
        "action" => action(body),
        "action_ended" => format!(
            "end of {}{}{}{}",
            part(body, "ref"),
            after(", ", body, "status"),
            after(": ", body, "output"),
            after(", error ", body, "error")
        ),
        "decision" => format!(
            "decision {}{}{}{}",
            part(body, "question"),
            after(" -> ", body, "chosen"),
            after(" because ", body, "reasoning"),
            after(", confidence ", body, "confidence")
        ),
        "message" => format!("message to {}{}", part(body, "to"), after(": ", body, "content")),
        "artifact" => format!("artifact {}{}", part(body, "name"), after(" at ", body, "uri")),
        "note" if body["is_error"] == Json::Bool(true) => format!("error {}", part(body, "text")),
        "note" => format!("note {}{}", part(body, "text"), after(" at ", body, "ref")),
        other => other.to_owned(),
    }
}

/// What a branch gave: the first value it put in its place.
fn given(body: &Json) -> String {
    let value_of = |change: &Json| change["set"].as_array().and_then(|set| set.get(1)).cloned();
    match value_of(&body["changes"][0]) {
        Some(given) => format!(" with {}", value(&given, PART_MAX.min(QUOTED_MAX))),
        None => String::new(),
    }
}

/// A piece of work: `Read`, or a branch of it, `Read[2]`.
fn branch(body: &Json) -> String {
    match body["branch"].as_u64() {
        Some(number) if number > 0 => format!("{}[{number}]", part(body, "state")),
        Some(_) | None => part(body, "state"),
    }
}

/// A visit of a state, or of a branch of its work: `Read#1`, `Read#1[2]`.
fn visit(body: &Json) -> String {
    let visit = format!("{}#{}", part(body, "state"), part(body, "visit"));
    match body["branch"].as_u64() {
        Some(number) if number > 0 => format!("{visit}[{number}]"),
        Some(_) | None => visit,
    }
}

fn restored(body: &Json) -> String {
    let why = &body["why"];
    let text = match why.as_object().and_then(|fields| fields.keys().next()).map(String::as_str) {
        Some("rolled_back") => format!("went back to rev {}", part(&why["rolled_back"], "rev")),
        Some("forked") => format!("forked from another run at rev {}", part(&why["forked"], "rev")),
        _ => "migrated to another version".to_owned(),
    };
    text + &after(", ", body, "note")
}

fn transitioned(item: &HistoryItem) -> String {
    let body = &item.body;
    let Some(way) = &item.way else { return item.kind.clone() };
    let trigger = name(&way.trigger);
    if body["cause"] == "initial" {
        return format!("began in {}", states(way.to.iter()));
    }
    if body["cause"] == "placed" && way.from.as_str().is_empty() {
        return match way.to.as_slice() {
            [] => "left every state".to_owned(),
            to => format!("entered {}", states(to.iter())),
        };
    }
    let text = match (way.from.as_str(), way.to.as_slice()) {
        ("", []) => format!("{trigger} in {}", name(&way.workflow)),
        (from, []) => format!("{trigger} in {}", name(from)),
        ("", to) => format!("{trigger} -> {}", states(to.iter())),
        (from, to) => format!("{trigger}, {} -> {}", name(from), states(to.iter())),
    };
    // What work gave is wrapped once more by the event that tells of it.
    let carried = match body["cause"].as_str() {
        Some("done") => after(" with ", &body["data"], "output"),
        _ => after(" with ", body, "data"),
    };
    text + &carried + &after(", ", body, "note")
}

fn action(body: &Json) -> String {
    let mut text = format!("action{}{}", after(" ", body, "type"), after(" ", body, "name"));
    text.push_str(&after(", ", body, "status"));
    text.push_str(&after(", took ms ", body, "duration_ms"));
    text.push_str(&after(", ref ", body, "ref"));
    text + &after(", error ", body, "error")
}

/// A number, whole ones without a point.
fn amount(body: &Json, field: &str) -> String {
    body[field].as_f64().map_or_else(|| part(body, field), |amount| amount.to_string())
}

/// A field of a body, with something before it; nothing if it is not there or says nothing.
fn after(before: &str, body: &Json, field: &str) -> String {
    match &body[field] {
        Json::Null => String::new(),
        Json::String(text) if text.is_empty() => String::new(),
        Json::Object(fields) if fields.is_empty() => String::new(),
        found => format!("{before}{}", value(found, PART_MAX.min(QUOTED_MAX))),
    }
}

fn part(body: &Json, field: &str) -> String {
    match &body[field] {
        Json::Null => "?".to_owned(),
        found => value(found, PART_MAX),
    }
}

#[cfg(test)]
mod tests {
    use guidepost_core::id::{Rev, Seq};
    use guidepost_core::record::Record;

    use super::*;

    #[test]
    fn every_kind_of_record_has_words_of_its_own() {
        for kind in Record::KINDS.iter().filter(|kind| **kind != "transitioned") {
            let item = HistoryItem {
                id: "e-1".to_owned(),
                seq: Seq(1),
                rev: Rev(1),
                at: Timestamp(0),
                recorded_at: Timestamp(0),
                kind: (*kind).to_owned(),
                by: String::new(),
                observed: None,
                way: None,
                timer: None,
                body: serde_json::json!({}),
            };
            assert!(!what(&item).contains('_'), "{kind}: {}", what(&item));
        }
    }
}
