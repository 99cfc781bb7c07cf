//! Workflows of agents' steps, in words.

use std::fmt::Write as _;

use super::foreign::{name, quoted, word};
use crate::ops::{AgentWorkflow, AgentWorkflowStep, StepStatus, WorkflowStatus};

/// Letters of a result or a reason.
const RESULT_MAX: usize = 200;

/// A workflow with its steps, a line for each.
#[must_use]
pub fn agent_workflow(found: &AgentWorkflow) -> String {
    let mut text = agent_workflow_line(found);
    for (number, step) in (1..).zip(&found.steps) {
        let _ = write!(text, "\n  {number} {}", step_line(step));
    }
    text.push('\n');
    text
}

/// A workflow in one line.
#[must_use]
pub fn agent_workflow_line(found: &AgentWorkflow) -> String {
    if let Some(damage) = &found.damaged {
        return format!("{}  {}  {damage}", found.run, name(&found.name));
    }
    let steps = found.steps.len();
    let is_done = |step: &&AgentWorkflowStep| step.status == StepStatus::Completed;
    let at = match found.status {
        WorkflowStatus::Pending => format!("{steps} steps to do"),
        WorkflowStatus::Completed => match found.steps.iter().filter(is_done).count() {
            done if done == steps => format!("{steps} steps done"),
            done => format!("{done} of {steps} steps done"),
        },
        WorkflowStatus::Running | WorkflowStatus::Failed | WorkflowStatus::Paused => {
            format!("at step {} of {steps}", (found.current_step_index + 1).min(steps))
        }
    };
    let at = if steps == 1 { at.replace("1 steps", "1 step") } else { at };
    format!("{}  {}  {}  {at}", found.run, name(&found.name), found.status)
}

fn step_line(step: &AgentWorkflowStep) -> String {
    let what = step.result.as_ref().or(step.error.as_ref());
    let what = what.map_or(String::new(), |what| format!("  {}", quoted(what, RESULT_MAX)));
    format!("{}  {}  {}{what}", name(step.name()), word(&step.agent_id), step.status)
}
