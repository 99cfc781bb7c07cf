//! Tools of MCP servers. Which servers there are, the operator says; a step names one and a tool of it.

mod connection;
mod stdio;
mod web;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use guidepost_core::diagnostic::closest;
use serde_json::{Map, Value as Json};
use tokio::sync::Mutex;
use tokio::time::Instant;

use self::connection::Connection;
use self::stdio::Notes;
use super::Handler;
use crate::call::{Call, Failure, Outcome};

/// How long a call may take when the step says nothing: the usual time of MCP's clients.
const TIMEOUT: Duration = Duration::from_secs(60);

/// How long a server is waited for that is to end: longer than a program is given to end by itself, and then when it is asked.
const CLOSE: Duration = Duration::from_secs(5);

/// How much sooner than the attempt a call ends by itself, so that it can say what it waited for.
const MARGIN: Duration = Duration::from_millis(20);

/// Where a tool server is.
#[derive(Clone, PartialEq, Eq)]
pub enum ToolServer {
    /// A program that is started, and speaks on its stdin and stdout.
    Stdio {
        /// The program: a name that is looked for in `PATH`, or a path.
        command: String,
        /// What it is started with.
        arguments: Vec<String>,
        /// Variables it gets besides those of this process.
        env: BTreeMap<String, String>,
        /// Where it is started; `None` where this process is.
        directory: Option<PathBuf>,
    },
    /// A server that runs somewhere, reached by streamable HTTP.
    Http {
        /// Its address.
        url: String,
        /// What is sent along with every request; secrets, as a rule.
        headers: BTreeMap<String, String>,
        /// Whether it may be on this machine or in a private network.
        allow_private: bool,
    },
}

/// Variables and headers hold secrets, and are left out.
impl fmt::Debug for ToolServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdio { command, .. } => f.debug_tuple("Stdio").field(command).finish(),
            Self::Http { url, .. } => f.debug_tuple("Http").field(url).finish(),
        }
    }
}

/// Calls tools.
///
/// A step names a tool as `SERVER/TOOL`; where one server is known, its name may be left out. `input` is what the tool is
/// called with, checked against its description first. The structured content of the answer is the result, else its text.
/// The idempotency key and the attempt travel in `_meta`, as `io.github.guidepost/idempotencyKey` and
/// `io.github.guidepost/attempt`. Servers are started when they are first needed, shared by all steps, started anew when they
/// are lost, and ended when the engine stops.
#[derive(Debug, Clone, Default)]
pub struct Tools {
    servers: Arc<BTreeMap<String, Server>>,
    allow_private: bool,
}

/// A server, with its connection while there is one.
#[derive(Debug)]
struct Server {
    place: ToolServer,
    connection: Mutex<Option<Arc<Connection>>>,
}

/// Why there is no result.
#[derive(Debug)]
enum NotDone {
    Failed(Failure),
    /// The server is none of those that are known here.
    Declined(String),
}

impl From<Failure> for NotDone {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

#[async_trait]
impl Handler for Tools {
    async fn perform(&self, call: Call) -> Outcome {
        match self.call(&call).await {
            Ok(value) => Outcome::Done(value),
            Err(NotDone::Failed(failure)) => Outcome::Failed(failure),
            Err(NotDone::Declined(why)) => Outcome::Declined(why),
        }
    }

    /// Ends the servers that were started here. One that is in use elsewhere ends when it is not any more.
    async fn close(&self) {
        join_all(self.servers.values().map(|server| async {
            let open = server.connection.lock().await.take();
            if let Some(connection) = open.and_then(Arc::into_inner) {
                let _ = tokio::time::timeout(CLOSE, connection.close()).await;
            }
        }))
        .await;
    }
}

impl Tools {
    /// Tools of these servers, by their names. With `allow_private`, each may be on this machine or in a private network.
    #[must_use]
    pub fn new(servers: BTreeMap<String, ToolServer>, allow_private: bool) -> Self {
        let server = |place| Server { place, connection: Mutex::new(None) };
        let servers = servers.into_iter().map(|(name, place)| (name, server(place))).collect();
        Self { servers: Arc::new(servers), allow_private }
    }

    /// Opens a server and counts its tools.
    ///
    /// # Errors
    ///
    /// If there is none of this name, it cannot be opened, or it does not answer in time.
    pub async fn count(&self, server: &str, timeout: Duration) -> Result<usize, Failure> {
        let place = self.server(server)?;
        let deadline = Deadline::of(Some(timeout));
        let connection = self.open(server, place, deadline).await?;
        match deadline.keep(connection.tools()).await {
            Some(tools) => Ok(tools?.len()),
            None => Err(late(server, "the question for its tools", deadline, &connection)),
        }
    }

