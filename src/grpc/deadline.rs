//! When a caller stops waiting: the `grpc-timeout` of its request, or the service's own limit.

use std::time::Duration;

use tokio::time::Instant;
use tonic::codegen::http::HeaderName;
use tonic::metadata::MetadataMap;

static TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// What is kept back so that an error with its reason still reaches the caller: a tenth, at most this.
const MARGIN: Duration = Duration::from_millis(25);

/// When work for this request must have an answer.
pub(super) fn deadline(metadata: &MetadataMap, limit: Duration) -> Instant {
    let asked = metadata.as_ref().get(&TIMEOUT).and_then(|value| value.to_str().ok()).and_then(parse);
    let timeout = asked.map_or(limit, |asked| asked.min(limit));
    Instant::now() + (timeout - MARGIN.min(timeout / 10))
}

/// Reads `<at most 8 digits><H|M|S|m|u|n>`.
fn parse(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(count * 3600)),
        "M" => Some(Duration::from_secs(count * 60)),
        "S" => Some(Duration::from_secs(count)),
        "m" => Some(Duration::from_millis(count)),
        "u" => Some(Duration::from_micros(count)),
        "n" => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_read_as_grpc_writes_them() {
        assert_eq!(parse("250m"), Some(Duration::from_millis(250)));
        assert_eq!(parse("99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
        for bad in ["", "m", "5", "5x", "123456789S", "-1S", "5é"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
