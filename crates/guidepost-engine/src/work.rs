//! Who does what: handlers, by the queue whose tasks they do.

mod address;
pub mod agent;
mod child;
pub mod exec;
mod family;
pub mod http;
pub mod tool;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::join_all;
use guidepost_core::exact::expect_exact;
use guidepost_core::id::Tenant;
use guidepost_store::{Store, TaskId};
use serde_json::Value as Json;

use self::child::{Cancel, Launch, Nursery};
use crate::call::{Call, Failure, Outcome};
use crate::machines::Machines;
use crate::world::World;

/// How many bytes are kept of what is said about a failure: by a command, a server or a tool.
const COMPLAINT_BYTES_MAX: usize = 2_000;

/// Does the work of a queue.
///
/// A handler may be called more than once for one piece of work: again after a failure, and again after a crash in the
/// middle. Every call carries the same [`Call::key`], by which it, or whom it calls, can tell a repeat.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// Does a piece of work. Dropped midway if the work is cancelled, takes too long or was lost to somebody else.
    async fn perform(&self, call: Call) -> Outcome;

    /// Waits until nothing goes on any more of a try at this piece of work that was dropped midway. That is waited for before
    /// a try is said to have taken too long, before the next begins, and before the task is given back; so it is to take
    /// a second or two at most, however stubborn what is left may be.
    async fn cleared(&self, task: &TaskId) {
        let _ = task;
    }

    /// Ends what is kept open between two pieces of work, such as programs that were started, and waits for that. An engine
    /// that stops asks for it last, so it is to take a few seconds at most. Work that comes afterwards opens it anew.
    async fn close(&self) {}
}

/// The handlers of child runs: the first launches one and waits for its end, the second cancels those that nobody waits
/// for any more.
#[must_use]
pub fn child_handlers(
    store: Arc<dyn Store>,
    tenant: Tenant,
    machines: Arc<Machines>,
    world: Arc<dyn World>,
) -> (Arc<dyn Handler>, Arc<dyn Handler>) {
    let nursery = Nursery { store, tenant, machines, world };
    (Arc::new(Launch(nursery.clone())), Arc::new(Cancel(nursery)))
}

/// Refuses a result that reading changed: one with a whole number of more than 64 bits, or a key given twice.
///
/// # Errors
///
/// What would have been lost, and where; `what` says whose result it is.
fn expect_kept(what: &str, json: &str) -> Result<(), Failure> {
    expect_exact(json)
        .map_err(|lost| Failure::lasting(format!("{what} cannot be kept as it is: {lost}")))
}

/// A function as a handler.
struct Function<F>(F);

#[async_trait]
impl<F, Fut> Handler for Function<F>
where
    F: Fn(Call) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Json, Failure>> + Send,
{
    async fn perform(&self, call: Call) -> Outcome {
        match (self.0)(call).await {
            Ok(value) => Outcome::Done(value),
            Err(failure) => Outcome::Failed(failure),
        }
    }
}

/// Handlers by queue: `task:pay`, `agent:writer`, `tool`, `http`, `exec`, `invoke:src`.
#[derive(Clone, Default)]
pub struct Handlers(BTreeMap<String, Arc<dyn Handler>>);

impl std::fmt::Debug for Handlers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Handlers {
    /// Nobody does anything.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets a handler do the tasks of a queue.
    #[must_use]
    pub fn with(mut self, queue: impl Into<String>, handler: Arc<dyn Handler>) -> Self {
        self.0.insert(queue.into(), handler);
        self
    }

    /// Lets a function do the tasks of this name.
    #[must_use]
    pub fn task<F, Fut>(self, name: &str, function: F) -> Self
    where
        F: Fn(Call) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Json, Failure>> + Send + 'static,
    {
        self.with(format!("task:{name}"), Arc::new(Function(function)))
    }

    /// Lets a function be the agent of this name.
    #[must_use]
    pub fn agent<F, Fut>(self, name: &str, function: F) -> Self
    where
        F: Fn(Call) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Json, Failure>> + Send + 'static,
    {
        self.with(format!("agent:{name}"), Arc::new(Function(function)))
    }

    /// The queues that are served.
    #[must_use]
    pub fn queues(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    /// Waits until nothing is left of tries at a piece of work that were dropped midway, whoever made them.
    pub(crate) async fn cleared(&self, task: &TaskId) {
        for handler in self.0.values() {
            handler.cleared(task).await;
        }
    }

    /// Ends what handlers keep open, all at once.
    pub(crate) async fn close(&self) {
        join_all(self.0.values().map(|handler| handler.close())).await;
    }

    pub(crate) fn get(&self, queue: &str) -> Option<Arc<dyn Handler>> {
        self.0.get(queue).cloned()
    }
}
