//! `docs/limits.md`: every bound with its reason, from `limits.rs`.

use std::fmt::Write as _;

use anyhow::{Context, Result, bail};

use crate::codegen::NOTICE;
use crate::project::File;

/// Where the bounds are.
const SOURCE: &str = "crates/guidepost-core/src/limits.rs";

/// One bound.
#[derive(Debug, PartialEq, Eq)]
struct Limit {
    name: String,
    value: u64,
    reason: String,
}

/// The document.
///
/// # Errors
///
/// If a bound is written in a way this cannot read.
pub(super) fn document(files: &[File]) -> Result<String> {
    let source = files.iter().find(|file| file.path == SOURCE);
    let limits = read(&source.with_context(|| format!("{SOURCE} is missing"))?.text)?;
    let mut text = format!(
        "{NOTICE}\n# Limits\n\nEverything has a bound. What exceeds one is refused by name and never cut short in silence.\n\n\
         | Bound | Value | Meaning and reason |\n|---|---:|---|\n"
    );
    for Limit { name, value, reason } in limits {
        let value = shown(&name, value);
        let _ = writeln!(text, "| `{name}` | {value} | {reason} |");
    }
    Ok(text)
}

/// Reads constants with their doc comments.
fn read(source: &str) -> Result<Vec<Limit>> {
    let mut limits = Vec::new();
    let mut reason: Vec<&str> = Vec::new();
    for line in source.lines() {
        if let Some(text) = line.strip_prefix("///") {
            reason.push(text.trim());
        } else if let Some(rest) = line.strip_prefix("pub const ") {
            let Some((name, (_, value))) =
                rest.split_once(':').and_then(|(name, rest)| Some((name, rest.split_once('=')?)))
            else {
                bail!("`{line}` cannot be read");
            };
            let value = value.trim().trim_end_matches(';');
            if reason.is_empty() {
                bail!("the bound `{name}` gives no reason");
            }
            let value = product(value).with_context(|| format!("`{value}` cannot be read"))?;
            limits.push(Limit { name: name.to_owned(), value, reason: reason.join(" ") });
            reason.clear();
        } else {
            reason.clear();
        }
    }
    Ok(limits)
}

/// A number, or a product of numbers.
fn product(expression: &str) -> Option<u64> {
    expression.split('*').try_fold(1_u64, |product, factor| {
        product.checked_mul(factor.trim().replace('_', "").parse().ok()?)
    })
}

/// A bound as people read it: bytes in their unit, other numbers in groups of three.
fn shown(name: &str, value: u64) -> String {
    if name.contains("BYTES") {
        for (unit, size) in [("MiB", 1024 * 1024), ("KiB", 1024)] {
            if value >= size && value.is_multiple_of(size) {
                return format!("{} {unit}", value / size);
            }
        }
        return format!("{} B", grouped(value));
    }
    grouped(value)
}

fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_read_with_their_reasons() {
        let source = "//! Bounds.\n\n/// Nesting of values. Deep enough\n/// for people.\npub const DEPTH_MAX: usize = 64;\n\n/// Bytes.\npub const TEXT_BYTES_MAX: u64 = 64 * 1_024;\n";
        let expected = [
            Limit {
                name: "DEPTH_MAX".to_owned(),
                value: 64,
                reason: "Nesting of values. Deep enough for people.".to_owned(),
            },
            Limit { name: "TEXT_BYTES_MAX".to_owned(), value: 65_536, reason: "Bytes.".to_owned() },
        ];
        assert_eq!(read(source).unwrap(), expected);
    }

    #[test]
    fn a_bound_without_a_reason_or_a_number_is_refused() {
        assert!(read("pub const DEPTH_MAX: usize = 64;\n").is_err());
        assert!(read("/// Why.\npub const DEPTH_MAX: usize = other();\n").is_err());
    }

    #[test]
    fn numbers_are_shown_as_people_read_them() {
        assert_eq!(shown("DEFINITION_BYTES_MAX", 16 * 1024 * 1024), "16 MiB");
        assert_eq!(shown("TEXT_BYTES_MAX", 65_536), "64 KiB");
        assert_eq!(shown("NAME_BYTES_MAX", 200), "200 B");
        assert_eq!(shown("STATES_MAX", 100_000), "100,000");
    }
}
