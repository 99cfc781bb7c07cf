//! Runs and workflows as resources, for people who mention one with `@`.

use guidepost_core::id::RunRef;
use rmcp::model::{
    ErrorData, ListResourceTemplatesResult, ListResourcesResult, ReadResourceResult, Resource,
    ResourceContents, ResourceTemplate,
};

use crate::ops::{Detail, FindWorkflows, Kind, OpError, Ops, WhereAmI};
use crate::text::{self, Words};

/// What the addresses begin with.
const RUN: &str = "guidepost://run/";
const WORKFLOW: &str = "guidepost://workflow/";

/// Resources of a kind in the list; those beyond it can be read all the same.
const LISTED_MAX: usize = 50;

/// The open runs and the workflows.
pub(super) async fn list(ops: &Ops) -> Result<ListResourcesResult, ErrorData> {
    let runs = ops.open_runs("", LISTED_MAX).await.map_err(|error| failed(&error))?;
    let wanted = FindWorkflows { limit: LISTED_MAX, ..FindWorkflows::default() };
    let workflows = ops.find_workflows(&wanted).await.map_err(|error| failed(&error))?;
    let runs = runs.items.into_iter().map(|run| {
        let name = format!("run {} of {}", run.name.run, text::foreign::name(&run.workflow));
        Resource::new(format!("{RUN}{}", run.name.run), name)
    });
    let workflows = workflows.items.into_iter().map(|workflow| {
        let name = text::foreign::name(&workflow.summary.name);
        Resource::new(format!("{WORKFLOW}{}", workflow.summary.name), format!("workflow {name}"))
    });
    let all = runs.chain(workflows).map(|resource| resource.with_mime_type("text/plain"));
    Ok(ListResourcesResult::with_all_items(all.collect()))
}

/// How the addresses are made.
pub(super) fn templates() -> ListResourceTemplatesResult {
    let template = |prefix: &str, variable: &str, name: &str, description: &str| {
        ResourceTemplate::new(format!("{prefix}{{{variable}}}"), name)
            .with_description(description)
            .with_mime_type("text/plain")
    };
    ListResourceTemplatesResult::with_all_items(vec![
        template(RUN, "id", "run", "Where a run is, and all that is needed to take it over"),
        template(WORKFLOW, "name", "workflow", "A workflow's states and transitions"),
    ])
}

/// A run or a workflow.
pub(super) async fn read(ops: &Ops, uri: &str) -> Result<ReadResourceResult, ErrorData> {
    let text = if let Some(run) = uri.strip_prefix(RUN) {
        let question = WhereAmI { run: RunRef::from(run), detail: Detail::Full };
        let standing = ops.where_am_i(&question).await.map_err(|error| failed(&error))?;
        text::standing(&standing, Words::Tools)
    } else if let Some(workflow) = uri.strip_prefix(WORKFLOW) {
        text::workflow(&ops.show_workflow(workflow).await.map_err(|error| failed(&error))?)
    } else {
        let what = format!("there is no resource `{uri}`: expected {RUN}ID or {WORKFLOW}NAME");
        return Err(ErrorData::resource_not_found(what, None));
    };
    let contents = ResourceContents::text(text, uri).with_mime_type("text/plain");
    Ok(ReadResourceResult::new(vec![contents]))
}

/// Resources have no room for an answer beside the contents, so an error is one of the protocol.
pub(super) fn failed(error: &OpError) -> ErrorData {
    let what = text::error(error, Words::Tools).trim_end().to_owned();
    match error.kind() {
        Kind::NotFound => ErrorData::resource_not_found(what, None),
        Kind::Usage | Kind::NotLegal | Kind::Stale | Kind::Refused => {
            ErrorData::invalid_params(what, None)
        }
        Kind::Unavailable | Kind::Damaged => ErrorData::internal_error(what, None),
    }
}
