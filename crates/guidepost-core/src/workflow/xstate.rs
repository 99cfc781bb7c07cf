//! A machine written as XState v5 JSON.
//!
//! What XState has a key for is written under that key; what it has none for (guidelines, gates, attributes, our kinds
//! of work) stands under ours, which XState passes over. Work of our own kinds is an `invoke` whose source begins with
//! `guidepost.`. Reading the file back gives the same hash.

use serde_json::Value as Json;

use super::Dialect;
use super::write::document;
use crate::machine::Machine;

/// Writes a machine as an XState machine configuration.
#[must_use]
pub fn to_xstate(machine: &Machine) -> Json {
    document(machine, Dialect::XState)
}
