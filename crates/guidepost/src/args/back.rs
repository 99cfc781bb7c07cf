//! What one can type to go back, to change what is under way, and to look at what was decided.

use clap::Args;
use guidepost_core::id::StateId;
use guidepost_core::record::Renamed;
use serde_json::Value as Json;

use super::Reason;
use super::object::exact;

/// Arguments of `checkpoint`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  guidepost checkpoint r-1 --list            list the places to go back to\n  guidepost checkpoint r-1 before-release    name the place where the run is\n  guidepost checkpoint r-1 drafted --at Draft#2\n\nA name is a name for a rev: nothing is copied. A workflow with `checkpoints: { every: step, max: 20 }` (or `every: 30s`)\nnames the last 20 places by itself: auto-12 is rev 12."
)]
pub(crate) struct Checkpoint {
    /// The run
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// A name for a place; without one, list all there are
    #[arg(value_name = "NAME", conflicts_with = "list")]
    pub(crate) name: Option<String>,
    /// Only list the places, as without a name
    #[arg(long)]
    pub(crate) list: bool,
    /// The place: a rev, a visit of a state such as `Review#2`, or a time; by default where the run is
    #[arg(long, value_name = "PLACE", requires = "name")]
    pub(crate) at: Option<String>,
}

/// Arguments of `rollback`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  guidepost rollback r-1 --steps 1\n  guidepost rollback r-1 --to Review#2\n  guidepost rollback r-1 --to before-release --yes --note 'wrong branch'\n\nWhat was done since and cannot be undone is named, and asks for --yes: commands, requests that write, tools, steps with\n`irreversible: true` or a `compensate` that is not done, and what runs launched since did of that sort. What steps say\nwith `compensate` is done by the engine before the run goes on, the last step first: `guidepost run RUN`. That asks for\n--yes too. The history stays. A place before a migration is in the version the run was in then: going there takes the\nmigration back as well. Exits with 2 if it has to be confirmed first."
)]
pub(crate) struct Rollback {
    /// The run
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// The place: a rev, a checkpoint, a state or a visit of one such as `Review#2`, or a time
    #[arg(long, value_name = "PLACE", required_unless_present = "steps")]
    pub(crate) to: Option<String>,
    /// So many steps back
    #[arg(long, value_name = "N", conflicts_with = "to", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) steps: Option<u64>,
    /// Go back although something was done that cannot be undone, or is to be made good
    #[arg(long)]
    pub(crate) yes: bool,
    /// Make nothing good, whatever `compensate` of the steps says
    #[arg(long)]
    pub(crate) no_compensate: bool,
    /// Why.
    #[command(flatten)]
    pub(crate) reason: Reason,
}

/// Arguments of `cancel`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  guidepost cancel r-1 --note 'no longer needed'\n  guidepost cancel r-1 --compensate             show what would be made good, and what cannot be undone\n  guidepost cancel r-1 --compensate --yes\n\nWhat steps say with `compensate` is done by the engine, the last step first: `guidepost run RUN`. The run is cancelled\nwhen all is made good. Exits with 2 if it has to be confirmed first."
)]
pub(crate) struct Cancel {
    /// The run
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// Make good what it did first, as far as its steps say how
    #[arg(long)]
    pub(crate) compensate: bool,
    /// Do so although something was done that cannot be undone, or is to be made good
    #[arg(long, requires = "compensate")]
    pub(crate) yes: bool,
    /// Why.
    #[command(flatten)]
    pub(crate) reason: Reason,
}

/// Arguments of `fork`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  guidepost fork r-1\n  guidepost fork r-1 --at Review#1 --set /lead/name='\"Ada\"' --set score=90\n\nThe other run is left alone. What it did after that place and the fork may do again is named, and asks for --yes."
)]
pub(crate) struct Fork {
    /// The run to begin in
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// Where in its history: a rev, a checkpoint, a visit of a state, or a time; by default where it is
    #[arg(long, value_name = "PLACE")]
    pub(crate) at: Option<String>,
    /// Another value in its data: an attribute, or a JSON Pointer into one
    #[arg(long, value_name = "PATH=JSON", value_parser = set)]
    pub(crate) set: Vec<(String, Json)>,
    /// Your own id for the new run: a repeat with the same key gives the same run
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,
    /// Fork although something may be done again that cannot be undone
    #[arg(long)]
    pub(crate) yes: bool,
    /// Why.
    #[command(flatten)]
    pub(crate) reason: Reason,
}

/// Arguments of `migrate`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  guidepost migrate r-1 r-2 --to 3 --dry-run\n  guidepost migrate --all bugfix --to 3 --map Review=Check.Review\n  guidepost migrate r-1 --to 3 --set reviewer='\"Ada\"'\n  guidepost migrate r-1 --to 2                    back again\n\nEach run for itself: one that cannot go stays where it is and says why. Work that is going on goes on where its state is\ncalled the same and does the same, and else begins anew: if it cannot be undone, that is named and asks for --yes.\nExits with 2 if a run stays, or has to be confirmed first."
)]
pub(crate) struct Migrate {
    /// The runs
    #[arg(value_name = "RUN", required_unless_present = "all")]
    pub(crate) runs: Vec<String>,
    /// All live runs of this workflow
    #[arg(long, value_name = "WORKFLOW", conflicts_with = "runs")]
    pub(crate) all: Option<String>,
    /// The version of their workflow: 3, or bugfix@3
    #[arg(long, value_name = "VERSION")]
    pub(crate) to: String,
    /// A state that is called otherwise there, with all inside it
    #[arg(long, value_name = "OLD=NEW", value_parser = renamed)]
    pub(crate) map: Vec<Renamed>,
    /// A value the runs are to have there: what the version requires and they do not have, say
    #[arg(long, value_name = "NAME=JSON", value_parser = set)]
    pub(crate) set: Vec<(String, Json)>,
    /// Only tell what would become of them
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Migrate although work begins anew that is going on and cannot be undone
    #[arg(long)]
    pub(crate) yes: bool,
    /// Why.
    #[command(flatten)]
    pub(crate) reason: Reason,
}

/// Arguments of `replay`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  guidepost replay r-1\n  guidepost replay r-1 --against workflow.yaml\n  guidepost replay r-1 --against bugfix@3\n\nNothing is done and nothing changes. Exits with 1 at the first record that is decided otherwise, and shows both."
)]
pub(crate) struct Replay {
    /// The run
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// Hold the history against another definition: a file, or a workflow such as bugfix@3
    #[arg(long, value_name = "FILE|WORKFLOW")]
    pub(crate) against: Option<String>,
}

/// Arguments of `diff`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  guidepost diff r-1 r-2\n\nWho did something and when does not count. Exits with 1 if they differ."
)]
pub(crate) struct Diff {
    /// The one run
    #[arg(value_name = "A")]
    pub(crate) a: String,
    /// The other run
    #[arg(value_name = "B")]
    pub(crate) b: String,
}

fn set(text: &str) -> Result<(String, Json), String> {
    let (path, value) =
        text.split_once('=').ok_or("expected a place and a value, as in score=90")?;
    let read = serde_json::from_str(value)
        .map_err(|error| format!("expected JSON after `=`, as in name='\"Ada\"': {error}"))?;
    exact(value)?;
    Ok((path.to_owned(), read))
}

fn renamed(text: &str) -> Result<Renamed, String> {
    match text.split_once('=') {
        Some((old, new)) if !old.is_empty() && !new.is_empty() => {
            Ok(Renamed { old: StateId::from(old), new: StateId::from(new) })
        }
        _ => Err("expected two states, as in Review=Check.Review".to_owned()),
    }
}
