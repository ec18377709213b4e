//! Deadlines as PostgreSQL keeps them: a statement ends by itself when its caller has stopped waiting.
//!
//! Whoever asked cancels what it asked for when its time is up. Where that does not arrive, because the process ended or was cut
//! off, the server still ends it, a little later.

use std::time::{Duration, Instant};

/// How much later than the caller the server gives up: who asked is to be told of a deadline, not of a failure.
const GRACE: Duration = Duration::from_millis(250);

/// An expression that bounds the statements which come after it in a transaction by what [`statement_timeout`] gives as that
/// parameter; an operator's own limit stays where it is shorter.
macro_rules! bound_statements {
    ($parameter:literal) => {
        concat!(
            "CASE WHEN current_setting('statement_timeout')::interval NOT BETWEEN interval '1 millisecond' AND ",
            $parameter,
            "::bigint * interval '1 millisecond' THEN set_config('statement_timeout', ",
            $parameter,
            "::bigint::text, true) END"
        )
    };
}
pub(super) use bound_statements;

/// The `statement_timeout` for such a deadline, in milliseconds. None: it stays as it is.
pub(super) fn statement_timeout(deadline: Option<Instant>) -> Option<i64> {
    let left = deadline?.saturating_duration_since(Instant::now()) + GRACE;
    i64::try_from(left.as_millis()).ok()
}
