//! Whole clusters from a seed: several runners over one store, and everything that can go wrong between them.
//!
//! A seed that fails is repeated by the command in its message. `cargo xtask nightly` tries fresh ones.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod checkers;
mod faults;
mod scenarios;
mod store;
mod workflows;
mod world;

use std::ops::Range;

use self::faults::{Crashed, Faults, sites};
use self::store::Broken;
use self::world::World;

/// The variable that says which seeds to try: `17..18` is one.
const SEEDS: &str = "GUIDEPOST_SIM_SEEDS";

fn seeds() -> Range<u64> {
    let Ok(given) = std::env::var(SEEDS) else { return 0..200 };
    let (from, to) = given.split_once("..").expect("seeds are given as in `17..18`");
    from.parse().expect("a number")..to.parse().expect("a number")
}

/// A world in which everything has happened that a seed holds.
fn world(seed: u64, broken: Option<Broken>) -> World {
    let mut world = World::new(seed, broken);
    let faults = world.swarm();
    world.start(8, &faults);
    if faults.is_about_schedules() || seed.is_multiple_of(4) {
        world.schedule();
    }
    world.run_with(faults, 12);
    world.settle();
    world
}

/// A world in which trees of runs have spent more than they may.
fn spenders(seed: u64, broken: Option<Broken>) -> World {
    let mut world = World::new(seed, broken);
    let faults = world.swarm();
    world.start_spenders(3);
    world.run_with(faults, 12);
    world
}

/// A world in which more is begun than may go on at once.
fn narrow(seed: u64, broken: Option<Broken>) -> World {
    let mut world = World::new(seed, broken);
    let faults = world.swarm();
    world.start_narrow(7);
    world.run_with(faults, 12);
    world.settle();
    world
}

/// A world in which one node's runners work for one run and those below it, beside runners that work for all.
fn beside(seed: u64, broken: Option<Broken>) -> World {
    let mut world = World::new(seed, broken);
    let faults = world.swarm();
    world.start_with_a_runner_of_its_own();
    world.start(7, &faults);
    world.run_with(faults, 12);
    world.settle();
    world
}

/// A world of runs that go back past what they did, and are cancelled so that it is made good.
fn travellers(seed: u64, broken: Option<Broken>) -> World {
    let mut world = World::new(seed, broken);
    let faults = Faults { undoing: 60, ..world.swarm() };
    world.start_travellers(5);
    world.run_with(faults, 12);
    world.settle();
    // What failed in the last moment of the faults paused its run.
    world.settle();
    world
}

fn expect_sound(seed: u64, world: &World) {
    let problems = checkers::problems(world);
    assert!(
        problems.is_empty(),
        "seed {seed}: {problems:#?}\nthe last events:\n{}\nto repeat it: \
         {SEEDS}={seed}..{} cargo test -p guidepost-engine --test sim every_run_ends_once_whatever_crashes",
        world.last_events(),
        seed + 1,
    );
}

#[test]
fn every_run_ends_once_whatever_crashes() {
    let mut crashed = Crashed::new();
    let seeds = seeds();
    let is_whole = seeds == (0..200);
    for seed in seeds {
        let world = world(seed, None);
        expect_sound(seed, &world);
        crashed.append(&mut world.crashed());
    }
    let missed: Vec<_> = sites().into_iter().filter(|site| !crashed.contains(site)).collect();
    assert!(!is_whole || missed.is_empty(), "no runner vanished at {missed:?}");
}

#[test]
fn without_faults_every_run_ends_well() {
    let mut world = World::new(1, None);
    world.start(12, &Faults::none());
    world.run_with(Faults::none(), 6);
    world.settle();
    expect_sound(1, &world);
    for run in world.runs() {
        let status = world.store.run(run).unwrap().run.status;
        assert!(status.is_ended(), "{run} is {status}");
    }
}

/// B9: a tree that spends more than it may comes to rest whatever crashes, and ends once it may spend more.
#[test]
fn b9_a_tree_that_passed_a_limit_rests_until_it_is_raised() {
    let mut rested = 0;
    for seed in 0..60 {
        let mut world = spenders(seed, None);
        world.settle();
        expect_sound(seed, &world);
        let held = |run: &guidepost_core::id::RunNo| world.store.is_over_limit(*run);
        rested += world.runs().iter().filter(|run| held(run)).count();
        world.raise();
        world.settle();
        expect_sound(seed, &world);
        let live = world.runs().into_iter().filter(|run| {
            let loaded = world.store.run(*run).unwrap();
            let is_quarantined = loaded.run.paused.is_some();
            !loaded.run.status.is_ended() && !is_quarantined && !checkers::waits_below(&world, *run)
        });
        assert_eq!(live.collect::<Vec<_>>(), [], "seed {seed}");
    }
    assert!(rested > 60, "limits were passed in {rested} runs only");
}

