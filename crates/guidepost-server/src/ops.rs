//! The operations: what one can do with Guidepost, whatever the door.
//!
//! [`Ops`] has a method per operation, each in a file of its own. A method takes one request struct and gives a plain
//! answer that serialises to the JSON people see, or an [`OpError`] that says what to do next. Nothing is kept between
//! calls but compiled machines, which are looked up by the hash of what they were compiled from.
//!
//! Every operation that reads or moves a run first *settles* it: timers that came due while no process was running fire
//! at their due time, and moves made by SQL are made good.
//!
//! ```
//! use guidepost_core::id::{Rev, RunRef};
//! use guidepost_server::ops::{Allowed, Define, Ops, SendEvent, StartRun};
//! use guidepost_server::text;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let ops = Ops::new(guidepost_store::open("memory:")?);
//! let definition = "
//! name: tea
//! initial: boil
//! states:
//!   boil: { guideline: Boil the water., on: { boiled: steep } }
//!   steep: { after: { 3m: done } }
//!   done: { type: final }
//! ";
//! ops.define(&Define {
//!     text: definition.to_owned(),
//!     file: "tea.yaml".to_owned(),
//!     save: true,
//!     allowed: Allowed::Everything,
//!     caller: "ada".to_owned(),
//! })
//! .await?;
//!
//! let start = StartRun { workflow: Some("tea".to_owned()), ..StartRun::default() };
//! let started = ops.start_run(&start).await?;
//! assert_eq!(started.standing.next[0].event.as_str(), "boiled");
//!
//! let event = SendEvent {
//!     run: RunRef::from("r-1"),
//!     event: "boiled".to_owned(),
//!     data: Default::default(),
//!     rev: Some(started.standing.rev),
//!     note: None,
//!     caller: "ada".to_owned(),
//! };
//! let moved = ops.send_event(&event).await?;
//! assert!(text::moved(&moved, text::Words::Tools).starts_with("ok rev 3: boil -> steep"));
//!
//! // A repeat, as after a time-out, changes nothing and gets the same answer.
//! let again = ops.send_event(&event).await?;
//! assert_eq!((again.after, again.is_repeat), (Rev(3), true));
//! # Ok(())
//! # }
//! ```

mod advance;
mod agent_workflow;
mod agent_workflows;
mod asked;
mod bounds;
mod cancel_run;
mod catalog;
mod checkpoint;
mod control_run;
mod current;
mod define;
mod delete_run;
mod diff;
mod digest;
mod error;
mod fork;
mod hands;
mod history;
mod limit;
mod list_runs;
mod list_workflows;
mod log;
mod migrate;
mod next;
mod observed;
mod packet;
mod past;
mod path;
mod read_run;
mod refusal;
mod replay;
mod rollback;
mod schedules;
mod send_event;
mod sensitive;
mod show_workflow;
mod standing;
mod start_run;
mod stranded;
mod tasks;
mod threads;
mod timers;
mod told;
mod verify_run;
mod wait;
mod watch;
mod way;
mod where_am_i;

use std::sync::Arc;

use guidepost_core::id::Tenant;
use guidepost_engine::Machines;
pub use guidepost_engine::world::{System, World};
use guidepost_store::Store;

pub use self::agent_workflow::{AgentWorkflow, AgentWorkflowStep, StepStatus, WorkflowStatus};
pub use self::agent_workflows::{
    CreateAgentWorkflow, NewStep, RetryAgentWorkflow, WORKFLOWS_LISTED,
};
pub use self::cancel_run::{CancelRun, Ending};
pub use self::checkpoint::{Checkpoint, Checkpointed, NamedPlace};
pub use self::control_run::ControlRun;
pub use self::define::{Allowed, Define, Definition, leaves};
pub use self::delete_run::{DeleteRun, Deleted};
pub use self::diff::RunsDiffer;
pub use self::error::{Damage, Kind, OpError, Problem};
pub use self::fork::{Fork, Forked};
pub use self::hands::{Hands, InHand};
pub use self::history::{HistoryItem, ReadHistory};
pub use self::limit::{LimitNow, Limited, SetLimits};
pub use self::list_runs::{FindRuns, RunHit};
pub use self::list_workflows::{FindWorkflows, WorkflowHit};
pub use self::log::{Log, LogEntry, Logged};
pub use self::migrate::{AddStep, Migrate, Migrated, MigratedRun, Outcome};
pub use self::next::Next;
pub use self::packet::{OpenAction, Packet, PendingTimer};
pub use self::past::{MadeGood, Place};
pub use self::read_run::{ReadRun, Reading, What};
pub use self::refusal::{LastMove, NotDone, Refusal};
pub use self::replay::{Against, ReplayRun, Replayed};
pub use self::rollback::{Rollback, RolledBack};
pub use self::schedules::{
    ControlSchedule, FindSchedules, LastRun, PassedView, ScheduleControl, ScheduleView,
};
pub use self::send_event::{Moved, SendEvent};
pub use self::show_workflow::{StateView, TransitionView, WorkflowView};
pub use self::standing::{RunName, Standing, StateNow};
pub use self::start_run::{StartRun, Started};
pub use self::stranded::Stranded;
pub use self::tasks::{ClaimTasks, ClaimedTask, EndTask, FindTasks, Taken, WORKER_LEASE};
pub use self::threads::TurnItem;
pub use self::timers::{Due, Timers};
pub(crate) use self::told::Part;
pub use self::told::Told;
pub use self::verify_run::RunVerified;
pub use self::wait::{Wait, Waited};
pub use self::watch::{NowAt, Seen, Watcher};
pub use self::way::{Way, timer_in_words};
pub use self::where_am_i::{Detail, WhereAmI};

/// All operations, over one store, for one tenant.
pub struct Ops {
    store: Arc<dyn Store>,
    tenant: Tenant,
    machines: Machines,
    world: Arc<dyn World>,
}

impl Ops {
    /// The operations over a store, for its default tenant, by the system's clock.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            tenant: Tenant::default(),
            machines: Machines::default(),
            world: Arc::new(System),
        }
    }

    /// The same by another clock and source of ids.
    #[must_use]
    pub fn with_world(self, world: Arc<dyn World>) -> Self {
        Self { world, ..self }
    }

    /// The same for another tenant.
    #[must_use]
    pub fn for_tenant(self, tenant: Tenant) -> Self {
        Self { tenant, ..self }
    }

    /// The store they work on.
    #[must_use]
    pub fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// The store they work on, for whoever works on it beside them.
    #[must_use]
    pub fn shared_store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store)
    }
}
