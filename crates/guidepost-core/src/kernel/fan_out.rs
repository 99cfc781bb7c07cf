//! Work that is done once for each of several items: branches, and how their ends join.

use serde_json::{Map, Value as Json};

use crate::data::{Change, Data, Pointer};
use crate::effect::Effect;
use crate::id::{AttributeName, Branch, StateId, Visit};
use crate::input::{By, FanOut, Input, WorkDone, WorkFailed};
use crate::kernel::legal::is_engines;
use crate::kernel::macrostep::{Livelock, Macrostep};
use crate::kernel::start::mismatches;
use crate::kernel::work::{self, Ended};
use crate::kernel::{Decision, Rejected, expect_alive};
use crate::limits::{BRANCHES_MAX, CONCURRENCY};
use crate::machine::expr::{Expr, Scope, Template};
use crate::machine::{Machine, StateIx, Work};
use crate::record::{BranchEnded, FannedOut};
use crate::run::{Fan, Run};
use crate::time::Timestamp;

/// The attribute that keeps the items of a state's fan-out while it goes on. Only the kernel and the engine see it.
#[must_use]
pub fn items_of(state: &StateId) -> AttributeName {
    AttributeName::from(format!("$items.{state}"))
}

/// Forgets the items of a state's fan-out.
pub(super) fn forget_items(state: &StateId) -> Change {
    Change::Unset(Pointer::attribute(items_of(state).as_str()))
}

/// The input that a request for work calls for at once, if it does: the engine's work fans out if it has items.
pub(super) fn called_for(
    machine: &Machine,
    run: &Run,
    effect: &Effect,
    at: Timestamp,
) -> Option<Input> {
    let (state, visit) = match effect {
        Effect::StartWork { state, visit, branch: Branch::WHOLE } => (state.clone(), *visit),
        Effect::StartWork { .. }
        | Effect::RetryWork { .. }
        | Effect::CancelWork { .. }
        | Effect::Compensate { .. }
        | Effect::RetryCompensation { .. }
        | Effect::CancelCompensation { .. }
        | Effect::Log { .. } => return None,
    };
    let ix = machine.find(state.as_str()).filter(|ix| is_engines(machine, run, *ix))?;
    // The state may have been left again in the same breath.
    run.active.get(&state).filter(|active| active.visit == visit && !active.work_ended)?;
    let work = machine.state(ix).work.as_ref()?;
    Some(match items(run, work.spec.get("for_each")?) {
        Ok(items) => Input::FanOut(FanOut { state, visit, items, at }),
        Err(reason) => {
            let (visit, branch) = (Some(visit), Branch::WHOLE);
            let (rev, by) = (None, By::default());
            Input::WorkFailed(WorkFailed { state, visit, branch, reason, rev, by, at })
        }
    })
}

/// The value of a `for_each`.
fn items(run: &Run, for_each: &Json) -> Result<Vec<Json>, String> {
    let scope = scope(run, run.data.clone());
    match for_each {
        Json::String(source) => match evaluated(source, &scope) {
            Ok(Json::Array(items)) => Ok(items),
            Ok(other) => Err(format!("`for_each: {source}` is no list but {}", kind_of(&other))),
            Err(reason) => Err(format!("`for_each: {source}`: {reason}")),
        },
        Json::Array(items) => items.iter().map(|item| filled_in(item, &scope)).collect(),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Object(_) => {
            Err(format!("`for_each` is no list but {}", kind_of(for_each)))
        }
    }
}

/// What the texts and expressions of a state's work can see: the run's data, and in a branch also `item` and `index`, which
/// counts from 0.
#[must_use]
pub fn scope_of_work(run: &Run, state: &StateId, branch: Branch) -> Scope {
    let data = run.data.clone();
    let Some(index) = branch.0.checked_sub(1) else { return scope(run, data) };
    let items = data.get(items_of(state).as_str());
    let item = items.and_then(|items| items.get_item_by_index(index as usize).ok());
    let item = item.and_then(|item| serde_json::to_value(item).ok()).unwrap_or(Json::Null);
    scope(run, data.with("item", &item).with("index", &Json::from(index)))
}

fn scope(run: &Run, data: Data) -> Scope {
    let active = run.active.keys().cloned().collect();
    Scope { data, event: minijinja::Value::UNDEFINED, active }
}

