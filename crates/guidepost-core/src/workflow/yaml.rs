//! YAML to a [`Tree`].
//!
//! Stricter than YAML, so that nothing in a definition means something else than it says: only `true` and `false` are
//! booleans, numbers are written as in JSON, keys are always texts and unique, and an unknown tag is an error. Nesting,
//! nodes and what aliases add are bounded while the events arrive, before anything grows.

use std::collections::{BTreeMap, BTreeSet};

use granit_parser::{Event, Marker, Options, Parser, ScalarStyle, Span, Tag};

use super::problems::code;
use super::tree::{Entry, Kind, Parsed, Text, Tree, expect_exact, number, without_repeated};
use crate::diagnostic::{Diagnostic, Position};
use crate::limits::{ALIAS_NODES_MAX, DEFINITION_NODES_MAX, DEPTH_MAX};

type Result<T> = std::result::Result<T, Diagnostic>;

/// Reads one document.
///
/// The first problem ends the reading: after it, what follows is guesswork. A key given twice is none of those.
pub(super) fn parse(text: &str) -> Result<Parsed> {
    let mut options = Options::default();
    options.set_emit_comments(false);
    let mut builder = Builder::default();
    for event in Parser::new_from_str_with_options(text, options) {
        match event {
            Ok((event, span)) => builder.take(event, &span)?,
            Err(error) => {
                let message = format!("the YAML cannot be read: {}", error.kind());
                return Err(Diagnostic::error(code::SYNTAX, position(error.marker()), message));
            }
        }
    }
    let at = Position { line: 1, column: 1 };
    let root = builder.root.ok_or_else(|| Diagnostic::error(code::SYNTAX, at, "the file is empty"));
    Ok(Parsed { root: root?, repeated: builder.repeated })
}

fn position(marker: &Marker) -> Position {
    Position {
        line: u32::try_from(marker.line()).unwrap_or(u32::MAX),
        column: u32::try_from(marker.col() + 1).unwrap_or(u32::MAX),
    }
}

/// A list or object that is not complete yet.
struct Open {
    kind: Kind,
    at: Position,
    anchor: usize,
    /// The key whose value comes next.
    key: Option<Key>,
    /// What `<<` brings in; it yields to keys written out, wherever they stand.
    merged: Vec<Entry>,
}

struct Key {
    text: Box<str>,
    at: Position,
    /// Whether it is an unquoted `<<`: its value's fields become the object's.
    merges: bool,
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    root: Option<Tree>,
    anchors: BTreeMap<usize, Tree>,
    documents: usize,
    nodes: usize,
    /// Nodes that came from aliases.
    copied: usize,
    repeated: Vec<Diagnostic>,
}

impl Builder {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the parser's events are an open set")]
    fn take(&mut self, event: Event<'_>, span: &Span) -> Result<()> {
        let at = position(&span.start);
        let tag_at = span.tag_start().map_or(at, |start| position(&start));
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    let message = "a file holds one workflow, but a second document begins here";
                    return Err(Diagnostic::error(code::SYNTAX, at, message));
                }
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.count(at)?;
                if self.expects_key() {
                    check_tag(tag.as_deref(), "str", tag_at)?;
                    let merges = style == ScalarStyle::Plain && text == "<<";
                    self.take_key(Key { text: text.into(), at, merges });
                    return Ok(());
                }
                let tree =
                    Tree { kind: scalar(text.into(), style, span, tag.as_deref(), tag_at)?, at };
                self.finish(tree, anchor)
            }
            Event::SequenceStart(_, anchor, tag) => {
                check_tag(tag.as_deref(), "seq", tag_at)?;
                self.begin(Kind::List(Vec::new()), at, anchor)
            }
            Event::MappingStart(_, anchor, tag) => {
                check_tag(tag.as_deref(), "map", tag_at)?;
                self.begin(Kind::Object(Vec::new()), at, anchor)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => self.alias(anchor, at),
            _ => Ok(()),
        }
    }

    fn count(&mut self, at: Position) -> Result<()> {
        self.nodes += 1;
        if self.nodes > DEFINITION_NODES_MAX {
            let message = format!("the definition has more than {DEFINITION_NODES_MAX} nodes");
            return Err(Diagnostic::error(code::TOO_LARGE, at, message));
        }
        Ok(())
    }

    fn expects_key(&self) -> bool {
        let open = self.open.last();
        open.is_some_and(|open| matches!(open.kind, Kind::Object(_)) && open.key.is_none())
    }

    fn take_key(&mut self, key: Key) {
        if let Some(open) = self.open.last_mut() {
            open.key = Some(key);
        }
    }

    fn begin(&mut self, kind: Kind, at: Position, anchor: usize) -> Result<()> {
        self.count(at)?;
        if self.expects_key() {
            let message = "a key must be a text, not a list or an object";
            return Err(Diagnostic::error(code::SYNTAX, at, message));
        }
        if self.open.len() >= DEPTH_MAX {
            return Err(too_deep(at));
        }
        self.open.push(Open { kind, at, anchor, key: None, merged: Vec::new() });
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let mut kind = open.kind;
        if let Kind::Object(entries) = &mut kind {
            without_repeated(entries, &mut self.repeated);
            if !open.merged.is_empty() {
                let mut keys: BTreeSet<Box<str>> =
                    entries.iter().map(|own| own.key.clone()).collect();
                entries
                    .extend(open.merged.into_iter().filter(|entry| keys.insert(entry.key.clone())));
            }
        }
        self.finish(Tree { kind, at: open.at }, open.anchor)
    }

    /// Puts a complete node where it belongs.
    fn finish(&mut self, tree: Tree, anchor: usize) -> Result<()> {
        if anchor > 0 {
            self.copied += tree.size();
            if self.copied > ALIAS_NODES_MAX {
                return Err(too_many_copies(tree.at));
            }
            self.anchors.insert(anchor, tree.clone());
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(tree);
            return Ok(());
        };
        match &mut open.kind {
            Kind::List(items) => items.push(tree),
            Kind::Object(entries) => match open.key.take() {
                Some(Key { at, merges: true, .. }) => open.merged.extend(mergeable(tree, at)?),
                Some(Key { text, at, merges: false }) => {
                    entries.push(Entry { key: text, at, value: tree });
                }
                None => {
                    return Err(Diagnostic::error(code::SYNTAX, tree.at, "a key must be a text"));
                }
            },
            Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) => {}
        }
        Ok(())
    }

    fn alias(&mut self, anchor: usize, at: Position) -> Result<()> {
        let Some(target) = self.anchors.get(&anchor) else {
            let message = "the alias stands inside the node it repeats";
            return Err(Diagnostic::error(code::SYNTAX, at, message));
        };
        self.copied += target.size();
        if self.copied > ALIAS_NODES_MAX {
            return Err(too_many_copies(at));
        }
        if self.open.len() + target.depth() > DEPTH_MAX {
            return Err(too_deep(at));
        }
        let copy = Tree { kind: target.kind.clone(), at };
        if self.expects_key() {
            let Some(key) = copy.as_text() else {
                return Err(Diagnostic::error(code::SYNTAX, at, "a key must be a text"));
            };
            self.take_key(Key { text: key.into(), at, merges: false });
            return Ok(());
        }
        self.finish(copy, 0)
    }
}

