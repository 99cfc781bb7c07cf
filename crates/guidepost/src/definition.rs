//! Definitions from files, with their problems.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use guidepost_core::diagnostic::Diagnostic;
use guidepost_core::limits::DEFINITION_BYTES_MAX;
use guidepost_core::machine::{Machine, State};
use guidepost_core::workflow::{self, Compiled, Format};
use guidepost_server::ops::{Definition, leaves};
use guidepost_store::Defined;
use serde::Serialize;

use crate::failure::Failure;
use crate::output::Output;

/// A definition as it was read.
pub(crate) struct DefinitionFile {
    /// What messages call it.
    pub(crate) name: String,
    /// Its bytes.
    pub(crate) text: Vec<u8>,
}

impl DefinitionFile {
    /// Reads a file, or stdin for `-`.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or is larger than any definition.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let (name, text) = if path == Path::new("-") {
            let mut text = Vec::new();
            // One byte more than allowed, so that what is too large is told from what just fits.
            let mut stdin = io::stdin().take(DEFINITION_BYTES_MAX as u64 + 1);
            let read = stdin.read_to_end(&mut text).map(|_| text);
            ("<stdin>".to_owned(), read)
        } else {
            (path.display().to_string(), bounded(path))
        };
        match text {
            Ok(text) if text.len() > DEFINITION_BYTES_MAX => Err(Failure::in_definition(
                "GP0406",
                format!("`{name}` is larger than any definition may be"),
            )
            .hint(format!("a definition may have {DEFINITION_BYTES_MAX} bytes"))),
            Ok(text) => Ok(Self { name, text }),
            Err(error) => {
                let hint = match error.kind() {
                    io::ErrorKind::NotFound => "`guidepost init` writes a sample workflow",
                    io::ErrorKind::IsADirectory => "name the files in it, as in `DIR/*.yaml`",
                    _ => "check that it is a file and that you may read it",
                };
                Err(Failure::unreadable(&name, &error).hint(hint))
            }
        }
    }

    /// Its text.
    ///
    /// # Errors
    ///
    /// If it is no UTF-8.
    pub(crate) fn as_text(&self) -> Result<String, Failure> {
        String::from_utf8(self.text.clone()).map_err(|error| {
            Failure::in_definition("GP0452", format!("`{}` is no text", self.name))
                .caused_by(&error)
                .hint("save it as UTF-8")
        })
    }

    /// What compiling it gives.
    pub(crate) fn compile(&self) -> Compiled {
        workflow::compile(&self.text, &self.name)
    }

    /// Its machine. What is no error is not told here: `guidepost check` does.
    ///
    /// # Errors
    ///
    /// If a problem prevents use; every problem is then told.
    pub(crate) fn machine(&self, out: &mut Output) -> Result<Machine, Failure> {
        let compiled = self.compile();
        let Some(machine) = compiled.machine else {
            for found in &compiled.diagnostics {
                out.aside_failure(&Failure::of_diagnostic(&self.name, found));
            }
            return Err(self.unusable(&compiled.diagnostics));
        };
        Ok(machine)
    }

    /// That it cannot be used, with what programs need to know.
    pub(crate) fn unusable(&self, diagnostics: &[Diagnostic]) -> Failure {
        let errors = diagnostics.iter().filter(|found| found.is_error()).count();
        let noun = if errors == 1 { "problem" } else { "problems" };
        Failure::in_definition("GP0403", format!("{errors} {noun} in `{}`", self.name))
            .hint("`guidepost explain CODE` tells more about each")
            .with_problems(diagnostics)
    }
}

/// What is known about a definition, as programs get it, whichever command looked at it.
#[derive(Debug, Serialize)]
pub(crate) struct Report<'a> {
    /// What messages call the file.
    file: &'a str,
    /// Whether it can be used.
    ok: bool,
    /// The workflow's name; null, like the next four, if it cannot be used.
    workflow: Option<&'a str>,
    /// The hash of its structure.
    hash: Option<&'a str>,
    /// How it is written.
    format: Option<Format>,
    /// How many states it has, those that only group others left out.
    states: Option<usize>,
    /// How many transitions it has.
    transitions: Option<usize>,
    /// Every problem, warnings included.
    problems: &'a [Diagnostic],
    /// What saving did; null if it was only checked.
    saved: Option<&'a Defined>,
}

impl<'a> Report<'a> {
    /// About a definition that can be used.
    pub(crate) fn of(file: &'a str, definition: &'a Definition) -> Self {
        Self {
            file,
            ok: true,
            workflow: Some(&definition.workflow),
            hash: Some(&definition.hash),
            format: Some(definition.format),
            states: Some(definition.states),
            transitions: Some(definition.transitions),
            problems: &definition.warnings,
            saved: definition.saved.as_ref(),
        }
    }

    /// About a definition that was compiled, whether it can be used or not.
    pub(crate) fn of_compiled(file: &'a str, compiled: &'a Compiled) -> Self {
        let machine = compiled.machine.as_ref();
        let counted = |state: &State| state.transitions.len() + state.always.len();
        Self {
            file,
            ok: machine.is_some(),
            workflow: machine.map(|machine| machine.name.as_str()),
            hash: machine.map(|machine| machine.hash.as_str()),
            format: machine.map(|_| compiled.format),
            states: machine.map(leaves),
            transitions: machine.map(|machine| machine.states.iter().map(counted).sum()),
            problems: &compiled.diagnostics,
            saved: None,
        }
    }

    /// About a definition that cannot be used.
    pub(crate) fn unusable(file: &'a str, problems: &'a [Diagnostic]) -> Self {
        Self {
            file,
            ok: false,
            workflow: None,
            hash: None,
            format: None,
            states: None,
            transitions: None,
            problems,
            saved: None,
        }
    }
}

fn bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    fs::File::open(path)?.take(DEFINITION_BYTES_MAX as u64 + 1).read_to_end(&mut text)?;
    Ok(text)
}