/// However many runners there are, no more of a workflow goes on at once than it allows, and in the end all of it is done.
#[test]
fn what_a_workflow_bounds_is_bounded_over_all_runners() {
    let mut ended = 0;
    for seed in 0..60 {
        let world = narrow(seed, None);
        expect_sound(seed, &world);
        let is_ended = |run: &guidepost_core::id::RunNo| {
            world.store.run(*run).is_some_and(|loaded| loaded.run.status.is_ended())
        };
        ended += world.runs().iter().filter(|run| is_ended(run)).count();
    }
    assert!(ended > 300, "only {ended} runs came to an end");
}

/// Whatever crashes, a runner that is there for one run does work of that run and of those below it, and of no other.
#[test]
fn a_runner_for_one_run_does_the_work_of_no_other() {
    let mut done = 0;
    for seed in 0..60 {
        let world = beside(seed, None);
        expect_sound(seed, &world);
        done += world.done_at_home;
    }
    assert!(done > 60, "it did {done} pieces of work only");
}

/// B8: whatever crashes, what was done is made good once, the last first, and nothing else happens meanwhile.
#[test]
fn b8_what_was_done_is_made_good_once_whatever_crashes() {
    let mut made_good = 0;
    for seed in 0..100 {
        let world = travellers(seed, None);
        expect_sound(seed, &world);
        let is_it = |task: &&guidepost_store::TaskId| task.purpose.is_compensation();
        made_good += world.outside.counted.keys().filter(is_it).count();
    }
    assert!(made_good > 300, "only {made_good} pieces of work were made good");
}

#[test]
fn the_same_seed_is_the_same_world() {
    for seed in 0..20 {
        let (once, again) = (world(seed, None), world(seed, None));
        assert_eq!(once.trace(), again.trace(), "seed {seed}");
    }
}

/// A checker that no broken variant sets off would be of no use: each is told what is broken, and must say so.
mod teeth {
    use super::*;

    /// Asserts that in some world the checker of this name finds what is broken.
    fn expect_found(broken: Broken, checker: &str) {
        let found = (0..60).any(|seed| {
            let world = world(seed, Some(broken));
            checkers::problems(&world).contains_key(checker)
        });
        assert!(found, "no world in which {broken:?} is noticed by `{checker}`");
    }

    #[test]
    fn every_checker_has_a_test_here() {
        let this = include_str!("main.rs");
        for (name, _) in checkers::ALL.iter().chain([&checkers::OF_CHILDREN]) {
            assert!(this.contains(&format!("\"{name}\")")), "nothing sets off `{name}`");
        }
    }

    #[test]
    fn a_batch_without_its_fence_is_found() {
        expect_found(Broken::NoFence, "no result of an old attempt");
    }

    #[test]
    fn a_lost_lease_that_is_ignored_is_found() {
        expect_found(Broken::LostLeaseIgnored, "no result of an old attempt");
    }

    #[test]
    fn a_write_at_an_old_rev_is_found() {
        expect_found(Broken::NoRevCheck, "the history folds to the live state");
    }

    #[test]
    fn a_state_that_no_record_tells_of_is_found() {
        expect_found(Broken::OtherState, "the history folds to the live state");
    }

    #[test]
    fn a_result_that_is_taken_twice_is_found() {
        expect_found(Broken::CommittedTwice, "one result per visit and branch");
    }

    #[test]
    fn what_is_said_twice_is_found() {
        expect_found(Broken::SaidTwice, "a thread tells what was taken, once");
    }

    #[test]
    fn a_record_that_is_lost_is_found() {
        expect_found(Broken::RecordLost, "seqs and revs have no gaps");
    }

    #[test]
    fn work_of_a_run_that_ended_is_found() {
        expect_found(Broken::EndedRunsHandedOut, "nothing starts after the end");
    }

    #[test]
    fn a_timer_that_fires_early_is_found() {
        expect_found(Broken::TimersEarly, "no timer fires early or twice");
    }

    #[test]
    fn a_timer_that_fires_twice_is_found() {
        expect_found(Broken::TimersTwice, "no timer fires early or twice");
    }

