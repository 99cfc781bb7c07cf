//! What is measured, and what is promised of it.

/// A measure: what its figures mean, and what is promised.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measure {
    /// The name that its bench target prints.
    pub(crate) name: &'static str,
    /// What is measured, and against what.
    pub(crate) what: &'static str,
    /// The unit of value and floor.
    pub(crate) unit: &'static str,
    /// What is promised.
    pub(crate) target: Target,
}

/// What is promised of the ratio of the value to the floor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Target {
    /// At least so much.
    Least(f64),
    /// At most so much.
    Most(f64),
    /// At most so much, or a value that exceeds the floor by no more than this, whichever is more.
    MostOr(f64, f64),
}

/// Every measure, in the order in which it is shown.
pub(crate) const MEASURES: [Measure; 16] = [
    Measure {
        name: "durable-64-full",
        what: "Durable steps of 64 runs at once. Floor: bare SQLite with the same pragmas, 10,000 runs, for each step an \
               UPDATE of a row of 200 bytes by id and rev and an INSERT of a record of 200 bytes indexed by run and seq, \
               64 steps to a transaction.",
        unit: "steps/s",
        target: Target::Least(0.5),
    },
    Measure {
        name: "durable-1-full-us",
        what: "A durable step of one run alone. Floor: the same as above, one step to a transaction.",
        unit: "µs",
        target: Target::MostOr(1.3, 60.0),
    },
    Measure {
        name: "engine-64-full",
        what: "Durable steps of work that a handler in the engine's process does at once, 6,400 runs of ten, 64 at a time. \
               Floor: that of `durable-64-full` with 6,400 runs, where each step also deletes and inserts a task's row.",
        unit: "steps/s",
        target: Target::Least(0.5),
    },
    Measure {
        name: "engine-1-full-us",
        what: "The same, one run at a time. Floor: the same, one step to a transaction.",
        unit: "µs",
        target: Target::Most(1.5),
    },
    Measure {
        name: "late-step-us",
        what: "A step of one run in its last thousand of 10,000. Floor: in steps 101 to 1,100 of the same run.",
        unit: "µs",
        target: Target::Most(1.2),
    },
    Measure {
        name: "late-step-bytes",
        what: "Bytes that the same steps pass to the file system.",
        unit: "bytes",
        target: Target::Most(1.2),
    },
    Measure {
        name: "waiting-10000-mib",
        what: "Resident memory of an engine's process with 10,000 runs that wait. Floor: the promise.",
        unit: "MiB",
        target: Target::Most(1.0),
    },
    Measure {
        name: "waiting-10000-cpu-percent",
        what: "Share of one core that the same process uses. Floor: the promise.",
        unit: "%",
        target: Target::Most(1.0),
    },
    Measure {
        name: "timers-100000-late-ms",
        what: "By how much 99 of 100 timers are late at most, with 100,000 in the hour to come and the engine killed and started \
               anew every four seconds. Floor: the promise.",
        unit: "ms",
        target: Target::Most(1.0),
    },
    Measure {
        name: "kernel-plain",
        what: "Transitions decided and folded on one core, 8 states, no guard. Floor: the promise.",
        unit: "transitions/s",
        target: Target::Least(1.0),
    },
    Measure {
        name: "kernel-guarded",
        what: "The same with a guard over two attributes. Floor: the promise.",
        unit: "transitions/s",
        target: Target::Least(1.0),
    },
    Measure {
        name: "kernel-10000-states",
        what: "A transition of the same without a guard in a machine of 10,000 states. Floor: 10 states.",
        unit: "ns",
        target: Target::Most(1.5),
    },
    Measure {
        name: "where-100000-records-us",
        what: "`where` on a run with 100,000 records. Floor: one with 10.",
        unit: "µs",
        target: Target::Most(1.2),
    },
    Measure {
        name: "bytes-per-step-late",
        what: "Bytes passed to the file system per step while the data gains 100 bytes by append with each, mean over steps \
               4,097 to 8,192. Floor: the mean over steps 65 to 128 of the same run.",
        unit: "bytes",
        target: Target::Most(1.2),
    },
    Measure {
        name: "mcp-first-answer-ms",
        what: "From the start of `guidepost mcp` over a new store to its first answer. Floor: the promise.",
        unit: "ms",
        target: Target::Most(1.0),
    },
    Measure {
        name: "mcp-idle-mib",
        what: "Resident memory of `guidepost mcp` after a first question. Floor: the promise.",
        unit: "MiB",
        target: Target::Most(1.0),
    },
];

impl Target {
    /// Whether it is met, by the median of the ratios and the medians of values and floors.
    pub(crate) fn is_met(self, ratio: f64, value: f64, floor: f64) -> bool {
        match self {
            Self::Least(least) => ratio >= least,
            Self::Most(most) => ratio <= most,
            Self::MostOr(most, more) => ratio <= most || value <= floor + more,
        }
    }

    /// The promise in words.
    pub(crate) fn words(self, unit: &str) -> String {
        match self {
            Self::Least(least) => format!("at least {least}"),
            Self::Most(most) => format!("at most {most}"),
            Self::MostOr(most, more) => format!("at most {most}, or {more} {unit} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is promised at most is a cost, and what is promised at least a rate: else the ratio means the contrary of what
    /// value and floor show.
    #[test]
    fn costs_are_bounded_from_above_and_rates_from_below() {
        for measure in &MEASURES {
            let is_rate = measure.unit.ends_with("/s");
            let is_least = matches!(measure.target, Target::Least(_));
            assert_eq!(is_rate, is_least, "{}", measure.name);
        }
    }

    #[test]
    fn a_target_is_met_from_its_edge_on() {
        assert!(Target::Least(0.5).is_met(0.5, 1.0, 2.0));
        assert!(!Target::Least(0.5).is_met(0.499, 1.0, 2.0));
        assert!(Target::Most(1.2).is_met(1.2, 1.2, 1.0));
        assert!(!Target::Most(1.2).is_met(1.201, 1.2, 1.0));
        let or = Target::MostOr(1.3, 60.0);
        assert!(or.is_met(1.3, 1_300.0, 1_000.0));
        assert!(or.is_met(1.6, 160.0, 100.0));
        assert!(!or.is_met(1.61, 161.0, 100.0));
    }
}
