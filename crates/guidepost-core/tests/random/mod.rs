//! Random machines: one number decides a whole machine, in the JSON of XState v5.
//!
//! Guards and actions are named; `guards:` and `actions:` define them for us, and whoever else plays the machine defines
//! the same.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use serde_json::{Value as Json, json};

/// How much of what a machine may hold is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Breadth {
    /// What XState is known to take as we do, and what its side of the comparison defines.
    Shared,
    /// Also prefixes of events, several targets, events sent rather than raised, at once or later, outputs of final states,
    /// more than one delay, eventless transitions inside regions, and history that is led back to from inside.
    Whole,
}

/// Events of random machines; no state names the last three, and only prefixes answer the last two.
pub(crate) const EVENTS: [&str; 6] = ["A", "B", "C", "NEVER", "A.x", "B.x.y"];

/// Descriptors that answer several events.
const PREFIXES: [&str; 3] = ["A.*", "B.*", "B.x.*"];

/// Guards, by what they look at.
const GUARDS: [&str; 5] = ["small", "even", "third", "big", "given"];

/// Actions that raise events.
const RAISES: [&str; 3] = ["raiseA", "raiseB", "raiseC"];

/// Actions that send events, at once or later, and take one back.
const SENDS: [&str; 5] = ["sendA", "sendBxy", "laterB", "laterC", "neverC"];

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

/// For each parallel state, the paths in each of its regions: what several targets are drawn from.
fn regions(shape: &Shape, all: &mut Vec<Vec<Vec<String>>>) {
    if shape.kind == "parallel" {
        let inside = shape.children.iter().map(|region| {
            let mut inside = Vec::new();
            paths(region, &mut inside);
            inside
        });
        all.push(inside.collect());
    }
    shape.children.iter().for_each(|child| regions(child, all));
}

/// What fills a shape with transitions and actions.
struct Filler {
    draw: Draw,
    breadth: Breadth,
    targets: Vec<String>,
    regions: Vec<Vec<Vec<String>>>,
}

impl Filler {
    /// Draws from what only the whole breadth has. Draws nothing otherwise.
    fn whole_one_in(&mut self, odds: u64) -> bool {
        self.breadth == Breadth::Whole && self.draw.one_in(odds)
    }

    fn definition(&mut self, shape: &Shape, in_region: bool) -> Json {
        if matches!(shape.kind, "shallow" | "deep") {
            return json!({ "type": "history", "history": shape.kind });
        }
        if shape.kind == "final" {
            let mut state = json!({ "type": "final" });
            if self.whole_one_in(2) {
                state["output"] = json!({ "$expr": "n + 1" });
            }
            return state;
        }
        let mut state = json!({});
        if shape.kind == "parallel" {
            state["type"] = json!("parallel");
        }
        for event in &EVENTS[..3] {
            if self.draw.one_in(2) {
                let count = self.draw.below(2);
                let transitions: Vec<Json> =
                    (0..=count).map(|_| self.transition(&shape.path)).collect();
                state["on"][*event] = Json::from(transitions);
            }
        }
        if self.whole_one_in(4) {
            let prefix = *self.draw.pick(&PREFIXES);
            state["on"][prefix] = self.transition(&shape.path);
        }
        if self.draw.one_in(6) {
            state["on"]["*"] = self.transition(&shape.path);
        }
        // Of eventless transitions in several regions XState takes first whose state was entered first, not which comes
        // first in the document; see docs/semantics.md.
        if (!in_region || self.breadth == Breadth::Whole) && self.draw.one_in(6) {
            let mut always = self.transition(&shape.path);
            always["guard"] = json!("third");
            state["always"] = always;
        }
        if self.draw.one_in(5) {
            state["after"]["10000"] = self.transition(&shape.path);
        }
        if self.whole_one_in(8) {
            state["after"]["3000"] = self.transition(&shape.path);
        }
        if self.draw.one_in(4) {
            state["entry"] = json!(["count"]);
        } else if self.whole_one_in(8) {
            state["entry"] = json!([*self.draw.pick(&SENDS)]);
        }
        if !shape.children.is_empty() {
            if self.draw.one_in(3) {
                state["onDone"] = self.transition(&shape.path);
                if self.whole_one_in(2) {
                    state["onDone"]["guard"] = json!("given");
                }
            }
            for child in &shape.children {
                let name = child.path.rsplit('.').next().expect("a path has a last segment");
                state["states"][name] =
                    self.definition(child, in_region || shape.kind == "parallel");
            }
            if shape.kind == "compound" {
                state["initial"] = json!("s0");
            }
        }
        state
    }

    fn transition(&mut self, source: &str) -> Json {
        let mut transition = json!({});
        if !self.regions.is_empty() && self.whole_one_in(8) {
            let parallel = self.draw.pick(&self.regions).clone();
            let targets = parallel.iter().map(|inside| self.draw.pick(inside));
            transition["target"] = targets.map(|target| format!("#m.{target}")).collect();
        } else {
            let target = self.draw.pick(&self.targets).clone();
            // From inside, XState runs the entry actions of states that history leads back to without leaving them; see
            // docs/semantics.md.
            let around = target.strip_suffix('h').map(|parent| parent.trim_end_matches('.'));
            let is_from_inside = around.is_some_and(|parent| source.starts_with(parent));
            let is_shared = !is_from_inside || self.breadth == Breadth::Whole;
            if is_shared && !self.draw.one_in(6) {
                transition["target"] = json!(format!("#m.{target}"));
            }
        }
        if self.draw.one_in(4) {
            transition["reenter"] = json!(true);
        }
        if self.whole_one_in(4) {
            transition["guard"] = json!(*self.draw.pick(&GUARDS));
        }
        if self.draw.one_in(4) {
            transition["actions"] = json!(["count"]);
        } else if self.draw.one_in(6) {
            transition["actions"] = json!([*self.draw.pick(&RAISES)]);
        } else if self.whole_one_in(4) {
            transition["actions"] = json!([*self.draw.pick(&SENDS)]);
        }
        transition
    }
}

/// A random machine.
pub(crate) fn machine(seed: u64, breadth: Breadth) -> Json {
    let mut draw = Draw(seed);
    let mut root = Shape { kind: "compound", ..shape(&mut draw, "", 3) };
    if root.children.is_empty() {
        root.children.push(Shape { path: "s0".to_owned(), kind: "atomic", children: Vec::new() });
    }
    let mut filler = Filler { draw, breadth, targets: Vec::new(), regions: Vec::new() };
    paths(&root, &mut filler.targets);
    regions(&root, &mut filler.regions);
    let mut definition = filler.definition(&root, false);
    definition["id"] = json!("m");
    definition["context"] = json!({ "n": 0 });
    definition["guards"] = json!({
        "small": "n < 5", "even": "n % 2 == 0", "third": "n % 3 == 1", "big": "event.x > 1",
        "given": "event.output > 2",
    });
    definition["actions"] = json!({
        "count": { "assign": { "n": "n + 1" } },
        "raiseA": { "raise": { "event": "A", "data": { "x": 2 } } },
        "raiseB": { "raise": { "event": "B", "data": { "x": 2 } } },
        "raiseC": { "raise": { "event": "C", "data": { "x": 2 } } },
        "sendA": { "send": { "event": "A", "data": { "x": 1 } } },
        "sendBxy": { "send": { "event": "B.x.y", "data": { "x": 2 } } },
        "laterB": { "send": { "event": "B", "data": { "x": 2 }, "delay": 5_000 } },
        "laterC": { "send": { "event": "C", "delay": 12_000, "id": "c" } },
        "neverC": { "cancel": "c" },
    });
    definition
}
