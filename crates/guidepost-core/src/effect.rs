//! What the kernel asks the shell to do. Asking changes nothing: records and effects become durable together.

use crate::id::{Branch, StateId, Visit};
use crate::time::Timestamp;

/// One request to the shell. Timers are no effect: they are part of the [`Run`](crate::run::Run), and a store finds the
/// next due one there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Begin the work of a state that was entered.
    StartWork {
        /// The state.
        state: StateId,
        /// Which visit.
        visit: Visit,
        /// Which branch; [`Branch::WHOLE`] for the work as a whole. A state that fans out is asked for as a whole first, and
        /// answered with [`Input::FanOut`](crate::input::Input::FanOut).
        branch: Branch,
    },
    /// Begin to make a piece of work good: the first of what [`Run::undoing`](crate::run::Run::undoing) has left.
    Compensate {
        /// The state whose work it was.
        state: StateId,
        /// Which visit.
        visit: Visit,
        /// Which branch.
        branch: Branch,
    },
    /// Try again to make a piece of work good.
    RetryCompensation {
        /// The state whose work it was.
        state: StateId,
        /// Which visit.
        visit: Visit,
        /// Which branch.
        branch: Branch,
        /// Not before this time.
        at: Timestamp,
    },
    /// Stop making a piece of work good.
    CancelCompensation {
        /// The state whose work it was.
        state: StateId,
        /// Which visit.
        visit: Visit,
        /// Which branch.
        branch: Branch,
    },
    /// Try a piece of work again.
    RetryWork {
        /// The state.
        state: StateId,
        /// Which visit.
        visit: Visit,
        /// Which branch.
        branch: Branch,
        /// Not before this time.
        at: Timestamp,
    },
    /// Stop the work of a state that was left before it ended, all branches of it.
    CancelWork {
        /// The state.
        state: StateId,
        /// Which visit.
        visit: Visit,
    },
    /// Show a line in the log.
    Log {
        /// The rendered text.
        message: String,
    },
}