    async fn call(&self, call: &Call) -> Result<Json, NotDone> {
        let (name, tool) = self.meant(call)?;
        let server = self.server(name).map_err(not_here)?;
        let deadline = Deadline::of(call.timeout);
        let connection = self.open(name, server, deadline).await?;
        let answer = deadline.keep(async {
            let is_elsewhere = |failure: &Failure| !failure.may_retry && tool.contains('/');
            let known = connection.tool(tool).await.map_err(|failure| match failure {
                // Its name may begin with that of a server that others know.
                failure if is_elsewhere(&failure) => not_here(failure),
                failure => failure.into(),
            })?;
            let arguments = arguments(call)?;
            known.expect_taken(&arguments)?;
            let Json::Object(arguments) = arguments else { return Err(no_object().into()) };
            Ok(connection.call(&known, arguments, call).await?)
        });
        match answer.await {
            Some(answer) => answer,
            None => {
                let failure = late(name, &format!("the call of `{tool}`"), deadline, &connection);
                // A server that is only slow keeps what it has in memory; one that hangs is started anew.
                tokio::spawn(async move { connection.probe().await });
                Err(failure.into())
            }
        }
    }

    /// The server and the tool a step means.
    fn meant<'c>(&'c self, call: &'c Call) -> Result<(&'c str, &'c str), NotDone> {
        let name = call.name.as_deref().unwrap_or_default();
        if self.servers.is_empty() {
            return Err(NotDone::Declined(none_known(name)));
        }
        if let Some(server) = call.spec.get("server").and_then(Json::as_str) {
            return Ok((server, name));
        }
        if let Some((server, tool)) = name.split_once('/')
            && (self.servers.len() != 1 || self.servers.contains_key(server))
        {
            return Ok((server, tool));
        }
        let mut servers = self.servers.keys();
        match (servers.next(), servers.next()) {
            (Some(only), None) => Ok((only, name)),
            _ => {
                let names: Vec<&str> = self.servers.keys().map(String::as_str).collect();
                Err(NotDone::Failed(Failure::lasting(format!(
                    "`{name}` may be a tool of {}: write `SERVER/{name}`",
                    names.join(" or ")
                ))))
            }
        }
    }

    fn server(&self, name: &str) -> Result<&Server, Failure> {
        self.servers.get(name).ok_or_else(|| {
            let names = || self.servers.keys().map(String::as_str);
            let instead = match closest(name, names()) {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!("there is {}", names().collect::<Vec<_>>().join(", ")),
            };
            Failure::lasting(format!("no tool server is named `{name}`; {instead}"))
        })
    }

    /// The connection to a server; opened, if there is none that can be used.
    async fn open(
        &self,
        name: &str,
        server: &Server,
        deadline: Deadline,
    ) -> Result<Arc<Connection>, Failure> {
        let notes = Arc::new(Notes::default());
        let opened = deadline.keep(async {
            let mut connection = server.connection.lock().await;
            if let Some(open) = connection.as_ref().filter(|open| !open.is_broken()) {
                return Ok(Arc::clone(open));
            }
            *connection = None;
            let notes = Arc::clone(&notes);
            let open = Connection::open(name, &server.place, self.allow_private, notes).await?;
            Ok(Arc::clone(connection.insert(Arc::new(open))))
        });
        opened.await.unwrap_or_else(|| {
            Err(Failure::passing(format!(
                "the tool server `{name}` did not begin to speak MCP within {:?}{}",
                deadline.limit,
                notes.told()
            )))
        })
    }
}

/// Until when an answer counts.
#[derive(Debug, Clone, Copy)]
struct Deadline {
    limit: Duration,
    at: Instant,
}

impl Deadline {
    fn of(limit: Option<Duration>) -> Self {
        let limit = limit.unwrap_or(TIMEOUT);
        Self { limit, at: Instant::now() + limit.saturating_sub(MARGIN.min(limit / 2)) }
    }

    /// What comes of it in time; `None` if nothing does.
    async fn keep<T>(self, work: impl Future<Output = T>) -> Option<T> {
        tokio::time::timeout_at(self.at, work).await.ok()
    }
}

fn late(server: &str, what: &str, deadline: Deadline, connection: &Connection) -> Failure {
    Failure::passing(format!(
        "the tool server `{server}` did not answer {what} within {:?}{}",
        deadline.limit,
        connection.told()
    ))
}

fn none_known(name: &str) -> String {
    format!(
        "`{name}` needs a tool server, and none is known here; whoever runs this names servers in a file, and the file \
         with `--tools FILE`"
    )
}

/// What is missing may be known to another engine.
fn not_here(missing: Failure) -> NotDone {
    NotDone::Declined(format!(
        "{missing}; whoever runs this names the servers in the file of `--tools FILE`"
    ))
}

fn no_object() -> Failure {
    Failure::lasting("the `input` of a tool is an object")
}

/// What a tool is called with.
fn arguments(call: &Call) -> Result<Json, Failure> {
    match call.spec.get("input") {
        None | Some(Json::Null) => Ok(Json::Object(Map::new())),
        Some(input @ Json::Object(_)) => Ok(input.clone()),
        Some(_) => Err(no_object()),
    }
}
