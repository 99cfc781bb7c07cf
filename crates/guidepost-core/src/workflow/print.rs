//! A machine written as YAML that every reader takes for the same: what YAML 1.1 would read as a boolean, a number, a
//! date or a time is put in quotes.

use std::fmt::Write as _;

use serde_json::{Map, Value as Json};

use super::Dialect;
use super::write::document;
use crate::machine::Machine;
use crate::time::Span;

/// Words that some YAML reader takes for something else than a text.
const RESERVED: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];

/// Longest key that may stand before its colon on one line; YAML allows 1024 characters.
const KEY_BYTES_MAX: usize = 500;

/// Writes a machine as a definition in our own form. Reading it gives the same hash.
#[must_use]
pub fn print(machine: &Machine) -> String {
    yaml(&document(machine, Dialect::Guidepost))
}

/// A JSON value as a YAML document.
#[must_use]
pub(super) fn yaml(value: &Json) -> String {
    let mut out = String::new();
    match value {
        Json::Object(fields) if !fields.is_empty() => write_object(fields, 0, &mut out),
        Json::Array(items) if !items.is_empty() => write_list(items, 0, &mut out),
        Json::Null
        | Json::Bool(_)
        | Json::Number(_)
        | Json::String(_)
        | Json::Array(_)
        | Json::Object(_) => {
            write_scalar(value, &mut out);
            out.push('\n');
        }
    }
    out
}

fn indent(depth: usize, out: &mut String) {
    out.extend(std::iter::repeat_n("  ", depth));
}

fn write_object(fields: &Map<String, Json>, depth: usize, out: &mut String) {
    for (number, (key, value)) in fields.iter().enumerate() {
        // The first field of an object in a list stands beside the dash.
        if number > 0 || !out.ends_with("- ") {
            indent(depth, out);
        }
        if key.len() > KEY_BYTES_MAX {
            out.push_str("? ");
            write_text(key, out);
            out.push('\n');
            indent(depth, out);
        } else {
            write_text(key, out);
        }
        out.push(':');
        write_value(value, depth, out);
    }
}

fn write_list(items: &[Json], depth: usize, out: &mut String) {
    for item in items {
        indent(depth, out);
        out.push('-');
        match item {
            Json::Object(fields) if !fields.is_empty() => {
                out.push(' ');
                write_object(fields, depth + 1, out);
            }
            Json::Null
            | Json::Bool(_)
            | Json::Number(_)
            | Json::String(_)
            | Json::Array(_)
            | Json::Object(_) => write_value(item, depth, out),
        }
    }
}

/// A value after its key or dash, with the line break after it.
fn write_value(value: &Json, depth: usize, out: &mut String) {
    match value {
        Json::Object(fields) if !fields.is_empty() => {
            out.push('\n');
            write_object(fields, depth + 1, out);
        }
        Json::Array(items) if !items.is_empty() && !is_short(items) => {
            out.push('\n');
            write_list(items, depth + 1, out);
        }
        Json::String(text) if is_block(text) => {
            write_block(text, depth + 1, out);
        }
        Json::Null
        | Json::Bool(_)
        | Json::Number(_)
        | Json::String(_)
        | Json::Array(_)
        | Json::Object(_) => {
            out.push(' ');
            write_scalar(value, out);
            out.push('\n');
        }
    }
}

fn write_scalar(value: &Json, out: &mut String) {
    match value {
        Json::String(text) => write_text(text, out),
        Json::Array(items) => {
            out.push('[');
            for (number, item) in items.iter().enumerate() {
                if number > 0 {
                    out.push_str(", ");
                }
                write_scalar(item, out);
            }
            out.push(']');
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Object(_) => {
            let _ = write!(out, "{value}");
        }
    }
}

/// Whether a list is a few plain words, to be written on one line.
fn is_short(items: &[Json]) -> bool {
    let is_word = |text: &str| {
        text.len() <= 24
            && is_plain(text)
            && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ' '))
    };
    items.len() <= 6 && items.iter().all(|item| item.as_str().map_or(item.is_number(), is_word))
}

fn write_text(text: &str, out: &mut String) {
    if is_plain(text) {
        out.push_str(text);
        return;
    }
    if !text.chars().any(|c| needs_escape(c) || c == '\\' || c == '\n') {
        let _ = write!(out, "'{}'", text.replace('\'', "''"));
        return;
    }
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            other if needs_escape(other) => {
                let _ = write!(out, "\\U{:08X}", u32::from(other));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

/// Characters that YAML does not allow as they are, or that a reader may drop or take for a line break.
fn needs_escape(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// Whether a text can stand without quotes and be nothing but a text to any reader.
fn is_plain(text: &str) -> bool {
    let is_span = !text.contains(' ') && text.parse::<Span>().is_ok();
    is_span
        || (text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && !RESERVED.contains(&text.to_ascii_lowercase().as_str())
            && !text.ends_with([' ', ':'])
            && !text.contains(": ")
            && !text.contains(" #")
            && !text.contains('\t')
            && !text.chars().any(needs_escape))
}

/// Whether a text of several lines can be written as a block.
fn is_block(text: &str) -> bool {
    text.contains('\n')
        && text.lines().all(|line| !line.ends_with([' ', '\t']))
        && !text.starts_with([' ', '\n', '\t'])
        && !text.chars().any(|c| needs_escape(c) && c != '\n')
}

fn write_block(text: &str, depth: usize, out: &mut String) {
    let body = text.strip_suffix('\n');
    out.push_str(match body {
        None => " |-\n",
        Some(body) if body.ends_with('\n') => " |+\n",
        Some(_) => " |\n",
    });
    for line in body.unwrap_or(text).split('\n') {
        if !line.is_empty() {
            indent(depth, out);
            out.push_str(line);
        }
        out.push('\n');
    }
}
