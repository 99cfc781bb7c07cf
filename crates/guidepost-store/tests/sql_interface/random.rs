//! S0.19: random machines without guards. SQL lists and accepts what the chart takes, no more and no less.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use guidepost_core::id::{RunId, Tenant, Version};
use guidepost_core::kernel::legal;
use guidepost_core::machine::{Descriptor, Limits, Machine, StateIx, Trigger};
use guidepost_core::run::Driver;
use guidepost_core::simulator::{Failure, Simulator};
use guidepost_core::time::Timestamp;
use guidepost_core::workflow::compile;
use guidepost_store::{Batch, NewRun, NewVersion, Source, Store, TaskChanges};
use serde_json::{Map, Value as Json, json};

use crate::file::File;

const EVENTS: [&str; 3] = ["A", "B", "C"];
const MACHINES: u64 = 40;
const INPUTS: usize = 6;

/// A small generator (SplitMix64): one number decides a whole machine and its inputs.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % bound as u64).unwrap()
    }

    fn one_in(&mut self, odds: usize) -> bool {
        self.below(odds) == 0
    }
}

/// A random machine. No two of its states have the same name.
fn machine(draw: &mut Draw, seed: u64) -> Machine {
    let mut paths = Vec::new();
    let mut definition = states(draw, "", 3, &mut paths);
    connect(draw, &mut definition, &paths);
    definition["id"] = json!("m");
    let compiled = compile(definition.to_string().as_bytes(), "m.json");
    let mut machine = compiled
        .machine
        .unwrap_or_else(|| panic!("seed {seed}: {:?}\n{definition:#}", compiled.diagnostics));
    machine.name = format!("m{seed}");
    machine
}

/// States inside states, without transitions; their paths are added to `paths`.
fn states(draw: &mut Draw, path: &str, depth: usize, paths: &mut Vec<String>) -> Json {
    let is_root = path.is_empty();
    if !is_root && (depth == 0 || draw.one_in(3)) {
        return json!({});
    }
    let is_parallel = !is_root && draw.one_in(2);
    let mut children = Map::new();
    let mut first = String::new();
    for n in 0..2 + usize::from(is_root) {
        let name = format!("s{}", paths.len());
        let inside = if is_root { name.clone() } else { format!("{path}.{name}") };
        paths.push(inside.clone());
        if n == 0 {
            first.clone_from(&name);
        }
        let is_final = n == 1 && !is_parallel && draw.one_in(4);
        let child = if is_final {
            json!({ "type": "final" })
        } else {
            states(draw, &inside, depth - 1, paths)
        };
        children.insert(name, child);
    }
    if is_parallel {
        json!({ "type": "parallel", "states": children })
    } else {
        json!({ "initial": first, "states": children })
    }
}

/// Adds transitions to a state and to those inside it.
fn connect(draw: &mut Draw, state: &mut Json, paths: &[String]) {
    if state["type"] == "final" {
        return;
    }
    for event in EVENTS {
        if draw.one_in(2) {
            let transitions: Vec<Json> = (0..=draw.below(2))
                .map(|_| match draw.below(5) {
                    0 => json!({}),
                    _ => json!({ "target": format!("#m.{}", paths[draw.below(paths.len())]) }),
                })
                .collect();
            state["on"][event] = Json::from(transitions);
        }
    }
    let children = state.get_mut("states").and_then(Json::as_object_mut);
    children.into_iter().flatten().for_each(|(_, child)| connect(draw, child, paths));
}

/// The transitions an event takes: in each region the first of the innermost active state that answers it. Told by the
/// targets, of which a transition may have none.
fn taken(simulator: &Simulator, event: &str, ix: StateIx) -> Vec<Option<String>> {
    let machine = &simulator.machine;
    let state = machine.state(ix);
    let is_active =
        |child: &&StateIx| simulator.run.active.contains_key(&machine.state(**child).id);
    let inside = state.children.iter().filter(is_active);
    let inside: Vec<_> = inside.flat_map(|child| taken(simulator, event, *child)).collect();
    if !inside.is_empty() {
        return inside;
    }
    let first = state.transitions.iter().find(|transition| {
        matches!(&transition.trigger, Trigger::Event(Descriptor::Exact(name)) if name.as_str() == event)
    });
    let target = |target: &StateIx| {
        let path = machine.state(*target).id.to_string();
        path.rsplit('.').next().unwrap().to_owned()
    };
    first.map(|found| found.targets.first().map(target)).into_iter().collect()
}

/// Where a run may go: by event the names of the targets, and the states that a plain UPDATE leads to.
#[derive(Debug, PartialEq, Default)]
struct Ways {
    by_event: BTreeMap<String, BTreeSet<String>>,
    by_update: BTreeSet<String>,
}

