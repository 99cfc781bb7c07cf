//! Workflows that are plain lists of agents' steps, over every store, by a real engine (S4).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use guidepost_core::id::RunRef;
use guidepost_core::id::Tenant;
use guidepost_engine::work::agent::Agents;
use guidepost_engine::{Call, Engine, Failure, Handler, Handlers, Outcome, plan};
use guidepost_server::ops::{
    AgentWorkflow, Checkpoint, CreateAgentWorkflow, DeleteRun, NewStep, OpError, Ops, Place,
    ReplayRun, RetryAgentWorkflow, SendEvent, StepStatus, WORKFLOWS_LISTED, WorkflowStatus,
};
use guidepost_store::{Store, TurnFilter};
use serde_json::{Map, Value as Json, json};
use tokio::sync::Notify;

/// The operations by the system's clock, and an engine for scripted agents.
struct Desk {
    ops: Ops,
    file: Option<std::path::PathBuf>,
    _keep: tempfile::TempDir,
}

impl Desk {
    fn over(is_sqlite: bool) -> Self {
        let keep = tempfile::tempdir().unwrap();
        let file = is_sqlite.then(|| keep.path().join("guidepost.db"));
        let url = file.as_ref().map_or("memory:".to_owned(), |file| file.display().to_string());
        Self { ops: Ops::new(guidepost_store::open(&url).unwrap()), file, _keep: keep }
    }

    fn engine(&self) -> Engine {
        self.engine_with(Handlers::new())
    }

    fn engine_with(&self, handlers: Handlers) -> Engine {
        let handlers = handlers.with(plan::AGENT_QUEUE, Arc::new(Agents));
        Engine::new(self.ops.shared_store()).with_handlers(handlers)
    }

    async fn create(&self, workflow: Json) -> AgentWorkflow {
        let request: CreateAgentWorkflow = serde_json::from_value(workflow).unwrap();
        self.ops.create_agent_workflow(&request, "ada").await.unwrap()
    }

    async fn execute(&self, found: &AgentWorkflow) -> AgentWorkflow {
        self.ops.execute_agent_workflow(&id(found), self.engine(), "ada").await.unwrap()
    }

    async fn get(&self, found: &AgentWorkflow) -> AgentWorkflow {
        self.ops.agent_workflow(&id(found)).await.unwrap()
    }

    /// What was said, as `thread#position role: content`.
    async fn said(&self, found: &AgentWorkflow) -> Vec<String> {
        let filter = TurnFilter::of(found.run_no);
        let turns = self.ops.store().turns(&Tenant::default(), &filter).await.unwrap().items;
        let told = turns.iter().map(|turn| {
            let thread = turn.thread.replace(&found.id, "");
            let content = turn.content.as_str().map_or(turn.content.to_string(), str::to_owned);
            format!("{thread}#{} {}: {content}", turn.position, turn.role.as_str())
        });
        told.collect()
    }

    /// What a question to the file gives, a row a line; `None` if it is kept in memory.
    fn sql(&self, question: &str) -> Option<Vec<Vec<Json>>> {
        let db = rusqlite::Connection::open(self.file.as_ref()?).unwrap();
        let mut statement = db.prepare(question).unwrap();
        let columns = statement.column_count();
        let rows = statement.query_map([], |row| {
            let value = |n| {
                Ok(match row.get_ref(n)? {
                    rusqlite::types::ValueRef::Integer(number) => json!(number),
                    rusqlite::types::ValueRef::Text(text) => json!(String::from_utf8_lossy(text)),
                    _ => Json::Null,
                })
            };
            (0..columns).map(value).collect::<rusqlite::Result<Vec<Json>>>()
        });
        Some(rows.unwrap().map(Result::unwrap).collect())
    }
}

fn id(found: &AgentWorkflow) -> RunRef {
    RunRef::from(found.id.as_str())
}

async fn on_every_store(test: impl AsyncFn(Desk)) {
    test(Desk::over(false)).await;
    test(Desk::over(true)).await;
}

/// The document's workflow, with agents that answer from a script.
fn trends() -> Json {
    json!({
        "name": "My Workflow",
        "description": "A multi-step workflow",
        "steps": [
            { "agentId": "research-agent", "input": "Research the latest AI trends" },
            { "agentId": "summary-agent", "input": "Summarize the research findings" },
        ],
        "agents": {
            "research-agent": { "type": "scripted", "answers": { "step-1": "Agents, everywhere." } },
            "summary-agent": { "type": "scripted", "answers": { "step-2": "More agents." } },
            "report-agent": { "type": "scripted", "answers": { "step-3": "A report on agents." } },
        },
    })
}

fn step(agent: &str, input: &str) -> NewStep {
    NewStep { agent_id: agent.to_owned(), input: Some(input.to_owned()), ..NewStep::default() }
}

