//! How long a reply may be.

/// Bytes of a reply at most: 2,000 tokens, at three bytes a token, which is what dense text takes. Clients begin to cut
/// answers at 2,560.
pub const REPLY_BYTES_MAX: usize = 6_000;

/// A text of at most `max` bytes, cut at the end of a line or a letter, with a sign that there is more.
#[must_use]
pub fn capped(text: &str, max: usize) -> String {
    const MORE: &str = "\n…";
    if text.len() <= max {
        return text.to_owned();
    }
    let mut end = max.saturating_sub(MORE.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let end = text[..end].rfind('\n').filter(|line_end| *line_end > end / 2).unwrap_or(end);
    format!("{}{MORE}", &text[..end])
}

/// Lines as long as they fit into `max` bytes, and how many of them do.
pub(super) fn fitting(lines: impl IntoIterator<Item = String>, max: usize) -> (String, usize) {
    let mut text = String::new();
    let mut count = 0;
    for line in lines {
        if count > 0 && text.len() + line.len() + 1 > max {
            break;
        }
        text.push_str(&line);
        text.push('\n');
        count += 1;
    }
    (text, count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_at_a_line_or_a_letter() {
        assert_eq!(capped("one\ntwo\nthree", 100), "one\ntwo\nthree");
        assert_eq!(capped("one two\nthree four", 14), "one two\n…");
        assert!(capped(&"漢".repeat(100), 50).len() <= 50);
    }

    #[test]
    fn as_many_lines_as_fit_and_always_one() {
        let lines = || ["aaaa", "bbbb", "cccc"].map(str::to_owned);
        assert_eq!(fitting(lines(), 10), ("aaaa\nbbbb\n".to_owned(), 2));
        assert_eq!(fitting(lines(), 1), ("aaaa\n".to_owned(), 1));
    }
}
