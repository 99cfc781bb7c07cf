//! What a run and all runs below it may spend, and have spent.
//!
//! A run whose workflow has limits has a [`Budget`]. Whatever it and the runs below it do is counted there as it is
//! recorded, and never given back: going back in a run does not unspend. Once a limit is passed, no run that spends from
//! the budget begins any work, until the limit is raised.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::RunNo;
use crate::machine::Limits;
use crate::recorded::{FactBody, LimitReached};
use crate::time::{Span, Timestamp};

/// Billionths of a dollar in a dollar: money is counted in whole ones, because sums of fractions drift.
const NANO_PER_USD: f64 = 1e9;

/// Nanoseconds in a second.
const NANO_PER_SECOND: f64 = 1e9;

/// The sort of action that is a call of a model.
const LLM_CALL: &str = "llm_call";

/// What a limit bounds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// The time since the run began.
    MaxDuration,
    /// Money.
    MaxCostUsd,
    /// Tokens.
    MaxTokens,
    /// Calls of a model.
    MaxLlmCalls,
    /// Steps that were entered.
    MaxSteps,
    /// Runs that were launched.
    MaxLaunches,
}

impl Limit {
    /// Every limit, in the order they are told.
    pub const ALL: [Self; 6] = [
        Self::MaxDuration,
        Self::MaxCostUsd,
        Self::MaxTokens,
        Self::MaxLlmCalls,
        Self::MaxSteps,
        Self::MaxLaunches,
    ];