/// A value with every text in it rendered: a text that is one `{{ expression }}` and nothing else becomes that
/// expression's value, whatever its kind; any other is a template.
///
/// # Errors
///
/// The text that has no value, and why.
pub fn filled_in(value: &Json, scope: &Scope) -> Result<Json, String> {
    Ok(match value {
        Json::String(text) => match sole_expression(text) {
            Some(source) => {
                evaluated(source, scope).map_err(|reason| format!("`{text}`: {reason}"))?
            }
            None => Json::String(rendered(text, scope)?),
        },
        Json::Array(items) => {
            Json::Array(items.iter().map(|item| filled_in(item, scope)).collect::<Result<_, _>>()?)
        }
        Json::Object(fields) => {
            let filled = fields
                .iter()
                .map(|(name, value)| filled_in(value, scope).map(|value| (name.clone(), value)));
            Json::Object(filled.collect::<Result<_, _>>()?)
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => value.clone(),
    })
}

fn sole_expression(text: &str) -> Option<&str> {
    let inner = text.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    (!inner.contains("{{") && !inner.contains("}}")).then(|| inner.trim())
}

fn evaluated(source: &str, scope: &Scope) -> Result<Json, String> {
    let expr = Expr::compile(source).map_err(|error| error.to_string())?;
    expr.eval(scope).map_err(|error| error.to_string())
}

fn rendered(text: &str, scope: &Scope) -> Result<String, String> {
    let told = |reason: String| format!("`{text}`: {reason}");
    let template = Template::compile(text).map_err(|error| told(error.to_string()))?;
    template.render(scope).map_err(|error| told(error.to_string()))
}

fn kind_of(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "a boolean",
        Json::Number(_) => "a number",
        Json::String(_) => "a text",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    }
}

/// How many branches must end well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Join {
    /// Every one; all are waited for, so that what they gave is kept also when one fails.
    All,
    /// The first to end decides, well or badly.
    First,
    /// So many.
    Count(u32),
}

/// What the end of a branch means for the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    GoesOn,
    Succeeded,
    Failed,
}

impl Join {
    fn of(work: &Work, total: u32) -> Self {
        match work.spec.get("join") {
            Some(Json::String(text)) if text == "any" => Self::Count(1),
            Some(Json::String(text)) if text == "first" => Self::First,
            Some(Json::String(text)) if text == "majority" => Self::Count(total / 2 + 1),
            Some(Json::Number(count)) => {
                let count = count.as_u64().and_then(|count| u32::try_from(count).ok());
                Self::Count(count.unwrap_or(total).min(total))
            }
            Some(_) | None => Self::All,
        }
    }

    fn verdict(self, ok: u32, failed: u32, total: u32) -> Verdict {
        let unfinished = total - ok - failed;
        match self {
            Self::All if unfinished > 0 => Verdict::GoesOn,
            Self::All if failed > 0 => Verdict::Failed,
            Self::All => Verdict::Succeeded,
            Self::First if ok > 0 => Verdict::Succeeded,
            Self::First => Verdict::Failed,
            Self::Count(needed) if ok >= needed => Verdict::Succeeded,
            Self::Count(needed) if ok + unfinished < needed => Verdict::Failed,
            Self::Count(_) => Verdict::GoesOn,
        }
    }
}

/// Begins the branches of a state's work.
pub(super) fn decide(machine: &Machine, run: &Run, fan_out: &FanOut) -> Result<Decision, Rejected> {
    expect_alive(run)?;
    let (state, visit) = (fan_out.state.clone(), Some(fan_out.visit));
    let (ix, visit) = work::expect_working(machine, run, &state, visit, Branch::WHOLE)?;
    let (rev, by, at, branch) = (None, By::default(), fan_out.at, Branch::WHOLE);
    let outputs = &machine.state(ix).output;
    let total = fan_out.items.len();
    if total == 0 {
        let empty = |name: &AttributeName| (name.to_string(), Json::Array(Vec::new()));
        let output = outputs.iter().map(empty).collect();
        let evidence = Vec::new();
        let done = WorkDone { state, visit: Some(visit), branch, output, rev, evidence, by, at };
        return work::done(machine, run, &done, Livelock::Pause);
    }
    let Some(branches) = u32::try_from(total).ok().filter(|_| total <= BRANCHES_MAX) else {
        let reason = format!("`for_each` has {total} items; at most {BRANCHES_MAX} are allowed");
        let failed = WorkFailed { state, visit: Some(visit), branch, reason, rev, by, at };
        return work::failed(machine, run, &failed, Livelock::Pause);
    };
    let begun = branches.min(concurrency(machine, ix));
    let mut changes = vec![Change::set(&items_of(&state), Json::Array(fan_out.items.clone()))];
    // Branches end in any order; each finds its own place.
    changes
        .extend(outputs.iter().map(|name| Change::set(name, Json::Array(vec![Json::Null; total]))));
    let effects = (1..=begun).map(|branch| Effect::StartWork {
        state: state.clone(),
        visit,
        branch: Branch(branch),
    });
    let effects = effects.collect();
    let fanned = FannedOut { state, visit, branches, begun, changes, at };
    Ok(Decision { records: vec![fanned.into()], effects })
}

fn concurrency(machine: &Machine, ix: StateIx) -> u32 {
    let given = machine.state(ix).work.as_ref().and_then(|work| work.spec.get("concurrency"));
    let given = given.and_then(Json::as_u64).and_then(|count| u32::try_from(count).ok());
    given.unwrap_or(CONCURRENCY).max(1)
}

/// A branch that ended, and how.
pub(super) struct Branched<'a> {
    pub(super) ix: StateIx,
    pub(super) visit: Visit,
    pub(super) branch: Branch,
    /// What it gave, or why it failed.
    pub(super) outcome: Result<&'a Map<String, Json>, &'a str>,
    pub(super) by: &'a By,
    pub(super) at: Timestamp,
}

