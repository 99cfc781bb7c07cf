//! Tool calls, each an operation and its answer as text.

use std::time::Duration;

use guidepost_core::id::{Rev, RunRef};
use guidepost_core::machine::schema::Mismatch;
use rmcp::model::{CallToolResult, ContentBlock, ErrorData, JsonObject};

use super::arguments::{self as args, Whole, read};
use super::server::Server;
use crate::ops::{
    Define, Detail, FindRuns, FindSchedules, FindWorkflows, Log, LogEntry, OpError, ReadRun,
    SendEvent, StartRun, Wait, What, WhereAmI,
};
use crate::text::{self, Words};

/// The one tool that takes time, and can be cancelled.
pub(super) const WAIT: &str = "guidepost_wait";

/// Entries one call may record; the tool's schema says so too.
const ENTRIES_MAX: usize = 50;

/// Items of a page if the call does not say, and at most; the tools' schemas say so too.
const PAGE_ITEMS: u64 = 10;
const READ_ITEMS_MAX: u64 = 100;
const FIND_ITEMS_MAX: u64 = 50;

/// Open runs listed at most.
const RUNS_MAX: usize = 10;

/// How long a wait takes if the call does not say, and at most: clients give up after a minute.
const WAIT_SECONDS: u64 = 30;
const WAIT_SECONDS_MAX: u64 = 55;

/// Calls a tool. What reading the call would have changed, if anything, is answered instead.
///
/// # Errors
///
/// For an unknown tool. What the agent can act on is a result.
pub(super) async fn call(
    server: &Server,
    tool: &str,
    arguments: JsonObject,
    caller: String,
    inexact: Option<&Mismatch>,
) -> Result<CallToolResult, ErrorData> {
    // Should the call fail, the agent is told what is legal in the run it was about.
    let run = arguments.get("run").and_then(|run| run.as_str()).map(RunRef::from);
    let answer = match tool {
        _ if let Some(found) = inexact => Err(args::inexact(found)),
        "guidepost_where" => where_am_i(server, arguments, &caller).await,
        "guidepost_start" => start(server, arguments, caller).await,
        "guidepost_do" => send(server, arguments, caller).await,
        "guidepost_log" => log(server, arguments, caller).await,
        WAIT => wait(server, arguments).await,
        "guidepost_read" => read_run(server, arguments).await,
        "guidepost_find" => find(server, arguments).await,
        "guidepost_define" => define(server, arguments, caller).await,
        unknown => {
            let what = format!("there is no tool `{unknown}`");
            return Err(ErrorData::invalid_params(what, None));
        }
    };
    Ok(match answer {
        Ok(text) => CallToolResult::success(vec![ContentBlock::text(text)]),
        Err(error) => {
            let text = failure(server, &error, run).await;
            CallToolResult::error(vec![ContentBlock::text(text)])
        }
    })
}

/// The error with what is legal in the run, unless it says so itself.
async fn failure(server: &Server, error: &OpError, run: Option<RunRef>) -> String {
    let text = text::error(error, Words::Tools);
    let Some(run) = run.filter(|_| !matches!(error, OpError::NotDone(_))) else { return text };
    // Whatever keeps the run from being read is what the error tells already.
    match server.ops.where_am_i(&WhereAmI { run, detail: Detail::Brief }).await {
        // What is to be done is to correct the call; that the run leads nowhere would read as if there were nothing to do.
        Ok(standing)
            if standing.next.is_empty() && matches!(error, OpError::BadArgument { .. }) =>
        {
            text
        }
        Ok(standing) => text + &text::legal_now(&standing, Words::Tools),
        Err(_) => text,
    }
}

type Answer = Result<String, OpError>;

async fn where_am_i(server: &Server, arguments: JsonObject, caller: &str) -> Answer {
    let asked: args::Where = read("guidepost_where", arguments)?;
    let Some(run) = asked.run else {
        return Ok(text::open_runs(&server.ops.open_runs(caller, RUNS_MAX).await?, Words::Tools));
    };
    let detail = match asked.detail {
        args::Detail::Brief => Detail::Brief,
        args::Detail::Full => Detail::Full,
    };
    let question = WhereAmI { run: RunRef::from(run.as_str()), detail };
    Ok(text::standing(&server.ops.where_am_i(&question).await?, Words::Tools))
}

async fn start(server: &Server, arguments: JsonObject, caller: String) -> Answer {
    let asked: args::Start = read("guidepost_start", arguments)?;
    if asked.workflow.is_none() && asked.goal.is_none() {
        return Err(OpError::BadArgument {
            what: "neither a workflow nor a goal is given".to_owned(),
            hint: Some(
                "guidepost_find lists workflows; a goal alone starts a run that is only recorded"
                    .to_owned(),
            ),
        });
    }
    let request = StartRun {
        workflow: asked.workflow,
        input: asked.input,
        key: asked.key,
        goal: asked.goal,
        caller,
        ..StartRun::default()
    };
    Ok(text::started(&server.ops.start_run(&request).await?, Words::Tools))
}