    #[test]
    fn a_key_of_every_attempt_is_found() {
        expect_found(Broken::KeyOfTheAttempt, "each effect counts once");
    }

    #[test]
    fn a_key_that_is_used_again_on_reentry_is_found() {
        expect_found(Broken::KeyOfTheState, "a key belongs to one visit");
    }

    #[test]
    fn work_that_is_never_filed_is_found() {
        expect_found(Broken::TasksNotFiled, "every run has ended or waits for a named thing");
    }

    #[test]
    fn what_is_left_of_an_ended_run_is_found() {
        expect_found(Broken::LaunchesForgotten, "no task is left of an ended run");
    }

    #[test]
    fn a_launch_that_makes_two_runs_is_found() {
        expect_found(Broken::LaunchedTwice, "a parent learns its child's outcome once");
    }

    #[test]
    fn a_child_that_outlives_its_parent_is_found() {
        expect_found(Broken::LaunchesForgotten, "a parent learns its child's outcome once");
    }

    #[test]
    fn work_that_begins_over_a_limit_is_found() {
        let found = (0..60).any(|seed| {
            let mut world = spenders(seed, Some(Broken::LimitsIgnored));
            world.settle();
            checkers::problems(&world).contains_key("nothing starts once a limit is passed")
        });
        assert!(found, "no world in which it is noticed");
    }

    /// Asserts that in some world of runs that go back the checker of this name finds what is broken.
    fn expect_found_in_travels(broken: Broken, checker: &str) {
        let found = (0..30)
            .any(|seed| checkers::problems(&travellers(seed, Some(broken))).contains_key(checker));
        assert!(found, "no world in which {broken:?} is noticed by `{checker}`");
    }

    #[test]
    fn a_piece_that_is_not_made_good_is_found() {
        expect_found_in_travels(Broken::PieceForgotten, "all is made good once, last first");
    }

    #[test]
    fn making_good_in_the_wrong_order_is_found() {
        expect_found_in_travels(Broken::FirstThingsFirst, "all is made good once, last first");
    }

    #[test]
    fn work_that_goes_on_while_a_run_makes_good_is_found() {
        expect_found_in_travels(Broken::AheadMeanwhile, "nothing else happens meanwhile");
    }

    #[test]
    fn making_good_under_the_key_of_the_work_is_found() {
        expect_found_in_travels(Broken::KeyOfTheWork, "a key belongs to one visit");
    }

    #[test]
    fn work_that_was_cut_off_and_is_forgotten_is_found() {
        expect_found_in_travels(Broken::CutOffForgotten, "what was begun is named");
    }

    #[test]
    fn a_time_that_begins_two_runs_is_found() {
        expect_found(Broken::BegunTwice, "each occurrence begins one run");
    }

    #[test]
    fn a_time_that_begins_no_run_is_found() {
        expect_found(Broken::NotBegun, "each occurrence begins one run");
    }

    #[test]
    fn a_run_that_does_not_wait_for_the_one_before_is_found() {
        expect_found(Broken::OverlapIgnored, "each occurrence begins one run");
    }

    #[test]
    fn a_bound_that_is_forgotten_is_found() {
        let found = (0..60).any(|seed| {
            let world = narrow(seed, Some(Broken::BoundsForgotten));
            checkers::problems(&world)
                .contains_key("no more goes on at once than its workflow allows")
        });
        assert!(found, "no world in which it is noticed");
    }

    /// Asserts that in some world with a runner for one run the checker finds what is broken.
    fn expect_found_beside(broken: Broken) {
        let found = (0..30).any(|seed| {
            checkers::problems(&beside(seed, Some(broken)))
                .contains_key("a runner for one run does the work of no other")
        });
        assert!(found, "no world in which {broken:?} is noticed");
    }

    #[test]
    fn tasks_of_all_for_a_runner_of_one_are_found() {
        expect_found_beside(Broken::RootIgnored);
    }

    #[test]
    fn a_run_that_is_taken_for_one_below_is_found() {
        expect_found_beside(Broken::RootMistaken);
    }

    #[test]
    fn a_task_that_comes_back_to_whoever_declined_it_is_found() {
        expect_found(Broken::DeclinedHandedOut, "who declined is not asked again");
    }

    #[test]
    fn a_runner_that_takes_too_much_is_found() {
        expect_found(Broken::SlotsIgnored, "no more is done at once than there are slots");
    }
}
