//! The operations, over every store, by a clock the tests set.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

#[path = "../support/mod.rs"]
mod support;

mod agent_workflows;
mod agree;
mod back;
mod compensate;
mod control;
mod define;
mod find;
mod flaky;
mod follow;
mod inject;
mod limit;
mod log;
mod loops;
mod path;
mod read;
mod recording;
mod send;
mod settle;
mod sql;
mod start;
mod takeover;
mod threads;
mod users;
mod wait;
mod waits;
mod way;
mod wording;
mod work;
