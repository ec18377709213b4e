//! What came of the calls: how long each took, by kind of question, and whether it was answered as the world has it.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;
use tonic::Status;

use super::mix::Kind;

/// How finely throughput over time is kept.
pub const SLICE: Duration = Duration::from_millis(250);

/// Latencies in microseconds, three digits of each kept.
#[derive(Debug, Clone)]
pub struct Latencies {
    /// Without one, nothing can be kept: its bounds are constants that fit, so that there always is one.
    histogram: Option<Histogram<u64>>,
}

impl Default for Latencies {
    fn default() -> Self {
        Self { histogram: Histogram::new(3).ok() }
    }
}

impl Latencies {
    /// Keeps one that was met so many times.
    pub fn note(&mut self, latency: Duration, times: u64) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX).max(1);
        if let Some(histogram) = &mut self.histogram {
            // it grows with what it is given
            let _ = histogram.record_n(micros, times);
        }
    }

    pub fn add(&mut self, other: &Self) {
        if let (Some(histogram), Some(other)) = (&mut self.histogram, &other.histogram) {
            let _ = histogram.add(other);
        }
    }

    pub fn count(&self) -> u64 {
        self.histogram.as_ref().map_or(0, Histogram::len)
    }

    /// The latency, in microseconds, that such a part of them is at most. 0 without any.
    pub fn quantile(&self, at: f64) -> u64 {
        self.histogram.as_ref().map_or(0, |histogram| histogram.value_at_quantile(at))
    }

    pub fn summary(&self) -> Summary {
        let max = self.histogram.as_ref().map_or(0, Histogram::max);
        let at = |quantile| self.quantile(quantile);
        Summary { count: self.count(), p50: at(0.5), p90: at(0.9), p99: at(0.99), p99_9: at(0.999), max }
    }
}

/// Latencies in microseconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Summary {
    pub count: u64,
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    pub p99_9: u64,
    pub max: u64,
}

/// What one worker noted, or all of them together.
#[derive(Debug, Clone, Default)]
pub struct Record {
    kinds: [Latencies; 5],
    /// Calls that were answered: a batch is one, a question of a stream is one.
    pub calls: u64,
    /// Answers that are not what the world has, and one of them.
    pub wrong: u64,
    pub wrong_example: Option<String>,
    /// Answers that said that they may be stale.
    pub marked_stale: u64,
    /// Failures by their code, and one of them.
    pub errors: BTreeMap<String, u64>,
    pub error_example: Option<String>,
    /// Calls sent more than a millisecond after they were meant to be.
    pub late: u64,
    /// Of writes: how long they took, and from their return to the first answer that shows them, on whatever replica.
    pub writes: Latencies,
    pub seen_after: Latencies,
    /// Answers given after a write had returned that did not show it.
    pub stale: u64,
    /// Calls answered in each [`SLICE`].
    pub timeline: Vec<u64>,
}

impl Record {
    /// Notes the answers of one call.
    pub fn answered(&mut self, at: Duration, latency: Duration, decisions: impl IntoIterator<Item = Kind>) {
        self.calls += 1;
        for kind in decisions {
            if let Some((_, latencies)) = Kind::ALL.into_iter().zip(&mut self.kinds).find(|(one, _)| *one == kind) {
                latencies.note(latency, 1);
            }
        }
        let slice = (at.as_secs_f64() / SLICE.as_secs_f64()) as usize;
        if self.timeline.len() <= slice {
            self.timeline.resize(slice + 1, 0);
        }
        if let Some(count) = self.timeline.get_mut(slice) {
            *count += 1;
        }
    }

    /// Notes an answer that is not what the world has.
    pub fn wrong(&mut self, example: impl FnOnce() -> String) {
        self.wrong += 1;
        self.wrong_example.get_or_insert_with(example);
    }

    /// Notes a call that failed.
    pub fn failed(&mut self, status: &Status) {
        *self.errors.entry(format!("{:?}", status.code())).or_default() += 1;
        self.error_example.get_or_insert_with(|| status.message().to_owned());
    }

    pub fn add(&mut self, other: Self) {
        self.kinds.iter_mut().zip(&other.kinds).for_each(|(kept, more)| kept.add(more));
        self.calls += other.calls;
        self.wrong += other.wrong;
        self.marked_stale += other.marked_stale;
        self.late += other.late;
        self.stale += other.stale;
        self.writes.add(&other.writes);
        self.seen_after.add(&other.seen_after);
        self.wrong_example = self.wrong_example.take().or(other.wrong_example);
        self.error_example = self.error_example.take().or(other.error_example);
        for (code, count) in other.errors {
            *self.errors.entry(code).or_default() += count;
        }
        self.timeline.resize(self.timeline.len().max(other.timeline.len()), 0);
        self.timeline.iter_mut().zip(other.timeline).for_each(|(kept, more)| *kept += more);
    }

    /// The latencies of one kind of question.
    pub fn of(&self, kind: Kind) -> &Latencies {
        let [direct, team, admin, public, denied] = &self.kinds;
        match kind {
            Kind::Direct => direct,
            Kind::Team => team,
            Kind::Admin => admin,
            Kind::Public => public,
            Kind::Denied => denied,
        }
    }

    /// Those of all kinds.
    pub fn all(&self) -> Latencies {
        let mut all = Latencies::default();
        self.kinds.iter().for_each(|kind| all.add(kind));
        all
    }

    /// Questions that were answered.
    pub fn decisions(&self) -> u64 {
        self.kinds.iter().map(Latencies::count).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_workers_noted_adds_up() {
        let mut one = Record::default();
        one.answered(Duration::ZERO, Duration::from_micros(100), [Kind::Direct, Kind::Denied]);
        let mut other = Record::default();
        other.answered(SLICE * 2, Duration::from_millis(3), [Kind::Denied]);
        other.failed(&Status::unavailable("gone"));
        other.wrong(|| "ann on trees".to_owned());
        one.add(other);
        assert_eq!((one.calls, one.decisions(), one.of(Kind::Denied).count()), (2, 3, 2));
        assert_eq!((one.all().quantile(0.5), one.all().summary().count), (100, 3));
        assert!((2_990..=3_010).contains(&one.all().summary().max));
        assert_eq!(one.timeline, [1, 0, 1]);
        assert_eq!(one.errors.get("Unavailable"), Some(&1));
        assert_eq!((one.wrong, one.wrong_example.as_deref()), (1, Some("ann on trees")));
    }
}
