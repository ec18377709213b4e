//! What this process knows of all replicas: how far each has come, and whose lease has ended. Pure: no lock, no clock.
//!
//! A lease has ended for who has seen the same renewal for as long as it holds. No clock but one's own is asked: see
//! ADR 0010.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::boot_time::BootTime;
use crate::domain::ids::Revision;
use crate::store::replicas::ReplicaRow;

/// Of how many replicas that were not seen yet it is remembered what they said.
const UNSEEN: usize = 1_000;

/// The replicas, as this process has seen them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Replicas {
    seen: BTreeMap<Uuid, Seen>,
    /// The connection on which replicas are heard now.
    hearing: u64,
    /// What replicas said on it before a read of the table showed them.
    heard: BTreeMap<Uuid, Revision>,
}

/// One replica.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Seen {
    /// What people call it.
    pub name: String,
    /// Its last renewal.
    pub renewals: i64,
    /// When this process first saw that renewal: not before it was made.
    pub since: BootTime,
    /// Until when, by this process's clock, it may answer by that renewal.
    pub until: BootTime,
    /// What it has said that it applied.
    pub applied: Revision,
}

impl Replicas {
    /// Takes in a read of the table that was over at `now`. Who is not in it has given its lease back, or is known by others
    /// to have lost it.
    pub(super) fn observe(&mut self, rows: &[ReplicaRow], now: BootTime) {
        self.seen.retain(|id, _| rows.iter().any(|row| row.id == *id));
        for row in rows {
            match self.seen.get_mut(&row.id) {
                Some(seen) if seen.renewals == row.renewals => seen.applied = seen.applied.max(row.applied),
                Some(seen) => *seen = Seen { applied: seen.applied.max(row.applied), ..Seen::of(row, now) },
                None => {
                    let said = self.heard.remove(&row.id).unwrap_or(row.applied);
                    let applied = said.max(row.applied);
                    self.seen.insert(row.id, Seen { applied, ..Seen::of(row, now) });
                }
            }
        }
    }

    /// Begins to hear replicas on another connection, and returns its number. What they said before was about what a crash
    /// of the server may have lost; their renewals were not.
    pub(super) fn hear_anew(&mut self) -> u64 {
        self.hearing += 1;
        self.heard.clear();
        self.seen.values_mut().for_each(|seen| seen.applied = Revision(-1));
        self.hearing
    }

    /// A replica says, on that connection, that it has applied everything up to `applied`. `false` where that is nothing new.
    pub(super) fn acknowledge(&mut self, hearing: u64, id: Uuid, applied: Revision) -> bool {
        match self.seen.get_mut(&id) {
            Some(seen) if hearing == self.hearing && seen.applied < applied => {
                seen.applied = applied;
                true
            }
            Some(_) => false,
            None if hearing == self.hearing && self.heard.len() < UNSEEN => {
                let said = self.heard.entry(id).or_insert(applied);
                *said = applied.max(*said);
                false
            }
            None => false,
        }
    }

    /// Forgets what replicas said: it was about another history.
    pub(super) fn forget(&mut self) {
        self.seen.clear();
        self.heard.clear();
    }

    /// Who may still answer at `now` without having applied `revision`.
    pub(super) fn behind(&self, revision: Revision, now: BootTime) -> impl Iterator<Item = (&Uuid, &Seen)> {
        self.seen.iter().filter(move |(_, seen)| seen.applied < revision && now < seen.until)
    }

    /// Whose lease has ended, and with which renewal.
    pub(super) fn ended(&self, now: BootTime) -> impl Iterator<Item = (Uuid, i64)> {
        self.seen.iter().filter(move |(_, seen)| now >= seen.until).map(|(id, seen)| (*id, seen.renewals))
    }

    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = (&Uuid, &Seen)> {
        self.seen.iter()
    }
}

