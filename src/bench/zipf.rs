//! Which project is asked about: a few of them much, most of them seldom, as the law of Zipf says.

use super::random::Random;

/// Ranks from 0, the rank r with a weight of 1 / (r + 1)^exponent. Exact for any number of ranks, and costs the same for all:
/// a point under the continuous curve is drawn, and drawn again where it lies beyond the bar of its rank.
#[derive(Debug, Clone)]
pub struct Zipf {
    ranks: f64,
    exponent: f64,
    /// What the area under the curve runs from, and to.
    area: (f64, f64),
}

impl Zipf {
    /// So many ranks, at least 1. An exponent of 0 makes all of them alike.
    pub fn new(ranks: u64, exponent: f64) -> Self {
        let ranks = ranks.max(1) as f64;
        // the bar of the first rank is as wide as it is high
        let area = (area(1.5, exponent) - 1.0, area(ranks + 0.5, exponent));
        Self { ranks, exponent, area }
    }

    /// A rank by chance.
    pub fn rank(&self, random: &mut Random) -> u64 {
        let (from, to) = self.area;
        loop {
            let point = from + random.unit() * (to - from);
            let rank = place(point, self.exponent).round().clamp(1.0, self.ranks);
            // the curve is convex, so that the bar of a rank fits between its neighbours
            if point >= area(rank + 0.5, self.exponent) - rank.powf(-self.exponent) {
                return rank as u64 - 1;
            }
        }
    }
}

/// The area under x^-exponent from 1 to `place`.
fn area(place: f64, exponent: f64) -> f64 {
    let power = 1.0 - exponent;
    if power.abs() < 1e-9 { place.ln() } else { (place.powf(power) - 1.0) / power }
}

/// Where the area from 1 on comes to that much.
fn place(area: f64, exponent: f64) -> f64 {
    let power = 1.0 - exponent;
    if power.abs() < 1e-9 { area.exp() } else { (1.0 + area * power).max(0.0).powf(1.0 / power) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWS: u32 = 400_000;

    /// How often each rank came up, and how often it should have.
    fn frequencies(ranks: u64, exponent: f64) -> Vec<(f64, f64)> {
        let (zipf, mut random) = (Zipf::new(ranks, exponent), Random::new(11));
        let mut counts = vec![0_u32; ranks as usize];
        for _ in 0..DRAWS {
            counts[zipf.rank(&mut random) as usize] += 1;
        }
        let weights: Vec<f64> = (1..=ranks).map(|rank| (rank as f64).powf(-exponent)).collect();
        let whole: f64 = weights.iter().sum();
        let expected = weights.iter().map(|weight| f64::from(DRAWS) * weight / whole);
        counts.into_iter().map(f64::from).zip(expected).collect()
    }

    #[test]
    fn every_rank_comes_up_as_often_as_its_weight_says() {
        for exponent in [0.0, 0.5, 1.0, 1.1, 2.0] {
            for (rank, (count, expected)) in frequencies(50, exponent).into_iter().enumerate() {
                // six times what chance scatters
                let slack = 6.0 * expected.sqrt() + 1.0;
                assert!((count - expected).abs() < slack, "{exponent}, rank {rank}: {count}, not {expected}");
            }
        }
    }

    #[test]
    fn one_rank_and_ten_million_are_no_special_cases() {
        let mut random = Random::new(3);
        assert!((0..100).all(|_| Zipf::new(1, 1.1).rank(&mut random) == 0));
        let many = Zipf::new(10_000_000, 1.1);
        let highest = (0..10_000).map(|_| many.rank(&mut random)).max();
        assert!(highest.is_some_and(|rank| (100_000..10_000_000).contains(&rank)), "{highest:?}");
    }
}
