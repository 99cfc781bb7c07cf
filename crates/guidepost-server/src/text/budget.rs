//! How long a reply may be.
//!
//! What counts are the tokens of a model. How a text is cut into them differs from model to model, so a text's [`size`] is
//! an upper estimate: words cost what their letters do, but digits, marks and line ends cost more than their one byte,
//! because a list of short names has a token for each of them.

/// The size of a reply at most: 2,000 tokens. Clients begin to cut answers at 2,560.
pub const REPLY_MAX: usize = 2_000 * TOKEN;

/// The size of one token.
const TOKEN: usize = 3;

/// The size of a text, in thirds of a token.
#[must_use]
pub fn size(text: &str) -> usize {
    let mut size = 0;
    let mut before = ' ';
    for letter in text.chars() {
        size += cost(before, letter);
        before = letter;
    }
    size
}

/// What a letter adds to the size of a text.
fn cost(before: char, letter: char) -> usize {
    match letter {
        ' ' if before != ' ' => 0,
        'a'..='z' if before.is_ascii_alphabetic() => 1,
        'A'..='Z' if before.is_ascii_uppercase() => 1,
        'a'..='z' | 'A'..='Z' => 2,
        '0'..='9' if before.is_ascii_digit() => 1,
        ' ' | '\n' | '0'..='9' => TOKEN,
        // Marks that follow each other are often one token.
        _ if letter.is_ascii() && before.is_ascii_punctuation() => 2,
        _ if letter.is_ascii() => TOKEN,
        // Beyond the most common letters a token is a part of one.
        _ => match letter.len_utf8() {
            2 => 2,
            3 => 2 * TOKEN - 1,
            _ => 3 * TOKEN,
        },
    }
}

/// A text of at most this size, cut at the end of a line or a letter, with a sign that there is more.
#[must_use]
pub fn capped(text: &str, max: usize) -> String {
    const MORE: &str = "\n…";
    if size(text) <= max {
        return text.to_owned();
    }
    let room = max.saturating_sub(size(MORE));
    let (mut end, mut used, mut before) = (0, 0, ' ');
    for (at, letter) in text.char_indices() {
        used += cost(before, letter);
        if used > room {
            break;
        }
        (end, before) = (at + letter.len_utf8(), letter);
    }
    let end = text[..end].rfind('\n').filter(|line_end| *line_end > end / 2).unwrap_or(end);
    format!("{}{MORE}", &text[..end])
}

/// Lines as long as they fit into `max`, and how many of them do.
pub(super) fn fitting(lines: impl IntoIterator<Item = String>, max: usize) -> (String, usize) {
    let (mut text, mut used) = (String::new(), 0);
    let mut count = 0;
    for line in lines {
        used += size(&line) + TOKEN;
        if count > 0 && used > max {
            break;
        }
        text.push_str(&line);
        text.push('\n');
        count += 1;
    }
    (text, count)
}

/// A reply of whole lines that ends with what is legal next, whatever has to be left out before it.
pub(super) fn reply(text: &str, next: &str) -> String {
    let room = REPLY_MAX.saturating_sub(size(next));
    if size(text) <= room {
        return format!("{text}{next}");
    }
    let (text, _) = fitting(text.lines().map(str::to_owned), room.saturating_sub(2 * TOKEN));
    format!("{text}…\n{next}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_at_a_line_or_a_letter() {
        assert_eq!(capped("one\ntwo\nthree", 100), "one\ntwo\nthree");
        assert_eq!(capped("one two\nthree four", 21), "one two\n…");
        assert!(size(&capped(&"漢".repeat(100), 50)) <= 50);
    }

    #[test]
    fn as_many_lines_as_fit_and_always_one() {
        let lines = || ["aaaa", "bbbb", "cccc"].map(str::to_owned);
        assert_eq!(fitting(lines(), 16), ("aaaa\nbbbb\n".to_owned(), 2));
        assert_eq!(fitting(lines(), 1), ("aaaa\n".to_owned(), 1));
    }

    #[test]
    fn what_is_legal_is_never_left_out() {
        let long = "word word word\n".repeat(1_000);
        let whole = reply(&long, "next:\n- go\n");
        assert!(whole.ends_with("\n…\nnext:\n- go\n") && size(&whole) <= REPLY_MAX);
        assert_eq!(reply("a\n", "next: b\n"), "a\nnext: b\n");
    }
}
