//! The middle of a sample, and how sure one may be of it.

/// The median of a sample, and an interval that holds the true median with at least 95 % probability.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Median {
    /// The sample's median.
    pub(crate) middle: f64,
    /// The interval's ends; none if the sample is too small to give one.
    pub(crate) interval: Option<(f64, f64)>,
}

/// The median of a sample, which must not be empty and must hold no NaN.
///
/// The interval runs between two order statistics, the k-th smallest and the k-th largest, with the greatest k for which
/// fewer than k of n fair coins show heads with a probability of at most 2.5 %. It assumes nothing about the distribution
/// but independence. Six values are the fewest that give one.
pub(crate) fn median(sample: &[f64]) -> Option<Median> {
    let mut sorted = sample.to_vec();
    sorted.sort_by(f64::total_cmp);
    let count = sorted.len();
    let upper = *sorted.get(count / 2)?;
    let lower = if count.is_multiple_of(2) { sorted[count / 2 - 1] } else { upper };
    let interval = rank(count).map(|k| (sorted[k - 1], sorted[count - k]));
    Some(Median { middle: lower.midpoint(upper), interval })
}

/// The greatest k for which the probability of fewer than k heads in n throws is at most 2.5 %.
fn rank(count: usize) -> Option<usize> {
    // The probability of exactly `heads` heads, from 0 upwards.
    let throws = f64::from(u32::try_from(count).ok()?);
    let mut exactly = 0.5_f64.powf(throws);
    let mut at_most = exactly;
    let mut k = 0;
    let mut heads = 0.0;
    while at_most <= 0.025 && k < count {
        k += 1;
        exactly *= (throws - heads) / (heads + 1.0);
        heads += 1.0;
        at_most += exactly;
    }
    (k > 0).then_some(k)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ranks_are_those_of_the_published_tables() {
        // Conover, "Practical Nonparametric Statistics": confidence intervals for the median, at least 95 %.
        for (count, k) in [(6, 1), (8, 1), (9, 2), (10, 2), (15, 4), (20, 6), (25, 8), (30, 10)] {
            assert_eq!(rank(count), Some(k), "{count} values");
        }
        for count in 0..6 {
            assert_eq!(rank(count), None, "{count} values are too few");
        }
    }

    #[test]
    fn the_median_lies_in_its_interval() {
        let sample: Vec<f64> = (1..=15).rev().map(f64::from).collect();
        assert_eq!(median(&sample), Some(Median { middle: 8.0, interval: Some((4.0, 12.0)) }));
        let few = [3.0, 1.0, 2.0, 4.0];
        assert_eq!(median(&few), Some(Median { middle: 2.5, interval: None }));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn one_wild_value_does_not_move_it() {
        let mut sample = vec![1.0; 15];
        sample[7] = 1_000_000.0;
        assert_eq!(median(&sample), Some(Median { middle: 1.0, interval: Some((1.0, 1.0)) }));
    }
}
