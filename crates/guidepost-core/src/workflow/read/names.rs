//! What expressions name, held against what exists.

use std::collections::BTreeSet;

use super::super::problems::code;
use super::super::tree::{Kind, Tree};
use super::Reader;
use crate::diagnostic::{Diagnostic, Position};
use crate::id::EventName;
use crate::machine::Machine;
use crate::machine::expr::{CompileError, Names, Template};

/// What one expression or template names.
pub(in crate::workflow) struct Mention {
    names: Names,
    place: Place,
    /// Names that exist only there.
    locals: &'static [&'static str],
    /// The event being taken, if only one can be.
    event: Option<EventName>,
    /// Whether it is a text that is told: one is shown also where a name has no value, and when no event is being taken.
    is_told: bool,
}

impl Mention {
    /// What is wrong with it. A text that is told is told also with a gap in it.
    fn problem(&self, code: &'static str, at: Position, message: String) -> Diagnostic {
        match self.is_told {
            true => Diagnostic::warning(code, at, message),
            false => Diagnostic::error(code, at, message),
        }
    }
}

/// Where a text stands, and how to find a place inside it.
#[derive(Clone)]
struct Place {
    at: Position,
    text: Box<str>,
    indent: Option<u8>,
}

impl Place {
    fn of(tree: &Tree) -> Self {
        match &tree.kind {
            Kind::Text(text) => Self { at: tree.at, text: text.text.clone(), indent: text.indent },
            Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::List(_) | Kind::Object(_) => {
                Self { at: tree.at, text: "".into(), indent: None }
            }
        }
    }

    /// The place of the character with this column, from 1, in the text's first line.
    fn at_column(&self, column: u32) -> Position {
        match self.indent {
            Some(indent) => Position {
                column: self.at.column.saturating_add(u32::from(indent)).saturating_add(column - 1),
                ..self.at
            },
            None => self.at,
        }
    }

    /// The place of the first mention of a name.
    fn of_name(&self, name: &str) -> Position {
        if self.indent.is_none() {
            return self.at;
        }
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let found = self.text.match_indices(name).find(|(start, _)| {
            let before = self.text[..*start].chars().next_back();
            let after = self.text[start + name.len()..].chars().next();
            !before.is_some_and(is_word) && !after.is_some_and(is_word)
        });
        let Some((start, _)) = found else { return self.at };
        let column = self.text[..start].chars().count() + 1;
        self.at_column(u32::try_from(column).unwrap_or(1))
    }
}

/// Where an expression does not compile, and why.
fn told_of(error: &CompileError, tree: &Tree) -> (Position, String) {
    let place = Place::of(tree);
    let at = if error.line == 1 { place.at_column(error.column) } else { place.at };
    let message = if place.indent.is_some() {
        format!("the expression cannot be used: {error}")
    } else {
        let (line, column) = (error.line, error.column);
        format!("the expression cannot be used: {error} (its line {line}, column {column})")
    };
    (at, message)
}

impl Reader<'_, '_> {
    /// Notes what an expression names, to be checked when all declarations are known.
    pub(super) fn mention(
        &mut self,
        names: &Names,
        tree: &Tree,
        locals: &'static [&'static str],
        event: Option<&EventName>,
    ) {
        if *names != Names::default() {
            self.mentions.push(Mention {
                names: names.clone(),
                place: Place::of(tree),
                locals,
                event: event.cloned(),
                is_told: false,
            });
        }
    }

    /// Notes what a text names that is told: a guideline, a description. It stands as it is if it is no template.
    pub(super) fn mention_told(&mut self, tree: &Tree) {
        let Kind::Text(text) = &tree.kind else { return };
        match Template::compile(&text.text) {
            Ok(template) if *template.names() != Names::default() => self.mentions.push(Mention {
                names: template.names().clone(),
                place: Place::of(tree),
                locals: &[],
                event: None,
                is_told: true,
            }),
            Ok(_) => {}
            Err(error) => {
                let (at, message) = told_of(&error, tree);
                let problem = Diagnostic::warning(code::EXPRESSION, at, message);
                self.problems.add(problem.with_hint("until then it is shown as it stands"));
            }
        }
    }

    /// Reports an expression that does not compile.
    pub(super) fn uncompiled(&mut self, error: &CompileError, tree: &Tree) {
        let (at, message) = told_of(error, tree);
        self.error(code::EXPRESSION, at, message);
    }

    /// Checks all mentions; answers with the attributes read.
    pub(super) fn check_mentions(&mut self, machine: &Machine) -> BTreeSet<String> {
        let mut read = BTreeSet::new();
        for mention in std::mem::take(&mut self.mentions) {
            for name in &mention.names.attributes {
                if !self.known.contains(name) && !mention.locals.contains(&name.as_str()) {
                    self.unknown_attribute(name, &mention);
                }
                read.insert(name.clone());
            }
            for state in &mention.names.states {
                if !state.is_empty() && machine.find(state).is_none() {
                    let message = format!("`in_state` asks about `{state}`, which does not exist");
                    let at = mention.place.of_name(state);
                    let problem = mention.problem(code::UNKNOWN_TARGET, at, message);
                    let paths = machine.states.iter().map(|state| state.id.as_str());
                    self.problems.add_unknown(problem, state, paths, || None);
                }
            }
            if mention.is_told && mention.names.event {
                let at = mention.place.of_name("event");
                let message =
                    "`event` has no value in a text that is told: no event is being taken";
                self.problems.add(
                    Diagnostic::warning(code::UNKNOWN_NAME, at, message)
                        .with_hint("name an attribute that keeps what the event carried"),
                );
            }
            self.check_event_fields(machine, &mention);
        }
        read
    }

    fn unknown_attribute(&mut self, name: &str, mention: &Mention) {
        let message = format!("the name `{name}` is unknown here");
        let problem = mention.problem(code::UNKNOWN_NAME, mention.place.of_name(name), message);
        let known = self.known.iter().map(String::as_str).chain(mention.locals.iter().copied());
        if mention.is_told {
            let advice = || Some("declare it under `attributes`".to_owned());
            self.problems.add_unknown(problem, name, known, advice);
            return;
        }
        self.problems.add_unknown(problem, name, known.chain(["event"]), || {
            Some(format!(
                "declare it under `attributes`, or write `event.{name}` if the event carries it"
            ))
        });
    }

    /// An event may carry more than is declared, so a field nobody declared is only a warning.
    fn check_event_fields(&mut self, machine: &Machine, mention: &Mention) {
        let described = mention.event.as_ref().and_then(|event| machine.events.get(event));
        let (Some(event), Some(described)) = (&mention.event, described) else { return };
        if described.fields.is_empty() {
            return;
        }
        for field in &mention.names.event_fields {
            if !described.fields.contains_key(field) {
                let message = format!("the event `{event}` declares no field `{field}`");
                let at = mention.place.of_name(field);
                let problem = Diagnostic::warning(code::UNKNOWN_FIELD, at, message);
                let fields = described.fields.keys().map(String::as_str);
                self.problems.add_unknown(problem, field, fields, || None);
            }
        }
    }
}
