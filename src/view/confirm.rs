//! When a write holds everywhere: every replica has applied it, or may not answer any more. ADR 0010.

use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::boot_time::BootTime;
use super::error::Unconfirmed;
use super::replicas::{Replicas, Seen};
use super::{View, until};
use crate::domain::ids::{Place, Revision};
use crate::store::replicas::ReplicaRow;

/// A replica as this one knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownReplica {
    /// Of one run of one process.
    pub id: Uuid,
    /// What people call it.
    pub name: String,
    /// Whether it is this one.
    pub is_self: bool,
    /// What it was last known to have applied.
    pub applied: Revision,
    /// How long ago its last renewal was first seen.
    pub seen: Duration,
    /// How long writes may yet have to wait for it; zero: its lease has ended.
    pub lease_left: Duration,
}

impl View {
    /// Waits until a write that was just committed holds everywhere. Cancel-safe.
    ///
    /// # Errors
    /// [`Unconfirmed`], at the deadline or where the write was lost.
    pub async fn wait_for_replicas(&self, write: Place, deadline: Option<Instant>) -> Result<(), Unconfirmed> {
        let epoch = match until(deadline, self.seen(write)).await {
            Some(epoch) => epoch.ok_or(Unconfirmed::Lost)?,
            // who else there is is not known either
            None => return Err(Unconfirmed::Behind { names: vec![self.inner.settings.name.clone()] }),
        };
        // the read that showed the write has shown who held a lease after it was committed
        match until(deadline, self.all_applied(write.revision, epoch)).await {
            Some(true) => Ok(()),
            Some(false) => Err(Unconfirmed::Lost),
            None => {
                let replicas = self.inner.replicas.borrow();
                let names = self.behind(&replicas, write.revision).map(|seen| seen.name.clone()).collect();
                Err(Unconfirmed::Behind { names })
            }
        }
    }

    /// Waits until that very write has been applied here, and says in which epoch; `None` where the history went on without
    /// it.
    async fn seen(&self, write: Place) -> Option<u64> {
        let progress = &self.inner.progress;
        // the commit has rung the bell
        let mut applied = progress.watch_applied();
        loop {
            applied.mark_unchanged();
            // before the question whether it was applied: what comes in between must not read as a history without it
            let position = progress.position();
            if progress.has_applied(write) && progress.position().epoch() == position.epoch() {
                return Some(position.epoch());
            }
            if position.revision() >= write.revision && progress.position().epoch() == position.epoch() {
                return None;
            }
            // the sender lives as long as the view
            let _ = applied.changed().await;
        }
    }

    /// All replicas that there are, by name.
    pub fn replicas(&self) -> Vec<KnownReplica> {
        let now = BootTime::now();
        let known = self.inner.replicas.borrow();
        let mut replicas: Vec<_> = known
            .all()
            .map(|(id, seen)| {
                let is_self = *id == self.inner.id;
                KnownReplica {
                    id: *id,
                    name: seen.name.clone(),
                    is_self,
                    applied: if is_self { self.token().revision } else { seen.applied },
                    seen: seen.since.until(now),
                    lease_left: now.until(seen.until),
                }
            })
            .collect();
        replicas.sort_by(|one, other| (&one.name, one.id).cmp(&(&other.name, other.id)));
        replicas
    }

    /// Waits until nobody may answer without having applied it; `false` where the epoch that it was seen in is over.
    async fn all_applied(&self, revision: Revision, epoch: u64) -> bool {
        let mut replicas = self.inner.replicas.subscribe();
        loop {
            replicas.mark_unchanged();
            let next_end = self.next_end(revision);
            // after the look: a new epoch shows here before its replicas show there
            if self.inner.progress.position().epoch() != epoch {
                return false;
            }
            let Some(next_end) = next_end else { return true };
            tokio::select! {
                _ = replicas.changed() => {}
                () = tokio::time::sleep(next_end.remaining()) => {}
            }
        }
    }

    /// When the first lease ends of those that have not applied it; `None` where there is none.
    fn next_end(&self, revision: Revision) -> Option<BootTime> {
        self.behind(&self.inner.replicas.borrow(), revision).map(|seen| seen.until).min()
    }

    /// The others that have not applied it, and may answer.
    fn behind<'a>(&self, replicas: &'a Replicas, revision: Revision) -> impl Iterator<Item = &'a Seen> {
        let own = self.inner.id;
        replicas.behind(revision, BootTime::now()).filter(move |(id, _)| **id != own).map(|(_, seen)| seen)
    }

    /// Whether no other replica held a lease when the log was last read.
    pub(super) fn is_alone(&self) -> bool {
        self.inner.replicas.borrow().all().all(|(id, _)| *id == self.inner.id)
    }

    /// Takes in who holds a lease.
    pub(super) fn observe_replicas(&self, rows: &[ReplicaRow]) {
        self.inner.replicas.send_modify(|replicas| replicas.observe(rows, BootTime::now()));
    }

    /// The same, where nothing that was known before counts any more.
    pub(super) fn forget_replicas(&self, rows: &[ReplicaRow]) {
        self.inner.replicas.send_modify(|replicas| {
            replicas.forget();
            replicas.observe(rows, BootTime::now());
        });
    }

    /// Another replica has said what it has applied.
    pub(super) fn acknowledge(&self, hearing: u64, id: Uuid, applied: Revision) {
        self.inner.replicas.send_if_modified(|replicas| replicas.acknowledge(hearing, id, applied));
    }

    /// Begins to hear the others on another connection.
    pub(super) fn hear_anew(&self) -> u64 {
        let mut hearing = 0;
        self.inner.replicas.send_modify(|replicas| hearing = replicas.hear_anew());
        hearing
    }

    /// Waits until the log is followed at all, and no longer than that.
    pub async fn until_followed(&self, limit: Duration) {
        let mut applied = self.inner.progress.watch_applied();
        let _ = tokio::time::timeout(limit, applied.wait_for(|position| position.epoch() > 0)).await;
    }

    /// The leases of others that have ended, and their last renewals.
    pub(super) fn ended_leases(&self) -> Vec<(Uuid, i64)> {
        let replicas = self.inner.replicas.borrow();
        replicas.ended(BootTime::now()).filter(|(id, _)| *id != self.inner.id).collect()
    }
}
