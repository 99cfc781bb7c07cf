//! Answers as text, for agents and people: one fixed shape each, short, and the same at every door.

pub mod diagram;
