//! `guidepost simulate`: steps through a workflow file, without a store.

use guidepost_core::diagnostic::{Explain, closest};
use guidepost_core::kernel;
use guidepost_core::machine::Machine;
use guidepost_core::machine::schema::Mismatch;
use guidepost_core::time::Timestamp;
use serde_json::{Value as Json, json};

use crate::args::{self, Sent};
use crate::definition::DefinitionFile;
use crate::failure::{Exit, Failure, Kind};
use crate::output::Output;
use crate::simulation::{Simulation, Step};

/// Takes the inputs in the order given, and shows after each how the run stands.
///
/// # Errors
///
/// If the file cannot be used. A refused input is an answer.
pub(crate) fn run(args: &args::Simulate, out: &mut Output) -> Result<Exit, Failure> {
    let machine = DefinitionFile::read(&args.file)?.machine(out)?;
    let inputs = &args.inputs.0;
    check_guards(&machine, inputs)?;
    let mut simulation = Simulation::new(machine, inputs);
    let data = args.input.clone().unwrap_or_default();
    let started = simulation.start(args.driver.into(), &data);
    show(&simulation, &started, out);
    if let Some(rejected) = &started.rejected {
        return Ok(Exit::of(Kind::of(rejected)));
    }
    let mut is_refused = false;
    for input in inputs {
        if out.is_closed() {
            break;
        }
        let Some(step) = simulation.send(input) else { continue };
        is_refused |= step.rejected.is_some();
        if !out.is_json() {
            out.gap();
        }
        show(&simulation, &step, out);
    }
    Ok(if is_refused { Exit::NotLegal } else { Exit::Ok })
}

/// Every guard given must be one the workflow asks about.
fn check_guards(machine: &Machine, inputs: &[Sent]) -> Result<(), Failure> {
    let known = || machine.unbound_guards.keys().map(String::as_str);
    for input in inputs {
        let Sent::Guard { name, .. } = input else { continue };
        if machine.unbound_guards.contains_key(name) {
            continue;
        }
        let failure =
            Failure::usage(format!("the workflow has no guard `{name}` without a definition"));
        return Err(match closest(name, known()) {
            Some(meant) => failure.hint(format!("did you mean `{meant}`?")),
            None if machine.unbound_guards.is_empty() => {
                failure.hint("all its guards are defined; leave --guard out")
            }
            None => failure.hint(format!("there is {}", known().collect::<Vec<_>>().join(", "))),
        });
    }
    Ok(())
}

fn show(simulation: &Simulation, step: &Step, out: &mut Output) {
    if out.is_json() {
        out.json_line(&as_json(simulation, step));
    } else {
        as_text(simulation, step, out);
    }
}

fn as_json(simulation: &Simulation, step: &Step) -> Json {
    let run = simulation.run();
    let legal = kernel::legal(simulation.machine(), run);
    let mut shown = json!({
        "input": step.input,
        "active": simulation.active(),
        "leaves": simulation.leaves(),
        "status": run.status,
        "data": run.data.to_json(),
        "legal": legal.iter().map(|legal| &legal.event).collect::<Vec<_>>(),
        "next": legal,
        "rev": run.rev,
        "taken": step.taken,
        "log": step.log,
        "problems": step.problems,
    });
    if !run.output.is_null() {
        shown["output"] = run.output.clone();
    }
    if let Some(rejected) = &step.rejected {
        shown["rejected"] = refusal(rejected);
    }
    if !simulation.machine().schedules.is_empty() {
        shown["now"] = json!(simulation.now().to_string());
        let next = |times: &[Timestamp]| times.iter().map(ToString::to_string).collect::<Vec<_>>();
        let schedules = simulation.upcoming().into_iter().map(|(name, times, upcoming)| {
            json!({ "name": name, "times": times.to_string(), "next": next(&upcoming) })
        });
        shown["schedules"] = schedules.collect();
    }
    shown
}

/// Why an input was refused, with the same reasons that the text gives.
fn refusal(rejected: &kernel::Rejected) -> Json {
    let mut shown = json!({
        "code": rejected.code(),
        "message": rejected.to_string(),
        "hint": rejected.hint(),
    });
    match rejected {
        kernel::Rejected::BadData { problems, .. } | kernel::Rejected::BadStart { problems } => {
            shown["problems"] = json!(problems);
        }
        kernel::Rejected::Guarded { guards, .. } => shown["guards"] = json!(guards),
        _ => {}
    }
    shown
}

fn as_text(simulation: &Simulation, step: &Step, out: &mut Output) {
    out.heading(headline(&step.input));
    if let Some(rejected) = &step.rejected {
        out.refusal(format!("  not done: {rejected} [{}]", rejected.code()));
        for problem in problems(rejected) {
            out.line(format!("    {problem}"));
        }
        if let Some(hint) = rejected.hint() {
            out.line(format!("  hint: {hint}"));
        }
    }
    for line in &step.taken {
        out.aside(format!("  {line}"));
    }
    for line in &step.log {
        out.line(format!("  log: {line}"));
    }
    for problem in &step.problems {
        out.line(format!("  note: {problem}"));
    }
    if simulation.run().rev.0 > 0 {
        standing(simulation, out);
    }
    let has_passed = ["start", "advance"].iter().any(|key| step.input.get(key).is_some());
    if has_passed && !simulation.machine().schedules.is_empty() {
        schedules(simulation, out);
    }
}

/// When runs would begin by themselves, from the simulation's time on.
fn schedules(simulation: &Simulation, out: &mut Output) {
    out.line(format!("  now: {}", simulation.now()));
    for (name, times, upcoming) in simulation.upcoming() {
        let next: Vec<String> = upcoming.iter().map(ToString::to_string).collect();
        out.line(format!("  schedule `{name}`: {times}, next {}", next.join(", ")));
    }
}

fn standing(simulation: &Simulation, out: &mut Output) {
    let run = simulation.run();
    let listed = |states: &[guidepost_core::id::StateId]| -> String {
        states.iter().map(|state| state.as_str()).collect::<Vec<_>>().join(", ")
    };
    out.line(format!("  in: {}", listed(&simulation.leaves())));
    out.line(format!("  active: {}", listed(&simulation.active())));
    out.line(format!("  status: {}, rev {}", run.status, run.rev));
    out.line(format!("  data: {}", run.data.to_json()));
    if !run.output.is_null() {
        out.line(format!("  output: {}", run.output));
    }
    let legal: Vec<String> =
        kernel::legal(simulation.machine(), run).iter().map(ToString::to_string).collect();
    if legal.is_empty() {
        out.line("  legal: nothing");
    } else {
        out.line(format!("  legal: {}", legal.join(", ")));
    }
}

fn problems(rejected: &kernel::Rejected) -> Vec<String> {
    match rejected {
        kernel::Rejected::BadData { problems, .. } | kernel::Rejected::BadStart { problems } => {
            problems.iter().map(Mismatch::to_string).collect()
        }
        kernel::Rejected::Guarded { guards, .. } => guards.clone(),
        _ => Vec::new(),
    }
}

/// An input on one line: `event Scored {"score":90}`.
fn headline(input: &Json) -> String {
    let Some(fields) = input.as_object() else { return input.to_string() };
    let mut parts: Vec<String> = Vec::new();
    for (at, (name, value)) in fields.iter().enumerate() {
        if at == 0 {
            parts.push(name.clone());
        }
        match value {
            Json::String(text) => parts.push(text.clone()),
            Json::Object(fields) if fields.is_empty() => {}
            other => parts.push(other.to_string()),
        }
    }
    parts.join(" ")
}
