//! Gathers the pages of `docs/errors/` into one list, so that a new page needs no line of code.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    // Asked when the script runs, not when it is compiled: whoever shares a target folder may have compiled it elsewhere.
    let package = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default();
    let pages = package.join("../../docs/errors");
    writeln!(io::stdout(), "cargo::rerun-if-changed={}", pages.display())?;
    let mut found: Vec<(String, PathBuf)> = Vec::new();
    for entry in fs::read_dir(&pages)? {
        let path = entry?.path();
        let code = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        if let Some(code) = code.filter(|code| code.starts_with("GP")) {
            found.push((code, path.canonicalize()?));
        }
    }
    found.sort();
    let mut list = String::from("&[\n");
    for (code, path) in &found {
        let _ = writeln!(list, "    ({code:?}, include_str!({path:?})),");
    }
    list.push_str("]\n");
    let out = env::var_os("OUT_DIR").map(PathBuf::from).unwrap_or_default();
    fs::write(out.join("errors.rs"), list)
}
