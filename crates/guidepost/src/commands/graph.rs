//! `guidepost graph`: a workflow as a diagram.

use std::path::Path;

use guidepost_core::id::{RunNo, RunRef};
use guidepost_core::workflow;
use guidepost_server::ops::{ReadRun, Reading, What};
use serde_json::json;

use crate::args::{self, Global};
use crate::definition::DefinitionFile;
use crate::door::Door;
use crate::failure::{Exit, Failure};
use crate::output::Output;

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
            Failure::new(Exit::NotFound, "GP0401", format!("workflow `{name}` is built in"))
                .hint("name one of your own; `guidepost ls workflows` lists them")
        })?
    };
    if args.xstate {
        out.document(&format!("{:#}", workflow::to_xstate(&machine)));
        return Ok(Exit::Ok);
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

/// What has a separator or an ending can only be a file; what exists is one.
fn is_file(what: &str) -> bool {
    let path = Path::new(what);
    what == "-" || path.components().count() > 1 || path.extension().is_some() || path.is_file()
}
