//! Answers as text, for agents and people: one fixed shape each, short, and the same at every door but for the [`Words`]
//! in which it says what to call next.
//!
//! A reply names the run and its rev first and ends with what is legal next. Whatever users, agents or the web said stands
//! between `<<` and `>>` (see [`foreign`]), so that nothing stored can pass for a part of the reply.

mod agent_workflow;
mod back;
mod budget;
mod definition;
mod failure;
mod follow;
pub mod foreign;
mod history;
mod lists;
mod names;
mod next;
mod packet;
mod reading;
mod schedules;
mod standing;
mod times;
mod verified;

pub use self::agent_workflow::{agent_workflow, agent_workflow_line};
pub use self::back::{
    checkpointed, diff, ending, forked, migrated, migrated_run, replayed, rolled_back,
};
pub use self::budget::{REPLY_MAX, capped, size};
pub use self::definition::{definition, workflow};
pub use self::failure::error;
pub use self::follow::{due, seen, standing_line};
pub use self::history::history_item;
pub use self::lists::{open_runs, runs, schedules, workflows};
pub use self::next::{engine_for, in_hand, legal_now};
pub use self::reading::{reading, reading_from};
pub use self::schedules::schedule;
pub use self::standing::{controlled, limited, logged, moved, standing, started, waited};
pub use self::times::to_the_second;
pub use self::verified::verified;
pub use crate::words::Words;
