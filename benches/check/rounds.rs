//! Compares two things on a machine that is not quiet: short rounds of each in turn, and the median of their ratios.
//!
//! Two figures that were measured minutes apart on a shared machine say little about one another; two that were measured
//! within the same second do.

/// What one side costs against the other, over all rounds.
pub struct Comparison {
    /// Medians of each side, in microseconds a call.
    pub one: f64,
    pub other: f64,
    /// The quartiles of the rounds' ratios, one to other.
    pub ratios: [f64; 3],
    pub rounds: usize,
}

/// Runs rounds of both in turn, each pair in the other order than the one before. A round returns `N` figures.
pub fn interleave<const N: usize>(
    rounds: usize,
    mut one: impl FnMut() -> [f64; N],
    mut other: impl FnMut() -> [f64; N],
) -> [Comparison; N] {
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
pub fn compare<const N: usize>(pairs: &[([f64; N], [f64; N])]) -> [Comparison; N] {
    std::array::from_fn(|figure| {
        let (ones, others): (Vec<f64>, Vec<f64>) =
            pairs.iter().map(|(one, other)| (one[figure], other[figure])).unzip();
        let ratios: Vec<f64> = ones.iter().zip(&others).map(|(one, other)| one / other).collect();
        let ratios = [0.25, 0.5, 0.75].map(|at| quantile(&ratios, at));
        Comparison { one: median(&ones), other: median(&others), ratios, rounds: pairs.len() }
    })
}

/// The middle of some figures.
pub fn median(figures: &[f64]) -> f64 {
    quantile(figures, 0.5)
}

/// The figure that such a part of them is below.
pub fn quantile(figures: &[f64], at: f64) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[((sorted.len() - 1) as f64 * at).round() as usize]
}
