//! What the kernel does, as stories: a workflow, a line per input, and what each line led to.
//!
//! `UPDATE_EXPECT=1 cargo test -p guidepost-core --features testing` rewrites the answers; the diff is then reviewed like code.

mod actions;
mod branches;
mod control;
mod done;
mod eventless;
mod events;
mod gates;
mod hierarchy;
mod history;
mod parallel;
mod restore;
mod stale;
mod timers;
mod work;

use expect_test::Expect;
use guidepost_core::testing::play;

/// Plays a scenario and compares what each line led to.
#[expect(clippy::needless_pass_by_value, reason = "reads better at a hundred call sites")]
fn check(scenario: &str, expected: Expect) {
    expected.assert_eq(&play(scenario));
}
