//! `guidepost explain`: the page of an error code.

use guidepost_core::diagnostic::closest;
use serde_json::json;

use crate::args;
use crate::failure::{Exit, Failure, Kind};
use crate::output::Output;

/// Every code with its page, in order.
const PAGES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/errors.rs"));

/// Shows the page of a code, or all codes with their titles.
///
/// # Errors
///
/// If there is no such code.
pub(crate) fn run(args: &args::Explain, out: &mut Output) -> Result<Exit, Failure> {
    let Some(asked) = &args.code else {
        list(out);
        return Ok(Exit::Ok);
    };
    let code = spelt_out(asked);
    let Some((code, page)) = PAGES.iter().find(|(known, _)| *known == code) else {
        let failure =
            Failure::new(Kind::NotFound, "GP0455", format!("there is no error code `{asked}`"));
        return Err(match closest(&code, PAGES.iter().map(|(code, _)| *code)) {
            Some(meant) => failure.hint(format!("did you mean `{meant}`?")),
            None => failure.hint("`guidepost explain` lists all codes"),
        });
    };
    if out.is_json() {
        out.json(&json!({ "code": code, "title": title(page), "page": page }));
    } else {
        out.line(page.trim_end());
    }
    Ok(Exit::Ok)
}

fn list(out: &mut Output) {
    for (code, page) in PAGES {
        if out.is_json() {
            out.json_line(&json!({ "code": code, "title": title(page) }));
        } else {
            out.line(format!("{code}  {}", title(page)));
        }
    }
}

/// A code as its page is named, however it was typed: `gp0102`, `102`, `error[GP0102]`.
fn spelt_out(asked: &str) -> String {
    let digits: String = asked.chars().filter(char::is_ascii_digit).collect();
    if digits.is_empty() { asked.to_uppercase() } else { format!("GP{digits:0>4}") }
}

/// What stands in a page's first line after the code.
fn title(page: &str) -> &str {
    let first = page.lines().next().unwrap_or_default().trim_start_matches("# ");
    first.split_once(": ").map_or(first, |(_, title)| title)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_may_be_typed_in_many_ways() {
        for asked in ["GP0102", "gp0102", "102", "0102", "error[GP0102]:"] {
            assert_eq!(spelt_out(asked), "GP0102");
        }
        assert_eq!(spelt_out("nothing"), "NOTHING");
    }

    #[test]
    fn every_page_begins_with_its_code() {
        for (code, page) in PAGES {
            assert!(page.starts_with(&format!("# {code}: ")), "{code}");
            assert!(!title(page).is_empty(), "{code}");
        }
    }
}
