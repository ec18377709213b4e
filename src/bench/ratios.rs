//! Compares two things on a machine that is not quiet: short rounds of each in turn, and the median of their ratios.
//!
//! Two figures that were measured minutes apart on a shared machine say little about one another; two that were measured
//! within the same second do.

use serde::Serialize;

/// What one side comes to against the other, over all rounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Ratio {
    /// The median of the rounds of each side.
    pub one: f64,
    pub other: f64,
    /// The quartiles of the rounds' ratios, one to other.
    pub low: f64,
    pub middle: f64,
    pub high: f64,
    pub rounds: usize,
}

impl Ratio {
    /// Of pairs that were measured in turn. `None` without any, or where nothing was measured on the other side.
    pub fn of(pairs: &[(f64, f64)]) -> Option<Self> {
        let ratios: Vec<f64> = pairs.iter().map(|(one, other)| one / other).collect();
        if ratios.iter().any(|ratio| !ratio.is_finite()) {
            return None;
        }
        let (ones, others): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
        Some(Self {
            one: quantile(&ones, 0.5)?,
            other: quantile(&others, 0.5)?,
            low: quantile(&ratios, 0.25)?,
            middle: quantile(&ratios, 0.5)?,
            high: quantile(&ratios, 0.75)?,
            rounds: pairs.len(),
        })
    }
}

/// The figure that such a part of them is at most.
fn quantile(figures: &[f64], at: f64) -> Option<f64> {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = (sorted.len().checked_sub(1)? as f64 * at).round() as usize;
    sorted.get(place).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_round_that_went_wrong_moves_nothing() {
        let mut pairs: Vec<(f64, f64)> = (1..=9).map(|round| (f64::from(round) * 1.1, f64::from(round))).collect();
        pairs[4] = (500.0, 1.0);
        let ratio = Ratio::of(&pairs).unwrap();
        assert!((ratio.middle - 1.1).abs() < 1e-9 && (ratio.low - 1.1).abs() < 1e-9, "{ratio:?}");
        assert!((ratio.high - 1.1).abs() < 1e-9, "{ratio:?}");
        assert_eq!(ratio.rounds, 9);
    }

    #[test]
    fn a_machine_that_grows_slower_does_not_look_like_a_difference() {
        let pairs: Vec<(f64, f64)> = (1..=20).map(|round| (f64::from(round * 2), f64::from(round * 2))).collect();
        assert!((Ratio::of(&pairs).unwrap().middle - 1.0).abs() < 1e-9);
    }

    #[test]
    fn nothing_measured_is_no_ratio() {
        assert_eq!(Ratio::of(&[]), None);
        assert_eq!(Ratio::of(&[(1.0, 0.0)]), None);
    }
}
