//! Recording what an agent did, chose, said and made.

use std::collections::BTreeSet;

use guidepost_core::diagnostic::closest;
use guidepost_core::id::{Rev, RunRef, Seq};
use guidepost_core::limits::{FACTS_MAX, PAYLOAD_BYTES_MAX};
use guidepost_core::recorded::{
    Action, ActionEnded, Artifact, Decision, Fact, FactBody, Message, Note,
};
use guidepost_core::time::Timestamp;
use guidepost_store::{EntryBody, HistoryPage};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};

use super::current::Current;
use super::{Next, OpError, Ops, bounds};

/// How far back the begin of an action that ended is looked for: pages, and actions of a page.
const ACTION_PAGES_MAX: usize = 50;
const ACTIONS_PAGE: usize = 200;

/// Facts to record.
#[derive(Debug, Clone, PartialEq)]
pub struct Log {
    /// The run.
    pub run: RunRef,
    /// What happened, in order.
    pub entries: Vec<LogEntry>,
    /// Who reports it.
    pub caller: String,
}

/// One fact, as agents report it: a line of text, and fields if there is more to say.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LogEntry {
    /// `action`, `action_ended`, `decision`, `message`, `artifact`, `note` or `error`.
    pub kind: String,
    /// What happened, in one sentence. It fills the field of the kind that comes closest, if that is not given.
    pub text: String,
    /// A file, URL or id it refers to.
    pub r#ref: Option<String>,
    /// The fields of the kind: see [`guidepost_core::recorded`].
    pub data: Map<String, Json>,
    /// When it happened, if that was not just now.
    pub at: Option<Timestamp>,
}

/// What recording did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Logged {
    /// The run's short id.
    pub run: String,
    /// The first record.
    pub first: Seq,
    /// The last record.
    pub last: Seq,
    /// The run's rev, which recording did not change.
    pub rev: Rev,
    /// What is legal now.
    pub next: Vec<Next>,
}

impl Ops {
    /// Records facts. It changes nothing about where the run is, and makes nobody's rev stale.
    ///
    /// # Errors
    ///
    /// [`OpError::BadArgument`] if an entry cannot be read, [`OpError::TooLarge`], [`OpError::Store`] if there is no such
    /// run, and the failures of the store. Then nothing is recorded.
    pub async fn log(&self, log: &Log) -> Result<Logged, OpError> {
        if log.entries.is_empty() {
            return Err(bad("there is nothing to record", "send at least one entry"));
        }
        if log.entries.len() > FACTS_MAX {
            let size = format!("{} entries", log.entries.len());
            return Err(OpError::TooLarge { what: "the call", size, max: FACTS_MAX.to_string() });
        }
        let facts: Result<Vec<Fact>, OpError> =
            log.entries.iter().map(|entry| fact(entry, &log.caller)).collect();
        let facts = facts?;
        let current = self.current(&log.run).await?;
        self.check_ends(&current, &facts).await?;
        let recorded = self.store.record(&self.tenant, current.head.no, facts).await?;
        Ok(Logged {
            run: current.name(),
            first: recorded.first,
            last: recorded.last,
            rev: recorded.rev,
            next: current.next(),
        })
    }
}

