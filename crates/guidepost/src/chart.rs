//! A machine as a picture: states as boxes inside the boxes of their parents, regions side by side, transitions as lines
//! with their labels.
//!
//! Three steps, each pure: [`Chart`] says what there is to see, `layout` where it goes, `svg` how it is drawn. A transition
//! is drawn between the two boxes that lie side by side in the innermost box around all its ends; if an end lies deeper,
//! the label says so. That keeps lines out of boxes they do not belong to.

mod layers;
mod layout;
mod svg;
mod text;

use std::collections::BTreeSet;

use guidepost_core::machine::{Machine, State, StateIx, StateKind, Transition, Trigger, words};

/// States drawn at most: a larger picture takes long to lay out, and nobody can read it.
const STATES_MAX: usize = 400;

/// What there is to see.
#[derive(Debug)]
pub(crate) struct Chart {
    /// The boxes, in document order; the first is the machine itself.
    nodes: Vec<Node>,
}

/// A box.
#[derive(Debug)]
struct Node {
    /// The full path; empty for the machine itself.
    path: String,
    /// What stands in it first.
    name: String,
    /// Further lines: what to do there, and transitions that lead nowhere.
    lines: Vec<String>,
    shape: Shape,
    parent: Option<usize>,
    children: Vec<usize>,
    /// Lines between its children.
    edges: Vec<Edge>,
    mark: Mark,
}

/// How a box looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    State,
    Group,
    Regions,
    Final,
    History { deep: bool },
}

/// What a run has to do with a box or a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
enum Mark {
    /// Nothing.
    #[default]
    None,
    /// It was there, or took it.
    Past,
    /// It is there.
    Now,
}

/// A line between two children of one box.
#[derive(Debug)]
struct Edge {
    from: End,
    /// The child it leads to.
    to: usize,
    /// The event, then a line for each condition.
    label: Vec<String>,
    mark: Mark,
}

/// Where a line begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// At a child.
    Child(usize),
    /// At the dot that stands for entering the box around.
    Entry,
    /// At the box around itself, whose transition leads inside.
    Around,
}

/// A transition that a run took.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Taken {
    /// The path of its source.
    pub(crate) from: String,
    /// The paths of its targets.
    pub(crate) to: Vec<String>,
    /// Why, as records say it: `event`, `always`, `after`, `done`, `error` …
    pub(crate) cause: String,
    /// The event's name.
    pub(crate) event: String,
}

/// What a run did in a machine.
#[derive(Debug, Default)]
pub(crate) struct Trail {
    /// The states it is in.
    pub(crate) active: BTreeSet<String>,
    /// The states it was in.
    pub(crate) visited: BTreeSet<String>,
    /// The transitions it took.
    pub(crate) taken: BTreeSet<Taken>,
}

impl Chart {
    /// What there is to see of a machine, with a run's trail in it; `None` if it is too large to draw.
    pub(crate) fn new(machine: &Machine, trail: &Trail) -> Option<Self> {
        if machine.states.len() > STATES_MAX {
            return None;
        }
        let mut nodes: Vec<Node> =
            machine.states.iter().map(|state| node(machine, state, trail)).collect();
        for (ix, state) in (0..).zip(&machine.states) {
            if let StateKind::Compound { initial } = &state.kind {
                let (to, label) = (initial.target, Vec::new());
                add(
                    &mut nodes,
                    machine,
                    Drawn { around: ix, from: None, to, label, mark: Mark::None },
                );
            }
            for transition in state.transitions.iter().chain(&state.always) {
                draw(&mut nodes, machine, ix, transition, trail);
            }
        }
        Some(Self { nodes })
    }

    /// The picture, as one SVG element.
    pub(crate) fn svg(&self) -> String {
        svg::draw(self, &layout::lay_out(self))
    }
}

fn node(machine: &Machine, state: &State, trail: &Trail) -> Node {
    let path = state.id.to_string();
    let mark = if trail.active.contains(&path) {
        Mark::Now
    } else if trail.visited.contains(&path) {
        Mark::Past
    } else {
        Mark::None
    };
    let mut lines: Vec<String> = Vec::new();
    if let Some(work) = &state.work {
        let name = work.name.as_deref().map(|name| format!(" {name}")).unwrap_or_default();
        lines.push(format!("{}{name}", work.kind.as_str()));
    }
    let told = state.wording.guideline.as_ref().or(state.wording.description.as_ref());
    lines.extend(told.map(|told| text::wrapped(told)).into_iter().flatten());
    let internal = state.transitions.iter().filter(|transition| transition.targets.is_empty());
    lines.extend(
        internal.map(|transition| format!("{} /", label(machine, state, transition).join(" "))),
    );
    Node {
        name: if path.is_empty() { machine.name.clone() } else { state.id.name().to_owned() },
        path,
        lines,
        shape: match state.kind {
            StateKind::Atomic => Shape::State,
            StateKind::Compound { .. } => Shape::Group,
            StateKind::Parallel => Shape::Regions,
            StateKind::Final => Shape::Final,
            StateKind::History { deep, .. } => Shape::History { deep },
        },
        parent: state.parent.map(|parent| parent as usize),
        children: state.children.iter().map(|child| *child as usize).collect(),
        edges: Vec::new(),
        mark,
    }
}

