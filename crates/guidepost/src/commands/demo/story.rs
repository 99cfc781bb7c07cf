//! How the demo is told: as a story for people, or for programs as one JSON object for each step of it.

use serde_json::{Map, Value as Json, json};

use super::agent::Reply;
use super::sql::Table;
use crate::output::Output;

/// The story as far as it was told.
pub(super) struct Story<'o> {
    out: &'o mut Output,
    /// The heading of the present chapter, for programs.
    chapter: String,
    /// What was said about the next step, for programs.
    said: Option<String>,
    /// The number of the last step.
    step: usize,
}

impl<'o> Story<'o> {
    /// A story of this title.
    pub(super) fn begin(title: &str, out: &'o mut Output) -> Self {
        let story = Self { out, chapter: String::new(), said: None, step: 0 };
        if !story.out.is_json() {
            story.out.heading(title);
        }
        story
    }

    /// Begins a chapter.
    pub(super) fn chapter(&mut self, heading: &str) {
        heading.clone_into(&mut self.chapter);
        if !self.out.is_json() {
            self.out.gap();
            self.out.heading(heading);
        }
    }

    /// Says what comes next and why, as the first thing of a chapter.
    pub(super) fn open(&mut self, text: String) {
        if !self.out.is_json() {
            self.out.line(&text);
        }
        self.said = Some(text);
    }

    /// Says what comes next and why.
    pub(super) fn tell(&mut self, text: &str) {
        if !self.out.is_json() {
            self.out.gap();
        }
        self.open(text.to_owned());
    }

    /// A workflow that was saved.
    pub(super) fn saved(&mut self, file: &str, answer: &str) {
        if !self.step(json!({ "saved": file, "answer": answer.trim_end() })) {
            self.show(answer);
        }
    }

    /// A tool that is called.
    pub(super) fn called(&mut self, tool: &str, arguments: &Map<String, Json>) {
        if !self.out.is_json() {
            let shown: Vec<String> =
                arguments.iter().map(|(name, value)| format!("{name}={value}")).collect();
            self.out.heading(format!("  > {tool} {}", shown.join(" ")));
        }
    }

    /// What a tool that was called answered.
    pub(super) fn answered(&mut self, tool: &str, arguments: &Map<String, Json>, reply: &Reply) {
        let is_told = self.step(json!({
            "tool": tool,
            "arguments": arguments,
            "refused": reply.is_refused,
            "answer": reply.text.trim_end(),
        }));
        if is_told {
            return;
        }
        if reply.is_refused {
            for line in reply.text.lines() {
                self.out.refusal(format!("    {line}"));
            }
        } else {
            self.show(&reply.text);
        }
    }

    /// A query over the store, and what it gave.
    pub(super) fn queried(&mut self, query: &str, table: &Table) {
        let query = query.trim_end();
        if self.step(json!({ "sql": query, "columns": table.titles, "rows": table.rows })) {
            return;
        }
        for line in query.lines() {
            self.out.aside(format!("  sqlite> {line}"));
        }
        let titles: Vec<&str> = table.titles.iter().map(String::as_str).collect();
        self.out.table(&titles, &table.rows);
        self.out.gap();
    }

    /// What checking the history found.
    pub(super) fn verified(&mut self, run: &str, answer: &str) {
        if !self.step(json!({ "verified": run, "answer": answer.trim_end() })) {
            self.show(answer);
        }
    }

    /// What can be tried next: commands, each with what it does.
    pub(super) fn try_next(&mut self, commands: &[(String, &str)]) {
        let listed: Vec<&str> = commands.iter().map(|(command, _)| command.as_str()).collect();
        if self.step(json!({ "try": listed })) {
            return;
        }
        for (command, what) in commands {
            self.out.line(format!("  {command:<38} {what}").trim_end());
        }
    }

    /// Tells a step to programs. Says whether that is who listens.
    fn step(&mut self, fields: Json) -> bool {
        if !self.out.is_json() {
            return false;
        }
        self.step += 1;
        let mut told = json!({ "step": self.step, "chapter": self.chapter });
        if let Some(said) = self.said.take() {
            told["said"] = said.into();
        }
        if let (Some(told), Json::Object(fields)) = (told.as_object_mut(), fields) {
            told.extend(fields);
        }
        self.out.json_line(&told);
        true
    }

    /// Shows an answer, set off from what is told.
    fn show(&mut self, text: &str) {
        for line in text.trim_end().lines() {
            self.out.line(format!("    {line}"));
        }
    }
}
