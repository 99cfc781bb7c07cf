//! The doors of Guidepost: its operations, and MCP over them.
//!
//! [`ops`] has one function per thing one can do. Every door is a thin skin over it: it turns what it was sent into a
//! request, calls the operation, and shows the answer, as text with [`text`] or as the JSON the answers serialise to.
//! [`mcp`] is the door for agents.

pub mod mcp;
pub mod ops;
pub mod text;
mod words;
