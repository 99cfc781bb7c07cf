//! What every backend does alike: one case per behaviour, each named by it.
//!
//! [`conformance!`](crate::conformance) makes a test of each case; it is all a backend's own test file needs.

#![expect(clippy::missing_panics_doc, reason = "a case panics exactly if the backend fails it")]

mod bounds;
mod budgets;
mod catalogue;
mod fixture;
mod histories;
mod reads;
mod schedules;
mod tasks;
mod threads;
mod writes;

pub use self::bounds::*;
pub use self::budgets::*;
pub use self::catalogue::*;
pub use self::fixture::Fixture;
pub use self::histories::*;
pub use self::reads::*;
pub use self::schedules::*;
pub use self::tasks::*;
pub use self::threads::*;
pub use self::writes::*;

/// Makes a test of each case of the suite. `$open` is an expression that opens an empty store, as an `Arc<dyn Store>`
/// and whatever must live as long as the test.
#[macro_export]
macro_rules! conformance {
    ($open:expr) => {
        $crate::conformance!(@each $open;
            a_commit_succeeds_only_at_the_expected_rev
            seqs_have_no_gaps_over_commits_and_facts
            a_commit_is_all_or_nothing
            facts_leave_the_rev_as_it_is
            a_start_with_the_same_key_finds_the_first_run
            a_key_is_not_reused_for_other_arguments
            a_run_is_found_by_number_id_and_agent
            an_agent_with_several_live_runs_is_ambiguous
            a_run_needs_its_workflow_and_its_parent
            a_child_knows_its_parent_and_root
            what_is_not_there_is_not_found
            tenants_never_see_each_other
            a_stored_run_is_what_its_records_fold_to
            every_json_value_survives
            of_many_commits_at_one_rev_one_wins
            history_is_read_in_both_directions
            history_is_filtered_by_kind
            a_repeated_request_finds_its_outcome
            a_restored_run_is_what_its_records_fold_to
            a_run_that_makes_good_is_what_its_records_fold_to
            a_run_is_bound_only_to_what_its_workflow_has
            evidence_is_counted_from_a_rev
            only_actions_that_are_done_are_evidence
            a_clean_history_verifies
            a_published_head_stays_in_its_history
            runs_are_listed_newest_first
            runs_are_filtered
            a_listed_run_is_summed_up
            due_runs_are_listed_longest_due_first
            a_workflow_gets_a_new_version_only_for_a_new_structure
            saving_again_rewords_without_undoing_live_edits
            a_text_of_equal_structure_replaces_the_one_before
            live_edits_are_counted
            workflows_are_listed_and_searched
            versions_are_listed_newest_first
            a_task_is_claimed_once_and_not_before_its_time
            a_commit_claims_what_comes_next
            a_task_filed_with_a_lease_is_held_from_the_start
            of_two_attempts_only_the_present_one_counts
            a_lease_is_extended_up_to_the_deadline
            an_attempt_past_its_deadline_is_told
            a_released_task_is_ready_at_once
            a_declined_task_is_as_if_it_had_not_been_claimed
            a_retried_task_is_ready_at_its_time
            an_attempt_gives_one_result
            losses_are_forgiven
            an_answer_to_work_is_none_to_what_makes_it_good
            tasks_end_with_their_run
            a_parked_task_is_ready_when_the_run_it_launched_ends
            a_run_is_launched_by_a_task_that_is_held
            what_was_launched_in_vain_is_left_to_be_cancelled
            only_what_the_ended_branch_launched_is_cancelled
            a_claim_may_be_for_one_tree_of_runs
            tasks_are_listed_in_order
            a_conflict_files_no_task
            a_thread_keeps_its_turns_in_order
            what_a_conflict_would_have_said_is_not_said
            turns_are_read_page_by_page
            one_thread_is_read_alone
            what_is_recorded_is_followed_in_order
            threads_of_like_names_are_kept_apart
            limits_that_are_reached_are_followed
            a_pause_for_a_limit_that_was_raised_is_a_conflict
            a_deleted_run_takes_along_what_is_below_it
            what_is_not_over_is_not_deleted
            schedules_are_kept_with_their_workflow
            schedules_are_listed_and_found_when_due
            a_schedule_moves_on_with_the_run_it_begins
            of_many_who_move_a_schedule_one_begins_a_run
            a_schedule_moves_only_as_it_was_seen
            a_schedule_that_waits_for_its_run_is_not_due
            spending_is_counted_in_every_run_above
            a_limit_is_told_once_in_the_history_of_its_run
            nothing_begins_once_a_limit_is_passed
            a_run_lives_as_long_as_it_may
            a_limit_holds_as_long_as_somebody_lives
            limits_may_be_set_later
            no_more_goes_on_at_once_than_a_workflow_allows
            what_is_held_no_more_makes_room
            what_was_taken_back_is_late_for_nobody
            no_more_runs_begin_than_a_workflow_allows
            a_run_waits_for_no_place_that_waits_for_it
            what_may_begin_is_found_behind_what_may_not
            a_place_is_shared_until_its_run_is_over
            who_waits_longest_is_next_whatever_the_queue
            the_bounds_that_were_saved_last_count
        );
    };
    (@each $open:expr; $($case:ident)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            let (store, _keep) = $open;
            $crate::testing::conformance::$case(
                $crate::testing::conformance::Fixture::new(store),
            ).await;
        })*
    };
}