fn statuses(found: &AgentWorkflow) -> Vec<&'static str> {
    found.steps.iter().map(|step| step.status.as_str()).collect()
}

fn results(found: &AgentWorkflow) -> Vec<Option<&str>> {
    found.steps.iter().map(|step| step.result.as_deref()).collect()
}

/// S4.1, S4.2, S4.3, S4.10, S4.11, S4.12: the document's example as it stands there, call by call. The agents are asked, and
/// nothing is done before it is executed.
#[tokio::test]
async fn s4_11_the_documents_example_runs_as_it_stands() {
    on_every_store(async |desk| {
        let mine = desk.create(trends()).await;
        assert_eq!((mine.status, mine.current_step_index), (WorkflowStatus::Pending, 0));
        assert_eq!(statuses(&mine), ["pending", "pending"]);
        let report = step("report-agent", "Generate a report based on the summary");
        let added = desk.ops.add_agent_step(&id(&mine), &report, "ada").await.unwrap();
        assert_eq!((added.id.as_str(), added.status), (mine.id.as_str(), WorkflowStatus::Pending));
        assert_eq!(statuses(&added), ["pending", "pending", "pending"]);
        // Whoever serves the agents leaves alone what nobody has executed.
        let idle = desk.engine().start();
        tokio::time::sleep(Duration::from_millis(300)).await;
        idle.stop().await;
        assert_eq!(desk.get(&mine).await.status, WorkflowStatus::Pending);
        assert_eq!(desk.said(&mine).await, [":step-1#1 user: Research the latest AI trends"]);

        let result = desk.execute(&mine).await;
        assert_eq!((result.status, result.current_step_index), (WorkflowStatus::Completed, 3));
        assert_eq!(statuses(&result), ["completed"; 3]);
        let given = ["Agents, everywhere.", "More agents.", "A report on agents."];
        assert_eq!(results(&result), given.map(Some));

        let paused = desk.ops.pause_agent_workflow(&id(&mine), "ada").await.unwrap();
        let resumed = desk.ops.resume_agent_workflow(&id(&mine), "ada").await.unwrap();
        let retrieved = desk.get(&mine).await;
        assert_eq!((&paused, &resumed), (&retrieved, &retrieved), "there is nothing to pause");
        let workflows = desk.ops.agent_workflows(WORKFLOWS_LISTED, 0).await.unwrap();
        assert_eq!(workflows, [retrieved]);
        let delete =
            DeleteRun { run: id(&mine), cancel: false, note: None, caller: "ada".to_owned() };
        let deleted = desk.ops.delete_run(&delete).await.unwrap();
        assert_eq!(deleted.deleted, std::slice::from_ref(&mine.run));
        assert_eq!(desk.ops.agent_workflows(WORKFLOWS_LISTED, 0).await.unwrap(), []);
        assert!(matches!(desk.ops.agent_workflow(&id(&mine)).await, Err(OpError::Store(_))));
    })
    .await;
}

/// S4.6, S4.8: a workflow and its steps have the document's fields, by the document's names.
#[tokio::test]
async fn s4_6_a_workflow_and_its_steps_have_the_documents_fields() {
    on_every_store(async |desk| {
        let mut workflow = trends();
        workflow["metadata"] = json!({ "team": "blue" });
        workflow["steps"][0]["metadata"] = json!({ "cost": 3 });
        let mine = desk.create(workflow).await;
        let done = desk.execute(&mine).await;
        let json = serde_json::to_value(&done).unwrap();
        let keys = |value: &Json| -> Vec<String> {
            let mut keys: Vec<_> = value.as_object().unwrap().keys().cloned().collect();
            keys.sort();
            keys
        };
        assert_eq!(
            keys(&json),
            [
                "createdAt",
                "currentStepIndex",
                "description",
                "id",
                "metadata",
                "name",
                "run",
                "status",
                "steps",
                "updatedAt"
            ]
        );
        assert_eq!(
            keys(&json["steps"][0]),
            [
                "agentId",
                "createdAt",
                "id",
                "input",
                "metadata",
                "result",
                "status",
                "threadId",
                "updatedAt",
                "workflowId"
            ]
        );
        assert_eq!(json["name"], "My Workflow");
        assert_eq!(json["description"], "A multi-step workflow");
        assert_eq!(json["metadata"], json!({ "team": "blue" }));
        let first = &json["steps"][0];
        assert_eq!(
            (&first["workflowId"], &first["agentId"]),
            (&json["id"], &json!("research-agent"))
        );
        assert_eq!(first["metadata"], json!({ "cost": 3 }));
        assert_eq!(first["input"], "Research the latest AI trends");
        assert!(json["createdAt"].as_str().unwrap() < json["updatedAt"].as_str().unwrap());
        assert!(json["createdAt"].as_str().unwrap().ends_with('Z'));
        assert_ne!(json["steps"][1]["id"], first["id"]);
    })
    .await;
}

