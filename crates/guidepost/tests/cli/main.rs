//! Conversations with the real binary: what is typed, and everything that comes back.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on is to fail")]

mod back;
mod conversation;
mod damaged;
mod define;
mod demo;
mod engines;
mod errors;
mod files;
mod follow;
mod help;
mod json;
mod limit;
mod nonsense;
mod noticed;
mod odd;
#[cfg(unix)]
mod place;
mod runs;
mod schedules;
mod simulate;
mod steps;
mod store;
mod work;
