//! When the next call is to be made: as soon as the one before is answered, or by a schedule.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use super::schedule::Schedule;

/// From when to when calls count, and until when there are any.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    pub from: Instant,
    pub to: Instant,
}

impl Window {
    /// One that begins after a warm-up, from now on.
    pub fn after(warm_up: Duration, duration: Duration) -> Self {
        let from = Instant::now() + warm_up;
        Self { from, to: from + duration }
    }

    pub fn contains(&self, moment: Instant) -> bool {
        (self.from..self.to).contains(&moment)
    }
}

/// What tells the workers. Cheap to clone.
#[derive(Debug, Clone)]
pub enum Pace {
    /// Each asks again once it is answered.
    Closed,
    /// All of them share the arrivals of a schedule.
    Open(Arc<Arrivals>),
}

/// The arrivals of a schedule, given out one by one as they are due.
#[derive(Debug)]
pub struct Arrivals {
    schedule: Schedule,
    begun: Instant,
    /// Arrivals that are due and that nobody has taken.
    due: Semaphore,
    taken: AtomicU64,
}

impl Pace {
    /// Begins the schedule, where there is one, and keeps it until the window ends. A thread does: the runtime's own clock ticks
    /// in milliseconds, and many calls may be due in one.
    pub fn begin(rate: Option<f64>, window: Window) -> Self {
        let Some(rate) = rate else { return Self::Closed };
        let (schedule, begun) = (Schedule::new(rate), Instant::now());
        let arrivals = Arc::new(Arrivals { schedule, begun, due: Semaphore::new(0), taken: AtomicU64::new(0) });
        let kept = Arc::clone(&arrivals);
        thread::spawn(move || kept.release_until(window.to));
        Self::Open(arrivals)
    }

    /// When the next call was meant to be, once it is time for it. `None`: there is none any more.
    pub async fn next(&self, window: Window) -> Option<Instant> {
        match self {
            Self::Closed => Some(Instant::now()).filter(|now| *now < window.to),
            Self::Open(arrivals) => arrivals.next().await,
        }
    }

    /// How many calls were meant to be within the window, and how many of them nobody had time to make.
    pub fn offered(&self, window: Window) -> Option<(u64, u64)> {
        let Self::Open(arrivals) = self else { return None };
        let before = arrivals.meant_before(window.from);
        let offered = arrivals.meant_before(window.to) - before;
        let taken = arrivals.taken.load(Ordering::SeqCst).saturating_sub(before);
        Some((offered, offered.saturating_sub(taken)))
    }
}

impl Arrivals {
    async fn next(&self) -> Option<Instant> {
        // closed at the end of the window, whatever is still due
        self.due.acquire().await.ok()?.forget();
        let arrival = self.taken.fetch_add(1, Ordering::SeqCst);
        Some(self.begun + self.schedule.intended(arrival))
    }

    fn release_until(&self, end: Instant) {
        let (all, mut released) = (self.meant_before(end), 0);
        while Instant::now() < end {
            let due = self.schedule.due(self.begun.elapsed()).min(all);
            self.due.add_permits(usize::try_from(due - released).unwrap_or(0));
            released = due;
            let next = if due < all { self.begun + self.schedule.intended(due) } else { end };
            thread::sleep(next.saturating_duration_since(Instant::now()));
        }
        self.due.close();
    }

    /// How many arrivals are meant to be before a moment.
    fn meant_before(&self, moment: Instant) -> u64 {
        let elapsed = moment.saturating_duration_since(self.begun);
        let due = self.schedule.due(elapsed);
        // one that is meant to be at the very moment is not before it
        if self.schedule.intended(due - 1) < elapsed { due } else { due - 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_that_is_offered_is_taken_or_missed() {
        let window = Window::after(Duration::from_millis(50), Duration::from_millis(200));
        let pace = Pace::begin(Some(1_000.0), window);
        let mut taken = Vec::new();
        while let Some(intended) = pace.next(window).await {
            assert!(intended <= Instant::now(), "it is not given out before its time");
            taken.push(intended);
        }
        let (offered, dropped) = pace.offered(window).unwrap();
        assert!((199..=201).contains(&offered), "{offered}");
        let within = taken.iter().filter(|intended| window.contains(**intended)).count() as u64;
        assert_eq!(within + dropped, offered);
        assert!(taken.is_sorted());
    }

    #[tokio::test]
    async fn what_nobody_takes_is_dropped() {
        let window = Window::after(Duration::ZERO, Duration::from_millis(50));
        let pace = Pace::begin(Some(1_000.0), window);
        let Pace::Open(arrivals) = &pace else { panic!("it has a rate") };
        while !arrivals.due.is_closed() {
            tokio::task::yield_now().await;
        }
        assert_eq!(pace.next(window).await, None);
        let (offered, dropped) = pace.offered(window).unwrap();
        assert!(offered >= 49 && dropped == offered, "{offered} offered, {dropped} dropped");
    }
}