    /// The key that sets it in a definition.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MaxDuration => "max_duration",
            Self::MaxCostUsd => "max_cost_usd",
            Self::MaxTokens => "max_tokens",
            Self::MaxLlmCalls => "max_llm_calls",
            Self::MaxSteps => "max_steps",
            Self::MaxLaunches => "max_launches",
        }
    }

    /// An amount of what it bounds, in the unit people read it in.
    #[must_use]
    pub fn in_words(self, amount: f64) -> String {
        match self {
            #[expect(clippy::cast_possible_truncation, reason = "no span is longer than 292 years")]
            Self::MaxDuration => Span((amount * NANO_PER_SECOND) as i64).to_string(),
            Self::MaxCostUsd => format!("{amount} USD"),
            Self::MaxTokens | Self::MaxLlmCalls | Self::MaxSteps | Self::MaxLaunches => {
                amount.to_string()
            }
        }
    }

    /// An amount counted in whole units, in the unit people read it in.
    #[expect(clippy::cast_precision_loss, reason = "shown to people")]
    fn shown(self, amount: u64) -> f64 {
        match self {
            Self::MaxDuration => amount as f64 / NANO_PER_SECOND,
            Self::MaxCostUsd => amount as f64 / NANO_PER_USD,
            Self::MaxTokens | Self::MaxLlmCalls | Self::MaxSteps | Self::MaxLaunches => {
                amount as f64
            }
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How much of a limit is spent. Durations are in seconds, costs in US dollars, everything else is counted.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Amount {
    /// Which limit.
    pub limit: Limit,
    /// How much was spent.
    pub spent: f64,
    /// How much may be.
    pub max: f64,
    /// How much is left.
    pub left: f64,
}

/// What was spent, in whole units.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Spent {
    /// Billionths of a US dollar.
    pub cost_nano_usd: u64,
    /// Tokens.
    pub tokens: u64,
    /// Calls of a model.
    pub llm_calls: u64,
    /// Steps entered.
    pub steps: u64,
    /// Runs launched.
    pub launches: u64,
}

impl Spent {
    /// So many steps.
    #[must_use]
    pub fn steps(steps: u64) -> Self {
        Self { steps, ..Self::default() }
    }

    /// One run launched.
    #[must_use]
    pub fn launch() -> Self {
        Self { launches: 1, ..Self::default() }
    }

    /// What a fact says was spent: actions tell of model calls, tokens and cost, ends of actions of tokens and cost.
    #[must_use]
    pub fn of_fact(fact: &FactBody) -> Self {
        let of = |llm_calls, tokens: Option<u64>, cost: Option<f64>| Self {
            llm_calls,
            tokens: tokens.unwrap_or_default(),
            cost_nano_usd: cost.map_or(0, nano_usd),
            ..Self::default()
        };
        match fact {
            FactBody::Action(action) => {
                of(u64::from(action.action_type == LLM_CALL), action.tokens, action.cost_usd)
            }
            FactBody::ActionEnded(ended) => of(0, ended.tokens, ended.cost_usd),
            FactBody::Decision(_)
            | FactBody::Message(_)
            | FactBody::Artifact(_)
            | FactBody::Note(_)
            | FactBody::Checkpoint(_)
            | FactBody::LimitReached(_)
            | FactBody::LimitsSet(_) => Self::default(),
        }
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, more: Self) -> Self {
        Self {
            cost_nano_usd: self.cost_nano_usd.saturating_add(more.cost_nano_usd),
            tokens: self.tokens.saturating_add(more.tokens),
            llm_calls: self.llm_calls.saturating_add(more.llm_calls),
            steps: self.steps.saturating_add(more.steps),
            launches: self.launches.saturating_add(more.launches),
        }
    }
}

/// Money in whole billionths of a dollar; what is negative or no number counts nothing.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
fn nano_usd(usd: f64) -> u64 {
    (usd * NANO_PER_USD).round() as u64
}

/// The limits of a run, and what it and all runs below it have spent.
#[derive(Clone, PartialEq, Debug)]
pub struct Budget {
    /// The run that has the limits.
    pub run: RunNo,
    /// When it began.
    pub since: Timestamp,
    /// Its limits, as they were raised.
    pub limits: Limits,
    /// What was spent.
    pub spent: Spent,
    /// What is on record already: the limits nearly reached, and those passed.
    pub told: Vec<(Limit, bool)>,
}

impl Budget {
    /// Nothing spent yet; `None` if there is no limit.
    #[must_use]
    pub fn new(run: RunNo, limits: Limits, since: Timestamp) -> Option<Self> {
        let budget = Self { run, since, limits, spent: Spent::default(), told: Vec::new() };
        let is_limited = Limit::ALL.iter().any(|limit| budget.max(*limit).is_some());
        is_limited.then_some(budget)
    }

    /// Counts what is spent at a time. Gives what is reached by that for the first time, for the record.
    pub fn spend(&mut self, more: Spent, now: Timestamp) -> Vec<LimitReached> {
        self.spent = self.spent.plus(more);
        let reached = Limit::ALL.iter().filter_map(|limit| self.reached(*limit, now));
        let new: Vec<LimitReached> =
            reached.filter(|it| !self.told.contains(&(it.limit, it.is_hard))).collect();
        self.told.extend(new.iter().map(|it| (it.limit, it.is_hard)));
        new
    }

    /// Sets the limits that are given. What is nearly reached, or passed, after that is told anew.
    pub fn set(&mut self, limits: &Limits) {
        let before = self.limits.clone();
        let Limits {
            max_duration,
            max_cost_usd,
            max_tokens,
            max_llm_calls,
            max_steps,
            max_launches,
            max_rollback_steps,
            warn_at,
        } = limits.clone();
        self.limits = Limits {
            max_duration: max_duration.or(before.max_duration),
            max_cost_usd: max_cost_usd.or(before.max_cost_usd),
            max_tokens: max_tokens.or(before.max_tokens),
            max_llm_calls: max_llm_calls.or(before.max_llm_calls),
            max_steps: max_steps.or(before.max_steps),
            max_launches: max_launches.or(before.max_launches),
            max_rollback_steps: max_rollback_steps.or(before.max_rollback_steps),
            warn_at: warn_at.or(before.warn_at),
        };
        let changed = |limit: &Limit| max_of(limits, *limit).is_some();
        self.told.retain(|(limit, _)| !changed(limit));
    }

    /// The first limit that is passed at a time.
    #[must_use]
    pub fn passed(&self, now: Timestamp) -> Option<LimitReached> {
        let reached = Limit::ALL.iter().filter_map(|limit| self.reached(*limit, now));
        reached.into_iter().find(|it| it.is_hard)
    }

    /// From when on a limit is passed, if nothing more is spent: the least time if one is already.
    #[must_use]
    pub fn passed_from(&self) -> Option<Timestamp> {
        match self.passed(self.since) {
            Some(_) => Some(Timestamp(0)),
            None => self.limits.max_duration.map(|most| self.since.after(most)),
        }
    }

    /// What is spent of each limit there is at a time, and what is left.
    #[must_use]
    pub fn amounts(&self, now: Timestamp) -> Vec<Amount> {
        let limits = Limit::ALL.iter().filter_map(|limit| Some((*limit, self.max(*limit)?)));
        let amount = |(limit, max): (Limit, u64)| {
            let spent = self.amount(limit, now);
            let left = limit.shown(max.saturating_sub(spent));
            Amount { limit, spent: limit.shown(spent), max: limit.shown(max), left }
        };
        limits.map(amount).collect()
    }

    /// How a passed limit is told to people, and what they can do about it.
    #[must_use]
    pub fn explained(&self, passed: &LimitReached) -> String {
        let LimitReached { limit, spent, max, .. } = passed;
        let run = self.run;
        format!(
            "`{limit}` of {run} is passed: {} of {}, by it and the runs below it; whoever operates them may raise it: \
             `guidepost limit {run} --{} MORE`",
            limit.in_words(*spent),
            limit.in_words(*max),
            limit.as_str().replace('_', "-"),
        )
    }

    fn reached(&self, limit: Limit, now: Timestamp) -> Option<LimitReached> {
        let (amount, max) = (self.amount(limit, now), self.max(limit)?);
        // A run lives up to its time; of everything else it may spend what it has.
        let is_hard = if limit == Limit::MaxDuration { amount >= max } else { amount > max };
        let (spent, max) = (limit.shown(amount), limit.shown(max));
        let is_soft = self.limits.warn_at.is_some_and(|share| spent >= share * max);
        (is_hard || is_soft).then_some(LimitReached { limit, is_hard, spent, max })
    }

    fn amount(&self, limit: Limit, now: Timestamp) -> u64 {
        match limit {
            Limit::MaxDuration => u64::try_from(now.since(self.since).0).unwrap_or(0),
            Limit::MaxCostUsd => self.spent.cost_nano_usd,
            Limit::MaxTokens => self.spent.tokens,
            Limit::MaxLlmCalls => self.spent.llm_calls,
            Limit::MaxSteps => self.spent.steps,
            Limit::MaxLaunches => self.spent.launches,
        }
    }

    fn max(&self, limit: Limit) -> Option<u64> {
        max_of(&self.limits, limit)
    }
}

fn max_of(limits: &Limits, limit: Limit) -> Option<u64> {
    match limit {
        Limit::MaxDuration => limits.max_duration.map(|span| u64::try_from(span.0).unwrap_or(0)),
        Limit::MaxCostUsd => limits.max_cost_usd.map(nano_usd),
        Limit::MaxTokens => limits.max_tokens,
        Limit::MaxLlmCalls => limits.max_llm_calls,
        Limit::MaxSteps => limits.max_steps,
        Limit::MaxLaunches => limits.max_launches,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorded::{Action, ActionEnded};

    fn budget(limits: Limits) -> Budget {
        Budget::new(RunNo(1), limits, Timestamp(0)).unwrap()
    }

    fn called(cost_usd: f64) -> Spent {
        Spent::of_fact(&FactBody::Action(Action {
            action_type: "llm_call".to_owned(),
            tokens: Some(10),
            cost_usd: Some(cost_usd),
            ..Action::default()
        }))
    }

    #[test]
    fn what_is_allowed_may_be_spent_to_the_last_cent() {
        let mut budget = budget(Limits { max_cost_usd: Some(0.3), ..Limits::default() });
        for _ in 0..3 {
            assert_eq!(budget.spend(called(0.1), Timestamp(1)), []);
        }
        assert_eq!(budget.passed(Timestamp(1)), None);
        let passed = budget.spend(called(0.1), Timestamp(1));
        assert_eq!((passed.len(), passed[0].is_hard, passed[0].spent), (1, true, 0.4));
        assert_eq!(budget.passed_from(), Some(Timestamp(0)));
    }

    #[test]
    fn each_limit_is_warned_of_once_and_passed_once_until_it_is_raised() {
        let limits = Limits { max_llm_calls: Some(4), warn_at: Some(0.5), ..Limits::default() };
        let mut budget = budget(limits);
        let mut told: Vec<bool> = Vec::new();
        for _ in 0..7 {
            told.extend(budget.spend(called(0.0), Timestamp(1)).iter().map(|it| it.is_hard));
        }
        assert_eq!(told, [false, true]);
        budget.set(&Limits { max_llm_calls: Some(8), ..Limits::default() });
        assert_eq!(budget.passed(Timestamp(1)), None);
        told.extend(budget.spend(called(0.0), Timestamp(1)).iter().map(|it| it.is_hard));
        told.extend(budget.spend(called(0.0), Timestamp(1)).iter().map(|it| it.is_hard));
        assert_eq!(told, [false, true, false, true]);
    }

    #[test]
    fn time_is_over_when_it_has_come() {
        let limits = Limits { max_duration: Some(Span(100)), ..Limits::default() };
        let budget = Budget { since: Timestamp(5), ..budget(limits) };
        assert_eq!(budget.passed_from(), Some(Timestamp(105)));
        assert_eq!(budget.passed(Timestamp(104)), None);
        assert!(budget.passed(Timestamp(105)).is_some_and(|it| it.is_hard));
    }

    #[test]
    fn a_run_without_limits_has_no_budget() {
        let back = Limits { max_rollback_steps: Some(3), ..Limits::default() };
        assert_eq!(Budget::new(RunNo(1), back, Timestamp(0)), None);
    }

    #[test]
    fn the_end_of_an_action_tells_of_tokens_and_cost_and_of_no_call() {
        let ended = ActionEnded { tokens: Some(7), cost_usd: Some(1.5), ..ActionEnded::default() };
        let spent = Spent::of_fact(&FactBody::ActionEnded(ended));
        assert_eq!(spent, Spent { tokens: 7, cost_nano_usd: 1_500_000_000, ..Spent::default() });
    }
}
