//! What callers may use up, as an operator sets it. What each limit is for: `docs/OPERATIONS.md`.

use std::num::NonZeroU32;
use std::time::Duration;

use clap::{Args, value_parser};

use super::time;

const CONNECTIONS: u32 = 10_000;
const LOADING: u32 = 10_000;
const READS: u32 = 256;
const WRITES: u32 = 256;
const STREAMS: u32 = 1_000;

/// How much callers may have of the service at a time.
#[derive(Debug, Clone, Args)]
pub struct LimitOptions {
    /// Connections at a time; one beyond that is closed at once. Never more than the process may have open.
    #[arg(long, env = "ROLEGATE_MAX_CONNECTIONS", value_name = "N", default_value_t = CONNECTIONS,
          value_parser = value_parser!(u32).range(1..=1_000_000))]
    pub max_connections: u32,

    /// How long a new connection may take to begin to speak HTTP/2, 100ms to 5m.
    #[arg(long, env = "ROLEGATE_HANDSHAKE_TIMEOUT", value_name = "TIME", default_value = "10s", value_parser = handshake)]
    pub handshake_timeout: Duration,

    /// How long nothing but pings may go over a connection, 1s to 24h; then it is closed, with the streams on it.
    #[arg(long, env = "ROLEGATE_IDLE_TIMEOUT", value_name = "TIME", default_value = "15m", value_parser = idle)]
    pub idle_timeout: Duration,

    /// How old a connection may become, 1s to 100d; then its caller is told to open another, and calls under way may finish.
    /// Unless set, as old as it likes.
    #[arg(long, env = "ROLEGATE_MAX_CONNECTION_AGE", value_name = "TIME", value_parser = age)]
    pub max_connection_age: Option<Duration>,

    /// Entries of the view that may wait to be loaded from the database; a check that lacks one more is refused. Checks in batches
    /// and streams may fill half of it.
    #[arg(long, env = "ROLEGATE_MAX_LOADING", value_name = "N", default_value_t = LOADING,
          value_parser = value_parser!(u32).range(1..=1_000_000))]
    pub max_loading: u32,

    /// Lists, reads of resources and explanations under way at a time, those that wait for a connection included.
    #[arg(long, env = "ROLEGATE_MAX_READS", value_name = "N", default_value_t = READS,
          value_parser = value_parser!(u32).range(1..=100_000))]
    pub max_reads: u32,

    /// Writes under way at a time, those that wait for locks, connections or replicas included.
    #[arg(long, env = "ROLEGATE_MAX_WRITES", value_name = "N", default_value_t = WRITES,
          value_parser = value_parser!(u32).range(1..=100_000))]
    pub max_writes: u32,

    /// Watches of the log and streams of checks that are open at a time.
    #[arg(long, env = "ROLEGATE_MAX_STREAMS", value_name = "N", default_value_t = STREAMS,
          value_parser = value_parser!(u32).range(1..=100_000))]
    pub max_streams: u32,

    /// Requests a second that one caller may send, in the long run; a check in a batch or a stream counts as one. Unless set, as
    /// many as it likes.
    #[arg(long, env = "ROLEGATE_CALLER_RATE", value_name = "N")]
    pub caller_rate: Option<NonZeroU32>,

    /// Requests that one caller may send at once before its rate counts. Default: those of two seconds, at least 1,000, so that
    /// the largest batch fits.
    #[arg(long, env = "ROLEGATE_CALLER_BURST", value_name = "N", requires = "caller_rate")]
    pub caller_burst: Option<NonZeroU32>,
}

/// What `--help` says: for who starts a service without flags.
impl Default for LimitOptions {
    fn default() -> Self {
        Self {
            max_connections: CONNECTIONS,
            handshake_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(15 * 60),
            max_connection_age: None,
            max_loading: LOADING,
            max_reads: READS,
            max_writes: WRITES,
            max_streams: STREAMS,
            caller_rate: None,
            caller_burst: None,
        }
    }
}

impl LimitOptions {
    /// How many requests a second a caller may send, and how many at once; `None`: as many as it likes.
    pub fn caller_rate(&self) -> Option<(u32, u32)> {
        let rate = self.caller_rate?.get();
        let burst = self.caller_burst.map_or_else(|| rate.saturating_mul(2).max(1_000), NonZeroU32::get);
        Some((rate, burst))
    }
}

fn handshake(text: &str) -> Result<Duration, String> {
    time(text, Duration::from_millis(100), Duration::from_secs(300))
}

fn idle(text: &str) -> Result<Duration, String> {
    time(text, Duration::from_secs(1), Duration::from_secs(24 * 3600))
}

fn age(text: &str) -> Result<Duration, String> {
    time(text, Duration::from_secs(1), Duration::from_secs(100 * 24 * 3600))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        limits: LimitOptions,
    }

    #[test]
    fn a_service_without_flags_has_the_limits_that_the_help_says() {
        let said = Flags::parse_from(["rolegate"]).limits;
        assert_eq!(format!("{said:?}"), format!("{:?}", LimitOptions::default()));
    }

    #[test]
    fn the_burst_of_a_caller_has_room_for_the_largest_batch_unless_set() {
        let rate = |flags: &[&str]| Flags::parse_from(["rolegate"].iter().chain(flags)).limits.caller_rate();
        assert_eq!(rate(&[]), None);
        assert_eq!(rate(&["--caller-rate", "10"]), Some((10, 1_000)));
        assert_eq!(rate(&["--caller-rate", "5000"]), Some((5_000, 10_000)));
        assert_eq!(rate(&["--caller-rate", "5000", "--caller-burst", "5"]), Some((5_000, 5)));
    }
}
