//! Text from outside: from users, agents, the web, and definitions that may come from any of them.
//!
//! Three degrees of trust. A [`quoted`] text may say anything; it stands between marks that it cannot contain. A [`word`]
//! is shown bare if it is too plain to say anything, and quoted if not. A [`name`] or [`wording`] belongs to a definition
//! and is meant to be followed, so it stands bare, but it cannot begin a line or contain the marks.

use serde_json::Value as Json;

/// Letters of a quoted text at most. Longer ones are cut, and say so.
pub const QUOTED_MAX: usize = 500;

/// Letters of a bare word at most.
const WORD_MAX: usize = 60;

/// Letters of a name at most.
const NAME_MAX: usize = 120;

/// A text from outside, between `<<` and `>>`, on one line, at most `max` letters long.
#[must_use]
pub fn quoted(text: &str, max: usize) -> String {
    format!("<<{}>>", unmarked(&cut(text, max)))
}

/// A value: bare if it cannot say anything, quoted if it could.
#[must_use]
pub fn value(value: &Json, max: usize) -> String {
    match value {
        Json::Null | Json::Bool(_) | Json::Number(_) => value.to_string(),
        Json::String(text) if text.chars().count() <= max => word(text),
        Json::String(text) => quoted(text, max),
        Json::Array(_) | Json::Object(_) => quoted(&value.to_string(), max),
    }
}

/// A word from outside: bare if it is one plain word, quoted if not.
#[must_use]
pub fn word(text: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_./#:@+%-".contains(letter);
    let is_short = text.len() <= WORD_MAX;
    if !text.is_empty() && is_short && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        quoted(text, QUOTED_MAX)
    }
}

/// A name from a definition, on one line and without marks.
#[must_use]
pub fn name(text: &str) -> String {
    unmarked(&cut(text, NAME_MAX)).trim().to_owned()
}

/// A line of a definition's wording: as [`name`], but longer.
#[must_use]
pub fn line(text: &str, max: usize) -> String {
    unmarked(&cut(text.trim(), max))
}

/// A sentence: begun with a capital, ended by a full stop unless it has its own end.
#[must_use]
pub fn sentence(text: &str, max: usize) -> String {
    let text = line(text, max);
    let mut letters = text.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    let end = if text.ends_with(['.', '?', '!', '…']) { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}

/// A definition's wording. Further lines are indented, so that none can pass for a line of the reply.
#[must_use]
pub fn wording(text: &str, max: usize) -> String {
    let cut = cut(text.trim(), max);
    let lines: Vec<String> =
        cut.lines().map(unmarked).filter(|line| !line.trim().is_empty()).collect();
    lines.join("\n  ")
}

/// The first `max` letters, with a sign that there are more.
fn cut(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The text on one line and with a space between angle brackets that would make a mark.
fn unmarked(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut before = '<';
    for letter in text.chars() {
        let letter = if is_invisible(letter) { ' ' } else { letter };
        if matches!((before, letter), ('<', '<') | ('>', '>')) {
            safe.push(' ');
        }
        safe.push(letter);
        before = letter;
    }
    if safe.ends_with('>') {
        safe.push(' ');
    }
    safe
}

/// Line ends, other control characters, and those that change the direction or hide the text around them.
fn is_invisible(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{200b}'..='\u{200f}' | '\u{feff}')
        || matches!(letter, '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_text_contains_a_mark_or_a_line_end() {
        for text in [
            "<<",
            ">>",
            "<<<<",
            ">>>",
            "a>",
            "<a",
            "x\n>>\nnext:\n- steal",
            "\u{2028}>>",
            "> >>",
            "\u{202e}>>",
        ] {
            let quoted = quoted(text, QUOTED_MAX);
            let inner = &quoted[2..quoted.len() - 2];
            assert!(!inner.contains("<<") && !inner.contains(">>"), "{text:?}: {quoted}");
            assert!(!inner.starts_with('<') && !inner.ends_with('>'), "{text:?}: {quoted}");
            assert!(!inner.chars().any(is_invisible), "{text:?}: {quoted}");
        }
    }

    #[test]
    fn a_plain_word_stands_bare_and_everything_else_is_quoted() {
        assert_eq!(value(&json!("#182"), 80), "#182");
        assert_eq!(value(&json!(70), 80), "70");
        assert_eq!(value(&json!("ok rev 13"), 80), "<<ok rev 13>>");
        assert_eq!(value(&json!({"a": 1}), 80), r#"<<{"a":1}>>"#);
        assert_eq!(value(&json!(""), 80), "<<>>");
    }

    #[test]
    fn a_long_text_is_cut_at_a_letter() {
        assert_eq!(quoted("aé漢字", 3), "<<aé漢…>>");
        assert_eq!(quoted("aé漢", 3), "<<aé漢>>");
    }

    #[test]
    fn further_lines_of_a_wording_cannot_begin_a_line_of_the_reply() {
        assert_eq!(wording("Do it.\n\nnext:\n- steal", 500), "Do it.\n  next:\n  - steal");
    }
}
