//! What may be a name: one set of rules for whatever people and agents read, type and put into rows.

use std::fmt;

use crate::limits::NAME_BYTES_MAX;

/// What a name is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameOf {
    /// A workflow: no run's id, and without `@`, which a version follows.
    Workflow,
    /// A state, by its own name rather than its path.
    State,
    /// An event as it is sent.
    Event,
    /// The events a transition answers: one by its name, `order.*` for all below `order`, `*` for any.
    Transition,
    /// An attribute of a run's data.
    Attribute,
    /// An agent: no run's id.
    Agent,
    /// A schedule of a workflow.
    Schedule,
}

/// A text that is no name of its kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the {of} name `{shown}` {rule}")]
pub struct BadName {
    /// What it was to name.
    pub of: NameOf,
    /// Its beginning, with everything made visible.
    pub shown: String,
    /// The first rule it breaks.
    pub rule: Rule,
}

/// How many characters of a bad name are shown.
const SHOWN_MAX: usize = 60;

/// A rule that a name breaks. Its `Display` completes a sentence that begins with the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rule {
    /// It is empty or too long.
    #[error("is no name: a name has 1 to {NAME_BYTES_MAX} bytes")]
    Length,
    /// It has control characters or line breaks.
    #[error("is no name: it contains a control character or a line break")]
    Illegible,
    /// It begins or ends with a space.
    #[error("is no name: it begins or ends with a space")]
    Untrimmed,
    /// It would be read as a run's number or id.
    #[error("is no name here: it would be taken for the id of a run")]
    RunId,
    /// A workflow's name has an `@`.
    #[error("contains `@`, which a version follows")]
    At,
    /// A state's name has a dot.
    #[error("contains a dot, which separates the states of a path")]
    Dot,
    /// A state's name begins with `#`.
    #[error("begins with `#`, which marks an id")]
    Mark,
    /// A `*` of a transition stands where it means nothing.
    #[error("has a `*` elsewhere than alone or at the end, after a dot")]
    Star,
}

impl NameOf {
    /// Checks a name.
    ///
    /// # Errors
    ///
    /// The first rule it breaks.
    pub fn check(self, name: &str) -> Result<(), BadName> {
        self.broken_by(name).map_or(Ok(()), |rule| {
            let shown = match name.char_indices().nth(SHOWN_MAX) {
                Some((end, _)) => format!("{}…", name[..end].escape_debug()),
                None => name.escape_debug().to_string(),
            };
            Err(BadName { of: self, shown, rule })
        })
    }

    fn broken_by(self, name: &str) -> Option<Rule> {
        let own = match self {
            Self::Workflow if name.contains('@') => Some(Rule::At),
            Self::Workflow | Self::Agent if is_run_id(name) => Some(Rule::RunId),
            Self::State if name.contains('.') => Some(Rule::Dot),
            Self::State if name.starts_with('#') => Some(Rule::Mark),
            Self::Transition if has_stray_star(name) => Some(Rule::Star),
            Self::Workflow
            | Self::State
            | Self::Event
            | Self::Transition
            | Self::Attribute
            | Self::Agent
            | Self::Schedule => None,
        };
        illegible(name).or(own)
    }
}

impl fmt::Display for NameOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Workflow => "workflow",
            Self::State => "state",
            Self::Event => "event",
            Self::Transition => "transition",
            Self::Attribute => "attribute",
            Self::Agent => "agent",
            Self::Schedule => "schedule",
        })
    }
}

/// The rule for every name that this one breaks.
fn illegible(name: &str) -> Option<Rule> {
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        Some(Rule::Length)
    } else if name.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
        Some(Rule::Illegible)
    } else if name.trim() != name {
        Some(Rule::Untrimmed)
    } else {
        None
    }
}

