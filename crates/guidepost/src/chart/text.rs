//! How wide text is. Nothing here knows fonts, so widths are estimates on the wide side: boxes then hold what they should.

/// Height of a line of text.
pub(super) const LINE: f64 = 16.0;

/// Letters in a line of a box, and lines shown there.
const WRAP_AT: usize = 34;
const LINES_MAX: usize = 3;

/// Letters of a label on a line.
const LABEL_MAX: usize = 44;

/// The width of a text in letters of 13 px height.
pub(super) fn width(text: &str) -> f64 {
    text.chars().map(letter).sum()
}

fn letter(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' => 3.9,
        'f' | 't' | 'r' | ' ' | '(' | ')' | '[' | ']' | '/' | '-' | '"' => 5.2,
        'm' | 'w' | 'M' | 'W' | '@' | '%' | '→' | '…' => 12.2,
        'A'..='Z' | '&' | '=' | '<' | '>' | '+' | '_' => 9.2,
        c if c.is_ascii() => 7.6,
        c if (c as u32) < 0x1100 => 8.2,
        _ => 14.0,
    }
}

/// A text in lines of a box; what is left over is shown by a sign.
pub(super) fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.len() - 1;
        let line = &mut lines[last];
        if line.is_empty() {
            *line = cut(word, WRAP_AT);
        } else if line.chars().count() + 1 + word.chars().count() <= WRAP_AT {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(cut(word, WRAP_AT));
        }
    }
    if lines.len() > LINES_MAX {
        lines.truncate(LINES_MAX);
        lines[LINES_MAX - 1].push('…');
    }
    lines.retain(|line| !line.is_empty());
    lines
}

/// A label short enough for a line.
pub(super) fn label(text: &str) -> String {
    cut(&text.split_whitespace().collect::<Vec<_>>().join(" "), LABEL_MAX)
}

fn cut(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(max - 1).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_wrapped_and_cut() {
        let lines = wrapped(&"several words ".repeat(20));
        assert_eq!(lines.len(), LINES_MAX);
        assert!(lines.iter().all(|line| line.chars().count() <= WRAP_AT + 1), "{lines:?}");
        assert!(lines[LINES_MAX - 1].ends_with('…'));
        assert_eq!(wrapped("  "), Vec::<String>::new());
        assert_eq!(wrapped(&"x".repeat(100))[0].chars().count(), WRAP_AT);
    }
}
