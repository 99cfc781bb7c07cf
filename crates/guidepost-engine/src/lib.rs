//! Runs workflows to their end, across crashes.
//!
//! An [`Engine`] does the work of runs whose driver is the engine: it claims their tasks, calls the handlers, fires timers
//! and commits what came of it. Killing it at any instant is safe: what it held is claimed by another, or by itself when it
//! is back. [`runner`] decides, the shell acts; start reading at [`runner::Runner::handle`].
//!
//! ```
//! use std::sync::Arc;
//!
//! use guidepost_engine::{Engine, Handlers};
//! use serde_json::json;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = guidepost_store::open("memory:")?;
//! let handlers = Handlers::new().task("greet", |call| async move {
//!     Ok(json!(format!("Hello, {}!", call.spec["input"]["name"].as_str().unwrap_or("you"))))
//! });
//! let running = Engine::new(Arc::clone(&store)).with_handlers(handlers).start();
//! running.stop().await;
//! # Ok(())
//! # }
//! ```

pub mod call;
pub mod history;
mod machines;
pub mod plan;
pub mod runner;
pub mod schedule;
mod shell;
pub mod work;
pub mod world;

use std::collections::BTreeMap;
use std::sync::Arc;

use guidepost_core::id::{RunNo, Tenant};
use guidepost_core::time::Span;
use guidepost_store::{Store, TaskId};
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use self::call::{Call, Failure, Outcome};
pub use self::machines::{Found, Machines, NoMachine};
use self::runner::Config;
use self::shell::Shell;
pub use self::work::{Handler, Handlers, child_handlers};
use self::world::{System, World};

/// Tasks an engine does at once when nobody says otherwise.
pub const SLOTS: usize = 64;

/// How long an engine may be silent before its tasks are handed to others.
pub const LEASE: Span = Span(5_000_000_000);

/// How often an engine looks for work that nobody told it about.
pub const POLL: Span = Span(200_000_000);

/// Does the work of runs, with whatever handlers it is given.
#[derive(Clone)]
pub struct Engine {
    store: Arc<dyn Store>,
    tenant: Tenant,
    handlers: Handlers,
    world: Arc<dyn World>,
    slots: usize,
    slots_of: BTreeMap<String, usize>,
    lease: Span,
    poll: Span,
    root: Option<RunNo>,
}

impl Engine {
    /// An engine for a store's default tenant. It waits, and runs child workflows; everything else needs handlers.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            tenant: Tenant::default(),
            handlers: Handlers::new(),
            world: Arc::new(System),
            slots: SLOTS,
            slots_of: BTreeMap::new(),
            lease: LEASE,
            poll: POLL,
            root: None,
        }
    }

    /// The same for another tenant.
    #[must_use]
    pub fn for_tenant(self, tenant: Tenant) -> Self {
        Self { tenant, ..self }
    }

    /// The same with these handlers.
    #[must_use]
    pub fn with_handlers(self, handlers: Handlers) -> Self {
        Self { handlers, ..self }
    }

    /// The same by another clock and source of ids.
    #[must_use]
    pub fn with_world(self, world: Arc<dyn World>) -> Self {
        Self { world, ..self }
    }

    /// The same with so many tasks at once, at most.
    #[must_use]
    pub fn with_slots(self, slots: usize) -> Self {
        Self { slots: slots.max(1), ..self }
    }

    /// The same with so many tasks of one queue at once, at most.
    #[must_use]
    pub fn with_slots_of(mut self, queue: impl Into<String>, slots: usize) -> Self {
        self.slots_of.insert(queue.into(), slots);
        self
    }

    /// The same with leases of this length: a crash is noticed after that long, and a longer silence is taken for one.
    #[must_use]
    pub fn with_lease(self, lease: Span) -> Self {
        Self { lease, ..self }
    }

    /// The same for one run and those below it.
    #[must_use]
    pub fn for_run(self, run: RunNo) -> Self {
        Self { root: Some(run), ..self }
    }

    /// Begins to work, in the background.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    #[must_use]
    pub fn start(self) -> Running {
        let machines = Arc::new(Machines::default());
        let (launch, cancel) = child_handlers(
            Arc::clone(&self.store),
            self.tenant.clone(),
            Arc::clone(&machines),
            Arc::clone(&self.world),
        );
        let handlers = self.handlers.with("run", launch);
        let config = Config {
            owner: format!("engine-{:016x}", self.world.any_number()),
            queues: handlers.queues(),
            slots: self.slots,
            slots_of: self.slots_of,
            lease: self.lease,
            poll: self.poll,
            root: self.root,
        };
        let (commits, committed) = watch::channel(0);
        let (in_hand, held) = watch::channel(0);
        let (trouble, troubled) = watch::channel(None);
        let (declined, left) = watch::channel(BTreeMap::new());
        let kept_open = handlers.clone();
        let shell = Shell {
            store: self.store,
            tenant: self.tenant,
            machines,
            handlers,
            cancel,
            world: self.world,
            commits,
            in_hand,
            trouble,
            declined,
        };
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(async move {
            shell.run(config, stopped).await;
            kept_open.close().await;
        });
        Running { stop, committed, held, troubled, left, task }
    }
}

/// An engine at work.
///
/// Dropping it stops it as [`Running::stop`] does, without waiting for it.
#[derive(Debug)]
pub struct Running {
    stop: watch::Sender<bool>,
    committed: watch::Receiver<u64>,
    held: watch::Receiver<usize>,
    troubled: watch::Receiver<Option<String>>,
    left: watch::Receiver<BTreeMap<TaskId, String>>,
    task: JoinHandle<()>,
}

impl Running {
    /// Changes whenever the engine committed something.
    #[must_use]
    pub fn commits(&self) -> watch::Receiver<u64> {
        self.committed.clone()
    }

    /// How many tasks the engine holds: being done, about to be, or done and not committed yet.
    #[must_use]
    pub fn tasks_in_hand(&self) -> watch::Receiver<usize> {
        self.held.clone()
    }

    /// Why the engine begins nothing new: what failed at the store, and how. `None` while all is well; the engine goes on
    /// by itself as soon as the store works again.
    #[must_use]
    pub fn trouble(&self) -> watch::Receiver<Option<String>> {
        self.troubled.clone()
    }

    /// The tasks this engine may not do, or lacks what it takes for, and why: it left them to other engines. One that was
    /// done elsewhere since is still among them.
    #[must_use]
    pub fn declined(&self) -> watch::Receiver<BTreeMap<TaskId, String>> {
        self.left.clone()
    }

    /// Takes nothing new, keeps results that are there, gives back everything else, and waits until that is done; while the
    /// store is down, for one lease at most. What its handlers keep open, such as tool servers, has ended then too.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the engine ended by a bug");
        }
    }
}
