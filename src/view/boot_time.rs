//! The clock that leases are judged by: it also runs while the machine sleeps, and nobody can set it.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Microseconds of a clock that also runs while the machine sleeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct BootTime(pub i64);

impl BootTime {
    pub(super) fn now() -> Self {
        #[cfg(target_os = "linux")]
        let time = clock_gettime(ClockId::Boottime);
        #[cfg(not(target_os = "linux"))]
        let time = clock_gettime(ClockId::Monotonic);
        Self(time.tv_sec * 1_000_000 + time.tv_nsec / 1_000)
    }

    pub(super) fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }

    /// How long until then; zero once it has passed.
    pub(super) fn remaining(self) -> Duration {
        Self::now().until(self)
    }

    /// How long from here until then; zero where that comes before.
    pub(super) fn until(self, then: Self) -> Duration {
        Duration::from_micros(u64::try_from(then.0.saturating_sub(self.0)).unwrap_or(0))
    }
}
