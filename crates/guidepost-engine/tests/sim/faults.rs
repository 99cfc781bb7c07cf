//! What can go wrong, drawn from a seed: each seed switches on a subset of the faults, because faults that are always on
//! hide each other.

use std::collections::BTreeSet;

/// Numbers that look like chance and follow from a seed (splitmix64).
#[derive(Debug, Clone)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below this bound; 0 if the bound is.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next().checked_rem(bound).unwrap_or_default()
    }

    /// Whether something of this probability, in thousandths, happens.
    pub(crate) fn permille(&mut self, chance: u64) -> bool {
        self.below(1_000) < chance
    }
}

/// On which side of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Side {
    Before,
    After,
}

/// A place where a runner can vanish.
pub(crate) type Site = (&'static str, Side);

/// Everything the runner asks its shell for; to decline a task is to release it.
pub(crate) const EFFECTS: [&str; 11] = [
    "Claim",
    "FindDue",
    "FindSchedules",
    "MoveSchedule",
    "Load",
    "Commit",
    "Perform",
    "Abort",
    "Extend",
    "Release",
    "Stopped",
];

/// Everything a launch and its cancelling ask the store for.
pub(crate) const CALLS: [&str; 6] = ["load", "workflow", "create", "runs", "commit", "drop_task"];

/// Every place where a runner is to vanish in some seed.
pub(crate) fn sites() -> Vec<Site> {
    let both = |name: &&'static str| [(*name, Side::Before), (*name, Side::After)];
    // Nobody is left to vanish after the last.
    EFFECTS
        .iter()
        .chain(&CALLS)
        .flat_map(both)
        .filter(|site| *site != ("Stopped", Side::After))
        .collect()
}

/// How often what goes wrong. Chances are in thousandths, times in milliseconds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults {
    /// A runner vanishes at a call.
    pub(crate) crash: u64,
    /// A runner vanishes at this place, often when it comes there.
    pub(crate) crash_at: Option<Site>,
    /// A write of a runner that vanished still reaches the store.
    pub(crate) ghost: u64,
    /// The store says it is unavailable, and did nothing.
    pub(crate) refused: u64,
    /// The store says it is unavailable, and did it.
    pub(crate) unanswered: u64,
    /// A message comes twice.
    pub(crate) doubled: u64,
    /// How long a call and its answer take at most, each.
    pub(crate) delay_ms: u64,
    /// A handler takes longer than the lease or the timeout.
    pub(crate) slow: u64,
    /// A try fails, and may be tried again.
    pub(crate) failing: u64,
    /// A try fails for good.
    pub(crate) broken: u64,
    /// A runner stands still for longer than the lease, at a message.
    pub(crate) frozen: u64,
    /// How far apart clocks are at most.
    pub(crate) skew_ms: u64,
    /// An operator pauses or resumes a run, in a tenth of a second.
    pub(crate) pausing: u64,
    /// An operator cancels a run, in a tenth of a second.
    pub(crate) cancelling: u64,
    /// A runner is told to stop, in a tenth of a second.
    pub(crate) stopping: u64,
    /// An operator takes a run back, or cancels it, so that what it did is made good, in a tenth of a second. No part of
    /// the swarm: only worlds of runs that have such steps are told to.
    pub(crate) undoing: u64,
}

impl Faults {
    /// A subset of all faults, each with a weight of its own. One place to vanish at belongs to each seed in turn.
    pub(crate) fn swarm(seed: u64, rng: &mut Rng) -> Self {
        let sites = sites();
        let mut draw = |most: u64| if rng.permille(500) { 1 + rng.below(most) } else { 0 };
        let mut faults = Self {
            crash: draw(30),
            crash_at: None,
            ghost: draw(1_000),
            refused: draw(150),
            unanswered: draw(150),
            doubled: draw(300),
            delay_ms: draw(1_500),
            slow: draw(150),
            failing: draw(300),
            broken: draw(100),
            frozen: draw(10),
            skew_ms: draw(4_000),
            pausing: draw(100),
            cancelling: draw(10),
            stopping: draw(15),
            undoing: 0,
        };
        let site = sites[usize::try_from(seed % sites.len() as u64).unwrap()];
        faults.crash_at = Some(site);
        // What is rare is made to happen where it is to go wrong.
        match site.0 {
            "Stopped" | "Release" => faults.stopping = 30,
            "runs" | "commit" | "drop_task" => faults.cancelling = 60,
            _ => {}
        }
        faults
    }

    /// Nothing goes wrong any more.
    pub(crate) fn none() -> Self {
        Self::default()
    }

    /// Whether runners are to vanish where only runs that launch runs bring them.
    pub(crate) fn is_about_launches(&self) -> bool {
        self.crash_at.is_some_and(|(name, _)| CALLS.contains(&name))
    }

    /// Whether runners are to vanish where only schedules bring them.
    pub(crate) fn is_about_schedules(&self) -> bool {
        self.crash_at.is_some_and(|(name, _)| name == "MoveSchedule")
    }

    /// Whether a runner vanishes here.
    pub(crate) fn crashes(&self, site: Site, rng: &mut Rng) -> bool {
        // Few calls are a launch's; where they are to go wrong, most do.
        let chance = if self.is_about_launches() { 800 } else { 300 };
        rng.permille(self.crash) || (self.crash_at == Some(site) && rng.permille(chance))
    }
}

/// The places where a runner did vanish.
pub(crate) type Crashed = BTreeSet<Site>;
