//! `guidepost mcp`: agents over MCP, on stdin and stdout.

use std::sync::Arc;

use guidepost_server::mcp::{self, Options};
use guidepost_server::ops::Allowed;

use crate::args::{self, Global};
use crate::config;
use crate::door::Door;
use crate::failure::{Exit, Failure, Kind};

/// Serves until the agent closes the connection.
///
/// # Errors
///
/// If the store cannot be opened, or the client does not speak MCP.
pub(crate) async fn run(args: &args::Mcp, global: &Global) -> Result<Exit, Failure> {
    let door = Door::open_or_make(global)?;
    let allowed = if args.allow_all_work { Allowed::Everything } else { Allowed::OnlyHarmless };
    let options = Options { agent: config::agent(global.caller.as_deref())?, allowed };
    mcp::serve_stdio(Arc::new(door.ops), options).await.map_err(|error| {
        Failure::new(Kind::Unavailable, "GP0458", "the client does not speak MCP")
            .caused_by(&error)
            .hint("an agent starts this command; `guidepost connect` tells it how")
    })?;
    Ok(Exit::Ok)
}
