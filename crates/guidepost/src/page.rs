//! One self-contained page about a run or a workflow: the statechart with the path taken, what is legal now, the data and
//! the history. It asks nothing of any server, runs no script, and shows whatever it was given as text.

mod style;

use std::fmt::Write as _;

use guidepost_core::machine::{Machine, StateKind};
use guidepost_core::time::Timestamp;
use guidepost_server::ops::{HistoryItem, Standing, StateView, WorkflowView};
use guidepost_server::text::{self, Words};
use serde_json::Value as Json;

use crate::chart::{Chart, Taken, Trail};

/// Letters of one value shown in a table.
const VALUE_MAX: usize = 2_000;

/// A page about a run or a workflow.
pub(crate) struct Page<'a> {
    workflow: &'a WorkflowView,
    machine: Option<&'a Machine>,
    run: Option<(&'a Standing, &'a [HistoryItem])>,
}

impl<'a> Page<'a> {
    /// A page about a workflow, with a picture if it has a machine.
    pub(crate) fn of_workflow(workflow: &'a WorkflowView, machine: Option<&'a Machine>) -> Self {
        Self { workflow, machine, run: None }
    }

    /// A page about a run, with its whole history, oldest first.
    pub(crate) fn of_run(
        standing: &'a Standing,
        workflow: &'a WorkflowView,
        machine: Option<&'a Machine>,
        history: &'a [HistoryItem],
    ) -> Self {
        Self { workflow, machine, run: Some((standing, history)) }
    }

    /// The page.
    pub(crate) fn html(&self) -> String {
        let title = self.title();
        let mut html = format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
             <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
             <meta name=\"color-scheme\" content=\"light dark\">\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
             <style>{}</style></head><body><main>",
            style::CSS,
            title = escape(&title),
        );
        match self.run {
            Some((standing, history)) => {
                head_of_run(&mut html, standing);
                self.chart(&mut html, &trail(standing, history));
                now(&mut html, standing, self.machine);
                data(&mut html, standing);
                table(&mut html, history);
            }
            None => {
                head_of_workflow(&mut html, self.workflow);
                self.chart(&mut html, &Trail::default());
                states(&mut html, &self.workflow.states);
            }
        }
        html.push_str("</main></body></html>\n");
        html
    }

    fn title(&self) -> String {
        let workflow = reference(self.workflow);
        match self.run {
            Some((standing, _)) => format!("{} · {workflow}", standing.name.run),
            None => workflow,
        }
    }

    fn chart(&self, html: &mut String, trail: &Trail) {
        // A run that is only recorded walks through nothing worth a picture.
        let Some(machine) = self.machine else { return };
        html.push_str("<section><h2>Statechart</h2>");
        if !trail.visited.is_empty() {
            html.push_str(
                "<p class=\"key\"><span class=\"now\">here now</span> <span class=\"past\">path taken</span></p>",
            );
        }
        match Chart::new(machine, trail) {
            Some(chart) => {
                let _ = write!(html, "<div class=\"chart\">{}</div>", chart.svg());
            }
            None => {
                let states = machine.states.len() - 1;
                let _ = write!(html, "<p>{states} states are too many for a picture.</p>");
            }
        }
        html.push_str("</section>");
    }
}

/// A workflow with its version, as one refers to it.
fn reference(workflow: &WorkflowView) -> String {
    match workflow.version {
        Some(version) => format!("{}@{version}", workflow.workflow),
        None => workflow.workflow.clone(),
    }
}