async fn send(server: &Server, arguments: JsonObject, caller: String) -> Answer {
    let asked: args::Do = read("guidepost_do", arguments)?;
    let event = SendEvent {
        run: RunRef::from(asked.run.as_str()),
        event: asked.event,
        data: asked.data,
        rev: Some(Rev(asked.rev.0)),
        note: asked.note,
        caller,
    };
    Ok(text::moved(&server.ops.send_event(&event).await?, Words::Tools))
}

async fn log(server: &Server, arguments: JsonObject, caller: String) -> Answer {
    let asked: args::Log = read("guidepost_log", arguments)?;
    if asked.entries.len() > ENTRIES_MAX {
        return Err(OpError::TooLarge {
            what: "the call",
            size: format!("{} entries", asked.entries.len()),
            max: ENTRIES_MAX.to_string(),
        });
    }
    let entries = asked.entries.into_iter().map(|entry| LogEntry {
        kind: entry.kind,
        text: entry.text,
        r#ref: entry.r#ref,
        data: entry.data,
        at: None,
    });
    let log = Log { run: RunRef::from(asked.run.as_str()), entries: entries.collect(), caller };
    Ok(text::logged(&server.ops.log(&log).await?))
}

async fn wait(server: &Server, arguments: JsonObject) -> Answer {
    let asked: args::Wait = read(WAIT, arguments)?;
    let seconds = bounded("seconds", asked.seconds, WAIT_SECONDS, WAIT_SECONDS_MAX)?;
    let wait = Wait {
        run: RunRef::from(asked.run.as_str()),
        rev: asked.rev.map(|rev| Rev(rev.0)),
        at_most: Duration::from_secs(seconds),
    };
    Ok(text::waited(&server.ops.wait(&wait).await?, Words::Tools))
}

async fn read_run(server: &Server, arguments: JsonObject) -> Answer {
    let asked: args::Read = read("guidepost_read", arguments)?;
    let read = ReadRun {
        run: RunRef::from(asked.run.as_str()),
        what: match asked.what {
            args::What::History => What::History,
            args::What::Data => What::Data,
            args::What::Artifacts => What::Artifacts,
            args::What::Event => What::Event,
            args::What::Thread => What::Thread,
            args::What::Diagram => What::Diagram,
        },
        path: asked.path,
        limit: items("limit", asked.limit, READ_ITEMS_MAX)?,
        cursor: asked.cursor,
    };
    let reading = server.ops.read_run(&read).await?;
    Ok(text::reading_from(&reading, read.letters_read(), Words::Tools))
}

async fn find(server: &Server, arguments: JsonObject) -> Answer {
    let asked: args::Find = read("guidepost_find", arguments)?;
    let limit = items("limit", asked.limit, FIND_ITEMS_MAX)?;
    match asked.r#in {
        args::In::Workflows | args::In::Schedules if asked.state.is_some() => {
            Err(OpError::BadArgument {
                what: "state is given, but only runs are in one".to_owned(),
                hint: Some("add in=runs to find runs by their state".to_owned()),
            })
        }
        args::In::Workflows => {
            let wanted = FindWorkflows { query: asked.query, limit, cursor: asked.cursor };
            Ok(text::workflows(&server.ops.find_workflows(&wanted).await?, Words::Tools))
        }
        args::In::Schedules => {
            let workflow = asked.query.filter(|name| !name.is_empty());
            let wanted = FindSchedules { workflow, limit, cursor: asked.cursor };
            Ok(text::schedules(&server.ops.schedules(&wanted).await?, Words::Tools))
        }
        args::In::Runs => {
            let (query, cursor) = (asked.query, asked.cursor);
            let wanted = FindRuns { query, limit, cursor, ..FindRuns::default() };
            let wanted = match asked.state {
                Some(state) => wanted.in_state_or_status(state),
                None => wanted,
            };
            Ok(text::runs(&server.ops.find_runs(&wanted).await?, Words::Tools))
        }
    }
}

/// An argument within its bounds, or what it is if the call does not say.
fn bounded(name: &str, asked: Option<Whole>, otherwise: u64, max: u64) -> Result<u64, OpError> {
    match asked.map(|Whole(asked)| asked) {
        None => Ok(otherwise),
        Some(asked) if (1..=max).contains(&asked) => Ok(asked),
        Some(asked) => Err(OpError::BadArgument {
            what: format!("{name} is {asked}, and must lie between 1 and {max}"),
            hint: Some(format!("leave it out for {otherwise}")),
        }),
    }
}

/// How many items a page has.
fn items(name: &str, asked: Option<Whole>, max: u64) -> Result<usize, OpError> {
    bounded(name, asked, PAGE_ITEMS, max).map(|items| usize::try_from(items).unwrap_or(usize::MAX))
}

async fn define(server: &Server, arguments: JsonObject, caller: String) -> Answer {
    let asked: args::Define = read("guidepost_define", arguments)?;
    let request = Define {
        text: asked.yaml,
        file: String::new(),
        save: asked.save,
        allowed: server.options.allowed,
        caller,
    };
    Ok(text::definition(&server.ops.define(&request).await?, Words::Tools))
}