/// A transition's event and its conditions: `Scored`, `[event.score >= 70]`.
fn label(machine: &Machine, state: &State, transition: &Transition) -> Vec<String> {
    let trigger = words::trigger(state, transition);
    let guard =
        transition.guard.as_ref().map(|guard| format!("[{}]", words::condition(machine, guard)));
    // Beside lines there is little room, and the names are plain enough without their marks.
    let requires = transition.requires.iter().map(|fact| format!("[{fact}]").replace('`', ""));
    let parts = std::iter::once(trigger).chain(guard).chain(requires);
    parts.filter(|part| !part.is_empty()).collect()
}

fn draw(
    nodes: &mut [Node],
    machine: &Machine,
    from: StateIx,
    transition: &Transition,
    trail: &Trail,
) {
    let state = machine.state(from);
    let label = label(machine, state, transition);
    let mark = if was_taken(machine, state, transition, trail) { Mark::Past } else { Mark::None };
    // What leads into several regions at once is one line to the box around them.
    let Some((first, rest)) = transition.targets.split_first() else { return };
    let to = rest.iter().fold(*first, |shared, target| common(machine, shared, *target));
    // A state that is left and entered anew is a loop outside of its box.
    let around = match common(machine, from, to) {
        shared if shared == from && to == from => {
            machine.state(from).parent.unwrap_or(Machine::ROOT)
        }
        shared if shared == to => machine.state(to).parent.unwrap_or(Machine::ROOT),
        shared => shared,
    };
    add(nodes, machine, Drawn { around, from: Some(from), to, label, mark });
}

fn was_taken(machine: &Machine, state: &State, transition: &Transition, trail: &Trail) -> bool {
    let to: Vec<String> =
        transition.targets.iter().map(|target| machine.state(*target).id.to_string()).collect();
    trail.taken.iter().any(|taken| {
        taken.from == state.id.as_str()
            && taken.to == to
            && match &transition.trigger {
                Trigger::Event(descriptor) => descriptor.matches(&taken.event),
                Trigger::Always => taken.cause == "always",
                Trigger::After(_) => taken.cause == "after",
                Trigger::Complete | Trigger::WorkDone => taken.cause == "done",
                Trigger::WorkFailed => taken.cause == "error",
            }
    })
}

/// A line by the numbers of states, before its ends are found among the children of the box around it.
struct Drawn {
    around: StateIx,
    from: Option<StateIx>,
    to: StateIx,
    label: Vec<String>,
    mark: Mark,
}

fn add(nodes: &mut [Node], machine: &Machine, drawn: Drawn) {
    let child = |inner: StateIx| -> Option<StateIx> {
        std::iter::once(inner)
            .chain(machine.ancestors(inner))
            .find(|ix| machine.state(*ix).parent == Some(drawn.around))
    };
    let Some(to) = child(drawn.to) else { return };
    let mut label = drawn.label;
    let mut on_first = |before: String, after: String| match label.first_mut() {
        Some(first) => *first = format!("{before}{first}{after}"),
        None => label.push(format!("{before}{after}").trim().to_owned()),
    };
    let from = match drawn.from {
        None => End::Entry,
        Some(from) if from == drawn.around => End::Around,
        Some(from) => match child(from) {
            Some(outer) => {
                if outer != from {
                    on_first(format!("{}: ", machine.state(from).id.name()), String::new());
                }
                End::Child(outer as usize)
            }
            None => return,
        },
    };
    // Regions stand side by side with no room between them; what leads into one from around them is said in words.
    if nodes[drawn.around as usize].shape == Shape::Regions {
        let target = target(machine, drawn.to);
        nodes[drawn.around as usize].lines.push(format!("{} → {target}", label.join(" ")));
        return;
    }
    if to != drawn.to && drawn.from.is_some() {
        on_first(String::new(), format!(" → {}", target(machine, drawn.to)));
    }
    let edge = Edge { from, to: to as usize, label, mark: drawn.mark };
    nodes[drawn.around as usize].edges.push(edge);
}

/// What a line leads to, in words: a history state as it is drawn.
fn target(machine: &Machine, ix: StateIx) -> &str {
    let state = machine.state(ix);
    match state.kind {
        StateKind::History { deep: true, .. } => "H*",
        StateKind::History { .. } => "H",
        _ => state.id.name(),
    }
}

/// The innermost state that is or contains both.
fn common(machine: &Machine, a: StateIx, b: StateIx) -> StateIx {
    let contains = |outer: StateIx| outer == b || machine.is_inside(b, outer);
    std::iter::once(a).chain(machine.ancestors(a)).find(|ix| contains(*ix)).unwrap_or(Machine::ROOT)
}