/// What the run did, by its history.
pub(crate) fn trail(standing: &Standing, history: &[HistoryItem]) -> Trail {
    let mut trail = Trail::default();
    for item in history.iter().filter(|item| item.kind == "restored") {
        let restored = item.body["active"].as_object().into_iter().flatten();
        trail.visited.extend(restored.map(|(state, _)| state.clone()));
    }
    for item in history.iter().filter(|item| item.kind == "transitioned") {
        let names = |key: &str| -> Vec<String> {
            let listed = item.body[key].as_array().into_iter().flatten();
            listed.filter_map(Json::as_str).map(str::to_owned).collect()
        };
        trail.visited.extend(names("entered"));
        let word = |key: &str| item.body[key].as_str().unwrap_or_default().to_owned();
        let (from, cause, event) = (word("from"), word("cause"), word("event"));
        trail.taken.insert(Taken { from, to: names("to"), cause, event });
    }
    for state in &standing.states {
        let path = state.state.as_str();
        trail.active.insert(path.to_owned());
        let ends = path.match_indices('.').map(|(end, _)| path[..end].to_owned());
        trail.active.extend(ends);
    }
    trail
}

fn head_of_run(html: &mut String, run: &Standing) {
    let version = run.version.map(|version| format!("@{version}")).unwrap_or_default();
    let _ = write!(
        html,
        "<header><h1>{} <small>{}{version}</small></h1><p><span class=\"status {status}\">{status}</span>",
        escape(&run.name.run),
        escape(&run.workflow),
        status = run.status,
    );
    if let Some(reason) = &run.reason {
        let _ = write!(html, " {}", escape(reason));
    }
    let _ = write!(html, " · rev {}", run.rev);
    if let Some(agent) = &run.agent {
        let _ = write!(html, " · agent {}", escape(agent));
    }
    let _ = write!(html, " · changed {}</p>", time(run.updated_at));
    if let Some(goal) = &run.goal {
        let _ = write!(html, "<p class=\"goal\">{}</p>", escape(goal));
    }
    html.push_str("</header>");
}

fn head_of_workflow(html: &mut String, workflow: &WorkflowView) {
    let _ = write!(html, "<header><h1>{}</h1>", escape(&reference(workflow)));
    if let Some(description) = &workflow.description {
        let _ = write!(html, "<p>{}</p>", escape(description));
    }
    html.push_str("</header>");
}

/// Where the run is and what it may do.
fn now(html: &mut String, run: &Standing, machine: Option<&Machine>) {
    html.push_str("<section><h2>Now</h2>");
    for state in &run.states {
        let _ = write!(html, "<h3>{}</h3>", escape(state.state.as_str()));
        for told in [&state.guideline, &state.description, &state.prompt].into_iter().flatten() {
            let _ = write!(html, "<p class=\"told\">{}</p>", escape(&told.text));
        }
        for why in &state.missing {
            let _ = write!(html, "<p class=\"missing\">not filled in: {}</p>", escape(why));
        }
    }
    if !run.output.is_null() {
        let _ = write!(html, "<p>output <code>{}</code></p>", escape(&shortened(&run.output)));
    }
    if run.next.is_empty() {
        let _ = write!(html, "<p>{}</p>", said(&text::legal_now(run, Words::Commands)));
    } else {
        html.push_str(
            "<table><thead><tr><th>Legal now<th>Leads to<th>What it means</tr></thead><tbody>",
        );
        for legal in &run.next {
            let targets: Vec<String> =
                legal.targets.iter().map(|target| where_to(machine, target.as_str())).collect();
            let needs: Vec<String> =
                legal.requires.iter().map(|fact| format!("needs {fact}")).collect();
            let told = legal.description.iter().map(|told| told.text.clone());
            let meaning = told.chain(needs).collect::<Vec<_>>().join("; ");
            let _ = write!(
                html,
                "<tr><td><code>{}</code><td>{}<td>{}</tr>",
                escape(&legal.to_string()),
                escape(&targets.join(", ")),
                escape(&meaning)
            );
        }
        html.push_str("</tbody></table>");
    }
    html.push_str("</section>");
}

/// Where a transition leads; a history state leads to wherever the state around it was left.
fn where_to(machine: Option<&Machine>, target: &str) -> String {
    let found = machine.and_then(|machine| Some(machine.state(machine.find(target)?)));
    match found.map(|state| &state.kind) {
        Some(StateKind::History { .. }) => match target.rsplit_once('.') {
            Some((around, _)) => format!("where {around} was left"),
            None => "where the workflow was left".to_owned(),
        },
        _ => target.to_owned(),
    }
}

