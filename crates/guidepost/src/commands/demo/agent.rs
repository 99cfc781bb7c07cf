//! The scripted agent: a real MCP client of a real `guidepost mcp` process.

use std::env;
use std::path::Path;
use std::process::Stdio;

use rmcp::RoleClient;
use rmcp::model::CallToolRequestParams;
use rmcp::service::{RunningService, ServiceExt};
use serde_json::{Map, Value as Json};
use tokio::process::{Child, Command};

use crate::failure::{Failure, Kind};

/// An agent with its connection.
pub(super) struct Agent {
    client: RunningService<RoleClient, ()>,
    server: Child,
}

/// What a tool answered.
pub(super) struct Reply {
    /// Its text.
    pub(super) text: String,
    /// Whether it says that nothing was done.
    pub(super) is_refused: bool,
}

impl Agent {
    /// Starts this very program as an MCP server on a store, and connects to it.
    ///
    /// # Errors
    ///
    /// If the server cannot be started or does not answer.
    pub(super) async fn connect(store: &Path, name: &str) -> Result<Self, Failure> {
        let program = env::current_exe().map_err(|error| broken(&error))?;
        let mut server = Command::new(program)
            .arg("mcp")
            .arg("--store")
            .arg(super::address(store).url())
            .env("GUIDEPOST_AGENT", name)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| broken(&error))?;
        let (Some(stdin), Some(stdout)) = (server.stdin.take(), server.stdout.take()) else {
            return Err(unreachable());
        };
        let client = ().serve((stdout, stdin)).await.map_err(|error| broken(&error))?;
        Ok(Self { client, server })
    }

    /// How many tools the server offers.
    ///
    /// # Errors
    ///
    /// If it does not answer.
    pub(super) async fn tools(&self) -> Result<usize, Failure> {
        Ok(self.client.list_all_tools().await.map_err(|error| broken(&error))?.len())
    }

    /// Calls a tool.
    ///
    /// # Errors
    ///
    /// If the server does not answer. That a move was refused is an answer.
    pub(super) async fn call(
        &self,
        tool: &'static str,
        arguments: Map<String, Json>,
    ) -> Result<Reply, Failure> {
        let call = CallToolRequestParams::new(tool).with_arguments(arguments);
        let result = self.client.call_tool(call).await.map_err(|error| broken(&error))?;
        let texts = result.content.iter().filter_map(|content| content.as_text());
        let texts: Vec<&str> = texts.map(|text| text.text.as_str()).collect();
        Ok(Reply { text: texts.join("\n"), is_refused: result.is_error.unwrap_or(false) })
    }

    /// Kills the server, as a crash would.
    ///
    /// # Errors
    ///
    /// If that is not possible.
    pub(super) async fn crash(mut self) -> Result<(), Failure> {
        self.server.kill().await.map_err(|error| broken(&error))
    }

    /// Closes the connection and waits until the server has ended.
    ///
    /// # Errors
    ///
    /// If it cannot be waited for.
    pub(super) async fn leave(mut self) -> Result<(), Failure> {
        // Whether the closing was orderly makes no difference to what is stored.
        let _ = self.client.cancel().await;
        self.server.wait().await.map(drop).map_err(|error| broken(&error))
    }
}

fn broken(error: &dyn std::error::Error) -> Failure {
    Failure::new(Kind::Unavailable, "GP0459", "the demo's MCP server cannot be used")
        .caused_by(error)
}

fn unreachable() -> Failure {
    Failure::new(Kind::Unavailable, "GP0459", "the demo's MCP server has no streams")
}
