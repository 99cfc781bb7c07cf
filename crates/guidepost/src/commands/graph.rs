//! `guidepost graph`: a workflow as a diagram.

use std::path::Path;

use guidepost_core::workflow;
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

/// What has a separator or an ending can only be a file; what exists is one.
fn is_file(what: &str) -> bool {
    let path = Path::new(what);
    what == "-" || path.components().count() > 1 || path.extension().is_some() || path.is_file()
}
