//! The tools' definitions: what an agent sees of Guidepost before it calls anything.

use std::sync::LazyLock;

use rmcp::model::Tool;

/// The definitions, in the order they are listed.
const DEFINITIONS: &str = include_str!("tools.json");

/// All tools, always the same, so that clients can keep the list in their prompt caches.
///
/// # Panics
///
/// If the definitions that are part of this program are wrong, which a test rules out.
pub(super) fn all() -> &'static [Tool] {
    static TOOLS: LazyLock<Vec<Tool>> = LazyLock::new(|| {
        serde_json::from_str(DEFINITIONS).expect("the built-in definitions can be read")
    });
    &TOOLS
}
