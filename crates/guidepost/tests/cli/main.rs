//! Conversations with the real binary: what is typed, and everything that comes back.

mod conversation;
mod define;
mod demo;
mod errors;
mod files;
mod help;
mod odd;
mod runs;
mod simulate;
mod store;
