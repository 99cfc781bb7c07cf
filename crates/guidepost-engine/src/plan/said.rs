//! What is said in the thread of an agent's step: what the agent is told when its work begins, and what it gives when the
//! work has ended well.

use guidepost_core::data::Data;
use guidepost_core::effect::Effect;
use guidepost_core::id::{Branch, StateId};
use guidepost_core::kernel;
use guidepost_core::machine::expr::Scope;
use guidepost_core::machine::sensitive::{self, HIDDEN};
use guidepost_core::machine::{Machine, State, Work, WorkKind};
use guidepost_core::record::{Cause, Record};
use guidepost_core::run::Run;
use guidepost_store::{NewTurn, Role};
use serde_json::{Map, Value as Json};

/// What the agent is told whose work begins. Nothing if it is told nothing, or the text has no value: then the work fails.
pub(super) fn prompt(effect: &Effect, machine: &Machine, run: &Run) -> Option<NewTurn> {
    let Effect::StartWork { state, branch, .. } = effect else { return None };
    let work = agents_step(machine, run, state)?.work.as_ref()?;
    let text = text_of(work, machine, kernel::scope_of_work(run, state, *branch))?;
    let (state, branch) = (state.clone(), *branch);
    Some(NewTurn { state, branch, role: Role::User, content: Json::String(text) })
}

/// The text an agent is told, with `(sensitive)` in place of what the workflow calls so: a thread is for everybody to read. Which
/// values those are is known only now, since a prompt can be worded anew.
fn text_of(work: &Work, machine: &Machine, scope: Scope) -> Option<String> {
    let prompt = work.prompt.as_ref()?;
    let text = prompt.render(&scope).ok()?;
    let names = sensitive::names(machine);
    if names.is_empty() {
        return Some(text);
    }
    let mut secret = sensitive::secret(&names, Some(work));
    if !sensitive::has_any(&secret, prompt.names()) {
        return Some(text);
    }
    secret.retain(|name| scope.data.get(name).is_some());
    let values = secret.iter().filter_map(|name| scope.data.get(name)).map(ToString::to_string);
    let values = values.filter(|value| !value.is_empty());
    let shown = values.fold(text, |text, value| text.replace(&value, HIDDEN));
    let hide = |data: Data, name: &&str| data.with(name, &HIDDEN.into());
    let data = secret.iter().fold(scope.data.clone(), hide);
    // A prompt that does more with it than show it says something else without: it is hidden as a whole.
    let hidden = prompt.render(&Scope { data, ..scope }).ok();
    Some(hidden.filter(|hidden| *hidden == shown).unwrap_or_else(|| HIDDEN.to_owned()))
}

/// What an agent gave whose work ended with the last of these records, which were made since `before`.
pub(super) fn answer(records: &[Record], machine: &Machine, before: &Run) -> Option<NewTurn> {
    let record = records.last()?;
    let (id, branch) = match record {
        Record::Transitioned(step) if step.cause == Cause::Done => {
            (step.ended_work.as_ref()?, Branch::WHOLE)
        }
        Record::WorkEnded(ended) if ended.ok => (&ended.state, Branch::WHOLE),
        Record::BranchEnded(ended) if ended.ok => (&ended.state, ended.branch),
        _ => return None,
    };
    let state = agents_step(machine, before, id)?;
    // What is done for each of several items is said in the threads of its branches.
    let is_branch = state.work.as_ref().is_some_and(|work| work.spec.get("for_each").is_some());
    if is_branch == branch.is_whole() {
        return None;
    }
    let content = match record {
        Record::Transitioned(step) => given(state, step.data.get("output")?.as_object()?),
        // What follows in the same step may change it already.
        _ => {
            let mut then = before.clone();
            then.apply_all(records).ok()?;
            given(state, &kept(state, branch, &then))
        }
    };
    Some(NewTurn { state: id.clone(), branch, role: Role::Assistant, content })
}

/// A state whose work is an agent's, and the engine's to see to.
fn agents_step<'m>(machine: &'m Machine, run: &Run, id: &StateId) -> Option<&'m State> {
    let ix = machine.find(id.as_str())?;
    let state = machine.state(ix);
    let is_agents = state.work.as_ref().is_some_and(|work| work.kind == WorkKind::Agent);
    (is_agents && kernel::is_engines(machine, run, ix)).then_some(state)
}

/// The outputs of a state as the run's data has them; of a branch, its place in each.
fn kept(state: &State, branch: Branch, run: &Run) -> Map<String, Json> {
    let value = |name: &str| {
        let value = serde_json::to_value(run.data.get(name)?).ok()?;
        match branch.0.checked_sub(1) {
            None => Some(value),
            Some(index) => value.get(index as usize).cloned(),
        }
    };
    let outputs = state.output.iter().map(|name| name.as_str());
    outputs.filter_map(|name| Some((name.to_owned(), value(name)?))).collect()
}

/// What an agent gave, as it gave it: the value alone if there is one.
fn given(state: &State, fields: &Map<String, Json>) -> Json {
    let sole = match state.output.as_slice() {
        [name] => fields.get(name.as_str()),
        [] if fields.len() == 1 => fields.get("result"),
        _ => None,
    };
    sole.cloned().unwrap_or_else(|| Json::Object(fields.clone()))
}
