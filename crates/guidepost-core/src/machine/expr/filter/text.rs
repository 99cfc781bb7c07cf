//! Filters for texts.

use minijinja::Value;

use super::{Filter, Given};
use crate::machine::expr::eval::{Eval, Result, fail};
use crate::machine::expr::value::article;

pub(super) static FILTERS: [Filter; 14] = [
    Filter {
        name: "upper",
        parameters: &[],
        required: 0,
        apply: |e, v, _| map(e, v, str::to_uppercase),
    },
    Filter {
        name: "lower",
        parameters: &[],
        required: 0,
        apply: |e, v, _| map(e, v, str::to_lowercase),
    },
    Filter { name: "title", parameters: &[], required: 0, apply: |e, v, _| map(e, v, title) },
    Filter {
        name: "capitalize",
        parameters: &[],
        required: 0,
        apply: |e, v, _| map(e, v, capitalize),
    },
    Filter { name: "trim", parameters: &["chars"], required: 0, apply: trim },
    Filter { name: "replace", parameters: &["old", "new"], required: 2, apply: replace },
    Filter { name: "truncate", parameters: &["length", "end"], required: 0, apply: truncate },
    Filter { name: "indent", parameters: &["width", "first", "blank"], required: 0, apply: indent },
    Filter { name: "center", parameters: &["width"], required: 0, apply: center },
    Filter { name: "split", parameters: &["separator"], required: 0, apply: split },
    Filter { name: "lines", parameters: &[], required: 0, apply: lines },
    Filter { name: "wordcount", parameters: &[], required: 0, apply: word_count },
    Filter {
        name: "urlencode",
        parameters: &[],
        required: 0,
        apply: |e, v, _| map(e, v, url_encode),
    },
    Filter { name: "escape", parameters: &[], required: 0, apply: |e, v, _| map(e, v, escape) },
];

fn text_of(value: &Value) -> Result<&str> {
    match value.as_str() {
        Some(text) => Ok(text),
        None => fail(format!("the filter takes a text, not {}", article(value.kind()))),
    }
}

/// Applies a function that makes a text at most a few times longer.
fn map(eval: &mut Eval<'_>, value: &Value, change: fn(&str) -> String) -> Result<Value> {
    let text = text_of(value)?;
    eval.check_text(text.len())?;
    eval.text(change(text))
}

fn capitalize(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    first + &chars.as_str().to_lowercase()
}

fn title(text: &str) -> String {
    text.split_inclusive(|c: char| !c.is_alphanumeric()).map(capitalize).collect()
}

fn url_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

fn trim(eval: &mut Eval<'_>, value: &Value, given: &Given) -> Result<Value> {
    let text = text_of(value)?;
    let trimmed = match given.text(0, "chars")? {
        Some(chars) => text.trim_matches(|c| chars.contains(c)),
        None => text.trim(),
    };
    eval.spend_bytes(text.len())?;
    eval.text(trimmed.to_owned())
}

fn replace(eval: &mut Eval<'_>, value: &Value, given: &Given) -> Result<Value> {
    let text = text_of(value)?;
    let old = given.text(0, "old")?.unwrap_or_default();
    let new = given.text(1, "new")?.unwrap_or_default();
    if old.is_empty() {
        return fail("`replace` cannot search for an empty text");
    }
    eval.spend_bytes(text.len())?;
    let times = text.matches(old).count();
    eval.check_text(
        (text.len() - times * old.len()).saturating_add(times.saturating_mul(new.len())),
    )?;
    eval.text(text.replace(old, new))
}

fn truncate(eval: &mut Eval<'_>, value: &Value, given: &Given) -> Result<Value> {
    let text = text_of(value)?;
    let length = given.count(0, "length")?.unwrap_or(255);
    let end = given.text(1, "end")?.unwrap_or("…");
    eval.spend_bytes(text.len())?;
    let Some((cut, _)) = text.char_indices().nth(length) else {
        return Ok(value.clone());
    };
    let kept = length.saturating_sub(end.chars().count());
    let cut = text.char_indices().nth(kept).map_or(cut, |(at, _)| at);
    eval.text(format!("{}{end}", &text[..cut]))
}

fn indent(eval: &mut Eval<'_>, value: &Value, given: &Given) -> Result<Value> {
    let text = text_of(value)?;
    let width = given.count(0, "width")?.unwrap_or(4);
    let (first, blank) = (given.flag(1, "first"), given.flag(2, "blank"));
    let lines = text.split('\n').count();
    eval.check_text(text.len().saturating_add(lines.saturating_mul(width)))?;
    let margin = " ".repeat(width);
    let mut out = String::new();
    for (number, line) in text.split('\n').enumerate() {
        if number > 0 {
            out.push('\n');
        }
        if (number > 0 || first) && (blank || !line.trim().is_empty()) {
            out.push_str(&margin);
        }
        out.push_str(line);
    }
    eval.text(out)
}

fn center(eval: &mut Eval<'_>, value: &Value, given: &Given) -> Result<Value> {
    let text = text_of(value)?;
    let width = given.count(0, "width")?.unwrap_or(80);
    eval.check_text(text.len().saturating_add(width))?;
    eval.text(format!("{text:^width$}"))
}

fn split(eval: &mut Eval<'_>, value: &Value, given: &Given) -> Result<Value> {
    let text = text_of(value)?;
    eval.spend_bytes(text.len())?;
    let parts: Vec<Value> = match given.text(0, "separator")? {
        Some("") => return fail("`split` cannot split at an empty text"),
        Some(separator) => {
            eval.check_list(text.matches(separator).count() + 1)?;
            text.split(separator).map(Value::from).collect()
        }
        None => text.split_whitespace().map(Value::from).collect(),
    };
    eval.list(parts)
}

fn lines(eval: &mut Eval<'_>, value: &Value, _: &Given) -> Result<Value> {
    let text = text_of(value)?;
    eval.spend_bytes(text.len())?;
    eval.list(text.lines().map(Value::from).collect())
}

fn word_count(eval: &mut Eval<'_>, value: &Value, _: &Given) -> Result<Value> {
    let text = text_of(value)?;
    eval.spend_bytes(text.len())?;
    Ok(Value::from(text.split_whitespace().count()))
}
