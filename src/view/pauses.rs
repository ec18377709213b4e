//! The pauses between attempts to connect again: longer and longer, and never in step with other replicas.

use std::time::Duration;

use uuid::Uuid;

const FIRST: Duration = Duration::from_millis(20);
const LONGEST: Duration = Duration::from_secs(1);

/// A series of pauses.
#[derive(Debug)]
pub(super) struct Pauses {
    next: Duration,
}

impl Default for Pauses {
    fn default() -> Self {
        Self { next: FIRST }
    }
}

impl Pauses {
    /// Waits before the next attempt. A session that lasted begins a new series.
    pub(super) async fn after(&mut self, session: Duration) {
        let pause = if session > LONGEST { FIRST } else { self.next };
        self.next = LONGEST.min(pause * 2);
        tokio::time::sleep(jittered(pause)).await;
    }
}

fn jittered(pause: Duration) -> Duration {
    let random = Uuid::new_v4().as_u64_pair().1 % 1_000;
    pause / 2 + pause.mul_f64(random as f64 / 2_000.0)
}
