//! The door for agents: the Model Context Protocol, in its stateless revision of 2026-07-28 and the session-based ones
//! before it.
//!
//! Eight tools, always the same eight in the same order, whatever the run's state: what is legal travels in the replies.
//! Answers are text. A call that fails for a reason the agent can act on is answered as a tool error that says what to
//! do; only a malformed request is a protocol error. Run and workflow are also resources, for people who mention them,
//! and two prompts begin or resume a run.

mod arguments;
mod call;
mod fault;
mod prompts;
mod resources;
mod server;
mod stdio;
mod tools;
mod turn;

use std::sync::Arc;

use rmcp::service::ServiceExt;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::ops::{Allowed, Ops};
use server::Server;
use turn::{Closing, Turn};

pub use self::stdio::{LINE_BYTES_MAX, VALUES_MAX};

/// How the server behaves.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The agent in whose name calls are made; `None` means the client's name.
    pub agent: Option<String>,
    /// What a definition that arrives here may contain.
    pub allowed: Allowed,
}

/// Why serving ended before the client closed the connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The client did not begin as the protocol wants.
    #[error("the connection could not be initialised")]
    Initialize(#[source] Box<rmcp::service::ServerInitializeError>),
    /// The task that serves was stopped.
    #[error("serving was interrupted")]
    Interrupted(#[source] tokio::task::JoinError),
}

/// Serves on standard input and output until the input ends. Nothing but the protocol is written to standard output.
///
/// # Errors
///
/// [`ServeError`]. A client that closes the connection is no error.
pub async fn serve_stdio(ops: Arc<Ops>, options: Options) -> Result<(), ServeError> {
    serve(ops, options, tokio::io::stdin(), tokio::io::stdout()).await
}

/// Serves on any pair of streams until the reading one ends.
///
/// # Errors
///
/// As [`serve_stdio`].
pub async fn serve(
    ops: Arc<Ops>,
    options: Options,
    read: impl AsyncRead + Send + Unpin + 'static,
    write: impl AsyncWrite + Send + Unpin + 'static,
) -> Result<(), ServeError> {
    use rmcp::service::ServerInitializeError as Initialize;
    let (turn, closing) = (Turn::new(), Closing::new());
    let (transport, writing) = stdio::Lines::new(read, write, turn.clone(), closing.clone());
    let served = match Server::new(ops, options, turn, closing).serve(transport).await {
        Ok(running) => running.waiting().await.map(drop).map_err(ServeError::Interrupted),
        Err(Initialize::ConnectionClosed(_)) => Ok(()),
        Err(error) => Err(ServeError::Initialize(Box::new(error))),
    };
    // A client may ask, close its side and then read. That it reads no more is no error.
    drop(writing.await);
    served
}