/// S4.13: each step has a thread of its own, made without being asked for: its input is the user's turn, its result the
/// assistant's.
#[tokio::test]
async fn s4_13_each_step_has_a_thread_with_its_turns() {
    on_every_store(async |desk| {
        let mine = desk.create(trends()).await;
        let done = desk.execute(&mine).await;
        assert_eq!(
            desk.said(&mine).await,
            [
                ":step-1#1 user: Research the latest AI trends",
                ":step-1#2 assistant: Agents, everywhere.",
                ":step-2#1 user: Summarize the research findings",
                ":step-2#2 assistant: More agents.",
            ]
        );
        let threads: Vec<&str> = done.steps.iter().map(|step| step.thread_id.as_str()).collect();
        assert_eq!(threads, [format!("{}:step-1", mine.id), format!("{}:step-2", mine.id)]);
    })
    .await;
}

/// S4.18: what a step gives is `{{ previous }}` to the next one, also where that has no input at all.
#[tokio::test]
async fn s4_18_what_a_step_gives_reaches_the_next() {
    on_every_store(async |desk| {
        let echo = || {
            async fn told(call: Call) -> Result<Json, Failure> {
                Ok(json!(format!("<{}>", call.prompt.unwrap_or_default())))
            }
            Handlers::new().agent("echo", told)
        };
        let steps = json!([
            { "agentId": "echo", "input": "tea" },
            { "agentId": "echo", "input": "not {{ previous }} but coffee" },
            { "agentId": "echo" },
        ]);
        let mine = desk.create(json!({ "name": "chain", "steps": steps })).await;
        let engine = desk.engine_with(echo());
        let done = desk.ops.execute_agent_workflow(&id(&mine), engine, "ada").await.unwrap();
        let given = ["<tea>", "<not <tea> but coffee>", "<<not <tea> but coffee>>"];
        assert_eq!(results(&done), given.map(Some));
        assert_eq!(done.steps[1].input.as_deref(), Some("not {{ previous }} but coffee"));
        assert!(
            desk.said(&mine).await.contains(&":step-2#1 user: not <tea> but coffee".to_owned())
        );
    })
    .await;
}

/// An agent that waits until it is let go.
struct Slow {
    began: Arc<Notify>,
    go: Arc<Notify>,
}

#[async_trait]
impl Handler for Slow {
    async fn perform(&self, _: Call) -> Outcome {
        self.began.notify_one();
        self.go.notified().await;
        Outcome::Done(json!("done at last"))
    }
}

