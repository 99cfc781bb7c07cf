//! Why a command did not do what it was asked, and the exit code that says so.

use std::ops::Deref;

use guidepost_core::diagnostic::{Diagnostic, Severity};
pub(crate) use guidepost_server::ops::Kind;
use guidepost_server::ops::OpError;
use guidepost_server::text::{self, Words};
use guidepost_store::StoreError;
use serde_json::{Value as Json, json};

/// What a command's exit code says. Agents without MCP steer by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Ok,
    /// Not done, for a reason of none of the other sorts.
    Failed,
    /// The input is not legal as things are.
    NotLegal,
    /// The sender's rev is old.
    Stale,
    /// There is no such thing.
    NotFound,
    /// What was waited for has not happened yet.
    Waiting,
    /// The command makes no sense as it is written.
    Usage,
}

impl Exit {
    /// What a failure of this sort ends with: the same for all commands.
    pub(crate) fn of(kind: Kind) -> Self {
        match kind {
            Kind::NotLegal => Self::NotLegal,
            Kind::Stale => Self::Stale,
            Kind::NotFound => Self::NotFound,
            Kind::Usage => Self::Usage,
            Kind::Refused | Kind::Unavailable | Kind::Damaged => Self::Failed,
        }
    }

    /// The number the process ends with.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Failed => 1,
            Self::NotLegal => 2,
            Self::Stale => 3,
            Self::NotFound => 4,
            Self::Waiting => 5,
            Self::Usage => 64,
        }
    }
}

/// A problem to show to a person. Boxed, because every command may fail and few do.
#[derive(Debug)]
pub(crate) struct Failure(Box<Facts>);

/// What happened, where, and what to try next.
#[derive(Debug)]
pub(crate) struct Facts {
    /// How the process ends.
    pub(crate) exit: Exit,
    /// What sort of failure it is, in the words of the operations.
    kind: Kind,
    /// How bad it is.
    pub(crate) severity: Severity,
    /// The code that `guidepost explain` knows.
    pub(crate) code: Option<&'static str>,
    /// What happened.
    pub(crate) message: String,
    /// Why, outermost first.
    pub(crate) causes: Vec<String>,
    /// The file and position it is about.
    pub(crate) place: Option<String>,
    /// Single problems that make it up.
    pub(crate) details: Vec<String>,
    /// What to try next.
    pub(crate) hint: Option<String>,
    /// What agents are told instead, on stdout: a refused move is an answer, not a failure of the program.
    pub(crate) answer: Option<String>,
    /// The error as programs get it, if it comes from an operation.
    json: Option<Json>,
}

impl Deref for Failure {
    type Target = Facts;

    fn deref(&self) -> &Facts {
        &self.0
    }
}

impl Failure {
    /// A problem of the command line itself.
    pub(crate) fn new(kind: Kind, code: &'static str, message: impl Into<String>) -> Self {
        Self(Box::new(Facts {
            exit: Exit::of(kind),
            kind,
            severity: Severity::Error,
            code: Some(code),
            message: message.into(),
            causes: Vec::new(),
            place: None,
            details: Vec::new(),
            hint: None,
            answer: None,
            json: None,
        }))
    }

