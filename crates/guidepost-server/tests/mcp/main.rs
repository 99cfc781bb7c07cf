//! The door for agents, by the bytes that go through it and by the Rust client of the protocol's authors.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

#[path = "../support/mod.rs"]
mod support;

mod bounds;
mod broken;
mod client;
mod fault;
mod flow;
mod protocol;
mod wire;
mod words;