/// S4.3, S4.18: a pause holds at once in the middle of a step. What the step gives is kept, the next is not begun, and
/// resuming goes on from there.
#[tokio::test]
async fn s4_18_a_pause_holds_in_the_middle_of_a_step() {
    on_every_store(async |desk| {
        let (began, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let slow = Slow { began: Arc::clone(&began), go: Arc::clone(&go) };
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        let next = move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
            async { Ok(json!("next")) }
        };
        let handlers = Handlers::new().with("agent:slow", Arc::new(slow)).agent("next", next);
        let steps =
            json!([{ "agentId": "slow", "input": "x" }, { "agentId": "next", "input": "y" }]);
        let mine = desk.create(json!({ "name": "slow", "steps": steps })).await;
        let run = desk.engine_with(handlers).start();
        desk.ops.begin_agent_workflow(&id(&mine), "ada").await.unwrap();
        began.notified().await;
        let paused = desk.ops.pause_agent_workflow(&id(&mine), "ada").await.unwrap();
        assert_eq!(
            (paused.status, statuses(&paused)),
            (WorkflowStatus::Paused, vec!["running", "pending"])
        );
        go.notify_one();
        while desk.get(&mine).await.steps[0].status != StepStatus::Completed {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        let kept = desk.get(&mine).await;
        assert_eq!(kept.status, WorkflowStatus::Paused);
        assert_eq!(kept.steps[0].result.as_deref(), Some("done at last"));
        assert_eq!(count.load(Ordering::SeqCst), 0, "the next step is not begun");
        let resumed = desk.ops.resume_agent_workflow(&id(&mine), "ada").await.unwrap();
        assert_eq!(resumed.status, WorkflowStatus::Running);
        while desk.get(&mine).await.status != WorkflowStatus::Completed {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(count.load(Ordering::SeqCst), 1);
        run.stop().await;
    })
    .await;
}

/// S4.7, S4.9, S4.18: a step that fails fails its workflow, with the reason; both can be done again when somebody asks for
/// it, from the step that failed or from any before it, and only then.
#[tokio::test]
async fn s4_18_what_failed_or_is_completed_can_be_retried() {
    on_every_store(async |desk| {
        let works = Arc::new(AtomicBool::new(false));
        let handlers = || {
            let works = Arc::clone(&works);
            let second = move |_| {
                let works = works.load(Ordering::SeqCst);
                async move {
                    if works { Ok(json!("two")) } else { Err(Failure::lasting("out of paper")) }
                }
            };
            let one = |_| async { Ok(json!("one")) };
            Handlers::new().agent("first", one).agent("second", second)
        };
        let steps =
            json!([{ "agentId": "first", "input": "x" }, { "agentId": "second", "input": "y" }]);
        let mine = desk.create(json!({ "name": "twice", "steps": steps })).await;
        let execute = async || {
            let engine = desk.engine_with(handlers());
            desk.ops.execute_agent_workflow(&id(&mine), engine, "ada").await
        };
        let failed = execute().await.unwrap();
        assert_eq!((failed.status, failed.current_step_index), (WorkflowStatus::Failed, 1));
        assert_eq!(statuses(&failed), ["completed", "failed"]);
        let error = failed.steps[1].error.as_deref().unwrap();
        assert_eq!(error, "the work of `step-2` failed: out of paper");
        let again = execute().await.unwrap_err();
        assert_eq!(again.to_string(), format!("workflow `{}` is failed", mine.run));
        works.store(true, Ordering::SeqCst);
        let retry = async |from: Option<&str>| {
            let from = from.map(str::to_owned);
            let request = RetryAgentWorkflow { run: id(&mine), from, caller: "ada".to_owned() };
            desk.ops.retry_agent_workflow(&request).await
        };
        let retried = retry(None).await.unwrap();
        assert_eq!(
            (retried.status, statuses(&retried)),
            (WorkflowStatus::Running, vec!["completed", "running"])
        );
        assert_eq!(
            retry(None).await.unwrap_err().to_string(),
            format!("workflow `{}` is running, and none of its steps failed", mine.run)
        );
        let done = execute().await.unwrap();
        assert_eq!(
            (done.status, results(&done)),
            (WorkflowStatus::Completed, vec![Some("one"), Some("two")])
        );
        let from_first = retry(None).await.unwrap();
        assert_eq!(
            (from_first.current_step_index, statuses(&from_first)),
            (0, vec!["running", "pending"])
        );
        assert_eq!(from_first.steps[0].result, None, "it is being done again");
        assert_eq!(execute().await.unwrap().status, WorkflowStatus::Completed);
        // A checkpoint may be called like a step; who wants the step gets the step.
        let checkpoint = Checkpoint {
            run: id(&mine),
            name: Some("step-2".to_owned()),
            at: Some(Place::Named("step-1".to_owned())),
            caller: "ada".to_owned(),
        };
        desk.ops.checkpoint(&checkpoint).await.unwrap();
        let from_second = retry(Some("step-2")).await.unwrap();
        assert_eq!(from_second.current_step_index, 1);
        assert_eq!(
            retry(Some("step-9")).await.unwrap_err().to_string(),
            format!("workflow `{}` has no step `step-9`", mine.run)
        );
        assert_eq!(execute().await.unwrap().status, WorkflowStatus::Completed);
        // The threads tell all of it.
        let said = desk.said(&mine).await;
        assert_eq!(said.iter().filter(|turn| turn.starts_with(":step-2")).count(), 7, "{said:#?}");
        let replay = ReplayRun { run: id(&mine), against: None };
        assert_eq!(desk.ops.replay(&replay).await.unwrap().divergence, None);
        assert_eq!(desk.ops.verify_run(&id(&mine)).await.unwrap().verified.problems, []);
    })
    .await;
}

/// S4.18: a live workflow is not deleted by mistake; with everything below it, it is when it is cancelled first.
#[tokio::test]
async fn s4_18_deleting_takes_everything_along() {
    on_every_store(async |desk| {
        let mine = desk.create(trends()).await;
        desk.ops.begin_agent_workflow(&id(&mine), "ada").await.unwrap();
        let delete = |cancel| {
            let run = id(&mine);
            DeleteRun { run, cancel, note: None, caller: "ada".to_owned() }
        };
        let refused = desk.ops.delete_run(&delete(false)).await.unwrap_err();
        assert_eq!(
            refused.to_string(),
            format!("run `{}` is not over, and only what is over can be deleted", mine.run)
        );
        assert_eq!(desk.get(&mine).await.status, WorkflowStatus::Running);
        desk.ops.delete_run(&delete(true)).await.unwrap();
        for table in [
            "agent_instance",
            "record WHERE kind <> 'gone'",
            "snapshot",
            "task",
            "thread",
            "turn",
            "agent_workflows",
            "agent_workflow_steps",
        ] {
            if let Some(rows) = desk.sql(&format!("SELECT count(*) FROM {table}")) {
                assert_eq!(rows[0][0], 0, "{table}");
            }
        }
        // One that was never executed is deleted as it is.
        let other = desk.create(trends()).await;
        let run = id(&other);
        let gone = DeleteRun { run, cancel: false, note: None, caller: "ada".to_owned() };
        desk.ops.delete_run(&gone).await.unwrap();
    })
    .await;
}

/// S4.10: lists are ten long unless told otherwise, newest first, and pass over what is no list of agents' steps.
#[tokio::test]
async fn s4_10_workflows_are_listed_by_limit_and_offset() {
    on_every_store(async |desk| {
        let mut created = Vec::new();
        for n in 0..12 {
            let name = format!("list {}", n % 2);
            let steps = json!([{ "agentId": "a", "input": "x" }]);
            created.push(desk.create(json!({ "name": name, "steps": steps })).await.id);
        }
        let note = guidepost_server::ops::StartRun {
            goal: Some("a note".to_owned()),
            ..Default::default()
        };
        desk.ops.start_run(&note).await.unwrap();
        created.reverse();
        let listed = async |limit, offset| -> Vec<String> {
            let found = desk.ops.agent_workflows(limit, offset).await.unwrap();
            found.into_iter().map(|found| found.id).collect()
        };
        assert_eq!(listed(WORKFLOWS_LISTED, 0).await, created[..10]);
        assert_eq!(listed(WORKFLOWS_LISTED, 10).await, created[10..]);
        assert_eq!(listed(3, 2).await, created[2..5]);
        assert_eq!(listed(3, 20).await, Vec::<String>::new());
    })
    .await;
}

/// S4.14, S4.15: SQL shows the same workflows and steps, with the document's columns, at every stage.
#[tokio::test]
async fn s4_15_sql_shows_what_the_operations_tell() {
    let desk = Desk::over(true);
    let columns = |view: &str| -> Vec<String> {
        let rows = desk.sql(&format!("SELECT name FROM pragma_table_info('{view}')")).unwrap();
        rows.iter().map(|row| row[0].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(
        columns("agent_workflows"),
        [
            "id",
            "name",
            "description",
            "current_step_index",
            "status",
            "metadata",
            "created_at",
            "updated_at"
        ]
    );
    assert_eq!(
        columns("agent_workflow_steps"),
        [
            "id",
            "workflow_id",
            "agent_id",
            "input",
            "thread_id",
            "status",
            "result",
            "error",
            "metadata",
            "created_at",
            "updated_at"
        ]
    );
    let mut workflow = trends();
    workflow["metadata"] = json!({ "team": "blue" });
    workflow["steps"][1]["metadata"] = json!([1, 2]);
    let mine = desk.create(workflow.clone()).await;
    agrees(&desk, &mine).await;
    desk.ops.add_agent_step(&id(&mine), &step("report-agent", "And now?"), "ada").await.unwrap();
    agrees(&desk, &mine).await;
    desk.ops.begin_agent_workflow(&id(&mine), "ada").await.unwrap();
    agrees(&desk, &mine).await;
    desk.ops.pause_agent_workflow(&id(&mine), "ada").await.unwrap();
    agrees(&desk, &mine).await;
    desk.ops.resume_agent_workflow(&id(&mine), "ada").await.unwrap();
    desk.execute(&mine).await;
    agrees(&desk, &mine).await;
    workflow["agents"]["summary-agent"]["answers"] = json!({ "step-2": { "error": "no ink" } });
    let failing = desk.create(workflow).await;
    desk.execute(&failing).await;
    agrees(&desk, &failing).await;
}

/// Compares the views with what the operations tell of one workflow.
async fn agrees(desk: &Desk, found: &AgentWorkflow) {
    let told = serde_json::to_value(desk.get(found).await).unwrap();
    let of = |value: &Json, keys: &[&str]| -> Vec<Json> {
        let field = |key: &&str| match &value[*key] {
            kept @ (Json::Object(_) | Json::Array(_)) => json!(kept.to_string()),
            other => other.clone(),
        };
        keys.iter().map(field).collect()
    };
    let row = desk.sql(&format!(
        "SELECT id, name, description, current_step_index, status, metadata FROM agent_workflows WHERE id = '{}'",
        found.id
    ));
    let keys = ["id", "name", "description", "currentStepIndex", "status", "metadata"];
    assert_eq!(row.unwrap(), [of(&told, &keys)]);
    let rows = desk.sql(&format!(
        "SELECT id, workflow_id, agent_id, input, thread_id, status, result, error, metadata, created_at, updated_at
         FROM agent_workflow_steps WHERE workflow_id = '{}'",
        found.id
    ));
    let keys = [
        "id",
        "workflowId",
        "agentId",
        "input",
        "threadId",
        "status",
        "result",
        "error",
        "metadata",
        "createdAt",
        "updatedAt",
    ];
    let rows = rows.unwrap();
    let steps = told["steps"].as_array().unwrap();
    assert_eq!(rows.len(), steps.len());
    for (row, step) in rows.iter().zip(steps) {
        let step = of(step, &keys);
        assert_eq!(row[..9], step[..9]);
        for (shown, told) in row[9..].iter().zip(&step[9..]) {
            // SQL shows no more than milliseconds, rounded.
            assert!(nanos(shown).abs_diff(nanos(told)) < 2_000_000, "{shown} is not {told}");
        }
    }
}

fn nanos(at: &Json) -> i64 {
    at.as_str().unwrap().parse::<guidepost_core::time::Timestamp>().unwrap().0
}

/// S4.2: of two who add a step at once, neither loses his.
#[tokio::test]
async fn s4_2_steps_added_at_once_are_all_there() {
    on_every_store(async |desk| {
        let mine = desk.create(trends()).await;
        let run = id(&mine);
        let add = async |agent: &str| {
            desk.ops.add_agent_step(&run, &step(agent, "x"), "ada").await.unwrap();
        };
        let [a, b, c, d] = ["a", "b", "c", "d"].map(|agent| Box::pin(add(agent)));
        tokio::join!(a, b, c, d);
        let mut agents: Vec<String> =
            desk.get(&mine).await.steps.into_iter().skip(2).map(|step| step.agent_id).collect();
        agents.sort();
        assert_eq!(agents, ["a", "b", "c", "d"]);
    })
    .await;
}

/// S4.4: what was created and done is in the file.
#[tokio::test]
async fn what_was_done_is_there_for_whoever_opens_the_store_next() {
    let desk = Desk::over(true);
    let mine = desk.create(trends()).await;
    let done = desk.execute(&mine).await;
    let url = desk.file.as_ref().unwrap().display().to_string();
    let store: Arc<dyn Store> = guidepost_store::open(&url).unwrap();
    assert_eq!(Ops::new(store).agent_workflow(&id(&mine)).await.unwrap(), done);
}

/// What makes no sense is refused by name.
#[tokio::test]
async fn a_workflow_without_steps_and_a_run_of_another_kind_are_refused() {
    on_every_store(async |desk| {
        let empty = CreateAgentWorkflow { name: "empty".to_owned(), ..Default::default() };
        let error = desk.ops.create_agent_workflow(&empty, "ada").await.unwrap_err();
        assert_eq!(error.to_string(), "the workflow `empty` has no steps");
        let note = guidepost_server::ops::StartRun {
            goal: Some("a note".to_owned()),
            ..Default::default()
        };
        let run = desk.ops.start_run(&note).await.unwrap().standing.name.run;
        let error = desk.ops.agent_workflow(&RunRef::from(run.as_str())).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("run `{run}` of workflow `observed` is no plain list of agents' steps")
        );
    })
    .await;
}

/// What a workflow calls sensitive is not told as a result.
#[tokio::test]
async fn a_sensitive_result_is_hidden() {
    on_every_store(async |desk| {
        let definition = "name: keys
attributes: { token: { type: string, sensitive: true } }
agents: { smith: { type: scripted, answers: { Forge: s3cret } } }
steps:
  - { name: Forge, agent: smith, prompt: Forge a key., output: [token] }
";
        let define = guidepost_server::ops::Define {
            text: definition.to_owned(),
            file: "keys.yaml".to_owned(),
            save: true,
            allowed: guidepost_server::ops::Allowed::Everything,
            caller: "ada".to_owned(),
        };
        let version = desk.ops.define(&define).await.unwrap().version().unwrap();
        let none = serde_json::Map::new();
        let mine = desk.ops.create_agent_workflow_of("keys", version, &none, "ada").await.unwrap();
        let done = desk.execute(&mine).await;
        assert_eq!(results(&done), [Some("(sensitive)")]);
        let told = serde_json::to_string(&done).unwrap();
        assert!(!told.contains("s3cret"), "{told}");
    })
    .await;
}

/// Compares the views with what the operations tell, where there are views.
async fn agrees_if_sql(desk: &Desk, found: &AgentWorkflow) {
    if desk.file.is_some() {
        agrees(desk, found).await;
    }
}

/// S4.17 b, d: a step that is passed over is `skipped`, never `pending`, and claims no result, also where it had one before its
/// workflow went back; one that failed and led on is `failed`. SQL says the same.
#[tokio::test]
async fn s4_17_a_step_that_is_passed_over_is_skipped_and_claims_nothing() {
    on_every_store(async |desk| {
        let (sorted, tried) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let handlers = || {
            let (sorted, tried) = (Arc::clone(&sorted), Arc::clone(&tried));
            let sort = move |_| {
                let is_first = sorted.fetch_add(1, Ordering::SeqCst) == 0;
                async move { Ok(json!(if is_first { "long" } else { "short" })) }
            };
            let fail = move |_| {
                tried.fetch_add(1, Ordering::SeqCst);
                async { Err(Failure::passing("no ink")) }
            };
            let echo = |call: Call| async move { Ok(json!(call.prompt.unwrap_or_default())) };
            Handlers::new().agent("sort", sort).agent("fail", fail).agent("echo", echo)
        };
        let steps = json!([
            { "name": "Early", "agentId": "echo", "input": "x", "when": "1 > 2" },
            { "name": "Sort", "agentId": "sort", "input": "y" },
            { "name": "Long", "agentId": "echo", "when": "previous == 'long'" },
            { "name": "Risky", "agentId": "fail", "input": "z", "onError": "Last",
              "retry": { "max_attempts": 2, "delay": "1ms" }, "timeout": "1m" },
            { "name": "Never", "agentId": "echo" },
            { "name": "Last", "agentId": "echo", "onDone": "Done" },
        ]);
        let mine = desk.create(json!({ "name": "sorting", "steps": steps })).await;
        let pending = ["pending"; 6].map(str::to_owned);
        assert_eq!(statuses(&mine)[1..], pending[1..], "nothing has begun");
        let execute = async || {
            let engine = desk.engine_with(handlers());
            desk.ops.execute_agent_workflow(&id(&mine), engine, "ada").await.unwrap()
        };
        let done = execute().await;
        assert_eq!(
            statuses(&done),
            ["skipped", "completed", "completed", "failed", "skipped", "completed"]
        );
        let given = [None, Some("long"), Some("long"), None, None, Some("long")];
        assert_eq!(results(&done), given);
        assert_eq!(
            done.steps[3].error.as_deref(),
            Some("it failed, and the workflow went on elsewhere")
        );
        assert_eq!(tried.load(Ordering::SeqCst), 2, "it was tried again once");
        agrees_if_sql(&desk, &mine).await;
        let retry = RetryAgentWorkflow { run: id(&mine), from: None, caller: "ada".to_owned() };
        let again = desk.ops.retry_agent_workflow(&retry).await.unwrap();
        assert_eq!(again.current_step_index, 1, "the first step that was done is done again");
        agrees_if_sql(&desk, &mine).await;
        let done = execute().await;
        assert_eq!(
            statuses(&done),
            ["skipped", "completed", "skipped", "failed", "skipped", "completed"]
        );
        assert_eq!(results(&done), [None, Some("short"), None, None, None, Some("short")]);
        agrees_if_sql(&desk, &mine).await;
    })
    .await;
}

/// The workflow as soon as it is as wanted, within ten seconds.
async fn until(
    desk: &Desk,
    found: &AgentWorkflow,
    is_wanted: impl Fn(&AgentWorkflow) -> bool,
) -> AgentWorkflow {
    for _ in 0..1_000 {
        let now = desk.get(found).await;
        if is_wanted(&now) {
            return now;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{:#?}", desk.get(found).await);
}

/// S4.17 c: steps that are done at once have a status each; what follows waits for all of them and gets what each gave.
#[tokio::test]
async fn s4_17_steps_done_at_once_have_a_status_each() {
    on_every_store(async |desk| {
        let (began, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let slow = Slow { began: Arc::clone(&began), go: Arc::clone(&go) };
        let echo = |call: Call| async move { Ok(json!(call.prompt.unwrap_or_default())) };
        let handlers = Handlers::new().with("agent:slow", Arc::new(slow)).agent("echo", echo);
        let steps = json!([
            { "agentId": "echo", "input": "tea" },
            { "name": "Both", "parallel": [
                { "name": "Slow", "agentId": "slow" },
                [{ "agentId": "echo" }, { "agentId": "echo", "input": "<{{ previous }}>" }],
            ] },
            { "agentId": "echo", "input": "{{ previous[0] }}, {{ previous[1] }}" },
        ]);
        let mine = desk.create(json!({ "name": "both", "steps": steps })).await;
        let run = desk.engine_with(handlers).start();
        desk.ops.begin_agent_workflow(&id(&mine), "ada").await.unwrap();
        began.notified().await;
        let under_way =
            until(&desk, &mine, |found| found.steps[3].status == StepStatus::Completed).await;
        assert_eq!((under_way.status, under_way.current_step_index), (WorkflowStatus::Running, 1));
        assert_eq!(
            statuses(&under_way),
            ["completed", "running", "completed", "completed", "pending"]
        );
        agrees_if_sql(&desk, &mine).await;
        go.notify_one();
        let done = until(&desk, &mine, |found| found.status == WorkflowStatus::Completed).await;
        let given = ["tea", "done at last", "tea", "<tea>", "done at last, <tea>"];
        assert_eq!(results(&done), given.map(Some));
        agrees_if_sql(&desk, &mine).await;
        run.stop().await;
    })
    .await;
}

/// S4.17 c, d: where one of several steps fails and nothing answers, the workflow fails and the others are not done; done
/// again, they are.
#[tokio::test]
async fn s4_17_one_of_several_steps_that_fails_fails_the_workflow() {
    on_every_store(async |desk| {
        let mut workflow = json!({
            "name": "both",
            "settings": { "parallel_execution": true, "max_retries": 1, "retry_delay": "1ms" },
            "steps": [{ "agentId": "a", "input": "x" }, { "agentId": "b", "input": "y" }],
            "agents": {
                "a": { "type": "scripted", "answers": { "step-1": { "attempts": [{ "error": "once" }, "a"] } } },
                "b": { "type": "scripted", "answers": { "step-2": { "error": "never" } } },
            },
        });
        let failing = desk.execute(&desk.create(workflow.clone()).await).await;
        assert_eq!(failing.status, WorkflowStatus::Failed);
        assert_eq!(failing.steps[1].status, StepStatus::Failed);
        let error = failing.steps[1].error.clone().unwrap();
        assert!(error.contains("step-2") && error.ends_with("never"), "{error}");
        agrees_if_sql(&desk, &failing).await;
        workflow["agents"]["b"]["answers"]["step-2"] = json!({ "attempts": [{ "error": "once" }, "b"] });
        let done = desk.execute(&desk.create(workflow).await).await;
        assert_eq!(results(&done), [Some("a"), Some("b")]);
        agrees_if_sql(&desk, &done).await;
    })
    .await;
}

/// S3.22: a step that somebody skips is `skipped`, whether it had begun or not.
#[tokio::test]
async fn s3_22_a_step_that_is_skipped_by_hand_claims_nothing() {
    on_every_store(async |desk| {
        let steps = json!([{ "agentId": "a", "input": "x" }, { "agentId": "b", "input": "y" }]);
        let settings = json!({ "allow_step_skipping": true });
        let mine =
            desk.create(json!({ "name": "skip", "settings": settings, "steps": steps })).await;
        desk.ops.begin_agent_workflow(&id(&mine), "ada").await.unwrap();
        let event = SendEvent {
            run: id(&mine),
            event: "skip".to_owned(),
            data: Map::new(),
            rev: None,
            note: None,
            caller: "ada".to_owned(),
        };
        desk.ops.send_event(&event).await.unwrap();
        let found = desk.get(&mine).await;
        assert_eq!(statuses(&found), ["skipped", "running"]);
        assert_eq!((found.steps[0].result.as_ref(), found.steps[0].error.as_ref()), (None, None));
        agrees_if_sql(&desk, &mine).await;
    })
    .await;
}

/// S4.17: what a step says is checked when its workflow is created: a misspelled key by name, the rest as in a definition.
#[tokio::test]
async fn s4_17_what_is_wrong_with_a_step_is_refused_when_it_is_created() {
    on_every_store(async |desk| {
        let misspelled = json!({ "name": "w", "steps": [{ "agentId": "a", "timout": "1s" }] });
        let error = serde_json::from_value::<CreateAgentWorkflow>(misspelled).unwrap_err();
        assert!(error.to_string().starts_with("unknown field `timout`"), "{error}");
        let refused = async |step: Json| {
            let workflow = json!({ "name": "w", "steps": [step] });
            let request: CreateAgentWorkflow = serde_json::from_value(workflow).unwrap();
            desk.ops.create_agent_workflow(&request, "ada").await.unwrap_err()
        };
        assert_eq!(refused(json!({ "input": "x" })).await.to_string(), "step 1 names no agent");
        let both = json!({ "agentId": "a", "parallel": [{ "agentId": "b" }] });
        assert_eq!(refused(both).await.to_string(), "step 1 has both `agentId` and `parallel`");
        for (step, what) in [
            (json!({ "agentId": "a", "input": "x", "retry": { "max_atempts": 2 } }), "max_atempts"),
            (json!({ "agentId": "a", "input": "x", "onError": "Nowhere" }), "Nowhere"),
            (json!({ "agentId": "a", "input": "x", "when": "nobody > 1" }), "nobody"),
            (json!({ "parallel": [{ "agentId": "a", "timout": "1s" }] }), "timout"),
        ] {
            let OpError::BadDefinition { problems, .. } = refused(step).await else {
                panic!("{what}")
            };
            assert!(problems.iter().any(|found| found.message.contains(what)), "{problems:?}");
        }
    })
    .await;
}
