//! What one can type about limits.

use clap::Args;
use guidepost_core::machine::Limits;
use guidepost_core::time::Span;

use super::Reason;

/// Arguments of `limit`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  guidepost limit r-1                          show what is spent and what is left\n  guidepost limit r-1 --max-cost-usd 5 --note 'worth it'\n  guidepost limit r-1 --max-duration 4h --max-steps 200\n\nThe limits of a run hold for it and all runs below it together. A limit that is passed pauses them all; once it is\nraised they go on where they stood. What was spent is never given back, not by going back either."
)]
pub(crate) struct Limit {
    /// The run that has the limits
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// Longest life, since it began, such as 4h
    #[arg(long, value_name = "SPAN")]
    max_duration: Option<Span>,
    /// Most money, in US dollars
    #[arg(long, value_name = "USD", value_parser = usd)]
    max_cost_usd: Option<f64>,
    /// Most tokens
    #[arg(long, value_name = "N")]
    max_tokens: Option<u64>,
    /// Most calls of a model
    #[arg(long, value_name = "N")]
    max_llm_calls: Option<u64>,
    /// Most steps entered
    #[arg(long, value_name = "N")]
    max_steps: Option<u64>,
    /// Most runs launched below it
    #[arg(long, value_name = "N")]
    max_launches: Option<u64>,
    /// Why.
    #[command(flatten)]
    pub(crate) reason: Reason,
}

impl Limit {
    /// Those to set.
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            max_duration: self.max_duration,
            max_cost_usd: self.max_cost_usd,
            max_tokens: self.max_tokens,
            max_llm_calls: self.max_llm_calls,
            max_steps: self.max_steps,
            max_launches: self.max_launches,
            ..Limits::default()
        }
    }
}

fn usd(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(amount) if amount.is_finite() && amount >= 0.0 => Ok(amount),
        _ => Err("expected an amount of US dollars, as in 1.50".to_owned()),
    }
}
