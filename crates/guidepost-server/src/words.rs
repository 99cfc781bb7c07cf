//! What a door calls the things one can do: an agent that calls tools is told tools, who types commands is told commands.

/// Whose words an answer uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Words {
    /// The tools of MCP.
    Tools,
    /// The commands of the binary.
    Commands,
}

impl Words {
    /// One of two wordings of the same.
    pub(crate) fn choose<T>(self, tools: T, commands: T) -> T {
        match self {
            Self::Tools => tools,
            Self::Commands => commands,
        }
    }

    /// What lists workflows.
    pub(crate) fn find_workflows(self) -> &'static str {
        self.choose("guidepost_find", "`guidepost find`")
    }

    /// What lists runs.
    pub(crate) fn find_runs(self) -> &'static str {
        self.choose("guidepost_find in=runs", "`guidepost find --in runs`")
    }

    /// What begins a run of a workflow.
    pub(crate) fn start(self, workflow: &str) -> String {
        match self {
            Self::Tools => format!("guidepost_start workflow={workflow}"),
            Self::Commands => format!("guidepost start {workflow}"),
        }
    }

    /// What sends an event.
    pub(crate) fn send(self) -> &'static str {
        self.choose("guidepost_do", "`guidepost do`")
    }

    /// What records a fact.
    pub(crate) fn log(self) -> &'static str {
        self.choose("guidepost_log", "`guidepost log`")
    }

    /// What waits for a run to move.
    pub(crate) fn wait(self) -> &'static str {
        self.choose("guidepost_wait", "`guidepost wait`")
    }

    /// What reads a part of a run's record.
    pub(crate) fn read(self, run: &str, what: &str) -> String {
        match self {
            Self::Tools => format!("guidepost_read what={what}"),
            Self::Commands => format!("`guidepost read {run} {what}`"),
        }
    }

    /// An argument with its value: `limit 5`, `--limit 5`.
    pub(crate) fn argument(self, name: &str, value: impl std::fmt::Display) -> String {
        match self {
            Self::Tools => format!("{name} {value}"),
            Self::Commands => format!("--{name} {value}"),
        }
    }

    /// What only a person can do, who has the command line.
    pub(crate) fn person(self, command: &str, what: &str) -> String {
        match self {
            Self::Tools => format!("a person can {what} with `{command}`"),
            Self::Commands => format!("{what} with `{command}`"),
        }
    }
}
