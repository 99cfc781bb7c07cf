//! What the kernel asks the shell to do. Asking changes nothing: records and effects become durable together.

use crate::id::{StateId, Visit};

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
    },
    /// Stop the work of a state that was left before it ended.
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