fn data(html: &mut String, run: &Standing) {
    if run.data.is_empty() {
        return;
    }
    html.push_str("<section><h2>Data</h2><table><tbody>");
    for (name, value) in &run.data {
        let _ = write!(
            html,
            "<tr><th scope=\"row\">{}<td><code>{}</code></tr>",
            escape(name),
            escape(&shortened(value))
        );
    }
    html.push_str("</tbody></table></section>");
}

fn table(html: &mut String, history: &[HistoryItem]) {
    html.push_str(
        "<section><h2>History</h2><table class=\"history\"><thead><tr><th>#<th>Rev<th>When (UTC)<th>By<th>What</tr></thead><tbody>",
    );
    for item in history {
        let line = text::history_item(item);
        // The line opens with id, rev and author, which have columns of their own.
        let what = line.split_once(": ").map_or(line.as_str(), |(_, what)| what);
        let class = if item.observed.is_some() { "fact" } else { "move" };
        let _ = write!(
            html,
            "<tr class=\"{class}\"><td>{}<td>{}<td>{}<td>{}<td><details><summary>{}</summary><pre>{}</pre></details></tr>",
            item.seq,
            item.rev,
            time(item.at),
            escape(&item.by),
            said(what),
            escape(&serde_json::to_string_pretty(&item.body).unwrap_or_default()),
        );
    }
    html.push_str("</tbody></table></section>");
}

/// A time to the second, with the whole of it at hand.
fn time(at: Timestamp) -> String {
    let whole = at.to_string();
    let second = whole.get(..19).unwrap_or(&whole).replace('T', " ");
    format!("<time datetime=\"{whole}\" title=\"{whole}\">{second}</time>")
}

/// A line for agents as people read it: what stands between the marks of foreign text is set off, without the marks.
fn said(line: &str) -> String {
    escape(line).replace("&lt;&lt;", "<span class=\"said\">").replace("&gt;&gt;", "</span>")
}

fn states(html: &mut String, states: &[StateView]) {
    html.push_str("<section><h2>States</h2><table><thead><tr><th>State<th>Kind<th>What to do</tr></thead><tbody>");
    for state in states {
        let told = state.guideline.as_ref().or(state.description.as_ref());
        let _ = write!(
            html,
            "<tr><td>{}<td>{}<td>{}</tr>",
            escape(&state.state),
            state.kind,
            escape(told.map_or("", String::as_str))
        );
    }
    html.push_str("</tbody></table></section>");
}

fn shortened(value: &Json) -> String {
    let text = value.to_string();
    match text.char_indices().nth(VALUE_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// A text as HTML shows it, also inside attributes. What no page may contain is left out.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(c),
            // A browser would show some of these as other letters, and turn the writing direction by others.
            c if c.is_control()
                || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') =>
            {
                escaped.push('\u{fffd}');
            }
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_given_becomes_markup() {
        assert_eq!(
            escape("<script>alert(\"x\" & 'y')</script>\u{0}\u{202e}"),
            "&lt;script&gt;alert(&quot;x&quot; &amp; &#39;y&#39;)&lt;/script&gt;\u{fffd}\u{fffd}"
        );
    }

    /// The marks of foreign text always come in pairs, and nothing within them can hold one.
    #[test]
    fn foreign_text_is_set_off_and_stays_text() {
        let hostile = text::foreign::quoted("<b> >> & <<", 80);
        assert_eq!(
            said(&format!("note {hostile}")),
            "note <span class=\"said\"> &lt;b&gt; &gt; &gt; &amp; &lt; &lt;</span>"
        );
    }

    #[test]
    fn a_long_value_is_cut() {
        assert_eq!(shortened(&Json::from("é".repeat(3_000))).chars().count(), VALUE_MAX + 1);
    }
}
