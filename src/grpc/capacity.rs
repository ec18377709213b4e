//! Who is let in: so much of each class of work at a time, so many requests a second of one caller.
//!
//! Beyond that is refused at once, before anything is done. Checks are not counted here: what is answered from memory takes no
//! place, and what has to be loaded is bounded by the view. So neither lists nor writes can keep a check waiting.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tonic::{Request, Status};
use tracing::warn;

use super::errors;
use super::seldom::Seldom;
use crate::callers::Caller;

/// When one that was refused may try again.
const LATER: Duration = Duration::from_millis(500);

/// How many callers are remembered before those whose burst is whole again are forgotten.
const CALLERS: usize = 10_000;

/// How much is let in.
#[derive(Debug, Clone, Copy)]
pub struct CapacityLimits {
    /// Lists, reads and explanations at a time.
    pub reads: usize,
    /// Writes at a time.
    pub writes: usize,
    /// Streams and watches at a time.
    pub streams: usize,
    /// Requests a second of one caller, and how many at once; `None`: as many as it likes.
    pub caller_rate: Option<(u32, u32)>,
}

/// Lets in what fits.
pub(super) struct Capacity {
    pub(super) reads: Class,
    pub(super) writes: Class,
    pub(super) streams: Class,
    pub(super) callers: Option<CallerRates>,
}

impl Capacity {
    pub(super) fn new(limits: CapacityLimits) -> Self {
        let CapacityLimits { reads, writes, streams, caller_rate } = limits;
        Self {
            reads: Class::new("reads", reads),
            writes: Class::new("writes", writes),
            streams: Class::new("streams", streams),
            callers: caller_rate.map(|(rate, burst)| CallerRates::new(rate, burst)),
        }
    }

    /// Lets a caller send so many requests, if it may send that many now.
    pub(super) fn let_send(&self, caller: Option<&str>, count: usize) -> Result<(), Status> {
        let Some(callers) = &self.callers else { return Ok(()) };
        callers.take(caller.unwrap_or_default(), count, Instant::now()).map_err(errors::caller_rate)
    }
}

/// Who calls, where callers are told apart.
pub(super) fn caller_of<R>(request: &Request<R>) -> Option<&str> {
    request.extensions().get::<Caller>().map(Caller::name)
}

/// The places of one class of work.
pub(super) struct Class {
    name: &'static str,
    places: Arc<Semaphore>,
    full: Seldom,
}

impl Class {
    fn new(name: &'static str, most: usize) -> Self {
        Self { name, places: Arc::new(Semaphore::new(most)), full: Seldom::new() }
    }

    /// A place, for as long as the value lives.
    pub(super) fn enter(&self) -> Result<SemaphorePermit<'_>, Status> {
        self.places.try_acquire().map_err(|_| self.overloaded())
    }

    /// A place that a stream takes with it.
    pub(super) fn enter_for_long(&self) -> Result<OwnedSemaphorePermit, Status> {
        Arc::clone(&self.places).try_acquire_owned().map_err(|_| self.overloaded())
    }

    fn overloaded(&self) -> Status {
        if let Some(count) = self.full.due() {
            let name = self.name;
            warn!(count, "refused {name}: as many are under way as --max-{name} allows");
        }
        errors::overloaded(self.name, LATER)
    }
}

/// How much each caller may still send: for each the moment at which its burst will be whole again, which every request moves on.
pub(super) struct CallerRates {
    /// What one request takes of a second.
    cost: Duration,
    /// How far ahead the moment may be.
    burst: Duration,
    /// A lock for an addition: it is held for nothing that waits.
    whole_at: Mutex<HashMap<Box<str>, Instant>>,
}

impl CallerRates {
    fn new(rate: u32, burst: u32) -> Self {
        let cost = Duration::from_secs(1) / rate.max(1);
        Self { cost, burst: cost.saturating_mul(burst), whole_at: Mutex::default() }
    }

    /// Takes so many requests off what the caller may send, or says how long it has to wait for them.
    fn take(&self, caller: &str, count: usize, now: Instant) -> Result<(), Duration> {
        // what can never fit waits for the whole burst
        let cost = self.cost.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX)).min(self.burst);
        let mut callers = self.whole_at.lock();
        let whole_at = callers.get(caller).copied().unwrap_or(now).max(now) + cost;
        let ahead = whole_at - now;
        if ahead > self.burst {
            return Err(ahead - self.burst);
        }
        if let Some(known) = callers.get_mut(caller) {
            *known = whole_at;
        } else {
            if callers.len() >= CALLERS {
                callers.retain(|_, whole_at| *whole_at > now);
            }
            callers.insert(caller.into(), whole_at);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_may_send_its_burst_and_then_its_rate() {
        let (rates, begun) = (CallerRates::new(100, 10), Instant::now());
        assert!((0..10).all(|_| rates.take("ann", 1, begun).is_ok()));
        assert_eq!(rates.take("ann", 1, begun), Err(Duration::from_millis(10)), "it is told how long to wait");
        assert!(rates.take("bob", 1, begun).is_ok(), "others are none the worse");
        let later = begun + Duration::from_millis(10);
        assert!(rates.take("ann", 1, later).is_ok() && rates.take("ann", 1, later).is_err());
        let long_after = begun + Duration::from_secs(60);
        assert!((0..10).all(|_| rates.take("ann", 1, long_after).is_ok()), "what was not sent is not saved up");
        assert!(rates.take("ann", 1, long_after).is_err());
    }

    #[test]
    fn many_at_once_count_as_many() {
        let (rates, begun) = (CallerRates::new(100, 10), Instant::now());
        assert!(rates.take("ann", 7, begun).is_ok());
        assert_eq!(rates.take("ann", 7, begun), Err(Duration::from_millis(40)));
        assert!(rates.take("ann", 3, begun).is_ok(), "what is refused takes nothing");
        assert!(rates.take("bob", 1_000, begun).is_ok() && rates.take("bob", 1, begun).is_err(), "never more than all");
    }

    #[test]
    fn callers_that_have_not_sent_for_long_are_forgotten() {
        let (rates, begun) = (CallerRates::new(1_000, 10), Instant::now());
        for number in 0..CALLERS {
            rates.take(&number.to_string(), 1, begun).unwrap();
        }
        rates.take("one more", 1, begun + Duration::from_secs(1)).unwrap();
        assert_eq!(rates.whole_at.lock().len(), 1);
    }

    #[test]
    fn what_is_full_refuses_until_somebody_leaves() {
        let class = Class::new("reads", 2);
        let (one, _two) = (class.enter().unwrap(), class.enter_for_long().unwrap());
        assert_eq!(class.enter().unwrap_err().code(), tonic::Code::ResourceExhausted);
        drop(one);
        assert!(class.enter().is_ok());
    }
}
