//! When an open loop asks: by a plan that no answer moves, so that a slow answer makes the next ones late instead of fewer.

use std::time::Duration;

/// Arrivals at an even rate, by their number.
#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    rate: f64,
}

impl Schedule {
    /// So many a second.
    pub fn new(rate: f64) -> Self {
        Self { rate }
    }

    /// When an arrival is meant to be, after the beginning. Its latency counts from there, however late it is sent: who was kept
    /// waiting by the answer before would have waited, had it been another caller.
    pub fn intended(&self, arrival: u64) -> Duration {
        Duration::from_secs_f64(arrival as f64 / self.rate)
    }

    /// How many arrivals are meant to have been by then.
    pub fn due(&self, elapsed: Duration) -> u64 {
        (elapsed.as_secs_f64() * self.rate).floor() as u64 + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);
    const SECOND: Duration = Duration::from_secs(1);
    /// A server that answers in a millisecond, but stands still from the fourth second to the fifth.
    const STALL: (Duration, Duration) = (Duration::from_secs(4), Duration::from_secs(5));
    const END: Duration = Duration::from_secs(10);

    fn answered(asked: Duration) -> Duration {
        let begun = if (STALL.0..STALL.1).contains(&asked) { STALL.1 } else { asked };
        begun + MILLISECOND
    }

    /// The latencies that one caller sees which asks on schedule, as far as answers let it.
    fn open_loop(schedule: Schedule) -> Vec<Duration> {
        let mut free = Duration::ZERO;
        let arrivals = (0..schedule.due(END)).map(|arrival| schedule.intended(arrival));
        let ask = |intended: Duration| {
            free = answered(free.max(intended));
            free - intended
        };
        arrivals.map(ask).collect()
    }

    /// The latencies that it sees if it asks again once it has its answer, and counts from there.
    fn closed_loop() -> Vec<Duration> {
        let (mut now, mut latencies) = (Duration::ZERO, Vec::new());
        while now < END {
            let done = answered(now);
            latencies.push(done - now);
            now = done + MILLISECOND;
        }
        latencies
    }

    fn slower_than(limit: Duration, latencies: &[Duration]) -> usize {
        latencies.iter().filter(|latency| **latency > limit).count()
    }

    #[test]
    fn a_second_of_silence_is_seen_by_all_who_would_have_asked_in_it() {
        let open = open_loop(Schedule::new(500.0));
        // 500 of them came while it stood still, and as many while what had waited was worked off
        assert!((490..=1_010).contains(&slower_than(2 * MILLISECOND, &open)), "{open:?}");
        assert!(slower_than(SECOND / 2, &open) >= 250);
        assert_eq!(slower_than(2 * MILLISECOND, &closed_loop()), 1, "a closed loop does not see it");
    }

    #[test]
    fn arrivals_are_due_when_they_are_meant_to_be() {
        let schedule = Schedule::new(1_000.0);
        assert_eq!(schedule.due(Duration::ZERO), 1);
        assert_eq!(schedule.due(Duration::from_micros(1_500)), 2);
        assert_eq!(schedule.intended(2), Duration::from_millis(2));
        for arrival in 0..5_000 {
            let intended = schedule.intended(arrival);
            assert!(schedule.due(intended + Duration::from_nanos(1)) > arrival, "{arrival}");
            assert!(schedule.due(intended.saturating_sub(Duration::from_nanos(2))) <= arrival + 1, "{arrival}");
        }
    }
}