    /// An argument that makes no sense.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, "GP0407", message)
    }

    /// What is wrong in a definition. The command that found it was used as it is meant to be, and fails, as compilers do.
    pub(crate) fn in_definition(code: &'static str, message: impl Into<String>) -> Self {
        let mut failure = Self::new(Kind::Usage, code, message);
        failure.0.exit = Exit::Failed;
        failure
    }

    /// What the parser of arguments complains about, in its own words: a sentence, tips and the usage.
    pub(crate) fn of_usage(complaint: &str) -> Self {
        let mut parts = complaint
            .trim()
            .split("\n\n")
            .map(|part| part.lines().map(str::trim).collect::<Vec<_>>().join(" "));
        let message = match parts.next() {
            Some(message) if message.starts_with("error: ") => message,
            // Nothing was typed at all, and the help is shown instead.
            _ => "error: no command is given".to_owned(),
        };
        let hint = parts.find(|part| part.starts_with("tip: ") || part.starts_with("Usage: "));
        let hint = hint.as_deref().map(|hint| hint.trim_start_matches("tip: "));
        Self::usage(message.trim_start_matches("error: ")).hint(hint.unwrap_or("try --help"))
    }

    /// A file that cannot be read.
    pub(crate) fn unreadable(path: &str, error: &std::io::Error) -> Self {
        let kind = match error.kind() {
            std::io::ErrorKind::NotFound => Kind::NotFound,
            _ => Kind::Unavailable,
        };
        Self::new(kind, "GP0452", format!("`{path}` cannot be read")).caused_by(error)
    }

    /// A file that cannot be written.
    pub(crate) fn unwritable(path: &str, error: &std::io::Error) -> Self {
        Self::new(Kind::Unavailable, "GP0453", format!("`{path}` cannot be written"))
            .caused_by(error)
    }

    /// The same with advice.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// The same with a place.
    pub(crate) fn at(mut self, place: impl Into<String>) -> Self {
        self.0.place = Some(place.into());
        self
    }

    /// The same with a cause.
    pub(crate) fn caused_by(mut self, cause: &dyn std::error::Error) -> Self {
        self.0.causes.push(cause.to_string());
        self.with_sources(cause)
    }

    /// The same with a cause that is known by its words alone.
    pub(crate) fn caused_by_text(mut self, cause: &str) -> Self {
        self.0.causes.push(cause.to_owned());
        self
    }

    /// The same with the single problems of a file, for programs; people see each on its own.
    pub(crate) fn with_problems(mut self, problems: &[Diagnostic]) -> Self {
        self.0.json = Some(json!({ "problems": problems }));
        self
    }

    /// The problem as programs get it: always `code`, `kind`, `message`, `hint` and `exit`, and what else is known.
    pub(crate) fn as_json(&self) -> Json {
        let mut json = json!({
            "code": self.code,
            "message": self.message,
            "hint": self.hint,
            "exit": self.exit.code(),
            "kind": self.kind,
        });
        let fields = [
            ("place", self.place.as_deref().map(Json::from)),
            ("causes", Some(&self.causes).filter(|c| !c.is_empty()).map(|c| json!(c))),
        ];
        for (name, value) in fields {
            if let Some(value) = value {
                json[name] = value;
            }
        }
        for (name, value) in self.json.as_ref().and_then(Json::as_object).into_iter().flatten() {
            if json.get(name).is_none() {
                json[name] = value.clone();
            }
        }
        json
    }
}

impl Failure {
    /// A problem in a file.
    pub(crate) fn of_diagnostic(file: &str, found: &Diagnostic) -> Self {
        let place = match found.at.line {
            0 => file.to_owned(),
            _ => format!("{file}:{}", found.at),
        };
        let mut failure = Self::in_definition(found.code, found.message.clone()).at(place);
        failure.0.severity = found.severity;
        failure.0.hint.clone_from(&found.hint);
        failure
    }

    fn with_sources(mut self, error: &dyn std::error::Error) -> Self {
        let mut inner = error.source();
        while let Some(cause) = inner {
            self.0.causes.push(cause.to_string());
            inner = cause.source();
        }
        self
    }
}

impl From<OpError> for Failure {
    fn from(error: OpError) -> Self {
        let problem = error.problem();
        let details = match &error {
            OpError::BadDefinition { problems, .. } => problems.iter().map(in_line).collect(),
            _ => Vec::new(),
        };
        let is_answer = matches!(error, OpError::NotDone(_));
        let mut failure = match &error {
            OpError::BadDefinition { .. } => Self::in_definition(problem.code, error.to_string()),
            _ => Self::new(problem.kind, problem.code, error.to_string()),
        };
        failure.0.details = details;
        failure.0.hint.clone_from(&problem.hint);
        failure.0.answer = is_answer.then(|| text::error(&error, Words::Commands));
        failure.0.json = serde_json::to_value(&problem).ok();
        failure.with_sources(&error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::from(OpError::from(error))
    }
}

/// A problem of a definition on one line.
fn in_line(found: &Diagnostic) -> String {
    format!("line {}: {} [{}]", found.at, found.message, found.code)
}