/// What the chart says, which is held against what the kernel lists.
fn ways(simulator: &Simulator, current: &str) -> Ways {
    let mut ways = Ways::default();
    let listed = legal(&simulator.machine, &simulator.run);
    for event in EVENTS {
        let taken = match simulator.run.status.is_ended() {
            true => Vec::new(),
            false => taken(simulator, event, Machine::ROOT),
        };
        let listed = listed.iter().find(|legal| legal.event.as_str() == event);
        assert_eq!(listed.is_some(), !taken.is_empty(), "{event}");
        let targets: BTreeSet<String> = taken.iter().flatten().cloned().collect();
        let named =
            |id: &guidepost_core::id::StateId| id.as_str().rsplit('.').next().unwrap().to_owned();
        let listed: BTreeSet<String> =
            listed.iter().flat_map(|legal| &legal.targets).map(named).collect();
        match simulator.leaves().len() {
            1 => assert_eq!(listed, targets, "{event}"),
            // Of a state around several regions the kernel lists also what only one of them shadows.
            _ => assert!(listed.is_superset(&targets), "{event}"),
        }
        if let [Some(target)] = taken.as_slice()
            && target != current
        {
            ways.by_update.insert(target.clone());
        }
        if !targets.is_empty() {
            ways.by_event.insert(event.to_owned(), targets);
        }
    }
    ways
}

/// The innermost path around all of these.
fn common(leaves: &[String]) -> String {
    let Some((first, rest)) = leaves.split_first() else { return String::new() };
    let mut common: Vec<&str> = first.split('.').collect();
    for leaf in rest {
        let same = common.iter().zip(leaf.split('.')).take_while(|(one, other)| **one == *other);
        let length = same.count();
        common.truncate(length);
    }
    common.join(".")
}

/// Puts a run as the simulator has it into the store; its number.
pub(crate) async fn put(store: &dyn Store, tenant: &Tenant, simulator: &Simulator) -> i64 {
    let leaves: Vec<String> = simulator.leaves().iter().map(ToString::to_string).collect();
    let batch = Batch {
        records: simulator.history.clone(),
        run: simulator.run.clone(),
        current_state: common(&leaves),
        leaves,
        request: None,
        recorded_at: Timestamp(0),
        tasks: TaskChanges::default(),
        steps: 0,
        limits: Limits::default(),
        claim: None,
    };
    let new = NewRun::new(
        RunId(uuid::Uuid::now_v7()),
        &simulator.machine.name,
        Some(Version(1)),
        Driver::Agent,
        Timestamp(0),
    );
    store.create(tenant, new, batch).await.unwrap().run.0
}

/// For random machines, after every input, the rows of `agent_next_actions` are the ways the chart has, and an UPDATE is
/// accepted exactly where an event leads that one transition answers.
#[test]
fn sql_lists_and_accepts_what_the_chart_takes() {
    let file = File::new();
    let mut expected: BTreeMap<i64, (String, Ways)> = BTreeMap::new();
    file.with_store(async |store, tenant| {
        for seed in 0..MACHINES {
            let mut draw = Draw(seed);
            let machine = machine(&mut draw, seed);
            let source =
                Source { format: "xstate".to_owned(), text: String::new(), file: String::new() };
            store.define(tenant, NewVersion::of(&machine, source, "", Timestamp(0))).await.unwrap();
            let mut simulator = Simulator::new(machine, Timestamp(0));
            simulator.start(Driver::Agent, Map::new()).unwrap();
            for _ in 0..INPUTS {
                let leaves: Vec<String> =
                    simulator.leaves().iter().map(ToString::to_string).collect();
                let current = common(&leaves);
                let name = current.rsplit('.').next().unwrap_or_default().to_owned();
                let run = put(store, tenant, &simulator).await;
                let story = format!("seed {seed}, in {leaves:?}");
                expected.insert(run, (story, ways(&simulator, &name)));
                match simulator.send(EVENTS[draw.below(3)], Map::new(), None) {
                    Ok(_) | Err(Failure::Rejected(_)) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        }
    });
    let mut found: BTreeMap<i64, Ways> = BTreeMap::new();
    let listed = file.shell(
        "SELECT agent_id, next_transition, next_state FROM agent_next_actions WHERE next_state IS NOT NULL",
    );
    for line in listed.lines() {
        let [run, event, target] = line.split('|').collect::<Vec<_>>().try_into().unwrap();
        let ways = found.entry(run.parse().unwrap()).or_default();
        ways.by_event.entry(event.to_owned()).or_default().insert(target.to_owned());
    }
    let accepted = file.python(
        "
for agent, state, name in cur.execute(
        'SELECT a.agent_id, s.state_id, s.name FROM agent_instance AS a JOIN workflow_state AS s'
        ' ON s.workflow_id = a.workflow_id AND s.state_id <> a.current_state_id').fetchall():
    try:
        cur.execute('UPDATE agent_instance SET current_state_id = ? WHERE agent_id = ?', (state, agent))
        print(agent, name)
    except sqlite3.DatabaseError:
        pass
    db.rollback()
",
    );
    for line in accepted.lines() {
        let (run, state) = line.split_once(' ').unwrap();
        found.entry(run.parse().unwrap()).or_default().by_update.insert(state.to_owned());
    }
    let mut wrong = String::new();
    let mut several = 0;
    for (run, (story, ways)) in expected {
        let found = found.remove(&run).unwrap_or_default();
        several += u64::from(ways.by_event.values().any(|targets| targets.len() > 1));
        if found != ways {
            writeln!(wrong, "{story}: expected {ways:?}, found {found:?}").unwrap();
        }
    }
    assert_eq!(wrong, "");
    assert!(found.is_empty(), "rows of no run: {found:?}");
    assert!(several > 0, "no event was answered by several regions");
}
