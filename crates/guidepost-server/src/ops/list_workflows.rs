//! Finding workflows.

use guidepost_core::kernel::Argument;
use guidepost_core::machine::Machine;
use guidepost_store::{Page, WorkflowFilter, WorkflowSummary};
use serde::Serialize;

use super::define::leaves;
use super::{OpError, Ops};

/// Which workflows are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FindWorkflows {
    /// Words that must all occur in the name or the description.
    pub query: Option<String>,
    /// At most so many; 0 means the store's default.
    pub limit: usize,
    /// Where the page before ended.
    pub cursor: Option<String>,
}

/// A workflow that was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WorkflowHit {
    /// What the store says of it.
    #[serde(flatten)]
    pub summary: WorkflowSummary,
    /// What a run of it starts with; `None` if its definition cannot be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<Vec<Argument>>,
}

impl Ops {
    /// Finds workflows, by name, a page at a time.
    ///
    /// # Errors
    ///
    /// [`OpError::BadArgument`] for a cursor that is none, and the failures of the store. A workflow that cannot be used is listed without its input.
    pub async fn find_workflows(
        &self,
        wanted: &FindWorkflows,
    ) -> Result<Page<WorkflowHit>, OpError> {
        if let Some(cursor) = wanted.cursor.as_deref()
            && self.check_workflow(cursor).await.is_err()
        {
            return Err(OpError::BadArgument {
                what: format!("`{cursor}` is no place in the list of workflows"),
                hint: Some("take the cursor from the end of the page before".to_owned()),
            });
        }
        let filter = WorkflowFilter {
            query: wanted.query.clone(),
            limit: wanted.limit,
            cursor: wanted.cursor.clone(),
        };
        let found = self.store.workflows(&self.tenant, &filter).await?;
        let mut items = Vec::with_capacity(found.items.len());
        for mut summary in found.items {
            let ready = self.find_workflow(&summary.name).await.ok();
            if let Some(ready) = &ready {
                // Like everywhere else, without the states that only group others.
                summary.states = leaves(&ready.machine) as u64;
            }
            items.push(WorkflowHit { input: ready.map(|ready| input(&ready.machine)), summary });
        }
        Ok(Page { items, next: found.next })
    }
}

/// What a run starts with: the attributes without a default.
pub(super) fn input(machine: &Machine) -> Vec<Argument> {
    let open = machine.attributes.iter().filter(|(_, attribute)| attribute.default.is_none());
    open.map(|(name, attribute)| Argument {
        name: name.to_string(),
        r#type: attribute.r#type.clone(),
        required: attribute.required,
    })
    .collect()
}
