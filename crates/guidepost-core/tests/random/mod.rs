//! Random machines: one number decides a whole machine, in the JSON of XState v5.
//!
//! Guards and actions are named; `guards:` and `actions:` define them for us, and whoever else plays the machine defines
//! the same.
//!
//! Not generated: prefixes of events, several targets, events sent rather than raised, more than one delay, outputs of final
//! states, and eventless transitions inside regions. Those have scenarios of their own.

use serde_json::{Value as Json, json};

/// Events of random machines; the last is never declared by any of them.
pub(crate) const EVENTS: [&str; 4] = ["A", "B", "C", "NEVER"];

/// Actions that raise events.
const RAISES: [&str; 3] = ["raiseA", "raiseB", "raiseC"];

/// A small generator (SplitMix64): one number decides a whole machine.
pub(crate) struct Draw(pub(crate) u64);

impl Draw {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % bound
    }

    pub(crate) fn one_in(&mut self, odds: u64) -> bool {
        self.below(odds) == 0
    }

    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        let index = self.below(items.len() as u64);
        &items[usize::try_from(index).expect("an index fits")]
    }
}

/// The shape of a random machine: names first, so that transitions can lead anywhere.
struct Shape {
    path: String,
    kind: &'static str,
    children: Vec<Shape>,
}

fn shape(draw: &mut Draw, path: &str, depth: u32) -> Shape {
    let is_leaf = depth == 0 || draw.one_in(3);
    let kind = match (is_leaf, draw.below(8)) {
        (true, 0) if !path.is_empty() => "final",
        (true, _) => "atomic",
        (false, 0 | 1) => "parallel",
        (false, _) => "compound",
    };
    let count = if kind == "parallel" { 2 } else { 1 + draw.below(3) };
    let names = (0..count).map(|n| format!("s{n}"));
    let inside = |name: String| if path.is_empty() { name } else { format!("{path}.{name}") };
    let mut children: Vec<Shape> = match kind {
        "compound" | "parallel" => names
            .map(|name| {
                let path = inside(name);
                let child = shape(draw, &path, depth - 1);
                // A region that is final from the start is refused, and tests nothing.
                if kind == "parallel" && child.kind == "final" {
                    Shape { kind: "atomic", ..child }
                } else {
                    child
                }
            })
            .collect(),
        _ => Vec::new(),
    };
    // Where history meets parallel regions, XState loses its way; tests/scenarios/history.rs has that case.
    if kind == "compound" && draw.one_in(3) {
        let kind = if draw.one_in(2) { "deep" } else { "shallow" };
        children.push(Shape { path: inside("h".to_owned()), kind, children: Vec::new() });
    }
    Shape { path: path.to_owned(), kind, children }
}

fn paths(shape: &Shape, all: &mut Vec<String>) {
    if !shape.path.is_empty() {
        all.push(shape.path.clone());
    }
    shape.children.iter().for_each(|child| paths(child, all));
}

fn definition(draw: &mut Draw, shape: &Shape, targets: &[String], in_region: bool) -> Json {
    if matches!(shape.kind, "shallow" | "deep") {
        return json!({ "type": "history", "history": shape.kind });
    }
    if shape.kind == "final" {
        return json!({ "type": "final" });
    }
    let mut state = json!({});
    if shape.kind == "parallel" {
        state["type"] = json!("parallel");
    }
    for event in &EVENTS[..3] {
        if draw.one_in(2) {
            let transitions: Vec<Json> =
                (0..=draw.below(2)).map(|_| transition(draw, &shape.path, targets)).collect();
            state["on"][*event] = Json::from(transitions);
        }
    }
    if draw.one_in(6) {
        state["on"]["*"] = transition(draw, &shape.path, targets);
    }
    // Of eventless transitions in several regions XState takes first whose state was entered first, not which comes first
    // in the document; see docs/semantics.md.
    if !in_region && draw.one_in(6) {
        let mut always = transition(draw, &shape.path, targets);
        always["guard"] = json!("third");
        state["always"] = always;
    }
    if draw.one_in(5) {
        state["after"]["10000"] = transition(draw, &shape.path, targets);
    }
    if draw.one_in(4) {
        state["entry"] = json!(["count"]);
    }
    if !shape.children.is_empty() {
        if draw.one_in(3) {
            state["onDone"] = transition(draw, &shape.path, targets);
        }
        for child in &shape.children {
            let name = child.path.rsplit('.').next().expect("a path has a last segment");
            state["states"][name] =
                definition(draw, child, targets, in_region || shape.kind == "parallel");
        }
        if shape.kind == "compound" {
            state["initial"] = json!("s0");
        }
    }
    state
}

fn transition(draw: &mut Draw, source: &str, targets: &[String]) -> Json {
    let mut transition = json!({});
    let target = draw.pick(targets);
    // From inside, XState runs the entry actions of states that history leads back to without leaving them; see
    // docs/semantics.md.
    let around = target.strip_suffix('h').map(|parent| parent.trim_end_matches('.'));
    let is_from_inside = around.is_some_and(|parent| source.starts_with(parent));
    if !is_from_inside && !draw.one_in(6) {
        transition["target"] = json!(format!("#m.{target}"));
    }
    if draw.one_in(4) {
        transition["reenter"] = json!(true);
    }
    if draw.one_in(4) {
        transition["actions"] = json!(["count"]);
    } else if draw.one_in(6) {
        transition["actions"] = json!([*draw.pick(&RAISES)]);
    }
    transition
}

/// A random machine.
pub(crate) fn machine(seed: u64) -> Json {
    let mut draw = Draw(seed);
    let mut root = Shape { kind: "compound", ..shape(&mut draw, "", 3) };
    if root.children.is_empty() {
        root.children.push(Shape { path: "s0".to_owned(), kind: "atomic", children: Vec::new() });
    }
    let mut targets = Vec::new();
    paths(&root, &mut targets);
    let mut definition = definition(&mut draw, &root, &targets, false);
    definition["id"] = json!("m");
    definition["context"] = json!({ "n": 0 });
    definition["guards"] = json!({ "small": "n < 5", "even": "n % 2 == 0", "third": "n % 3 == 1", "big": "event.x > 1" });
    definition["actions"] = json!({
        "count": { "assign": { "n": "n + 1" } },
        "raiseA": { "raise": { "event": "A", "data": { "x": 2 } } },
        "raiseB": { "raise": { "event": "B", "data": { "x": 2 } } },
        "raiseC": { "raise": { "event": "C", "data": { "x": 2 } } },
    });
    definition
}
