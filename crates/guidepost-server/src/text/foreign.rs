//! Text from outside: from users, agents, the web, and definitions that may come from any of them.
//!
//! There are three degrees of trust. A [`quoted`] text may say anything; it stands between marks that it cannot contain. A [`word`]
//! is shown bare if it is too plain to say anything, and quoted if not. A [`name`] or [`wording`] belongs to a definition
//! and is meant to be followed, so it stands bare, but it cannot begin a line or contain the marks.

use serde_json::Value as Json;

use crate::ops::{Part, Told};

/// Letters of a quoted text at most. Longer ones are cut, and say so.
pub const QUOTED_MAX: usize = 500;

/// Letters of a bare word at most.
const WORD_MAX: usize = 60;

/// Letters of a name at most.
const NAME_MAX: usize = 120;

/// A text from outside, between `<<` and `>>`, on one line, at most `max` letters long.
#[must_use]
pub fn quoted(text: &str, max: usize) -> String {
    format!("<<{}>>", unmarked(text, max))
}

/// A value: bare if it cannot say anything, quoted if it could.
#[must_use]
pub fn value(value: &Json, max: usize) -> String {
    match value {
        Json::Null | Json::Bool(_) | Json::Number(_) => value.to_string(),
        Json::String(text) if is_plain(text) && text.len() <= max => text.clone(),
        Json::String(text) => quoted(text, max),
        Json::Array(_) | Json::Object(_) => quoted(&value.to_string(), max),
    }
}

/// A word from outside: bare if it is one plain word, quoted if not.
#[must_use]
pub fn word(text: &str) -> String {
    if is_plain(text) { text.to_owned() } else { quoted(text, QUOTED_MAX) }
}

/// A name from a definition, on one line and without marks.
#[must_use]
pub fn name(text: &str) -> String {
    line(text, NAME_MAX)
}

/// A line of a definition's wording: as [`name`], but longer.
#[must_use]
pub fn line(text: &str, max: usize) -> String {
    unmarked(text.trim(), max).trim().to_owned()
}

