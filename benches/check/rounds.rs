//! Compares two things on a machine that is not quiet: short rounds of each in turn, and the median of their ratios.
//!
//! Two figures that were measured minutes apart on a shared machine say little about one another; two that were measured
//! within the same second do.

use rolegate::bench::Ratio;

use crate::shared::quantile;

/// Runs rounds of both in turn, each pair in the other order than the one before. A round returns `N` figures.
pub fn interleave<const N: usize>(
    rounds: usize,
    mut one: impl FnMut() -> [f64; N],
    mut other: impl FnMut() -> [f64; N],
) -> [Option<Ratio>; N] {
    // what is slow only once
    one();
    other();
    let pairs = (0..rounds).map(|round| {
        if round % 2 == 0 {
            let first = one();
            (first, other())
        } else {
            let first = other();
            (one(), first)
        }
    });
    compare(&pairs.collect::<Vec<_>>())
}

/// Compares what pairs of rounds came to.
pub fn compare<const N: usize>(pairs: &[([f64; N], [f64; N])]) -> [Option<Ratio>; N] {
    std::array::from_fn(|figure| {
        Ratio::of(&pairs.iter().map(|(one, other)| (one[figure], other[figure])).collect::<Vec<_>>())
    })
}

/// The middle of some figures.
pub fn median(figures: &[f64]) -> f64 {
    quantile(figures, 0.5)
}
