//! Every file of the fuzzing corpus, given to every parser: none panics, problems have places, and each is done within
//! a second or two. What fuzzing finds becomes a file there, so that it is never found twice.

#[path = "../../../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "the fuzz targets use it as a library")]
mod parsers;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use guidepost_core::diagnostic::{Diagnostic, Position};
use guidepost_core::workflow::{Compiled, Format};

type Parser = fn(&[u8]);

/// The parsers, by the names of their fuzz targets.
const PARSERS: [(&str, Parser); 15] = [
    ("definition_json", parsers::definition_json),
    ("definition_yaml", parsers::definition_yaml),
    ("duration", parsers::duration),
    ("expression", parsers::expression),
    ("json_text", parsers::json_text),
    ("mcp_line", parsers::mcp_line),
    ("read_path", parsers::read_path),
    ("record", parsers::record),
    ("run_id", parsers::run_id),
    ("schema", parsers::schema),
    ("search", parsers::search),
    ("store_url", parsers::store_url),
    ("task_id", parsers::task_id),
    ("template", parsers::template),
    ("xstate_json", parsers::xstate_json),
];

/// How long one parser may take for one file: hundreds of times what it takes without optimisation.
const LONGEST: Duration = Duration::from_secs(10);

#[test]
fn every_parser_takes_every_file_of_the_corpus() {
    let files = corpus();
    for (target, _) in PARSERS {
        let of_target =
            files.iter().filter(|file| file.parent().is_some_and(|p| p.ends_with(target)));
        assert!(of_target.count() >= 3, "the parser `{target}` has no corpus");
    }
    for file in &files {
        let bytes = std::fs::read(file).unwrap();
        assert!(bytes.len() <= 16 * 1024, "{}: large inputs are made by tests", file.display());
        for (name, parser) in PARSERS {
            let begun = Instant::now();
            let outcome = catch_unwind(|| parser(&bytes));
            assert!(outcome.is_ok(), "`{name}` panics at {}", file.display());
            let took = begun.elapsed();
            assert!(took < LONGEST, "`{name}` takes {took:?} for {}", file.display());
        }
    }
}

/// Without a reason, or with a reason that has no place, a refusal does not count as one.
#[test]
fn a_refusal_without_a_reason_or_its_place_is_noticed() {
    let nowhere = Position { line: 0, column: 0 };
    for diagnostics in [Vec::new(), vec![Diagnostic::error("GP0101", nowhere, "it is wrong")]] {
        let compiled = Compiled { machine: None, diagnostics, format: Format::Yaml };
        let check = AssertUnwindSafe(|| parsers::check_problems(&compiled));
        assert!(catch_unwind(check).is_err());
    }
}

fn corpus() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    let mut files: Vec<PathBuf> = inside(&root).iter().flat_map(|target| inside(target)).collect();
    files.sort();
    files
}

fn inside(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).expect("a directory that can be read");
    entries.map(|entry| entry.expect("an entry that can be read").path()).collect()
}