/// Decides the end of one branch: the next begins, or the whole work ends with it.
pub(super) fn branch_ended(
    machine: &Machine,
    run: &Run,
    ended: &Branched<'_>,
    livelock: Livelock,
) -> Result<Decision, Rejected> {
    let state = machine.state(ended.ix);
    let fan = run.active.get(&state.id).and_then(|active| active.fan.as_deref());
    let (Some(fan), Some(work)) = (fan, &state.work) else {
        return Err(Rejected::NoSuchWork { state: state.id.clone(), legal: Vec::new() });
    };
    let changes = match ended.outcome {
        Ok(output) => kept(machine, ended.ix, ended.branch, output)?,
        Err(_) => Vec::new(),
    };
    let (ok, failed) = match ended.outcome {
        Ok(_) => (fan.ok + 1, fan.failed),
        Err(_) => (fan.ok, fan.failed + 1),
    };
    let mut record = BranchEnded {
        state: state.id.clone(),
        visit: ended.visit,
        branch: ended.branch,
        ok: ended.outcome.is_ok(),
        reason: ended.outcome.err().map(str::to_owned),
        begins: None,
        changes,
        by: ended.by.caller.clone(),
        at: ended.at,
    };
    let verdict = Join::of(work, fan.total).verdict(ok, failed, fan.total);
    if verdict == Verdict::GoesOn {
        record.begins = (fan.begun < fan.total).then(|| Branch(fan.begun + 1));
        let (visit, state) = (ended.visit, state.id.clone());
        let next = record.begins.map(|branch| Effect::StartWork { state, visit, branch });
        return Ok(Decision { records: vec![record.into()], effects: next.into_iter().collect() });
    }
    let mut step = Macrostep::new(machine, run, ended.at)?;
    std::mem::take(&mut record.changes).into_iter().for_each(|change| step.change(change));
    step.expect_bounded_data()?;
    // What the branch gave is told with its end, and what follows from that comes after.
    record.changes = std::mem::take(&mut step.changes);
    step.change(forget_items(&state.id));
    let whole = match verdict {
        Verdict::Failed => Ended::Badly(told(fan, failed, ended)),
        Verdict::Succeeded | Verdict::GoesOn => Ended::Well(outputs(machine, ended.ix, &step.data)),
    };
    let conclusion =
        work::Conclusion { ix: ended.ix, visit: ended.visit, by: ended.by, at: ended.at };
    let mut decision = work::conclude(step, &conclusion, whole, livelock)?;
    decision.records.insert(0, record.into());
    if fan.open.len() > 1 {
        let (state, visit) = (state.id.clone(), ended.visit);
        decision.effects.insert(0, Effect::CancelWork { state, visit });
    }
    Ok(decision)
}

/// What a branch gave, each in its place in the list that collects it.
fn kept(
    machine: &Machine,
    ix: StateIx,
    branch: Branch,
    output: &Map<String, Json>,
) -> Result<Vec<Change>, Rejected> {
    let mut changes = Vec::new();
    let mut problems = Vec::new();
    for name in &machine.state(ix).output {
        let Some(value) = output.get(name.as_str()) else {
            problems.push(work::missing(name));
            continue;
        };
        if let Some(attribute) = machine.attributes.get(name) {
            problems.extend(mismatches(attribute, name, &Json::Array(vec![value.clone()])));
        }
        let index = branch.0.saturating_sub(1).to_string();
        let place = Pointer::attribute(name.as_str()).inside(&index);
        changes.push(Change::Set(place, value.clone()));
    }
    if problems.is_empty() {
        Ok(changes)
    } else {
        Err(Rejected::BadData { event: "done".into(), problems, expected: None })
    }
}

/// The lists the branches filled.
fn outputs(machine: &Machine, ix: StateIx, data: &Data) -> Map<String, Json> {
    let value = |name: &AttributeName| {
        let value = data.get(name.as_str()).and_then(|value| serde_json::to_value(value).ok());
        (name.to_string(), value.unwrap_or(Json::Null))
    };
    machine.state(ix).output.iter().map(value).collect()
}

fn told(fan: &Fan, failed: u32, ended: &Branched<'_>) -> String {
    let this = || (ended.branch, ended.outcome.err().unwrap_or_default().to_owned());
    let (branch, reason) = fan.first_failure.clone().unwrap_or_else(this);
    format!("{failed} of {} branches failed; the first was branch {branch}: {reason}", fan.total)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_branch_sees_its_item_and_its_place() {
        let mut run = Run::default();
        let state = StateId::from("Review");
        run.data.apply(&Change::set(&items_of(&state), json!(["a", { "name": "b" }]))).unwrap();
        let seen = |branch, text: &str| {
            filled_in(&json!(text), &scope_of_work(&run, &state, Branch(branch))).unwrap()
        };
        assert_eq!(seen(1, "{{ item }}"), json!("a"));
        assert_eq!(seen(2, "{{ item.name }} at {{ index }}"), json!("b at 1"));
        assert_eq!(seen(2, "{{ index }}"), json!(1));
        assert_eq!(seen(2, "{{ item }}"), json!({ "name": "b" }));
        assert_eq!(run.data.to_json(), json!({}));
    }
}
