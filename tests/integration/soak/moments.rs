//! What can be said of moments: which revisions had been seen by then, and whether a role that ends had ended.

use std::time::Duration;

use super::history::{Check, ClockSetting, Fault, History, Moment, Outcome, Revision, Write};
use super::world::{Fact, HIGHEST, Value};

/// How closely this process can tell what the database's clock shows.
const DOUBT: i64 = 100_000;

/// The highest revision that somebody had been told of before a moment.
#[derive(Debug)]
pub struct Floor {
    /// By when, the highest so far.
    told: Vec<(Moment, Revision)>,
}

/// The database's clock, which a run sets forth and back.
#[derive(Debug, Clone, Copy)]
pub struct Clock<'a> {
    pub settings: &'a [ClockSetting],
    pub wall_ahead: i64,
    /// How long a replica may go on without asking what the clock shows.
    pub lease: Duration,
}

impl Floor {
    /// Of the writes that were acknowledged: all replicas have them.
    pub fn of_acknowledged(writes: &[Write]) -> Self {
        let told = writes.iter().filter_map(|write| match write.outcome {
            Outcome::Done(token) => Some((write.answered, token.revision)),
            _ => None,
        });
        Self::of(told)
    }

    /// Of all that anybody was told, whoever else may not have it yet.
    pub fn of_everything(history: &History) -> Self {
        let written = history.writes.iter().filter_map(|write| match write.outcome {
            Outcome::Done(token) | Outcome::Committed(token) => Some((write.answered, token.revision)),
            Outcome::Refused(_) | Outcome::Failed(_) | Outcome::Unknown(_) => None,
        });
        let read = history.checks.iter().map(|check| (check.answered, check.at.revision));
        Self::of(written.chain(read))
    }

    fn of(told: impl Iterator<Item = (Moment, Revision)>) -> Self {
        let mut told: Vec<_> = told.collect();
        told.sort_unstable();
        let mut highest = 0;
        for (_, revision) in &mut told {
            highest = highest.max(*revision);
            *revision = highest;
        }
        Self { told }
    }

    /// The highest before that moment.
    pub fn before(&self, moment: Moment) -> Revision {
        let earlier = self.told.partition_point(|(told, _)| *told < moment);
        earlier.checked_sub(1).map_or(0, |last| self.told[last].1)
    }
}

impl Clock<'_> {
    /// The least and the most that a fact gave while a check was under way.
    ///
    /// A role that ends is judged by the database's clock: from its end on it gives nothing, and before that a replica may
    /// end it earlier by at most what it does not know of that clock, which is less than a lease. Where the clock was set shortly
    /// before or meanwhile, it may give its role or nothing.
    pub fn bounds(&self, value: Value, fact: Fact, check: &Check) -> (u8, u8) {
        debug_assert!(value.role <= HIGHEST, "{fact:?}");
        let Some(ends) = value.ends else { return (value.role, value.role) };
        let lease = i64::try_from(self.lease.as_micros()).unwrap_or(i64::MAX);
        let Some(ahead) = self.steady(check.asked - 2 * lease, check.answered) else { return (0, value.role) };
        let shown = |moment: Moment| moment + self.wall_ahead + ahead;
        if shown(check.asked) - DOUBT >= ends {
            (0, 0)
        } else if shown(check.answered) + DOUBT + lease < ends {
            (value.role, value.role)
        } else {
            (0, value.role)
        }
    }

    /// How far the database's clock was ahead all the while; `None` where it was set.
    fn steady(&self, from: Moment, to: Moment) -> Option<i64> {
        let set = |moment| self.settings.partition_point(|setting: &ClockSetting| setting.at < moment);
        let (before, after) = (set(from), set(to));
        let ahead = before.checked_sub(1).map_or(0, |last| self.settings[last].ahead);
        (before == after).then_some(ahead)
    }
}

/// Whether the effects of a fault may have been felt then.
pub fn overlaps(fault: &Fault, recovery: Duration, from: Moment, to: Moment) -> bool {
    let recovered = fault.ended + i64::try_from(recovery.as_micros()).unwrap_or(i64::MAX);
    fault.began <= to && recovered >= from
}
