//! How the binary reads the inputs of a simulation. It is no library, so its files are taken in as they stand.

#[path = "../../crates/guidepost/src/args/object.rs"]
#[allow(dead_code, reason = "the binary reads other arguments too")]
mod object;

#[path = "../../crates/guidepost/src/args/inputs.rs"]
#[allow(dead_code, reason = "what is read here is not carried out")]
pub(crate) mod inputs;