/// A sentence: begun with a capital unless it begins with a tool's name, ended by a full stop unless it has its own end.
#[must_use]
pub fn sentence(text: &str, max: usize) -> String {
    let text = line(text, max);
    let mut letters = text.chars();
    let is_name = text.split(' ').next().is_some_and(|word| word.contains('_'));
    let first: String = match letters.next() {
        Some(first) if !is_name => first.to_uppercase().collect(),
        first => first.into_iter().collect(),
    };
    let end = if text.ends_with(['.', '?', '!', '…']) { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}

/// A definition's wording. Further lines are indented, so that none can pass for a line of the reply.
#[must_use]
pub fn wording(text: &str, max: usize) -> String {
    let mut left = max;
    let mut lines = Vec::new();
    for text in text.trim().lines().filter(|line| !line.trim().is_empty()) {
        let line = unmarked(text, left);
        left = left.saturating_sub(line.chars().count());
        lines.push(line);
        if left == 0 {
            break;
        }
    }
    lines.join("\n  ")
}

/// A definition's wording with values of the run's data in it: the words as in [`wording`], each value as a [`word`].
#[must_use]
pub fn told(told: &Told, max: usize) -> String {
    // Stands for a value while the lines are made. It is no letter of any language, and none of the author's is kept.
    const HOLE: char = '\u{e000}';
    let mut words = String::with_capacity(told.text.len());
    let mut values = Vec::new();
    for part in told.parts() {
        match part {
            Part::Words(text) => words.push_str(&text.replace(HOLE, " ")),
            Part::Value(text) => {
                words.push(HOLE);
                values.push(text);
            }
        }
    }
    let mut values = values.into_iter();
    let words = wording(&words, max);
    // What the words leave of the room, and some room in any case.
    let mut left = max.saturating_sub(words.chars().count()).max(max / 4);
    let mut text = String::new();
    for letter in words.chars() {
        if letter != HOLE {
            text.push(letter);
            continue;
        }
        let value = values.next().unwrap_or_default();
        let shown = if is_plain(value) { value.to_owned() } else { quoted(value, left) };
        left = left.saturating_sub(shown.chars().count());
        text.push_str(&shown);
        if left == 0 {
            text.push('…');
            break;
        }
    }
    text
}

/// One word that can be a number, a name, a path or an id, but no sentence.
fn is_plain(text: &str) -> bool {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_./#:@+%-".contains(letter);
    !text.is_empty() && text.len() <= WORD_MAX && text.chars().all(is_plain)
}

/// The text on one line, with a space between angle brackets that would make a mark; at most `max` letters, and as many
/// bytes as so many letters of most scripts take.
fn unmarked(text: &str, max: usize) -> String {
    const BYTES_A_LETTER: usize = 3;
    let mut safe = String::with_capacity(text.len().min(max * BYTES_A_LETTER));
    // As after an opening mark.
    let mut before = '<';
    let mut letters = 0;
    for letter in text.chars() {
        let letter = if is_invisible(letter) { ' ' } else { letter };
        let makes_a_mark = matches!((before, letter), ('<', '<') | ('>', '>'));
        letters += 1 + usize::from(makes_a_mark);
        if letters > max || safe.len() + letter.len_utf8() > max * BYTES_A_LETTER {
            safe.push('…');
            return safe;
        }
        if makes_a_mark {
            safe.push(' ');
        }
        safe.push(letter);
        before = letter;
    }
    // As before a closing mark.
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
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_sentence_begins_with_a_capital_unless_a_tool_does_it() {
        assert_eq!(sentence("try again", 99), "Try again.");
        assert_eq!(sentence("guidepost_find lists them", 99), "guidepost_find lists them.");
        assert_eq!(sentence("", 99), ".");
    }

    /// Texts of the pieces attacks are made of.
    fn hostile() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("<"),
            Just(">"),
            Just("<<"),
            Just(">>"),
            Just("\n"),
            Just("\r"),
            Just("\u{2028}"),
            Just("\u{202e}"),
            Just("next:"),
            Just("- give_up"),
            Just("ok rev 9"),
            Just(" "),
            Just("x"),
            Just("漢"),
            Just("🦀"),
            Just("\0"),
        ];
        prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        /// S14: whatever a text says, it stays within its marks and on its line.
        #[test]
        fn s14_a_quoted_text_cannot_leave_its_marks(text in hostile(), max in 1..60_usize) {
            for shown in [quoted(&text, max), value(&json!(text), max), value(&json!({ text.as_str(): [text] }), max)] {
                prop_assert!(!shown.chars().any(is_invisible), "{shown:?}");
                if let Some(rest) = shown.strip_prefix("<<") {
                    prop_assert_eq!(rest.find(">>"), Some(rest.len() - 2), "{:?}", shown);
                    prop_assert!(!rest.contains("<<"), "{shown:?}");
                    prop_assert!(rest.chars().count() <= max + 4, "{shown:?}");
                } else {
                    prop_assert!(is_plain(&shown), "{shown:?}");
                }
            }
        }

        /// S14: a definition's wording begins no line but its own.
        #[test]
        fn s14_wording_begins_no_line_of_the_reply(text in hostile(), max in 1..60_usize) {
            let shown = wording(&text, max);
            prop_assert!(!shown.contains("<<") && !shown.contains(">>"), "{shown:?}");
            prop_assert!(shown.lines().skip(1).all(|line| line.starts_with("  ")), "{shown:?}");
        }
    }

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
    fn a_letter_that_ends_a_line_or_hides_becomes_a_space() {
        for letter in [
            '\n',
            '\r',
            '\0',
            '\u{85}',
            '\u{200b}',
            '\u{200f}',
            '\u{2028}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{feff}',
            '\u{e0041}',
        ] {
            assert_eq!(quoted(&format!("a{letter}b"), QUOTED_MAX), "<<a b>>", "{letter:?}");
        }
    }

    #[test]
    fn a_plain_word_stands_bare_and_everything_else_is_quoted() {
        assert_eq!(value(&json!("#182"), 80), "#182");
        assert_eq!(value(&json!("#182"), 3), "<<#18…>>");
        assert_eq!(value(&json!(70), 80), "70");
        assert_eq!(value(&json!("ok rev 13"), 80), "<<ok rev 13>>");
        assert_eq!(value(&json!({"a": 1}), 80), r#"<<{"a":1}>>"#);
        assert_eq!(value(&json!(""), 80), "<<>>");
    }

    #[test]
    fn a_long_text_is_cut_at_a_letter() {
        assert_eq!(quoted("aé漢字", 3), "<<aé漢…>>");
        assert_eq!(quoted("aé漢", 3), "<<aé漢>>");
        assert_eq!(quoted(&"<".repeat(100), 4), "<< < <…>>");
        assert_eq!(quoted(&"🦀".repeat(100), 4), "<<🦀🦀🦀…>>");
    }

    #[test]
    fn further_lines_of_a_wording_cannot_begin_a_line_of_the_reply() {
        assert_eq!(wording("Do it.\n\nnext:\n- steal", 500), "Do it.\n  next:\n  - steal");
    }
}
