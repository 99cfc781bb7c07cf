//! The built-in workflow of runs that are only recorded.

use std::sync::{Arc, LazyLock};

use guidepost_core::machine::Machine;
use guidepost_core::workflow;

/// Its name.
pub(super) use guidepost_store::OBSERVED;

/// What a run does that nobody guides: it is at work until somebody says that it is not.
const DEFINITION: &str = include_str!("observed.yaml");

/// Its machine.
///
/// # Panics
///
/// If the definition that is part of this program is wrong, which a test rules out.
pub(super) fn machine() -> Arc<Machine> {
    static MACHINE: LazyLock<Arc<Machine>> = LazyLock::new(|| {
        let compiled = workflow::compile(DEFINITION.as_bytes(), "observed.yaml");
        let mut machine = compiled.machine.expect("the built-in definition compiles");
        // Runs of it are bound to no structure, so that a release may improve it.
        machine.hash.clear();
        Arc::new(machine)
    });
    Arc::clone(&MACHINE)
}
