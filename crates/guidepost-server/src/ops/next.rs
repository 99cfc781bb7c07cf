//! What is legal now, with what its author says about it filled in with the run's data.

use std::ops::Deref;

use guidepost_core::id::Version;
use guidepost_core::kernel::{self, Legal};
use guidepost_core::machine::Machine;
use guidepost_core::run::Run;
use guidepost_store::TransitionWording;
use serde::{Serialize, Serializer};

use super::Told;
use super::current::Current;
use super::told::Teller;

/// An event that is legal now. Serialises as [`Legal`] does, with the description as it is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Next {
    /// The event. Its description is the author's, with nothing filled in.
    pub legal: Legal,
    /// What its author says about it, with the run's data filled in; `[why]` stands in place of what has no value.
    pub description: Option<Told>,
}

impl Deref for Next {
    type Target = Legal;

    fn deref(&self) -> &Legal {
        &self.legal
    }
}

impl Serialize for Next {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let description = self.description.as_ref().map(|told| told.text.clone());
        Legal { description, ..self.legal.clone() }.serialize(serializer)
    }
}

impl Current {
    /// What is legal now, in the words of the run's version.
    pub(super) fn next(&self) -> Vec<Next> {
        next(&self.machine, &self.run, self.head.version, &[])
    }
}

/// What is legal now, in the words of today as far as these say them.
pub(super) fn next(
    machine: &Machine,
    run: &Run,
    version: Option<Version>,
    wording: &[TransitionWording],
) -> Vec<Next> {
    let teller = Teller::of(machine, run);
    let told = |mut legal: Legal| {
        let from = Some(legal.state.as_str()).filter(|path| !path.is_empty());
        let worded = wording.iter().find(|worded| {
            Some(worded.version) == version
                && worded.from.as_deref() == from
                && worded.name == legal.event.as_str()
        });
        if let Some(worded) = worded {
            legal.description.clone_from(&worded.description);
        }
        // What could not be filled in stands in the text, in its place.
        let fill = |text: &String| teller.text(text, &mut Vec::new());
        Next { description: legal.description.as_ref().map(fill), legal }
    };
    kernel::legal(machine, run).into_iter().map(told).collect()
}
