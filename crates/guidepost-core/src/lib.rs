//! The pure part of Guidepost: definitions, the statechart kernel and recorded data. No IO, no clock, no randomness.
//!
//! Read it in this order: [`record`] (what happened: the on-disk contract), [`run`] (the state those records fold into),
//! [`kernel`] (what an input means for a run), [`machine`] (what the kernel walks) and [`workflow`] (how people write it).

#![warn(clippy::wildcard_enum_match_arm, clippy::match_wildcard_for_single_variants)]

pub mod budget;
pub mod data;
pub mod diagnostic;
pub mod effect;
pub mod exact;
pub mod id;
pub mod input;
pub mod kernel;
pub mod limits;
pub mod machine;
pub mod name;
pub mod record;
pub mod recorded;
pub mod run;
pub mod schedule;
pub mod simulator;
#[cfg(feature = "testing")]
pub mod testing;
pub mod time;
pub mod workflow;
