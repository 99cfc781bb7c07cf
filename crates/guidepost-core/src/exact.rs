//! What a JSON text says and a value read from it does not: every digit of a large whole number, and a key given twice.
//!
//! Whoever reads JSON keeps whole numbers of 64 bits and turns larger ones into floating point; of two equal keys one is
//! kept. Neither may happen in silence to what somebody sends.

use std::collections::BTreeSet;

use crate::machine::schema::Mismatch;

/// Letters of a number that are repeated in what is wrong with it.
const SHOWN_MAX: usize = 40;

/// Looks through a text that can be read as JSON for what reading it would lose.
///
/// # Errors
///
/// [`Mismatch`] for the first whole number of more than 64 bits, and for the first key given twice in one object, with
/// its place. In a text that is no JSON, places mean nothing.
pub fn expect_exact(text: &str) -> Result<(), Mismatch> {
    let mut walk = Walk::default();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let taken = match first {
            '"' => walk.text(rest)?,
            '-' | '0'..='9' => walk.number(rest)?,
            mark => {
                walk.mark(mark);
                mark.len_utf8()
            }
        };
        rest = &rest[taken..];
    }
    Ok(())
}

/// Whether a number, as JSON writes it, is a whole one that takes more than 64 bits.
#[must_use]
pub fn loses_digits(number: &str) -> bool {
    let digits = number.strip_prefix('-').unwrap_or(number);
    // What begins with a zero is no number.
    let is_whole =
        digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.starts_with(|c| c != '0');
    is_whole && number.parse::<i64>().is_err() && number.parse::<u64>().is_err()
}

/// What is wrong with a number that [`loses_digits`].
#[must_use]
pub fn lost_digits(number: &str) -> String {
    let shown = &number[..number.len().min(SHOWN_MAX)];
    let more = if shown.len() < number.len() { "…" } else { "" };
    format!("{shown}{more}, a whole number of more than 64 bits, whose last digits would be lost")
}

/// A list or an object that has begun, and where in it the walk is.
enum Open {
    List(usize),
    Object { keys: BTreeSet<String>, key: Option<String> },
}

/// The lists and objects around the present place, outermost first.
#[derive(Default)]
struct Walk {
    open: Vec<Open>,
}

impl Walk {
    fn mark(&mut self, mark: char) {
        match mark {
            '[' => self.open.push(Open::List(0)),
            '{' => self.open.push(Open::Object { keys: BTreeSet::new(), key: None }),
            ']' | '}' => drop(self.open.pop()),
            ',' => match self.open.last_mut() {
                Some(Open::List(index)) => *index += 1,
                Some(Open::Object { key, .. }) => *key = None,
                None => {}
            },
            _ => {}
        }
    }

    /// Steps over a text in quotes: a key, if an object waits for one.
    fn text(&mut self, rest: &str) -> Result<usize, Mismatch> {
        let length = length_of_text(rest);
        if let Some(Open::Object { keys, key: key @ None }) = self.open.last_mut() {
            let name: String = serde_json::from_str(&rest[..length]).unwrap_or_default();
            let is_new = keys.insert(name.clone());
            *key = Some(name);
            if !is_new {
                return Err(Mismatch { at: self.place(), what: "is given twice".to_owned() });
            }
        }
        Ok(length)
    }

    fn number(&self, rest: &str) -> Result<usize, Mismatch> {
        let is_end = |c: char| !c.is_ascii_alphanumeric() && !matches!(c, '+' | '-' | '.');
        let number = &rest[..rest.find(is_end).unwrap_or(rest.len())];
        if loses_digits(number) {
            let what = format!("is {}; send it as a text", lost_digits(number));
            return Err(Mismatch { at: self.place(), what });
        }
        Ok(number.len())
    }

    /// The present place, as a JSON Pointer.
    fn place(&self) -> String {
        let steps = self.open.iter().map(|open| match open {
            Open::List(index) => format!("/{index}"),
            Open::Object { key, .. } => {
                let key = key.as_deref().unwrap_or_default();
                format!("/{}", key.replace('~', "~0").replace('/', "~1"))
            }
        });
        steps.collect()
    }
}

/// The bytes of a text in quotes, both of them included.
fn length_of_text(rest: &str) -> usize {
    let mut is_escaped = false;
    for (index, byte) in rest.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return index + 1,
            _ => {}
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value as Json, json};

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<(), &str>) {
        let found = expect_exact(text).map_err(|found| found.to_string());
        assert_eq!(found, expected.map_err(str::to_owned), "{text}");
    }

    #[test]
    fn whole_numbers_of_more_than_64_bits_are_named_with_their_place() {
        let lost = ", a whole number of more than 64 bits, whose last digits would be lost; send it as a text";
        for number in ["18446744073709551616", "-9223372036854775809", "12345678901234567890123"] {
            check(
                &format!(r#"{{"a": [true, {{"b/c": {number}}}]}}"#),
                Err(&format!("a/1/b~1c is {number}{lost}")),
            );
            check(number, Err(&format!("is {number}{lost}")));
        }
        let long = "9".repeat(100_000);
        check(&format!("[{long}]"), Err(&format!("0 is {}…{lost}", "9".repeat(SHOWN_MAX))));
    }

    #[test]
    fn what_fits_is_not_refused() {
        for text in [
            "18446744073709551615",
            "-9223372036854775808",
            "[0, -0, 1e22, 1.5, 12345678901234567890123.0]",
            r#"{"a": "12345678901234567890123", "12345678901234567890123": "\"123"}"#,
            r#"{"a": {"a": [{"a": 1}, {"a": 2}]}, "b": "a\\"}"#,
        ] {
            check(text, Ok(()));
        }
    }

    #[test]
    fn a_key_given_twice_is_named_with_its_place() {
        check(r#"{"a": 1, "b": 2, "a": 1}"#, Err("a is given twice"));
        check(r#"{"x": [{"n": {}, "\u006e": 2}]}"#, Err("x/0/n is given twice"));
    }

    proptest! {
        /// What is written from a value loses nothing.
        #[test]
        fn what_is_written_can_be_read(numbers in prop::collection::vec(any::<i64>(), 0..5), big in any::<f64>()) {
            let value = json!({ "a": numbers, "b": { "a": big, "c": u64::MAX }, "c": "{[,\"" });
            prop_assert_eq!(expect_exact(&value.to_string()), Ok(()));
        }

        /// Of two equal keys one is found, wherever they stand.
        #[test]
        fn a_key_is_not_lost(keys in prop::collection::vec("[ab~/\"\\\\]{0,2}", 0..4)) {
            let quoted = |key: &String| format!("{}:0", Json::from(key.as_str()));
            let fields: Vec<String> = keys.iter().map(quoted).collect();
            let is_twice = keys.iter().collect::<BTreeSet<_>>().len() < keys.len();
            let text = format!("[{{{}}}]", fields.join(","));
            prop_assert_eq!(expect_exact(&text).is_err(), is_twice, "{}", text);
        }

        /// Nothing is too much for it.
        #[test]
        fn any_text_is_looked_through(text in r#"[\[\]{}",:\\0-9a-z\-é ]{0,40}"#) {
            let _ = expect_exact(&text);
        }
    }
}
