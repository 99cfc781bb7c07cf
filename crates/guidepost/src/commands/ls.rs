//! `guidepost ls`: runs, or workflows.

use guidepost_core::run::Status;
use guidepost_server::ops::{FindRuns, FindWorkflows, RunHit, WorkflowHit};
use guidepost_store::Page;

use crate::args::{self, Listed};
use crate::door::Door;
use crate::failure::{Exit, Failure};
use crate::output::Output;

/// Lists runs, newest first, or workflows by name.
///
/// # Errors
///
/// The failures of the store.
pub(crate) async fn run(args: &args::Ls, door: &Door, out: &mut Output) -> Result<Exit, Failure> {
    match args.what {
        Listed::Runs => {
            let found = door.ops.find_runs(&wanted(args)).await?;
            if out.is_json() {
                out.json(&found);
            } else {
                runs(&found, args.all, out);
            }
        }
        Listed::Workflows => {
            check_filters(args)?;
            let (limit, cursor) = (args.limit, args.cursor.clone());
            let wanted = FindWorkflows { query: None, limit, cursor };
            let found = door.ops.find_workflows(&wanted).await?;
            if out.is_json() {
                out.json(&found);
            } else {
                workflows(&found, out);
            }
        }
    }
    Ok(Exit::Ok)
}

/// Refuses what narrows runs down where workflows are listed.
fn check_filters(args: &args::Ls) -> Result<(), Failure> {
    let given = [
        ("--all", args.all),
        ("--status", !args.status.is_empty()),
        ("--workflow", args.workflow.is_some()),
        ("--agent", args.agent.is_some()),
        ("--state", args.state.is_some()),
    ];
    match given.iter().find(|(_, is_given)| *is_given) {
        Some((option, _)) => {
            Err(Failure::usage(format!("{option} narrows runs down, and workflows were asked for"))
                .hint("`guidepost find WORDS` finds workflows by words"))
        }
        None => Ok(()),
    }
}

fn wanted(args: &args::Ls) -> FindRuns {
    let status = match args.status.as_slice() {
        [] if args.all => Vec::new(),
        [] => Status::ALL.into_iter().filter(|status| !status.is_ended()).collect(),
        given => given.to_vec(),
    };
    FindRuns {
        query: None,
        status,
        workflow: args.workflow.clone(),
        state: args.state.clone(),
        agent: args.agent.clone(),
        since: None,
        limit: args.limit,
        cursor: args.cursor.clone(),
    }
}

fn runs(found: &Page<RunHit>, is_all: bool, out: &mut Output) {
    if found.items.is_empty() {
        out.note(if is_all { "no runs" } else { "no open runs; --all shows those that are over" });
        return;
    }
    let rows = found.items.iter().map(|run| {
        let states: Vec<&str> = run.states.iter().map(|state| state.as_str()).collect();
        let version = run.version.map(|version| format!("@{version}")).unwrap_or_default();
        vec![
            run.name.run.clone(),
            format!("{}{version}", run.workflow),
            states.join(", "),
            match &run.damaged {
                Some(damage) => format!("damaged[{}]", damage.code),
                None => run.status.to_string(),
            },
            run.rev.to_string(),
            run.agent.clone().unwrap_or_default(),
            to_the_second(&run.updated_at.to_string()),
        ]
    });
    let titles = ["RUN", "WORKFLOW", "STATE", "STATUS", "REV", "AGENT", "CHANGED"];
    out.table(&titles, &rows.collect::<Vec<_>>());
    more(found.next.as_deref(), out);
}

fn workflows(found: &Page<WorkflowHit>, out: &mut Output) {
    if found.items.is_empty() {
        out.note("no workflows; `guidepost init` writes one, `guidepost apply` saves it");
        return;
    }
    let rows = found.items.iter().map(|WorkflowHit { summary, .. }| {
        vec![
            summary.name.clone(),
            summary.version.map_or_else(|| "SQL".to_owned(), |version| version.to_string()),
            summary.states.to_string(),
            summary.live_runs.to_string(),
            summary.description.clone().unwrap_or_default(),
        ]
    });
    let titles = ["WORKFLOW", "VERSION", "STATES", "LIVE RUNS", "DESCRIPTION"];
    out.table(&titles, &rows.collect::<Vec<_>>());
    more(found.next.as_deref(), out);
}

fn more(cursor: Option<&str>, out: &mut Output) {
    if let Some(cursor) = cursor {
        out.note(format!("more: --cursor {cursor}"));
    }
}

/// A time without its fraction of a second, which no list needs.
fn to_the_second(time: &str) -> String {
    match time.split_once('.') {
        Some((whole, _)) => format!("{whole}Z"),
        None => time.to_owned(),
    }
}
