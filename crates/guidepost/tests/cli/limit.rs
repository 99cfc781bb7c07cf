//! Limits, as people meet them: `run`, `where`, `limit`, `resume`.

use expect_test::expect;

use crate::conversation::Conversation;

const CHILD: &str = "
name: chapters
agents: { writer: { type: scripted, answers: { A: a, B: b, C: c } } }
attributes: { a: { type: string }, b: { type: string }, c: { type: string } }
steps:
  - { name: A, agent: writer, prompt: Write A., output: [a] }
  - { name: B, agent: writer, prompt: Write B., output: [b] }
  - { name: C, agent: writer, prompt: Write C., output: [c] }
";

const BOOK: &str = "
name: book
limits: { max_steps: 3, warn_at: 0.6 }
initial: Write
states:
  Write: { run: chapters, onDone: END, onError: END }
  END: { type: final }
";

/// B9: the engine's own tree of runs stops at a limit, says so, and goes on where it stood.
#[test]
fn b9_a_tree_the_engine_drives_stops_at_its_limit_and_goes_on_when_it_is_raised() {
    let mut talk = Conversation::new();
    talk.file("chapters.yaml", CHILD);
    talk.file("book.yaml", BOOK);
    talk.type_("apply chapters.yaml")
        .type_("run book.yaml")
        .type_("where r-2")
        .type_("resume r-2")
        .type_("limit r-2 --max-steps 9")
        .type_("limit r-1 --max-steps 9 --note 'two chapters more'")
        .type_("run r-1")
        .type_("history r-1 --kind limit_reached --kind limits_set --kind paused --kind resumed")
        .type_("limit r-1 --json")
        .type_("limit r-1 --max-cost-usd -1");
    talk.expect(&expect![[r#"
        $ guidepost apply chapters.yaml
        saved chapters@1 (chapters.yaml)

        $ guidepost run book.yaml
        e-1 rev 1 tester: started book
        e-2 rev 2: began in Write
        e-3 rev 2: max_steps nearly reached: 2 of 3
        e-4 rev 2: max_steps passed: 4 of 3
        e-5 rev 3: paused, over_limit: <<`max_steps` of r-1 is passed: 4 of 3, by it and the runs below it; whoever operates them may raise it: `guidepost limit r-1 --max-steps MORE`>>

        run r-1 book@1 rev 3 paused (over_limit: `max_steps` of r-1 is passed: 4 of 3, by it and the runs below it; whoever operates them may raise it: `guidepost limit r-1 --max-steps MORE`)
        state: Write (1 of 2)
        run: <<chapters>>
        limits: max_steps 4 of 3, 0 left
        next: nothing until the limit is raised
        exit 5

        $ guidepost where r-2
        run r-2 chapters@1 rev 5 paused (over_limit: `max_steps` of r-1 is passed: 4 of 3, by it and the runs below it; whoever operates them may raise it: `guidepost limit r-1 --max-steps MORE`)
        state: C (3 of 4)
        agent: <<Write C.>>
        have: a=a b=b
        limits: max_steps of r-1 4 of 3, 0 left
        next: nothing until the limit is raised

        $ guidepost resume r-2
        not done: the run is paused. `max_steps` of r-1 is passed: 4 of 3, by it and the runs below it; whoever operates them may raise it: `guidepost limit r-1 --max-steps MORE`. Nothing changed; rev is 5.
        exit 2

        $ guidepost limit r-2 --max-steps 9
        ! error[GP0407]: r-2 has no limits of its own: those of r-1 hold for it
        ! hint: set them there: guidepost limit r-1
        exit 64

        $ guidepost limit r-1 --max-steps 9 --note 'two chapters more'
        goes on: r-1, r-2
        run r-1 book@1 rev 4
        state: Write (1 of 2)
        run: <<chapters>>
        limits: max_steps 4 of 9, 5 left
        next: nothing now: Write#1 waits for r-2; `guidepost wait` tells when the run moved

        $ guidepost run r-1
        r-1 rev 4 [running in Write]; `guidepost history r-1` shows how it came there
        e-8 rev 5: done, Write -> END
        e-9 rev 6: completed

        run r-1 book@1 rev 6 completed
        state: END (2 of 2)
        limits: max_steps 4 of 9, 5 left
        next: nothing, the run is completed

        $ guidepost history r-1 --kind limit_reached --kind limits_set --kind paused --kind resumed
        e-3 rev 2: max_steps nearly reached: 2 of 3
        e-4 rev 2: max_steps passed: 4 of 3
        e-5 rev 3: paused, over_limit: <<`max_steps` of r-1 is passed: 4 of 3, by it and the runs below it; whoever operates them may raise it: `guidepost limit r-1 --max-steps MORE`>>
        e-6 rev 3 tester: limits set to <<{"max_steps":9}>>, <<two chapters more>>
        e-7 rev 4: resumed

        $ guidepost limit r-1 --json
        {"resumed":[],"run":"r-1","run_no":1,"run_id":"[UUID]","workflow":"book","version":1,"rev":6,"status":"completed","driver":"engine","agent":"tester","states":[{"state":"END","number":2,"of":2,"wording":0,"visit":1,"since":[NS]}],"data":{},"next":[],"limits":[{"run":"r-1","limit":"max_steps","spent":4.0,"max":9.0,"left":5.0}],"updated_at":[NS]}

        $ guidepost limit r-1 --max-cost-usd -1
        ! error: unexpected argument '-1' found
        ! 
        !   tip: to pass '-1' as a value, use '-- -1'
        ! 
        ! Usage: guidepost limit [OPTIONS] <RUN>
        ! 
        ! For more information, try '--help'.
        exit 64

    "#]]);
}
