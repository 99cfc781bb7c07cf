//! What is stored of a fact: the bytes that are hashed.

use guidepost_core::recorded::Fact;

/// A fact's payload: who reports it and whether it was seen are hashed with it, since `requires` may depend on them.
pub(crate) fn of_fact(fact: &Fact) -> Result<Vec<u8>, serde_json::Error> {
    if fact.at.is_none() {
        return serde_json::to_vec(fact);
    }
    serde_json::to_vec(&Fact { at: None, ..fact.clone() })
}
