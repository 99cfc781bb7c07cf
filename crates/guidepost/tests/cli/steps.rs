//! Workflows that are plain lists of agents' steps: `run --step`, `steps`, `add-step`, `delete`.

use expect_test::expect;
use serde_json::Value as Json;

use crate::conversation::Conversation;

const TRENDS: &str = include_str!("../../../../examples/trends.yaml");

/// S4.11: the example file is a plain list, and `run` takes it as it is.
#[test]
fn s4_11_the_example_file_is_a_plain_list() {
    let mut talk = Conversation::new();
    talk.file("trends.yaml", TRENDS);
    let answer = talk.run(&["run", "trends.yaml"]);
    assert_eq!((answer.exit, answer.stderr.as_str()), (0, ""), "{}", answer.stdout);
    talk.type_("steps get r-1").type_("read r-1 data");
    talk.expect(&expect![[r#"
        $ guidepost steps get r-1
        r-1  My Workflow  completed  2 steps done
          1 step-1  research-agent  completed  <<Agents that plan, agents that remember, agents that check each other.>>
          2 step-2  summary-agent  completed  <<Agents work together.>>

        $ guidepost read r-1 data
        previous=<<Agents work together.>>

    "#]]);
}

/// S4.1, S4.3, S4.4: a workflow is created, extended, executed, looked at, retried and deleted, as a person would type it. Each
/// command is a process of its own.
#[test]
fn s4_1_a_list_of_steps_by_commands() {
    let mut talk = Conversation::new();
    talk.file("trends.yaml", TRENDS);
    talk.type_("steps")
        .type_("steps create trends.yaml")
        .type_("steps add r-1 'report-agent=Generate a report based on the summary'")
        .type_("steps pause r-1")
        .type_("steps execute r-1")
        .type_("steps execute r-1")
        .type_("steps resume r-1")
        .type_("steps retry r-1 --from step-9")
        .type_("steps retry r-1 --from step-3")
        .type_("delete r-1")
        .type_("run r-1")
        .type_("steps list --limit 1")
        .type_("steps delete r-1")
        .type_("steps get r-1")
        .type_("steps add r-9 nonsense")
        .type_("steps create --step 'writer=Write a poem'")
        .type_("delete r-2 --cancel");
    talk.expect(&expect![[r#"
        $ guidepost steps
        there are no workflows of agents' steps here

        $ guidepost steps create trends.yaml
        r-1  My Workflow  pending  2 steps to do
          1 step-1  research-agent  pending
          2 step-2  summary-agent  pending
        `guidepost steps execute r-1` begins it

        $ guidepost steps add r-1 'report-agent=Generate a report based on the summary'
        r-1  My Workflow  pending  3 steps to do
          1 step-1  research-agent  pending
          2 step-2  summary-agent  pending
          3 step-3  report-agent  pending
        `guidepost steps execute r-1` begins it

        $ guidepost steps pause r-1
        r-1  My Workflow  pending  3 steps to do
          1 step-1  research-agent  pending
          2 step-2  summary-agent  pending
          3 step-3  report-agent  pending
        `guidepost steps execute r-1` begins it

        $ guidepost steps execute r-1
        r-1  My Workflow  completed  3 steps done
          1 step-1  research-agent  completed  <<Agents that plan, agents that remember, agents that check each other.>>
          2 step-2  summary-agent  completed  <<Agents work together.>>
          3 step-3  report-agent  completed  <<Three trends, one direction.>>

        $ guidepost steps execute r-1
        ! error[GP0407]: workflow `r-1` is completed
        ! hint: `guidepost steps retry r-1` does its steps again
        exit 64

        $ guidepost steps resume r-1
        r-1  My Workflow  completed  3 steps done
          1 step-1  research-agent  completed  <<Agents that plan, agents that remember, agents that check each other.>>
          2 step-2  summary-agent  completed  <<Agents work together.>>
          3 step-3  report-agent  completed  <<Three trends, one direction.>>

        $ guidepost steps retry r-1 --from step-9
        ! error[GP0407]: workflow `r-1` has no step `step-9`
        ! hint: name a step: step-1, step-2, step-3
        exit 64

        $ guidepost steps retry r-1 --from step-3
        r-1  My Workflow  running  at step 3 of 3
          1 step-1  research-agent  completed  <<Agents that plan, agents that remember, agents that check each other.>>
          2 step-2  summary-agent  completed  <<Agents work together.>>
          3 step-3  report-agent  running
        step-3#2 is ready, and nobody is at it
        `guidepost steps execute r-1` does what an engine can do

        $ guidepost delete r-1
        ! error[GP0305]: run `r-1` is not over, and only what is over can be deleted
        ! hint: end it first, with `guidepost cancel r-1`
        exit 1

        $ guidepost run r-1
        r-1 rev 10 [running in step-3]; `guidepost history r-1` shows how it came there
        e-11 rev 11: done, step-3 -> Done with <<{"previous":"Three trends, one direction."}>>
        e-12 rev 12: completed

        run r-1 My Workflow@2 rev 12 completed
        state: Done (4 of 4)
        goal: <<A multi-step workflow>>
        have: previous=<<Three trends, one direction.>>
        next: nothing, the run is completed

        $ guidepost steps list --limit 1
        r-1  My Workflow  completed  3 steps done

        $ guidepost steps delete r-1
        deleted r-1

        $ guidepost steps get r-1
        ! error[GP0302]: there is no run `r-1`
        ! hint: list the runs there are with `guidepost find --in runs`
        exit 4

        $ guidepost steps add r-9 nonsense
        ! error: invalid value 'nonsense' for '<AGENT=INPUT>': expected an agent and what it is told, as in writer='Write a report'
        ! 
        ! For more information, try '--help'.
        exit 64

        $ guidepost steps create --step 'writer=Write a poem'
        r-2  steps  pending  1 step to do
          1 step-1  writer  pending
        `guidepost steps execute r-2` begins it

        $ guidepost delete r-2 --cancel
        deleted r-2

    "#]]);
}

/// S4.10: programs get the document's shape.
#[test]
fn s4_10_programs_get_the_documents_shape() {
    let talk = Conversation::new();
    talk.file("trends.yaml", TRENDS);
    let created = talk.run(&["steps", "create", "trends.yaml", "--json"]);
    let created: Json = serde_json::from_str(&created.stdout).unwrap();
    assert_eq!((&created["status"], &created["currentStepIndex"]), (&"pending".into(), &0.into()));
    assert_eq!(created["steps"][1]["agentId"], "summary-agent");
    let executed = talk.run(&["steps", "execute", "r-1", "--json"]);
    assert_eq!((executed.exit, executed.stderr.as_str()), (0, ""));
    let executed: Json = serde_json::from_str(&executed.stdout).unwrap();
    assert_eq!(executed["steps"][1]["result"], "Agents work together.");
    let listed = talk.run(&["steps", "list", "--json"]);
    let listed: Json = serde_json::from_str(&listed.stdout).unwrap();
    assert_eq!(listed, Json::Array(vec![executed]));
}

/// Steps given one by one; an agent nobody describes is a worker outside.
#[test]
fn steps_are_given_one_by_one() {
    let mut talk = Conversation::new();
    talk.file("trends.yaml", TRENDS);
    talk.type_(
        "run --step 'writer=Write a poem' --step 'editor=Shorten: {{ previous }}' --name poem",
    )
    .type_("tasks claim agent:writer")
    .type_("tasks complete r-1:step-1#1 --attempt 1 --output '\"Tea is hot.\"'")
    .type_("tasks claim agent:editor")
    .type_("add-step r-1 --step 'reader=Read it aloud'")
    .type_("add-step r-1 '{ name: Publish, task: publish }'")
    .type_("add-step r-1 '{ nam: Publish }'")
    .type_("add-step r-1 '{ a: [ }'")
    .type_("tasks complete r-1:step-2#1 --attempt 1 --output '\"Tea.\"'")
    .type_("tasks")
    .type_("run trends.yaml --step 'report-agent=Report'");
    talk.expect(&expect![[r#"
        $ guidepost run --step 'writer=Write a poem' --step 'editor=Shorten: {{ previous }}' --name poem
        e-1 rev 1 tester: started poem
        e-2 rev 2: began in step-1

        run r-1 poem@1 rev 2
        state: step-1 (1 of 3)
        agent: <<Write a poem>>
        next: nothing now: step-1#1 waits for a worker, who takes it with `guidepost tasks claim agent:writer`; `guidepost wait` tells when the run moved
        waits for a worker of `agent:writer`: `guidepost tasks claim agent:writer`
        once it can go on, `guidepost run r-1` goes on
        exit 5

        $ guidepost tasks claim agent:writer
        r-1:step-1#1 --attempt 1
          Write a poem
          gives: previous
          key [KEY]  until [TIME]

        $ guidepost tasks complete r-1:step-1#1 --attempt 1 --output '"Tea is hot."'
        completed r-1:step-1#1

        $ guidepost tasks claim agent:editor
        r-1:step-2#1 --attempt 1
          Shorten: Tea is hot.
          gives: previous
          key [KEY]  until [TIME]

        $ guidepost add-step r-1 --step 'reader=Read it aloud'
        r-1: version 1 -> 2, rev 4

        $ guidepost add-step r-1 '{ name: Publish, task: publish }'
        r-1: version 2 -> 3, rev 5

        $ guidepost add-step r-1 '{ nam: Publish }'
        ! error[GP0403]: 1 problem in `steps`, nothing saved
        !   - line 1:206: a state has no key `nam` [GP0103]
        ! hint: correct them and try again
        exit 1

        $ guidepost add-step r-1 '{ a: [ }'
        ! error[GP0407]: the step cannot be read
        ! hint: the JSON cannot be read: a key in double quotes is expected here; expected a step as under `steps:`, such as '{ name: Publish, task: publish }'
        exit 64

        $ guidepost tasks complete r-1:step-2#1 --attempt 1 --output '"Tea."'
        completed r-1:step-2#1

        $ guidepost tasks
        r-1:step-3#1  agent:reader  attempt 0  ready since [TIME]

        $ guidepost run trends.yaml --step 'report-agent=Report'
        e-1 rev 1 tester: started <<My Workflow>>
        e-2 rev 2: began in step-1
        e-3 rev 3: done, step-1 -> step-2 with <<{"previous":"Agents that plan, agents that remember, agents that check each other."}>>
        e-4 rev 4: done, step-2 -> step-3 with <<{"previous":"Agents work together."}>>
        e-5 rev 5: done, step-3 -> Done with <<{"previous":"Three trends, one direction."}>>
        e-6 rev 6: completed

        run r-2 My Workflow@1 rev 6 completed
        state: Done (4 of 4)
        have: previous=<<Three trends, one direction.>>
        next: nothing, the run is completed

    "#]]);
}

/// What is refused has saved nothing, and a pause holds until somebody resumes.
#[test]
fn steps_that_are_refused_leave_everything_as_it_was() {
    let mut talk = Conversation::new();
    talk.store().file("trends.yaml", TRENDS).file(
        "orders.yaml",
        "name: orders\nstates: { A: { on: { Go: B } }, B: { type: final } }\n",
    );
    talk.type_("steps create orders.yaml")
        .type_("steps create")
        .type_("find")
        .type_("steps create --step 'writer=Write'")
        .type_("steps execute r-1")
        .type_("steps pause r-1")
        .type_("steps execute r-1")
        .type_("steps get r-1");
    talk.expect(&expect![[r#"
        $ guidepost steps create orders.yaml
        ! error[GP0407]: workflow `orders` is no plain list of agents' steps
        ! hint: `guidepost run orders.yaml` runs any workflow
        exit 64

        $ guidepost steps create
        ! error[GP0407]: no steps are given
        ! hint: name a FILE with `steps:`, or give each step by `--step AGENT=INPUT`
        exit 64

        $ guidepost find
        no workflows found

        $ guidepost steps create --step 'writer=Write'
        r-1  steps  pending  1 step to do
          1 step-1  writer  pending
        `guidepost steps execute r-1` begins it

        $ guidepost steps execute r-1
        r-1  steps  running  at step 1 of 1
          1 step-1  writer  running
        step-1#1 waits for a worker, who takes it with `guidepost tasks claim agent:writer`
        `guidepost steps execute r-1` does what an engine can do
        exit 5

        $ guidepost steps pause r-1
        r-1  steps  paused  at step 1 of 1
          1 step-1  writer  running

        $ guidepost steps execute r-1
        ! error[GP0407]: workflow `r-1` is paused
        ! hint: `guidepost steps resume r-1` lets it go on
        exit 64

        $ guidepost steps get r-1
        r-1  steps  paused  at step 1 of 1
          1 step-1  writer  running

    "#]]);
}

/// An engine does nothing for a run that an agent drives, and says so.
#[test]
fn a_run_of_an_agent_is_left_to_it() {
    let mut talk = Conversation::new();
    talk.store().file("flow.yaml", "states: { A: { on: { Go: B } }, B: { type: final } }\n");
    talk.run(&["apply", "flow.yaml"]);
    talk.type_("start flow").type_("run r-1");
    talk.expect(&expect![[r#"
        $ guidepost start flow
        started
        run r-1 flow@1 rev 2
        state: A (1 of 2)
        next:
        - Go

        $ guidepost run r-1
        r-1 rev 2 [running in A]; `guidepost history r-1` shows how it came there

        run r-1 flow@1 rev 2
        state: A (1 of 2)
        next:
        - Go
        an agent drives this run, so nothing is done for it here: `guidepost do r-1 EVENT` moves it
        exit 5

    "#]]);
}

/// S4.13: what agents were told and what they said, by commands: of a run, of a step, one turn, a page, and for programs.
#[test]
fn s4_13_threads_are_read_by_commands() {
    let mut talk = Conversation::new();
    talk.file("trends.yaml", TRENDS);
    talk.run(&["run", "trends.yaml"]);
    talk.type_("read r-1 thread")
        .type_("read r-1 thread step-2")
        .type_("read r-1 thread step-2:2")
        .type_("read r-1 thread --limit 3")
        .type_("read r-1 thread --limit 3 --cursor step-2:1")
        .type_("read r-1 thread step-3");
    talk.expect(&expect![[r#"
        $ guidepost read r-1 thread
        step-1:1 user: <<Research the latest AI trends>>
        step-1:2 assistant: <<Agents that plan, agents that remember, agents that check each other.>>
        step-2:1 user: <<Summarize the research findings: Agents that plan, agents that remember, agents that check each other.>>
        step-2:2 assistant: <<Agents work together.>>

        $ guidepost read r-1 thread step-2
        step-2:1 user: <<Summarize the research findings: Agents that plan, agents that remember, agents that check each other.>>
        step-2:2 assistant: <<Agents work together.>>

        $ guidepost read r-1 thread step-2:2
        step-2:2 assistant at [TIME]
        <<Agents work together.>>

        $ guidepost read r-1 thread --limit 3
        step-1:1 user: <<Research the latest AI trends>>
        step-1:2 assistant: <<Agents that plan, agents that remember, agents that check each other.>>
        step-2:1 user: <<Summarize the research findings: Agents that plan, agents that remember, agents that check each other.>>
        more: --cursor step-2:1

        $ guidepost read r-1 thread --limit 3 --cursor step-2:1
        step-2:2 assistant: <<Agents work together.>>

        $ guidepost read r-1 thread step-3
        ! error[GP0407]: run `r-1` has no thread of `step-3`
        ! hint: did you mean `step-1`?
        exit 64

    "#]]);
    let steps = talk.run(&["steps", "get", "r-1", "--json"]).stdout;
    let steps: Json = serde_json::from_str(&steps).unwrap();
    let thread = steps["steps"][1]["threadId"].as_str().unwrap();
    let page = talk.run(&["read", "r-1", "thread", "step-2", "--limit", "1", "--json"]).stdout;
    assert!(page.contains(&format!("\"thread\":\"{thread}\"")), "{page}");
    assert!(page.contains("\"next\":\"step-2:1\""), "{page}");
    let named = talk.run(&["read", "r-1", "thread", thread]);
    assert_eq!(named.stdout, talk.run(&["read", "r-1", "thread", "step-2"]).stdout);
}

/// S4.17 b, c, d: a list that branches, does steps at once and tries again, from its file to what each step gave; a step that
/// was passed over is told as such.
#[test]
fn s4_17_a_list_that_branches_runs_from_the_command_line() {
    let mut talk = Conversation::new();
    talk.file("trip.yaml", include_str!("../../../../examples/trip.yaml"));
    let answer = talk.run(&["run", "trip.yaml", "--input", r#"{"budget": 900}"#]);
    assert_eq!((answer.exit, answer.stderr.as_str()), (0, ""), "{}", answer.stdout);
    let told = |what: &str| assert!(answer.stdout.contains(what), "{what}: {}", answer.stdout);
    told("attempt 1 of Look.region-1.Flight failed: <<the airline did not answer>>, again at ");
    talk.type_("steps get r-1")
        .type_("read r-1 data /previous")
        .type_(r#"steps create trip.yaml --input '{"budget": 300}'"#)
        .type_("steps execute r-2");
    talk.expect(&expect![[r#"
        $ guidepost steps get r-1
        r-1  trip  completed  4 of 5 steps done
          1 Idea  planner  completed  <<A weekend in Porto.>>
          2 Look.region-1.Flight  scout  completed  <<A flight at 8:10.>>
          3 Look.region-1.Train  scout  skipped
          4 Look.region-2.Stay  scout  completed  <<A room by the river.>>
          5 Plan  planner  completed  <<Fly on Friday, stay by the river, see the bridges.>>

        $ guidepost read r-1 data /previous
        <<Fly on Friday, stay by the river, see the bridges.>>

        $ guidepost steps create trip.yaml --input '{"budget": 300}'
        r-2  trip  pending  5 steps to do
          1 Idea  planner  pending
          2 Look.region-1.Flight  scout  pending
          3 Look.region-1.Train  scout  pending
          4 Look.region-2.Stay  scout  pending
          5 Plan  planner  pending
        `guidepost steps execute r-2` begins it

        $ guidepost steps execute r-2
        r-2  trip  completed  4 of 5 steps done
          1 Idea  planner  completed  <<A weekend in Porto.>>
          2 Look.region-1.Flight  scout  skipped
          3 Look.region-1.Train  scout  completed  <<A night train.>>
          4 Look.region-2.Stay  scout  completed  <<A room by the river.>>
          5 Plan  planner  completed  <<Fly on Friday, stay by the river, see the bridges.>>

    "#]]);
    let json: Json =
        serde_json::from_str(&talk.run(&["steps", "get", "r-2", "--json"]).stdout).unwrap();
    let flight = &json["steps"][1];
    assert_eq!((&flight["status"], flight.get("result")), (&Json::from("skipped"), None));
    assert_eq!(json["steps"][4]["input"], "Plan it with {{ previous[0] }} and {{ previous[1] }}");
}

/// S3.12, S3.22: by settings alone a step that takes too long is ended, and one that fails is tried again.
#[test]
fn s3_12_a_step_times_out_and_another_is_tried_again_by_settings() {
    let talk = Conversation::new();
    talk.file(
        "slow.yaml",
        "
name: slow
performance_config: { step_timeout: 0.2, max_workflow_duration: 3600 }
error_config: { max_retries: 2, retry_delay: 0.05 }
agents:
  wobbly: { type: scripted, answers: { A: { attempts: [{ error: no ink }, { error: no paper }, done] } } }
  sleepy: { type: scripted, delay: 1h, answers: { B: never } }
steps: [{ name: A, agentId: wobbly, input: x }, { name: B, agentId: sleepy, input: y }]
",
    );
    let answer = talk.run(&["run", "slow.yaml"]);
    let told = |what: &str| assert!(answer.stdout.contains(what), "{what}: {}", answer.stdout);
    told("attempt 1 of A failed: <<no ink>>, again at ");
    told("attempt 2 of A failed: <<no paper>>, again at ");
    told("done, A -> B");
    told("attempt 2 of B failed: ");
    told("failed: <<the work of `B` failed: ");
    assert_eq!(answer.exit, 1, "{}", answer.stdout);
    let steps = talk.run(&["steps", "get", "r-1"]).stdout;
    assert!(steps.contains("1 A  wobbly  completed  <<done>>"), "{steps}");
    assert!(steps.contains("2 B  sleepy  failed"), "{steps}");
}
