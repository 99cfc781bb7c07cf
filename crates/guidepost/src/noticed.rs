//! What the store and the engine notice beside their answers: told on stderr, never on stdout.

use std::io;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::config;
use crate::failure::Failure;
use crate::output::Output;

/// The variable that says how much is told, and of what: a level, or directives as `guidepost_engine=debug`.
const VARIABLE: &str = "GUIDEPOST_LOG";

/// What is told if the variable says nothing: what somebody should look after.
const BY_DEFAULT: &str = "warn";

/// What the variable may say.
const EXPECTED: &str =
    "expected off, error, warn, info, debug or trace, or as in `warn,guidepost_engine=debug`";

/// Has everything noticed from now on told on stderr: for people a line each, for programs an object a line.
///
/// # Errors
///
/// If the variable does not say what is to be told.
pub(crate) fn tell(out: &Output) -> Result<(), Failure> {
    let wanted = config::variable(VARIABLE)?.unwrap_or_else(|| BY_DEFAULT.to_owned());
    let unclear =
        || Failure::usage(format!("{VARIABLE} does not say what is to be told: `{wanted}`"));
    if let Some(word) = no_level(&wanted) {
        return Err(unclear().hint(format!("`{word}` is no level: {EXPECTED}")));
    }
    let filter = EnvFilter::builder()
        .parse(&wanted)
        .map_err(|error| unclear().caused_by(&error).hint(EXPECTED))?;
    let told = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    if out.is_json() {
        told.json().init();
    } else {
        told.with_ansi(out.is_coloured_aside()).init();
    }
    Ok(())
}

/// The first word that stands alone and is no level. Read as the name of a part it would silence all others.
fn no_level(wanted: &str) -> Option<&str> {
    let words = wanted.split(',').map(str::trim).filter(|word| !word.is_empty());
    let mut alone = words.filter(|word| !word.contains('='));
    alone.find(|word| word.parse::<LevelFilter>().is_err())
}
