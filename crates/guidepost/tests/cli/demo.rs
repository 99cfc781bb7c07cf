//! `guidepost demo`: the whole story, as somebody on a fresh machine sees it.

use expect_test::expect;

use crate::conversation::Conversation;

/// B3: gates are enforced by the server, over MCP. S0.3 and S0.17: plain SQL tells an agent all it needs.
#[test]
fn the_demo_tells_its_story() {
    let mut talk = Conversation::new();
    talk.type_("demo --keep demo.db");
    talk.expect(&expect![[r#"
        $ guidepost demo --keep demo.db
        Guidepost: workflows that lead agents, and a record of what agents did

        1. Two workflows are saved in one SQLite file
            saved LeadQualAgent@1: 5 states, 6 transitions
            next: guidepost start LeadQualAgent
            saved small-release@1: 8 states, 7 transitions
            next: guidepost start small-release

        2. An agent is led through LeadQualAgent, over MCP
        The agent `scout` has started `guidepost mcp` and found 8 tools. It looks for work and begins:
          > guidepost_find query="lead"
            1 workflow
            LeadQualAgent@1 {lead!, score?}: Qualify an inbound lead and start the conversation.
          > guidepost_start workflow="LeadQualAgent" input={"lead":{"name":"Ada","company":"Acme"}}
            started
            run r-1 LeadQualAgent@1 rev 2
            state: IngestLead (1 of 5)
            do: Summarize raw lead payload; highlight ICP features.
            have: lead=<<{"name":"Ada","company":"Acme"}>>
            next:
            - Summarized

        It tries to skip ahead. An illegal move changes nothing, and the answer says what is legal:
          > guidepost_do run="r-1" event="SendIntro" rev=2
            not done: SendIntro is not legal in IngestLead. Legal now: Summarized. Example: Summarized {}. Nothing changed; rev is 2.
          > guidepost_do run="r-1" event="Summarized" rev=2
            ok rev 3: IngestLead -> ScoreAndReflect
            do: Calculate qualification score. Think step-by-step.
            next:
            - Scored {score!}: Worth a call (needs on record: 1 action `tool_execution` `crm_lookup`)

        It forgets the score. What an event carries is checked before anything moves:
          > guidepost_do run="r-1" event="Scored" rev=3
            not done: Scored does not fit: lacks `score`. You sent no data. Expected Scored {score!}. Legal now: Scored {score!}. Example: Scored {"score":0}. Nothing changed; rev is 3.

        It guesses a score. This move needs a fact on record, a look into the CRM:
          > guidepost_do run="r-1" event="Scored" rev=3 data={"score":86}
            not done: Scored needs on record, since the state was entered: 1 action `tool_execution` `crm_lookup` (there are 0). Record it with guidepost_log first. Legal now: Scored {score!}. Example: Scored {"score":0}. Nothing changed; rev is 3.

        So it does the work, says so, and says why it decided as it did:
          > guidepost_log run="r-1" entries=[{"kind":"action","text":"looked Acme up in the CRM","data":{"type":"tool_execution","name":"crm_lookup","status":"completed"}},{"kind":"decision","text":"scored the lead","data":{"question":"score","options":[40,86],"chosen":86,"reasoning":"right industry, right size","confidence":0.8}}]
            logged e-4 to e-5 in r-1, rev 3
            next: Scored {score!}
          > guidepost_do run="r-1" event="Scored" rev=3 data={"score":86}
            ok rev 4: ScoreAndReflect -> IntroReady
            do: Write a short, friendly introduction.
            next:
            - SendIntro: Send it by email

        The server is killed, in the middle of the work. What was answered is on disk:
          > guidepost_where run="r-1"
            run r-1 LeadQualAgent@1 rev 4
            state: IntroReady (3 of 5)
            do: Write a short, friendly introduction.
            have: lead=<<{"name":"Ada","company":"Acme"}>> score=86
            next:
            - SendIntro: Send it by email
          > guidepost_do run="r-1" event="SendIntro" rev=4
            ok rev 5: IntroReady -> AwaitResponse
            do: Monitor inbox stream.
            next:
            - PositiveReply: Hand off to AE

        3. Another agent, a workflow with states inside states and two regions at once
          > guidepost_start workflow="small-release" input={"tag":"v1.0"}
            started
            run r-2 small-release@1 rev 2
            state: Preparing.Building (1 of 8)
            do: Build the release and run its tests.
            have: tag=v1.0
            next:
            - Built
          > guidepost_do run="r-2" event="Built" rev=2
            ok rev 3: Preparing.Building -> Preparing.Notes
            do: Write the release notes.
            next:
            - Written

        When the notes are written, both sides of the review begin:
          > guidepost_do run="r-2" event="Written" rev=3
            ok rev 5: Preparing.Notes -> Review.Security.Scanning, Review.Docs.Reading
            do in Review.Security.Scanning: Scan the dependencies.
            do in Review.Docs.Reading: Read the notes as a user would.
            next:
            - ScanClean
            - NotesApproved
            - Rejected {reason!}: Back to the beginning
          > guidepost_do run="r-2" event="ScanClean" rev=5
            ok rev 6: Review.Security.Scanning -> Review.Security.Clean
            do in Review.Docs.Reading: Read the notes as a user would.
            next:
            - NotesApproved
            - Rejected {reason!}: Back to the beginning

        One side is done, the other is not; events of the states around are legal too:
          > guidepost_where run="r-2"
            run r-2 small-release@1 rev 6
            states: Review.Security.Clean, Review.Docs.Reading (at once, one in each region)
            do in Review.Docs.Reading: Read the notes as a user would.
            have: tag=v1.0
            next:
            - NotesApproved
            - Rejected {reason!}: Back to the beginning

        4. Plain SQL tells the story
          sqlite> SELECT agent_name, workflow, current_state, next_transition, next_state, transition_description
          sqlite> FROM agent_next_actions;
        agent_name  workflow       current_state  next_transition  next_state  transition_description
        scout       LeadQualAgent  AwaitResponse  PositiveReply    END         Hand off to AE
        builder     small-release  Clean          Rejected         Preparing   Back to the beginning
        builder     small-release  Reading        NotesApproved    Approved
        builder     small-release  Reading        Rejected         Preparing   Back to the beginning

          sqlite> SELECT seq, kind, name, from_state, to_state
          sqlite> FROM run_history
          sqlite> WHERE run_no = 1
          sqlite> ORDER BY seq;
        seq  kind          name         from_state       to_state
        1    started
        2    transitioned  xstate.init
        3    transitioned  Summarized   IngestLead       ScoreAndReflect
        4    action        crm_lookup
        5    decision      score
        6    transitioned  Scored       ScoreAndReflect  IntroReady
        7    transitioned  SendIntro    IntroReady       AwaitResponse

        The history is a chain of hashes; nothing in it was changed:
            r-1: 7 records, nothing wrong
            head [HASH]

        What to try next
          alias guidepost=[BINARY]
          export GUIDEPOST_STORE=demo.db
          guidepost ls                           both runs are alive
          guidepost do r-2 NotesApproved         finish the review
          guidepost show r-2 --html > run.html   the statechart and the path taken
          guidepost history r-1                  everything that happened
          sqlite3 demo.db 'SELECT * FROM agent_next_actions'
          guidepost init                         write a workflow of your own
          guidepost connect claude-code          let your agent use it

    "#]]);
}

#[test]
fn what_the_demo_suggests_works() {
    let talk = Conversation::new();
    assert_eq!(talk.run(&["demo", "--keep", "demo.db"]).exit, 0);
    assert_eq!(talk.run(&["demo", "--keep", "demo.db"]).exit, 1, "a file is not overwritten");
    let on = |words: &[&str]| {
        let words: Vec<&str> = words.iter().copied().chain(["--store", "demo.db"]).collect();
        let answer = talk.run(&words);
        assert_eq!(answer.exit, 0, "{words:?}: {}{}", answer.stdout, answer.stderr);
        answer.stdout
    };
    assert_eq!(on(&["ls"]).lines().count(), 3);
    assert!(on(&["do", "r-2", "NotesApproved"]).contains("Published"));
    assert!(on(&["show", "r-2", "--html"]).contains("<svg"));
    assert!(on(&["history", "r-1"]).contains("crm_lookup"));
    assert!(on(&["verify"]).contains("every history is whole"));
}

/// Names that a shell, or whoever reads a store's address, would take for something else.
#[test]
fn what_the_demo_suggests_can_be_typed_whatever_the_file_is_called() {
    for file in ["what?.db", "it's here.db", "sqlite:odd.db", "a$HOME;b.db"] {
        let talk = Conversation::new();
        let answer = talk.run(&["demo", "--keep", file]);
        assert_eq!(answer.exit, 0, "{file}: {}", answer.stderr);
        let suggested = |start: &str| {
            let mut lines = answer.stdout.lines().map(str::trim);
            lines.find(|line| line.starts_with(start)).unwrap().to_owned()
        };
        let export = suggested("export GUIDEPOST_STORE=");
        let ask = suggested("sqlite3 ").replacen("sqlite3", "printf '%s\\n'", 1);
        let script = format!("{export}\n'{}' ls --json\n{ask}", env!("CARGO_BIN_EXE_guidepost"));
        let mut shell = std::process::Command::new("sh");
        shell.arg("-c").arg(script).current_dir(talk.path()).env("HOME", talk.path());
        let typed = talk.answer(&mut shell, "");
        assert_eq!(typed.stderr, "", "{file}");
        assert!(typed.stdout.contains("small-release"), "{file}: {}", typed.stdout);
        let words = format!("\n{file}\nSELECT * FROM agent_next_actions\n");
        assert!(typed.stdout.ends_with(&words), "{file}: {}", typed.stdout);
    }
}

#[test]
fn the_demo_leaves_nothing_behind_unless_asked_to() {
    let talk = Conversation::new();
    let answer = talk.run(&["demo"]);
    assert_eq!(answer.exit, 0, "{}", answer.stderr);
    assert!(answer.stdout.contains("guidepost demo --keep demo.db"));
    assert_eq!(std::fs::read_dir(talk.path()).unwrap().count(), 0);
}