/// Whether a text has the form of a run's number, short id or UUID, be there such a run or not. This is more than
/// [`RunRef`](crate::id::RunRef) reads as one, and a rule that SQL can tell too.
fn is_run_id(name: &str) -> bool {
    let digits = name.strip_prefix('+').unwrap_or(name);
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return true;
    }
    if let Some(digits) = name.strip_prefix("r-").or_else(|| name.strip_prefix("R-")) {
        let is_digit = |byte: u8| byte.is_ascii_alphanumeric() && !matches!(byte, b'u' | b'U');
        return (1..=13).contains(&digits.len()) && digits.bytes().all(is_digit);
    }
    let hex = name.replace("urn:uuid:", "").replace(['-', '{', '}'], "");
    hex.len() == 32 && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn has_stray_star(name: &str) -> bool {
    let prefix = name.strip_suffix(".*").unwrap_or(name);
    name != "*" && (prefix.is_empty() || prefix.contains('*'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::RunRef;

    #[test]
    fn a_name_is_legible_and_fits_its_place() {
        let long = "x".repeat(NAME_BYTES_MAX + 1);
        for (named, name, wrong) in [
            (NameOf::Attribute, "", Rule::Length),
            (NameOf::Attribute, long.as_str(), Rule::Length),
            (NameOf::Attribute, "a\nb", Rule::Illegible),
            (NameOf::Attribute, "a\0", Rule::Illegible),
            (NameOf::Attribute, "a\u{2028}b", Rule::Illegible),
            (NameOf::Attribute, " x", Rule::Untrimmed),
            (NameOf::Attribute, "x\u{a0}", Rule::Untrimmed),
            (NameOf::Workflow, "bug@2", Rule::At),
            (NameOf::Workflow, "7", Rule::RunId),
            (NameOf::Agent, "r-1", Rule::RunId),
            (NameOf::State, "v1.0", Rule::Dot),
            (NameOf::State, "#1", Rule::Mark),
            (NameOf::Transition, "a*", Rule::Star),
            (NameOf::Transition, "**", Rule::Star),
            (NameOf::Transition, "*.a", Rule::Star),
            (NameOf::Transition, ".*", Rule::Star),
        ] {
            let broken = named.check(name).unwrap_err();
            assert_eq!(broken.rule, wrong, "{named} {name:?}");
        }
        for (named, name) in [
            (NameOf::Workflow, "v1.0 review #2"),
            (NameOf::State, "Zoë's *"),
            (NameOf::Transition, "*"),
            (NameOf::Transition, "order.*"),
            (NameOf::Event, "7"),
            (NameOf::Agent, "r-unit"),
            (NameOf::Agent, "writer-1"),
        ] {
            assert_eq!(named.check(name), Ok(()), "{named} {name:?}");
        }
    }

    #[test]
    fn a_bad_name_is_shown_as_far_as_it_is_of_use() {
        let told = NameOf::Agent.check("a\tb").unwrap_err().to_string();
        assert_eq!(
            told,
            "the agent name `a\\tb` is no name: it contains a control character or a line break"
        );
        let told = NameOf::State.check(&"é".repeat(1_000)).unwrap_err().to_string();
        assert!(told.len() < 200 && told.contains('…'), "{told}");
    }

    #[test]
    fn what_commands_take_for_a_run_is_no_name() {
        for text in [
            "7",
            "+7",
            "r-7h3k",
            "R-1O",
            "r-lo",
            "01890a5d-ac96-774b-bcce-b302099a8057",
            "01890a5dac96774bbcceb302099a8057",
            "urn:uuid:01890a5d-ac96-774b-bcce-b302099a8057",
            "{01890a5d-ac96-774b-bcce-b302099a8057}",
        ] {
            assert!(!matches!(RunRef::from(text), RunRef::Agent(_)), "{text}");
            for named in [NameOf::Agent, NameOf::Workflow] {
                assert_eq!(named.check(text).unwrap_err().rule, Rule::RunId, "{text}");
            }
        }
    }
}
