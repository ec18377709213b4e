//! Forgets requests once a day has passed: whoever sends one again after that writes anew.

use std::time::Duration;

use tokio::time::sleep;
use tracing::{info, warn};

use super::Log;
use crate::store::{StoreError, requests};

/// Between two looks for what is old. What is not forgotten yet is not answered any more either.
const PAUSE: Duration = Duration::from_secs(600);

/// For ever.
pub(super) async fn run(log: &Log) {
    loop {
        match forget(log).await {
            Ok(0) => {}
            Ok(gone) => info!(requests = gone, "forgot what was written under the ids of requests a day ago"),
            Err(failure) => warn!(error = &failure as &dyn std::error::Error, "failed to forget old requests"),
        }
        sleep(PAUSE).await;
    }
}

async fn forget(log: &Log) -> Result<u64, StoreError> {
    let mut gone = 0;
    loop {
        let client = log.database.client().await?;
        let forgotten = requests::forget(&client).await;
        client.give_back();
        match forgotten? {
            0 => return Ok(gone),
            more => gone += more,
        }
    }
}
