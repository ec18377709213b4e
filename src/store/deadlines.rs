//! Deadlines as PostgreSQL keeps them: a statement ends by itself when its caller has stopped waiting.
//!
//! Whoever asked cancels what it asked for when its time is up. Where that does not arrive, because the process ended or was cut
//! off, the server still ends it, a little later.

use std::time::{Duration, Instant};

/// How much later than the caller the server gives up: who asked is to be told of a deadline, not of a failure.
const GRACE: Duration = Duration::from_millis(250);

/// The `statement_timeout` for such a deadline, in milliseconds. None: it stays as it is.
pub(super) fn statement_timeout(deadline: Option<Instant>) -> Option<i64> {
    let left = deadline?.saturating_duration_since(Instant::now()) + GRACE;
    i64::try_from(left.as_millis()).ok()
}
