//! For tests of backends, and of what is built on them.

pub mod careless;
pub mod conformance;
#[cfg(feature = "sqlite")]
pub mod disk;
mod layer;

pub use self::layer::Layer;
