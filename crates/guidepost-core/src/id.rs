//! Identifiers. Each is a type of its own, so that a run cannot be mistaken for a state.
//!
//! A run has three names for one thing: [`RunNo`], the store's integer key; [`RunId`], unique across stores; and the
//! short form people and agents read and type, `r-` and the number in base 32. [`RunRef`] is any of them as a user gave it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Declares a cheap-to-clone text identifier.
macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The identifier as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(Arc::from(text))
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(Arc::from(text))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

text_id! {
    /// A state, by its full path from the machine's root: `Review.Coding`. The root itself is the empty path.
    StateId
}
text_id! {
    /// The name of an event, as a definition and its senders spell it.
    EventName
}
text_id! {
    /// The name of an attribute of a run's data.
    AttributeName
}
text_id! {
    /// Who owns the data. Part of every key; a store never returns one tenant's data to another.
    Tenant
}
text_id! {
    /// A delayed event that a run is waiting for; unique within the run while it is pending.
    TimerId
}

/// A workflow as people name it, and what they say behind an `@`, which should be a version: `bugfix`, `bugfix@3`.
#[must_use]
pub fn name_and_version(reference: &str) -> (&str, Option<&str>) {
    match reference.rsplit_once('@') {
        Some((name, version)) => (name, Some(version)),
        None => (reference, None),
    }
}

impl StateId {
    /// The machine's root, which every run is always in.
    #[must_use]
    pub fn root() -> Self {
        Self::from("")
    }

    /// The last segment of the path: the state's own name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.rsplit('.').next().unwrap_or("")
    }
}

impl Default for Tenant {
    /// The tenant of a store that has only one: `default`.
    fn default() -> Self {
        Self::from("default")
    }
}

/// A run's number within its store: the integer key of every row about it, counted from 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunNo(pub i64);

/// Crockford's base 32: no letter that reads like a digit.
const BASE32: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// The short form: `r-` and the number in base 32, as in `r-7f3k`.
impl fmt::Display for RunNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.unsigned_abs();
        let mut digits = Vec::with_capacity(13);
        loop {
            digits.push(char::from(BASE32[usize::try_from(rest % 32).unwrap_or(0)]));
            rest /= 32;
            if rest == 0 {
                break;
            }
        }
        f.write_str("r-")?;
        digits.iter().rev().try_for_each(|digit| write!(f, "{digit}"))
    }
}

/// Parses the short form. Upper case is accepted, and the letters people confuse are read as the digits they mean.
impl FromStr for RunNo {
    type Err = NotARun;

    fn from_str(text: &str) -> Result<Self, NotARun> {
        let digits = text.strip_prefix("r-").or_else(|| text.strip_prefix("R-")).ok_or(NotARun)?;
        if digits.is_empty() || digits.len() > 13 {
            return Err(NotARun);
        }
        let mut number: i64 = 0;
        for byte in digits.bytes() {
            let byte = match byte.to_ascii_lowercase() {
                b'o' => b'0',
                b'i' | b'l' => b'1',
                other => other,
            };
            let digit = BASE32.iter().position(|known| *known == byte).ok_or(NotARun)?;
            let digit = i64::try_from(digit).map_err(|_| NotARun)?;
            number = number.checked_mul(32).and_then(|n| n.checked_add(digit)).ok_or(NotARun)?;
        }
        if number == 0 { Err(NotARun) } else { Ok(Self(number)) }
    }
}

/// The text is no run id of the short form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a run id: expected `r-` and base 32 digits, as in `r-7f3k`")]
pub struct NotARun;

/// A run's identity across stores: a UUID of version 7, so that ids sort by the time the run began.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(pub uuid::Uuid);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A run as a user named it: its number, its short id, its UUID, or its agent's name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RunRef {
    /// By number: `7` or `r-7`.
    No(RunNo),
    /// By UUID.
    Id(RunId),
    /// By the agent's name: the one live run that has it, else the last that had it.
    Agent(String),
}

