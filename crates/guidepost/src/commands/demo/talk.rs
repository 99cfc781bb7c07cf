//! What the demo shows: the agent's calls, and what the server answers.

use std::path::Path;

use serde_json::{Map, Value as Json, json};

use super::agent::{Agent, Reply};
use super::story::Story;
use crate::failure::{Failure, Kind};

/// A conversation with the server, told as it goes.
pub(super) struct Talk<'a, 'o> {
    pub(super) agent: Agent,
    pub(super) story: &'a mut Story<'o>,
    /// The run it is about.
    pub(super) run: String,
    /// The rev last seen.
    pub(super) rev: u64,
}

impl<'a, 'o> Talk<'a, 'o> {
    /// Connects an agent of this name.
    pub(super) async fn begin(
        store: &Path,
        name: &str,
        story: &'a mut Story<'o>,
    ) -> Result<Self, Failure> {
        let agent = Agent::connect(store, name).await?;
        Ok(Self { agent, story, run: String::new(), rev: 0 })
    }

    /// A call that is to be done.
    pub(super) async fn done(
        &mut self,
        tool: &'static str,
        arguments: Json,
    ) -> Result<Reply, Failure> {
        let reply = self.call(tool, arguments).await?;
        if reply.is_refused { Err(off_script(&reply)) } else { Ok(reply) }
    }

    /// A call that is to be refused.
    async fn refused(&mut self, tool: &'static str, arguments: Json) -> Result<(), Failure> {
        let reply = self.call(tool, arguments).await?;
        if reply.is_refused { Ok(()) } else { Err(off_script(&reply)) }
    }

    /// Starts a run, and goes on with it.
    pub(super) async fn start(&mut self, workflow: &str, input: Json) -> Result<(), Failure> {
        let arguments = json!({ "workflow": workflow, "input": input });
        let reply = self.done("guidepost_start", arguments).await?;
        self.run = word_after(&reply.text, "run ").unwrap_or_default().to_owned();
        self.rev = rev_of(&reply.text);
        Ok(())
    }

    /// An event that is to be taken.
    pub(super) async fn event(&mut self, event: &str, data: Json) -> Result<(), Failure> {
        let arguments = self.event_arguments(event, data);
        let reply = self.done("guidepost_do", arguments).await?;
        self.rev = rev_of(&reply.text);
        Ok(())
    }

    /// An event that is to be refused.
    pub(super) async fn illegal(&mut self, event: &str, data: Json) -> Result<(), Failure> {
        let arguments = self.event_arguments(event, data);
        self.refused("guidepost_do", arguments).await
    }

    fn event_arguments(&self, event: &str, data: Json) -> Json {
        let mut arguments = json!({ "run": self.run, "event": event, "rev": self.rev });
        if data.as_object().is_some_and(|data| !data.is_empty()) {
            arguments["data"] = data;
        }
        arguments
    }

    async fn call(&mut self, tool: &'static str, arguments: Json) -> Result<Reply, Failure> {
        let fields: Map<String, Json> = match arguments {
            Json::Object(fields) => fields,
            _ => Map::new(),
        };
        self.story.called(tool, &fields);
        let reply = self.agent.call(tool, fields.clone()).await?;
        self.story.answered(tool, &fields, &reply);
        Ok(reply)
    }
}

fn off_script(reply: &Reply) -> Failure {
    Failure::new(Kind::Unavailable, "GP0459", "the demo went otherwise than its script has it")
        .caused_by_text(&reply.text)
}

fn word_after<'t>(text: &'t str, before: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(before)?;
    rest.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).next()
}

fn rev_of(text: &str) -> u64 {
    word_after(text, "rev ").and_then(|rev| rev.parse().ok()).unwrap_or(0)
}
