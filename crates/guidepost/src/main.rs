//! The command line of Guidepost.

fn main() {}
