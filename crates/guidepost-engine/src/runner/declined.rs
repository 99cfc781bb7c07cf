//! Work that this engine may not do, or lacks what it takes for: left to others from then on, and told once.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use guidepost_store::TaskId;

/// Declined tasks remembered at most. A claim passes over each of them; where more wait, those that were declined longest ago
/// are asked about again, at the pace of looks.
pub(crate) const DECLINED_MAX: usize = 10_000;

/// Reasons remembered at most, so that each is told once. They may name what the data of runs says.
const REASONS_MAX: usize = 1_000;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Declined {
    tasks: Arc<BTreeSet<TaskId>>,
    /// The same, those declined longest ago first.
    order: VecDeque<TaskId>,
    reasons: BTreeSet<String>,
}

impl Declined {
    /// A task was declined. Gives whether the reason is a new one.
    pub(super) fn put(&mut self, task: TaskId, why: &str) -> bool {
        let tasks = Arc::make_mut(&mut self.tasks);
        if tasks.insert(task.clone()) {
            self.order.push_back(task);
        }
        if tasks.len() > DECLINED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            tasks.remove(&oldest);
        }
        if self.reasons.len() >= REASONS_MAX {
            self.reasons.clear();
        }
        self.reasons.insert(why.to_owned())
    }

    /// Whether a task was declined.
    pub(super) fn has(&self, task: &TaskId) -> bool {
        self.tasks.contains(task)
    }

    /// Whether the next one drives out another.
    pub(super) fn is_full(&self) -> bool {
        self.tasks.len() >= DECLINED_MAX
    }

    /// What is not to be claimed.
    pub(super) fn tasks(&self) -> Arc<BTreeSet<TaskId>> {
        Arc::clone(&self.tasks)
    }
}

#[cfg(test)]
mod tests {
    use guidepost_core::id::{Branch, Purpose, RunNo, StateId, Visit};

    use super::*;

    fn task(run: usize) -> TaskId {
        TaskId {
            run: RunNo(i64::try_from(run).unwrap()),
            state: StateId::from("A"),
            visit: Visit(1),
            branch: Branch::WHOLE,
            purpose: Purpose::Work,
        }
    }

    #[test]
    fn of_more_than_can_be_remembered_the_oldest_are_forgotten() {
        let mut declined = Declined::default();
        assert!(declined.put(task(0), "no"));
        for run in 0..DECLINED_MAX {
            assert!(!declined.put(task(run), "no"), "it was told before");
        }
        assert!(declined.is_full() && declined.has(&task(0)));
        assert!(declined.put(task(DECLINED_MAX), "never"));
        assert!(!declined.has(&task(0)) && declined.has(&task(DECLINED_MAX)));
        assert_eq!((declined.tasks().len(), declined.order.len()), (DECLINED_MAX, DECLINED_MAX));
        for reason in 0..REASONS_MAX {
            declined.put(task(1), &reason.to_string());
        }
        assert!(declined.reasons.len() <= REASONS_MAX);
    }
}