impl From<&str> for RunRef {
    fn from(text: &str) -> Self {
        if let Ok(no) = text.parse() {
            return Self::No(no);
        }
        match text.parse::<i64>() {
            Ok(no) if no > 0 => return Self::No(RunNo(no)),
            _ => {}
        }
        match uuid::Uuid::parse_str(text) {
            Ok(id) => Self::Id(RunId(id)),
            Err(_) => Self::Agent(text.to_owned()),
        }
    }
}

impl From<RunNo> for RunRef {
    fn from(no: RunNo) -> Self {
        Self::No(no)
    }
}

impl fmt::Display for RunRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::No(no) => write!(f, "{no}"),
            Self::Id(id) => write!(f, "{id}"),
            Self::Agent(name) => f.write_str(name),
        }
    }
}

/// Declares a counter that starts at 0, meaning "none yet".
macro_rules! counter {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl $name {
            /// The next number.
            #[must_use]
            pub fn next(self) -> Self {
                Self(self.0 + 1)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    };
}

counter! {
    /// Numbers all records of a run: 1, 2, 3 … without gaps.
    Seq
}
counter! {
    /// Counts the records that changed a run's state of execution. Observed facts take a [`Seq`], never a `Rev`.
    Rev
}
counter! {
    /// The n-th time a run entered a state.
    Visit
}
counter! {
    /// A workflow's version number within its store: `bugfix@3`. What identifies a version everywhere is its hash.
    Version
}

/// The n-th item of a fan-out, counted from 1.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Branch(pub u32);

impl Branch {
    /// The work as a whole: of a state that does not fan out, or has not yet.
    pub const WHOLE: Self = Self(0);

    /// Whether this is the work as a whole.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.0 == 0
    }
}

/// A piece of work as people read it: the visit of its state, and the branch if there are several, `Review#2[3]`.
#[must_use]
pub fn piece(state: &StateId, visit: Visit, branch: Branch) -> String {
    let piece = format!("{state}#{visit}");
    if branch.is_whole() { piece } else { format!("{piece}[{branch}]") }
}

impl fmt::Display for Branch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What a piece of work is for. The two are told apart wherever work is named: an answer to one is none to the other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Purpose {
    /// The work of the state itself.
    #[default]
    Work,
    /// Making good what that work did, as the record at this rev asks for.
    Compensation(Rev),
}

impl Purpose {
    /// Whether it makes work good.
    #[must_use]
    pub fn is_compensation(self) -> bool {
        match self {
            Self::Work => false,
            Self::Compensation(_) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_id_reads_back_as_its_number() {
        for no in [1, 31, 32, 1_000, 246_899, i64::MAX] {
            assert_eq!(RunNo(no).to_string().parse(), Ok(RunNo(no)), "{no}");
        }
        assert_eq!(RunNo(246_899).to_string(), "r-7h3k");
    }

    #[test]
    fn confusable_letters_are_read_as_digits() {
        assert_eq!("R-1O".parse(), Ok(RunNo(32)));
        assert_eq!("r-lo".parse(), Ok(RunNo(32)));
    }

    #[test]
    fn a_run_is_named_by_number_short_id_uuid_or_agent() {
        assert_eq!(RunRef::from("7"), RunRef::No(RunNo(7)));
        assert_eq!(RunRef::from("r-7"), RunRef::No(RunNo(7)));
        assert_eq!(RunRef::from("writer-1"), RunRef::Agent("writer-1".to_owned()));
        let id = "01890a5d-ac96-774b-bcce-b302099a8057";
        assert_eq!(RunRef::from(id).to_string(), id);
        for not_a_run in ["0", "r-0", "r-", "-3", "r-zzzzzzzzzzzzz"] {
            assert!(matches!(RunRef::from(not_a_run), RunRef::Agent(_)), "{not_a_run}");
        }
    }
}
