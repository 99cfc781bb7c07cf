//! The doors of Guidepost: one function per operation, and the protocols over them.