impl Ops {
    /// Refuses the end of an action that was never begun, as far back as is looked.
    async fn check_ends(&self, current: &Current, facts: &[Fact]) -> Result<(), OpError> {
        let ended = facts.iter().filter_map(|fact| match &fact.body {
            FactBody::ActionEnded(ended) => Some(ended.r#ref.as_str()),
            _ => None,
        });
        let mut unknown: BTreeSet<&str> = ended.collect();
        for fact in facts {
            unknown.remove(ref_of(&fact.body).unwrap_or_default());
        }
        let mut page = HistoryPage {
            newest_first: true,
            kinds: vec!["action".to_owned()],
            beyond: None,
            limit: ACTIONS_PAGE,
        };
        let mut known: Vec<String> = Vec::new();
        for _ in 0..ACTION_PAGES_MAX {
            if unknown.is_empty() {
                return Ok(());
            }
            let found = self.store.history(&self.tenant, current.head.no, &page).await?;
            for entry in &found.items {
                let EntryBody::Fact { body, .. } = &entry.body else { continue };
                if let Some(begun) = ref_of(body) {
                    unknown.remove(begun);
                    known.push(begun.to_owned());
                }
            }
            if let (Some(missing), None) = (unknown.first(), &found.next) {
                return Err(never_begun(missing, &known));
            }
            page.beyond = found.items.last().map(|entry| entry.seq);
        }
        Ok(())
    }
}

/// The id an action was begun with.
fn ref_of(body: &FactBody) -> Option<&str> {
    match body {
        FactBody::Action(action) => action.r#ref.as_deref(),
        _ => None,
    }
}

fn never_begun(missing: &str, known: &[String]) -> OpError {
    const SHOWN_MAX: usize = 5;
    let what = format!("no action on record was begun with the ref `{missing}`");
    let meant = closest(missing, known.iter().map(String::as_str));
    let hint = match (meant, known) {
        (Some(meant), _) => format!("did you mean `{meant}`?"),
        (None, []) => {
            "record the action with a `ref` first, or one whole action with its `status`".to_owned()
        }
        (None, known) => {
            let newest: Vec<&str> = known.iter().take(SHOWN_MAX).map(String::as_str).collect();
            format!("the newest refs are {}", newest.join(", "))
        }
    };
    bad(&what, &hint)
}

fn fact(entry: &LogEntry, caller: &str) -> Result<Fact, OpError> {
    bounds::check_json("an entry's data", &entry.data, PAYLOAD_BYTES_MAX)?;
    bounds::check_text("an entry's text", Some(&entry.text), PAYLOAD_BYTES_MAX)?;
    bounds::check_text("an entry's ref", entry.r#ref.as_deref(), PAYLOAD_BYTES_MAX)?;
    let body = body(entry)?;
    Ok(Fact { at: entry.at, observed: false, by: caller.to_owned(), body })
}

fn body(entry: &LogEntry) -> Result<FactBody, OpError> {
    let text = entry.text.clone();
    let body = match entry.kind.as_str() {
        "action" => FactBody::Action(action(fields(entry)?, entry)),
        "action_ended" => FactBody::ActionEnded(action_ended(fields(entry)?, entry)?),
        "decision" => FactBody::Decision(decision(offered(sure(fields(entry)?)?)?, text)),
        "message" => FactBody::Message(message(fields(entry)?, entry)),
        "artifact" => FactBody::Artifact(artifact(fields(entry)?, entry)),
        "note" | "error" => {
            let note: Note = fields(entry)?;
            FactBody::Note(Note {
                text: or(note.text, text),
                is_error: note.is_error || entry.kind == "error",
                r#ref: note.r#ref.or_else(|| entry.r#ref.clone()),
            })
        }
        other => {
            let what = format!("`{other}` is no kind of entry");
            return Err(bad(
                &what,
                "expected action, action_ended, decision, message, artifact, note or error",
            ));
        }
    };
    Ok(body)
}

fn fields<T: DeserializeOwned>(entry: &LogEntry) -> Result<T, OpError> {
    serde_json::from_value(Json::Object(entry.data.clone())).map_err(|reason| {
        let what = format!("the data of the `{}` entry cannot be read: {reason}", entry.kind);
        bad(&what, "correct the entry and send them all again; nothing was recorded")
    })
}

fn action(action: Action, entry: &LogEntry) -> Action {
    let mut action = Action { r#ref: action.r#ref.or_else(|| entry.r#ref.clone()), ..action };
    if action.name.is_empty() {
        action.name.clone_from(&entry.text);
    } else if action.attributes.is_null() && !entry.text.is_empty() {
        action.attributes = serde_json::json!({ "text": entry.text });
    }
    action
}

fn action_ended(ended: ActionEnded, entry: &LogEntry) -> Result<ActionEnded, OpError> {
    let r#ref = or(ended.r#ref, entry.r#ref.clone().unwrap_or_default());
    if r#ref.is_empty() {
        let hint = "send the `ref` that the action was recorded with";
        return Err(bad("an `action_ended` entry does not say which action ended", hint));
    }
    let output = if ended.output.is_null() && !entry.text.is_empty() {
        Json::from(entry.text.as_str())
    } else {
        ended.output
    };
    Ok(ActionEnded { r#ref, output, ..ended })
}

/// Refuses a confidence that is none.
fn sure(decision: Decision) -> Result<Decision, OpError> {
    match decision.confidence {
        Some(sure) if !(0.0..=1.0).contains(&sure) => {
            Err(bad(&format!("the confidence is {sure}"), "it lies between 0 and 1"))
        }
        Some(_) | None => Ok(decision),
    }
}

/// Refuses a choice that was none of the options. Of several that were chosen, each must be one; an option that is an
/// object is chosen also by one of its values, such as its name.
fn offered(decision: Decision) -> Result<Decision, OpError> {
    const SHOWN_MAX: usize = 12;
    let Decision { options, chosen, .. } = &decision;
    let is_option = |choice: &Json| {
        let names = |option: &Json| {
            option.as_object().is_some_and(|fields| fields.values().any(|value| value == choice))
        };
        options.iter().any(|option| option == choice || names(option))
    };
    let missing = match chosen {
        _ if options.is_empty() || chosen.is_null() || is_option(chosen) => None,
        Json::Array(several) => several.iter().find(|choice| !is_option(choice)),
        _ => Some(chosen),
    };
    let Some(missing) = missing else { return Ok(decision) };
    let shown: Vec<String> = options.iter().take(SHOWN_MAX).map(Json::to_string).collect();
    let more = match options.len().saturating_sub(SHOWN_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let hint = format!("the options are {}{more}; nothing was recorded", shown.join(", "));
    Err(bad(&format!("{missing} was chosen, and is none of the options"), &hint))
}

fn decision(decision: Decision, text: String) -> Decision {
    if decision.question.is_empty() {
        return Decision { question: text, ..decision };
    }
    let said = Some(text).filter(|text| !text.is_empty());
    Decision { reasoning: decision.reasoning.clone().or(said), ..decision }
}

fn message(message: Message, entry: &LogEntry) -> Message {
    let content =
        if message.content.is_null() { Json::from(entry.text.as_str()) } else { message.content };
    let to = or(message.to, entry.r#ref.clone().unwrap_or_default());
    Message { to, content, ..message }
}

fn artifact(artifact: Artifact, entry: &LogEntry) -> Artifact {
    Artifact {
        name: or(artifact.name, entry.text.clone()),
        uri: artifact.uri.or_else(|| entry.r#ref.clone()),
        ..artifact
    }
}

fn or(given: String, otherwise: String) -> String {
    if given.is_empty() { otherwise } else { given }
}

fn bad(what: &str, hint: &str) -> OpError {
    OpError::BadArgument { what: what.to_owned(), hint: Some(hint.to_owned()) }
}