impl Seen {
    fn of(row: &ReplicaRow, now: BootTime) -> Self {
        // two clocks that run side by side differ by far less than a hundredth
        let until = now.after(row.lease + row.lease / 100);
        Self { name: row.name.clone(), renewals: row.renewals, since: now, until, applied: row.applied }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SECOND: i64 = 1_000_000;

    fn row(id: u128, renewals: i64, applied: i64) -> ReplicaRow {
        let lease = Duration::from_secs(10);
        ReplicaRow { id: Uuid::from_u128(id), name: String::new(), renewals, lease, applied: Revision(applied) }
    }

    fn behind(replicas: &Replicas, revision: i64, second: i64) -> Vec<u128> {
        replicas.behind(Revision(revision), BootTime(second * SECOND)).map(|(id, _)| id.as_u128()).collect()
    }

    #[test]
    fn a_lease_ends_once_the_same_renewal_was_seen_for_that_long() {
        let mut replicas = Replicas::default();
        replicas.observe(&[row(1, 7, 4), row(2, 7, 5)], BootTime(0));
        assert_eq!(behind(&replicas, 5, 0), [1], "the other one has applied it");
        replicas.observe(&[row(1, 7, 4), row(2, 7, 5)], BootTime(9 * SECOND));
        assert_eq!(behind(&replicas, 5, 10), [1], "a hundredth is added");
        assert!(behind(&replicas, 5, 11).is_empty());
        assert_eq!(replicas.ended(BootTime(11 * SECOND)).count(), 2);
    }

    #[test]
    fn a_renewal_begins_the_lease_anew_and_what_was_applied_stays() {
        let mut replicas = Replicas::default();
        replicas.observe(&[row(1, 7, 4)], BootTime(0));
        assert!(replicas.acknowledge(0, Uuid::from_u128(1), Revision(6)));
        replicas.observe(&[row(1, 8, 5)], BootTime(9 * SECOND));
        assert!(behind(&replicas, 6, 9).is_empty(), "it said so before the renewal");
        assert_eq!(behind(&replicas, 7, 18), [1]);
        assert!(behind(&replicas, 7, 20).is_empty());
    }

    #[test]
    fn what_was_heard_on_a_connection_that_was_lost_counts_no_more() {
        let (mut replicas, id) = (Replicas::default(), Uuid::from_u128(1));
        replicas.observe(&[row(1, 7, 4)], BootTime(0));
        assert!(replicas.acknowledge(0, id, Revision(7)));
        // the server crashed, and lost 7; the next write will have that number again
        let hearing = replicas.hear_anew();
        assert_eq!(behind(&replicas, 7, 1), [1]);
        assert!(!replicas.acknowledge(0, id, Revision(7)), "said late, on the old connection");
        replicas.observe(&[row(1, 7, 6)], BootTime(SECOND));
        assert_eq!(
            (behind(&replicas, 7, 1), behind(&replicas, 6, 1)),
            (vec![1], vec![]),
            "the table has what is certain"
        );
        assert!(replicas.acknowledge(hearing, id, Revision(7)) && behind(&replicas, 7, 1).is_empty());
        assert!(behind(&replicas, 8, 11).is_empty(), "and its lease goes on from where it was");
    }

    #[test]
    fn what_a_replica_said_before_the_table_showed_it_counts() {
        let (mut replicas, id) = (Replicas::default(), Uuid::from_u128(1));
        assert!(!replicas.acknowledge(0, id, Revision(7)) && !replicas.acknowledge(0, id, Revision(6)));
        // it had written down 5, and says nothing more before there is something new
        replicas.observe(&[row(1, 7, 5)], BootTime(0));
        assert!(behind(&replicas, 7, 1).is_empty());
        assert_eq!(behind(&replicas, 8, 1), [1]);
        // what it said on a connection that was lost, or of a history that was, counts no more
        for mut other in [replicas.clone(), Replicas::default()] {
            assert!(!other.acknowledge(0, Uuid::from_u128(2), Revision(7)));
            other.hear_anew();
            other.observe(&[row(2, 7, 5)], BootTime(0));
            assert_eq!(behind(&other, 7, 1).last(), Some(&2));
        }
        assert!(!replicas.acknowledge(0, Uuid::from_u128(3), Revision(7)));
        replicas.forget();
        replicas.observe(&[row(3, 7, 5)], BootTime(0));
        assert_eq!(behind(&replicas, 7, 1), [3]);
    }

    #[test]
    fn who_gave_its_lease_back_is_waited_for_no_more() {
        let mut replicas = Replicas::default();
        replicas.observe(&[row(1, 7, 4)], BootTime(0));
        replicas.observe(&[], BootTime(SECOND));
        assert!(behind(&replicas, 5, 1).is_empty());
        assert!(!replicas.acknowledge(0, Uuid::from_u128(1), Revision(6)));
        assert_eq!(replicas.all().count(), 0, "a late word of it makes no replica");
    }
}
