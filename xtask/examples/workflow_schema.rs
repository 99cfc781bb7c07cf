//! Prints the JSON Schema of workflow files, for `cargo xtask codegen`.
//!
//! An example and no part of the tasks, so that these are built without the crate that knows the schema.

#![expect(clippy::print_stdout, reason = "printing is what it is for")]

fn main() {
    println!("{:#}", guidepost_core::workflow::json_schema());
}
