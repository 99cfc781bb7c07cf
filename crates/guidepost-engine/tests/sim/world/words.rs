//! What happens in a world, in a few words.

use guidepost_core::input::{Control, Input};
use guidepost_engine::runner::{Effect, Message};
use guidepost_store::Claimed;

/// The name of an effect, as in [`crate::faults::EFFECTS`].
pub(super) fn name_of(effect: &Effect) -> &'static str {
    match effect {
        Effect::Claim(_) => "Claim",
        Effect::FindDue { .. } => "FindDue",
        Effect::FindSchedules { .. } => "FindSchedules",
        Effect::MoveSchedule { .. } => "MoveSchedule",
        Effect::Load(_) => "Load",
        Effect::Commit { .. } => "Commit",
        Effect::Quarantine { .. } => "Quarantine",
        Effect::Perform { .. } => "Perform",
        Effect::Abort(_) => "Abort",
        Effect::Extend { .. } => "Extend",
        Effect::Release(_) | Effect::Decline(_) => "Release",
        Effect::Stopped => "Stopped",
    }
}

/// The message once more, if it is one that can come twice: the answer to a call comes once.
pub(super) fn again(message: &Message) -> Option<Message> {
    match message {
        Message::Tick => Some(Message::Tick),
        Message::Wake => Some(Message::Wake),
        Message::Due(Ok(due)) => Some(Message::Due(Ok(due.clone()))),
        Message::Scheduled { until, found: Ok(found) } => {
            Some(Message::Scheduled { until: *until, found: Ok(found.clone()) })
        }
        Message::Extended(Ok(lost)) => Some(Message::Extended(Ok(lost.clone()))),
        Message::Ended { held, outcome } => {
            Some(Message::Ended { held: held.clone(), outcome: outcome.clone() })
        }
        Message::Claimed(_)
        | Message::Due(Err(_))
        | Message::Scheduled { found: Err(_), .. }
        | Message::ScheduleMoved { .. }
        | Message::Loaded { .. }
        | Message::Committed { .. }
        | Message::Extended(Err(_))
        | Message::Stop => None,
    }
}

pub(super) fn kind_of(input: &Input) -> &'static str {
    match input {
        Input::Control { control: Control::Pause, .. } => "a pause",
        Input::Control { control: Control::Resume, .. } => "a resumption",
        Input::Control { control: Control::Cancel, .. } => "a cancellation",
        Input::Restore(_) => "a rollback",
        Input::Compensate(_) => "a cancellation that makes good",
        _ => "an event",
    }
}

/// A message in a few words.
pub(super) fn told(message: &Message) -> String {
    match message {
        Message::Claimed(Ok(claimed)) => format!("claimed {}", named(claimed)),
        Message::Loaded { run, loaded: Ok(loaded) } => {
            format!("loaded {run} {:?}", loaded.as_ref().map(|it| it.run.rev.0))
        }
        Message::Committed { run, outcome: Ok(committed) } => {
            let claimed = named(&committed.claimed);
            let claimed = if claimed.is_empty() { claimed } else { format!(", claimed {claimed}") };
            format!("committed {run} {}{claimed}", committed.rev)
        }
        Message::Committed { run, outcome: Err(error) } => format!("not committed {run}: {error}"),
        Message::Ended { held, outcome } => {
            format!("ended {}/{} {outcome:?}", held.task, held.attempt)
        }
        other => format!("{other:?}"),
    }
}

/// An effect in a few words.
pub(super) fn asked(effect: &Effect) -> String {
    match effect {
        Effect::Commit { run, expected, batch } => {
            let kinds: Vec<&str> = batch.records.iter().map(|record| record.kind()).collect();
            let fence = batch.tasks.fence.as_ref();
            let fence = fence.map(|held| format!("{}/{}", held.task, held.attempt));
            format!("commit {run} at {expected}: {} for {fence:?}", kinds.join(" "))
        }
        Effect::Perform { held, .. } => format!("perform {}/{}", held.task, held.attempt),
        Effect::Claim(claim) => format!("claim {}", claim.limit),
        other => format!("{other:?}"),
    }
}

/// Tasks that were claimed.
fn named(claimed: &[Claimed]) -> String {
    let tasks = claimed.iter().map(|it| {
        let late = if it.timed_out { " late" } else { "" };
        format!("{}/{}{late}", it.task.id, it.task.attempt)
    });
    tasks.collect::<Vec<_>>().join(", ")
}
