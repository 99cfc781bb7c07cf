//! `guidepost graph`: a workflow as a diagram.

use std::path::Path;

use guidepost_core::id::{RunNo, RunRef};
use guidepost_core::machine::Machine;
use guidepost_core::workflow;
use guidepost_server::ops::{Detail, ReadRun, Reading, What, WhereAmI};
use serde_json::json;

use super::{history, show};
use crate::args::{self, Global};
use crate::chart::{Chart, Trail};
use crate::definition::DefinitionFile;
use crate::door::Door;
use crate::failure::{Exit, Failure, Kind};
use crate::output::Output;
use crate::page;

/// Prints a workflow as a diagram: a file's, or one of the store.
///
/// # Errors
///
/// If it cannot be found or used.
pub(crate) async fn run(
    args: &args::Graph,
    global: &Global,
    out: &mut Output,
) -> Result<Exit, Failure> {
    if args.what.parse::<RunNo>().is_ok() {
        return of_run(args, global, out).await;
    }
    if args.path {
        let what = format!("`{}` is no run, and only a run has gone a way", args.what);
        return Err(
            Failure::usage(what).hint("name a run by its id, as in `guidepost graph r-1 --path`")
        );
    }
    let machine = if is_file(&args.what) {
        DefinitionFile::read(Path::new(&args.what))?.machine(out)?
    } else {
        let door = Door::open(global)?;
        let view = door.ops.show_workflow(&args.what).await?;
        door.machine(&view).await?.ok_or_else(|| {
            let name = &view.workflow;
            Failure::new(Kind::NotFound, "GP0401", format!("workflow `{name}` is built in"))
                .hint("name one of your own; `guidepost ls workflows` lists them")
        })?
    };
    if args.xstate {
        out.document(&format!("{:#}", workflow::to_xstate(&machine)));
        return Ok(Exit::Ok);
    }
    if args.svg {
        return picture(&machine, &Trail::default(), out);
    }
    let diagram = workflow::to_mermaid(&machine, &[]);
    if out.is_json() {
        out.json(&json!({ "workflow": machine.name, "diagram": diagram }));
    } else {
        out.document(&diagram);
    }
    Ok(Exit::Ok)
}

/// Prints a run's workflow with where the run is, or the way it went.
async fn of_run(args: &args::Graph, global: &Global, out: &mut Output) -> Result<Exit, Failure> {
    if args.xstate {
        let what = format!("`{}` is a run, and XState describes workflows", args.what);
        return Err(Failure::usage(what).hint("name its workflow instead"));
    }
    let door = Door::open(global)?;
    if args.svg {
        return picture_of_run(&args.what, &door, out).await;
    }
    let read = ReadRun {
        run: RunRef::from(args.what.as_str()),
        what: What::Diagram,
        path: args.path.then(|| "path".to_owned()),
        limit: 1,
        cursor: None,
    };
    let reading = door.ops.read_run(&read).await?;
    match reading {
        Reading::Diagram { diagram } if !out.is_json() => out.document(&diagram),
        reading => out.json(&json!(reading)),
    }
    Ok(Exit::Ok)
}

async fn picture_of_run(what: &str, door: &Door, out: &mut Output) -> Result<Exit, Failure> {
    let at = WhereAmI { run: RunRef::from(what), detail: Detail::Full };
    let standing = door.ops.where_am_i(&at).await?;
    let workflow = door.ops.show_workflow(&show::workflow_of(&standing)).await?;
    let Some(machine) = door.machine(&workflow).await? else {
        let what = format!("`{what}` is only recorded, and walks through no workflow");
        return Err(Failure::usage(what));
    };
    let history = history::whole(door, &standing.name.run).await?;
    picture(&machine, &page::trail(&standing, &history), out)
}

fn picture(machine: &Machine, trail: &Trail, out: &mut Output) -> Result<Exit, Failure> {
    let Some(chart) = Chart::new(machine, trail) else {
        let states = machine.states.len() - 1;
        let what = format!("{states} states are too many for a picture");
        return Err(Failure::usage(what).hint("without --svg the diagram is written as Mermaid"));
    };
    let svg = chart.svg();
    if out.is_json() {
        out.json(&json!({ "workflow": machine.name, "svg": svg }));
    } else {
        out.document(&svg);
    }
    Ok(Exit::Ok)
}

/// What has a separator or an ending can only be a file; what exists is one.
fn is_file(what: &str) -> bool {
    let path = Path::new(what);
    what == "-" || path.components().count() > 1 || path.extension().is_some() || path.is_file()
}
