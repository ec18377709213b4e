//! Records the ends of grants as they come: one after the other, by the database's clock, once however many processes do it.

use std::time::Duration;

use tokio::time::{sleep, timeout};
use tracing::warn;

use super::Log;
use crate::membership::expiries::ExpireCollaborator;
use crate::membership::{MembershipError, WriteContext, Writer};
use crate::store::expiries::{self, NextExpiry};

/// The least time between two looks for the next end, however much is written.
const REST: Duration = Duration::from_millis(20);

/// The most time between them: the database's clock may be set on.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// After a failure.
const PAUSE: Duration = Duration::from_secs(1);

/// For ever.
pub(super) async fn run(log: &Log, writer: &Writer) {
    loop {
        // before the look: what is written after it is not missed
        let seen = log.view.token();
        match look(log, writer).await {
            Ok(Some(remaining)) => {
                sleep(REST).await;
                let _ = timeout(remaining.min(LOOK_AGAIN), log.view.moved_on(seen)).await;
            }
            Ok(None) => {}
            Err(failure) => {
                warn!(error = &failure as &dyn std::error::Error, "failed to record the end of a grant");
                sleep(PAUSE).await;
            }
        }
    }
}

/// Records the next end if it has come; says how long there is to wait for it otherwise.
async fn look(log: &Log, writer: &Writer) -> Result<Option<Duration>, MembershipError> {
    let client = log.database.client().await?;
    let next = expiries::next(&client as &crate::store::Client).await;
    client.give_back();
    let Some(NextExpiry { project, subject, remaining }) = next? else { return Ok(Some(LOOK_AGAIN)) };
    if let Some(remaining) = remaining {
        return Ok(Some(remaining));
    }
    // nobody waits for it: what has ended gives nothing anywhere
    let context = WriteContext::default();
    match writer.run(&context, &ExpireCollaborator { project, subject }, |_| ()).await {
        Ok(_) => Ok(None),
        // another process recorded it, or it was moved
        Err(MembershipError::NotFound { .. }) => Ok(Some(Duration::ZERO)),
        Err(failure) => Err(failure),
    }
}
