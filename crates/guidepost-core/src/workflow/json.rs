//! JSON to a [`Tree`], by the letter of RFC 8259: what a YAML reader would take in passing (comments, trailing commas,
//! bare words) is an error here, and escapes mean what JSON says they mean.

use super::problems::code;
use super::tree::{Entry, Kind, Parsed, Text, Tree, expect_exact, number, without_repeated};
use super::yaml::too_deep;
use crate::diagnostic::{Diagnostic, Position};
use crate::limits::{DEFINITION_NODES_MAX, DEPTH_MAX};

type Result<T> = std::result::Result<T, Diagnostic>;

/// Reads one document. The first problem ends the reading, unless it is a key given twice.
pub(super) fn parse(text: &str) -> Result<Parsed> {
    let at = Position { line: 1, column: 1 };
    let mut reader = Reader { rest: text, at, nodes: 0, repeated: Vec::new() };
    reader.skip_space();
    let root = reader.value(0)?;
    reader.skip_space();
    if reader.rest.is_empty() {
        Ok(Parsed { root, repeated: reader.repeated })
    } else {
        Err(reader.problem("nothing may follow the value"))
    }
}

struct Reader<'a> {
    rest: &'a str,
    at: Position,
    nodes: usize,
    repeated: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn problem(&self, message: &str) -> Diagnostic {
        let message = format!("the JSON cannot be read: {message}");
        Diagnostic::error(code::SYNTAX, self.at, message)
    }

    /// Steps over the next `bytes`, which contain no line break.
    fn step(&mut self, bytes: usize) {
        let chars = self.rest[..bytes].chars().count();
        self.at.column = self.at.column.saturating_add(u32::try_from(chars).unwrap_or(u32::MAX));
        self.rest = &self.rest[bytes..];
    }

    fn skip_space(&mut self) {
        while let Some(byte) = self.rest.bytes().next() {
            match byte {
                b'\n' => {
                    self.at = Position { line: self.at.line.saturating_add(1), column: 1 };
                    self.rest = &self.rest[1..];
                }
                b' ' | b'\t' | b'\r' => self.step(1),
                _ => break,
            }
        }
    }

    fn value(&mut self, depth: usize) -> Result<Tree> {
        self.nodes += 1;
        if self.nodes > DEFINITION_NODES_MAX {
            let message = format!("the definition has more than {DEFINITION_NODES_MAX} nodes");
            return Err(Diagnostic::error(code::TOO_LARGE, self.at, message));
        }
        if depth > DEPTH_MAX {
            return Err(too_deep(self.at));
        }
        let at = self.at;
        let kind = match self.rest.bytes().next() {
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.list(depth)?,
            Some(b'"') => {
                let before = self.rest.len();
                let text = self.string()?;
                // Without escapes, every byte between the quotes is a byte of the text.
                let lines_up = before - self.rest.len() == text.len() + 2;
                Kind::Text(Text { text, indent: lines_up.then_some(1) })
            }
            Some(_) => self.word()?,
            None => return Err(self.problem("a value is missing at the end")),
        };
        Ok(Tree { kind, at })
    }

    fn word(&mut self) -> Result<Kind> {
        let is_end = |c: char| !c.is_ascii_alphanumeric() && !matches!(c, '+' | '-' | '.');
        let word = &self.rest[..self.rest.find(is_end).unwrap_or(self.rest.len())];
        let kind = match word {
            "null" => Kind::Null,
            "true" => Kind::Bool(true),
            "false" => Kind::Bool(false),
            other => match number(other) {
                Some(number) => {
                    expect_exact(other, self.at)?;
                    Kind::Number(number)
                }
                None if other.trim_start_matches('-').starts_with(|c: char| c.is_ascii_digit()) => {
                    return Err(self.problem("this is no number, or too large a one"));
                }
                None => return Err(self.problem("a value is expected here")),
            },
        };
        self.step(word.len());
        Ok(kind)
    }

    /// Steps over a punctuation mark, if it comes next.
    fn skip(&mut self, mark: char) -> bool {
        let found = self.rest.starts_with(mark);
        if found {
            self.step(1);
        }
        found
    }

    fn list(&mut self, depth: usize) -> Result<Kind> {
        self.step(1);
        let mut items = Vec::new();
        self.skip_space();
        if self.skip(']') {
            return Ok(Kind::List(items));
        }
        loop {
            self.skip_space();
            items.push(self.value(depth + 1)?);
            self.skip_space();
            if self.skip(']') {
                return Ok(Kind::List(items));
            }
            if !self.skip(',') {
                return Err(self.problem("`,` or `]` is expected here"));
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Kind> {
        self.step(1);
        let mut entries: Vec<Entry> = Vec::new();
        self.skip_space();
        if self.skip('}') {
            return Ok(Kind::Object(entries));
        }
        loop {
            self.skip_space();
            let at = self.at;
            if !self.rest.starts_with('"') {
                return Err(self.problem("a key in double quotes is expected here"));
            }
            let key = self.string()?;
            self.skip_space();
            if !self.skip(':') {
                return Err(self.problem("`:` is expected here"));
            }
            self.skip_space();
            entries.push(Entry { key, at, value: self.value(depth + 1)? });
            self.skip_space();
            if self.skip('}') {
                without_repeated(&mut entries, &mut self.repeated);
                return Ok(Kind::Object(entries));
            }
            if !self.skip(',') {
                return Err(self.problem("`,` or `}` is expected here"));
            }
        }
    }

    /// A text in quotes. serde_json reads its escapes; this finds its end.
    fn string(&mut self) -> Result<Box<str>> {
        let mut escaped = false;
        for (index, byte) in self.rest.bytes().enumerate().skip(1) {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => {
                    let literal = &self.rest[..=index];
                    let text: String = serde_json::from_str(literal)
                        .map_err(|_| self.problem("the text has an escape that means nothing"))?;
                    self.step(index + 1);
                    return Ok(text.into());
                }
                0..=0x1f => {
                    return Err(
                        self.problem("a text may not contain line breaks or control characters")
                    );
                }
                _ => {}
            }
        }
        Err(self.problem("the text has no closing quote"))
    }
}