/// The fields that the value of `<<` brings in.
fn mergeable(tree: Tree, at: Position) -> Result<Vec<Entry>> {
    let mut entries: Vec<Entry> = Vec::new();
    let sources = match tree.kind {
        Kind::List(items) => items,
        kind @ (Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) | Kind::Object(_)) => {
            vec![Tree { kind, at: tree.at }]
        }
    };
    for source in sources {
        let Kind::Object(fields) = source.kind else {
            return Err(Diagnostic::error(
                code::SHAPE,
                at,
                "`<<` takes an object or a list of them",
            ));
        };
        entries.extend(fields);
    }
    Ok(entries)
}

pub(super) fn too_deep(at: Position) -> Diagnostic {
    let message = format!("the definition nests more than {DEPTH_MAX} deep");
    Diagnostic::error(code::TOO_LARGE, at, message)
}

fn too_many_copies(at: Position) -> Diagnostic {
    let message = format!("anchors and aliases add more than {ALIAS_NODES_MAX} nodes");
    Diagnostic::error(code::TOO_LARGE, at, message)
}

fn check_tag(tag: Option<&Tag>, expected: &str, at: Position) -> Result<()> {
    match tag {
        Some(tag) if tag.core_suffix() != Some(expected) => Err(unknown_tag(tag, at)),
        Some(_) | None => Ok(()),
    }
}

fn unknown_tag(tag: &Tag, at: Position) -> Diagnostic {
    let message = format!("the tag `{}` means nothing here", tag.original());
    Diagnostic::error(code::TAG, at, message)
        .with_hint("put the value in quotes if it is a text that begins with `!`")
}

fn scalar(
    text: Box<str>,
    style: ScalarStyle,
    span: &Span,
    tag: Option<&Tag>,
    at: Position,
) -> Result<Kind> {
    let quote = match style {
        ScalarStyle::Plain => 0,
        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => 1,
        ScalarStyle::Literal | ScalarStyle::Folded => u8::MAX,
    };
    // With escapes or line breaks inside, characters of the text and of the file do not line up.
    let lines_up = quote < u8::MAX && span.len() == text.chars().count() + 2 * usize::from(quote);
    let is_plain = style == ScalarStyle::Plain;
    let as_text = |text| Kind::Text(Text { text, indent: lines_up.then_some(quote) });
    let Some(tag) = tag else {
        if !is_plain {
            return Ok(as_text(text));
        }
        expect_exact(&text, at)?;
        return Ok(plain(text, as_text));
    };
    let kind = plain(text.clone(), as_text);
    match (tag.core_suffix(), &kind) {
        (Some("str"), _) => Ok(as_text(text)),
        (Some("null"), Kind::Null) | (Some("bool"), Kind::Bool(_)) => Ok(kind),
        (Some("int" | "float"), Kind::Number(_)) => expect_exact(&text, at).map(|()| kind),
        (_, _) => Err(unknown_tag(tag, at)),
    }
}

/// What an unquoted scalar means.
fn plain(text: Box<str>, as_text: impl FnOnce(Box<str>) -> Kind) -> Kind {
    match &*text {
        "" | "~" | "null" => Kind::Null,
        "true" => Kind::Bool(true),
        "false" => Kind::Bool(false),
        other => number(other).map_or_else(|| as_text(text.clone()), Kind::Number),
    }
}
