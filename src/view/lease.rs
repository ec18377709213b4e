//! Holds this replica's lease, and tells the others what it has applied. ADR 0010.
//!
//! A renewal counts from before it was asked for, and only once a read of the log whose own snapshot shows it has been
//! applied: a writer that did not see the renewal has committed before that read.

use std::convert::Infallible;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};
use tracing::{debug, info, warn};

use super::View;
use super::boot_time::BootTime;
use super::pauses::Pauses;
use super::position::Position;
use super::progress::Standing;
use crate::store::replicas::{LeaseHolder, Renewal};
use crate::store::{CONNECTION_WAIT, Hosts, StoreError};

/// How long giving a lease back may take. A lease that is not given back delays writes until it ends.
const FAREWELL: Duration = Duration::from_secs(1);

/// Who holds the lease of this replica.
pub(super) struct LeaseKeeper {
    view: View,
    hosts: Hosts,
    /// How often it was renewed, or tried to.
    renewals: i64,
}

/// Whatever ends who holds it, a panic too: nothing is answered that nobody keeps true, and whoever waits for a load is told.
impl Drop for LeaseKeeper {
    fn drop(&mut self) {
        self.view.inner.progress.end_lease();
    }
}

/// Why the connection is given up.
#[derive(Debug, thiserror::Error)]
enum Interruption {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("renew the lease in time")]
    TimedOut,
}

impl LeaseKeeper {
    pub(super) fn new(view: View, hosts: Hosts) -> Self {
        Self { view, hosts, renewals: 0 }
    }

    /// Holds the lease for ever, through every loss of the connection.
    pub(super) async fn run(&mut self) {
        let mut pauses = Pauses::default();
        loop {
            let begun = Instant::now();
            let Err(interruption) = self.hold().await;
            let source = std::error::Error::source(&interruption).map(ToString::to_string);
            warn!(%interruption, source, "failed to hold the lease; connecting again");
            pauses.after(begun.elapsed()).await;
        }
    }

    /// Ends the lease: first here, then for the others.
    pub(super) async fn give_back(self) {
        self.view.inner.progress.end_lease();
        let given_back = async {
            LeaseHolder::connect(&self.hosts, self.view.inner.settings.lease).await?.give_back(self.view.inner.id).await
        };
        match timeout(FAREWELL, given_back).await {
            Ok(Ok(())) => info!("gave the lease back"),
            _ => warn!("failed to give the lease back: writes may wait until it ends"),
        }
    }

    async fn hold(&mut self) -> Result<Infallible, Interruption> {
        let settings = self.view.inner.settings.clone();
        let (limit, within) = (settings.lease / 2, |_| Interruption::TimedOut);
        let connected = LeaseHolder::connect(&self.hosts, settings.lease);
        let holder = timeout(limit + CONNECTION_WAIT, connected).await.map_err(within)??;
        let mut applied = self.view.inner.progress.watch_applied();
        // who does not follow the log would only hold up the writes of those who do
        self.view.caught_up().await;
        loop {
            let next = Instant::now() + settings.heartbeat;
            match timeout(limit, self.renew(&holder)).await {
                Ok(renewed) => renewed?,
                Err(_) => return Err(self.withdraw(&holder, limit).await),
            }
            timeout(limit, self.delete_ended(&holder)).await.map_err(within)??;
            timeout(limit, self.publish_until(next, &holder, &mut applied)).await.map_err(within)??;
        }
    }

    /// Gives the lease back where the database can be reached, and yet the log is not followed: others would wait for this
    /// replica as long as that lasts. Where the database is away the lease runs its course.
    async fn withdraw(&self, holder: &LeaseHolder, limit: Duration) -> Interruption {
        if timeout(limit, holder.answers()).await == Ok(true) {
            self.view.inner.progress.end_lease();
            let _ = timeout(limit, holder.give_back(self.view.inner.id)).await;
        }
        Interruption::TimedOut
    }

    async fn renew(&mut self, holder: &LeaseHolder) -> Result<(), StoreError> {
        self.renewals += 1;
        let asked = BootTime::now();
        let inner = &self.view.inner;
        let applied = inner.progress.place();
        let renewal = Renewal {
            id: inner.id,
            name: &inner.settings.name,
            number: self.renewals,
            lease: inner.settings.lease,
            applied,
            needs: self.view.needs(),
        };
        let mut reads = inner.progress.watch_reads();
        holder.renew(&renewal).await?;
        inner.bell.notify_one();
        // the sender lives as long as the view
        if let Ok(read) = reads.wait_for(|read| read.renewal == Some(self.renewals)).await {
            inner.progress.extend_lease(read.epoch, asked.after(inner.settings.lease));
        }
        Ok(())
    }

    /// Tells the others of everything that is applied from now on, until then.
    async fn publish_until(
        &self,
        next: Instant,
        holder: &LeaseHolder,
        applied: &mut watch::Receiver<Position>,
    ) -> Result<(), StoreError> {
        let asked = &self.view.inner.asked;
        let mut news = async || {
            tokio::select! {
                changed = applied.changed() => changed.is_ok(),
                () = asked.notified() => true,
            }
        };
        while let Ok(true) = timeout_at(next, news()).await {
            if self.view.standing() != Standing::Fresh {
                // the view started over
                break;
            }
            // who comes later asks
            if !self.view.is_alone() {
                holder.publish(self.view.inner.id, self.view.inner.progress.place()).await?;
            }
        }
        Ok(())
    }

    /// Deletes the leases of others that have ended, so that nobody waits for them again.
    async fn delete_ended(&self, holder: &LeaseHolder) -> Result<(), StoreError> {
        for (id, renewals) in self.view.ended_leases() {
            debug!(%id, "deleting a lease that has ended");
            holder.delete(id, renewals).await?;
        }
        Ok(())
    }
}
