//! Forgets the oldest of the log.
//!
//! In two steps, so that nothing goes that somebody reads: first the log is said to start later, and who begins to read
//! before that is refused; a lease later every replica that lives has said what it still needs, and the rest is deleted.

use std::time::Duration;

use tokio::time::sleep;
use tracing::{info, warn};

use super::Log;
use crate::store::StoreError;
use crate::store::retention::{self, Start};

/// Clocks that do not run alike: a hundredth and a little.
const MARGIN: Duration = Duration::from_millis(50);

/// For ever: what is older than `age`.
pub(super) async fn run(log: &Log, age: Duration) {
    let pause = (age / 100).clamp(Duration::from_secs(1), Duration::from_secs(3_600));
    loop {
        if let Err(failure) = forget(log, age).await {
            warn!(error = &failure as &dyn std::error::Error, "failed to prune the log of changes");
        }
        sleep(pause).await;
    }
}

async fn forget(log: &Log, age: Duration) -> Result<(), StoreError> {
    let client = log.database.client().await?;
    let raised = retention::raise_start(&client, age).await;
    client.give_back();
    let Start { revision, longest_lease } = raised?;
    sleep(longest_lease + longest_lease / 100 + MARGIN).await;
    let mut gone = 0;
    loop {
        let mut client = log.database.client().await?;
        let pruned = retention::prune(&mut client, revision).await;
        client.give_back();
        match pruned? {
            0 => break,
            more => gone += more,
        }
    }
    if gone > 0 {
        info!(through = revision.0, writes = gone, "pruned the log of changes");
    }
    Ok(())
}
