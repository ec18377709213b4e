//! The watcher of the model: the real `Replicas`, built anew from ages, asked, and read again.

use std::time::Duration;

use uuid::Uuid;

use super::super::boot_time::BootTime;
use super::super::replicas::Replicas;
use super::rows::Rows;
use super::world::{Age, Known, LEASE, RowId};
use crate::domain::ids::Revision;
use crate::store::replicas::ReplicaRow;

/// Microseconds of a tick: what the watcher adds to a lease makes whole ticks of it.
const TICK: i64 = 101;

/// How long a row says that its lease is: just less than the ticks that it lasts.
const SAID: Duration = Duration::from_micros(100 * LEASE as u64);

const NOW: BootTime = BootTime(1_000 * TICK);

/// What is known after a read of the table that was over so long ago.
pub(super) fn observe(known: &Rows<Known>, shown: &Rows<Known>, over: Age) -> Rows<Known> {
    let mut replicas = replicas(known);
    let rows: Vec<_> = shown.iter().map(|(id, row)| replica(id, i64::from(row.number), row.applied)).collect();
    replicas.observe(&rows, ago(over));
    let mut known = Rows::default();
    for (id, seen) in replicas.all() {
        let since = Age(LEASE.min(((NOW.0 - seen.since.0) / TICK) as u8));
        let seen = Known { number: seen.renewals as u8, applied: seen.applied.0 as u8, since };
        known.set(Rows::<Known>::id(id.as_u128() as usize), Some(seen));
    }
    known
}

/// Where the write stands at no revision yet, everybody is.
pub(super) fn nobody_is_behind(known: &Rows<Known>, write: Option<usize>) -> bool {
    let write = Revision(write.map_or(i64::MAX, |write| write as i64));
    replicas(known).behind(write, NOW).next().is_none()
}

/// The number with which a lease has ended.
pub(super) fn ended(known: &Rows<Known>, row: RowId) -> Option<u8> {
    let id = replica(row, 0, 0).id;
    replicas(known).ended(NOW).find(|(ended, _)| *ended == id).map(|(_, number)| number as u8)
}

/// Shows the rows as they were, the oldest number first: a number that is yet to come stands as another one until then.
fn replicas(known: &Rows<Known>) -> Replicas {
    let mut replicas = Replicas::default();
    for age in (0..=LEASE).rev().map(Age) {
        let number = |row: Known| if row.since >= age { i64::from(row.number) } else { -1 };
        let rows: Vec<_> = known.iter().map(|(id, row)| replica(id, number(row), row.applied)).collect();
        replicas.observe(&rows, ago(age));
    }
    replicas
}

fn replica(row: RowId, renewals: i64, applied: u8) -> ReplicaRow {
    let id = Uuid::from_u128(Rows::<Known>::place(row) as u128);
    ReplicaRow { id, name: String::new(), renewals, lease: SAID, applied: Revision(i64::from(applied)) }
}

fn ago(age: Age) -> BootTime {
    BootTime(NOW.0 - i64::from(age.0) * TICK)
}
