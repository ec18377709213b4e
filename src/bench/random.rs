//! Chance that a seed decides: the same on every machine, so that a world and its questions can be made again.
//!
//! SplitMix64; nothing in here is secret.

/// A sequence of numbers that look like chance.
#[derive(Debug, Clone)]
pub struct Random {
    state: u64,
}

/// What the state moves on by, so that every number comes up once.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl Random {
    /// The sequence of that seed.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(STEP);
        scramble(self.state)
    }

    /// The next number below a bound that is not 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.draw()) * u128::from(bound)) >> 64) as u64
    }

    /// The next number of at least 0 and below 1.
    pub fn unit(&mut self) -> f64 {
        (self.draw() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// A number that a seed gives to another number.
pub fn mix(seed: u64, number: u64) -> u64 {
    scramble(seed ^ scramble(number.wrapping_add(STEP)))
}

fn scramble(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_below_a_bound_come_up_evenly() {
        let mut random = Random::new(7);
        let mut counts = [0_u32; 10];
        for _ in 0..100_000 {
            counts[random.below(10) as usize] += 1;
        }
        assert!(counts.iter().all(|count| (9_500..10_500).contains(count)), "{counts:?}");
        assert!((0..1_000).all(|_| (0.0..1.0).contains(&random.unit())));
    }
}
