//! The operations, over every store, by a clock the tests set.

#[path = "../support/mod.rs"]
mod support;

mod control;
mod define;
mod find;
mod inject;
mod log;
mod read;
mod send;
mod settle;
mod start;
mod takeover;
mod wait;
