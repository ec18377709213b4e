//! What there is in the model of the leases: two servers, replicas, and a writer that watches them.
//!
//! Only how long ago something was is kept, up to a lease, never the time itself: so time has no end here. All ages
//! grow at the same tick, as boot clocks do; who is slow, paused or far away simply does not take its next step.

use super::rows::{Log, Rows};
/// How many ticks a lease lasts.
pub(super) const LEASE: u8 = 2;

/// Ticks since something happened; a whole lease is as good as longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(super) struct Age(pub u8);

/// The primary, and the standby that may take over from it. The old primary can then be read, but commits nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Place {
    Old,
    New,
}

/// The write that takes something away, and another one, by their random ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Write {
    Revoke,
    Other,
}

/// Which row it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum RowId {
    /// Of a replica, and the how manieth that it made.
    Of(u8, u8),
    /// Stands for everybody unknown; the how manieth.
    Unknown(u8),
}

/// The revision that somebody applied last, and the write that it had there.
pub(super) type Claim = Option<(usize, Write)>;

/// A row of the table of replicas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Row {
    pub number: u8,
    /// The last revision that it had applied of this server's own log.
    pub applied: u8,
    /// How long ago it was renewed by the database's wall clock. Nothing but a mutation of the protocol looks at it.
    pub age: Age,
}

/// What a server has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Server {
    pub log: Log,
    pub rows: Rows<Row>,
    /// The server that the counter was last seen in.
    pub noted: Place,
    /// The history's name.
    pub name: u8,
    /// How many rows for everybody unknown were made.
    pub unknown: u8,
}

/// A process that answers checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Replica {
    /// How many rows it has had.
    pub row: u8,
    /// How many renewals it has asked for.
    pub number: u8,
    pub renewal: Renewal,
    /// The last renewal that was answered: since it was asked for, and its number.
    pub renewed: Option<(Age, u8)>,
    pub reading: Option<Reading>,
    /// The log that it has applied; none before it has read it.
    pub view: Option<Log>,
    /// The name of the history that it is in.
    pub name: u8,
    /// For how many ticks it may answer.
    pub lease: u8,
}

/// How far a renewal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Renewal {
    Idle,
    Asked { place: Place, age: Age, applied: Claim },
    Committed { age: Age },
}

/// A read of the log that is on its way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Reading {
    pub place: Place,
    pub log: Log,
    pub name: u8,
    /// Since the renewal was asked for that this read makes a lease of.
    pub renewed: Option<Age>,
}

/// The process that writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Writer {
    pub committed: bool,
    pub acknowledged: bool,
    /// What it knows of replicas: `Replicas`, with ages for times.
    pub seen: Rows<Known>,
    /// Since it began to read; nothing but a mutation looks at it.
    pub begun: Option<Age>,
    pub reading: Option<Shown>,
    /// The server that it listens to, and after how many of its crashes.
    pub listens: Option<(Place, u8)>,
    /// The log that it has applied, and the name of its history: it follows as replicas do.
    pub view: Log,
    pub name: u8,
    /// Whether a read that counts has come; nothing but mutations look at it.
    pub shown: bool,
    /// A row that is to be deleted, where, and the number that it had when its lease was seen to end.
    pub deleting: Option<(Place, RowId, u8)>,
}

/// What is known of a replica: its number, the revision that it has applied, since when that number was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Known {
    pub number: u8,
    pub applied: u8,
    pub since: Age,
}

/// The table of replicas in one snapshot; the ages are by the database's wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Shown {
    pub place: Place,
    pub rows: Rows<Known>,
    pub log: Log,
    pub name: u8,
}

/// Everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct World {
    pub servers: [Server; 2],
    pub primary: Place,
    pub replicas: [Replica; 2],
    pub writer: Writer,
    pub crashes: u8,
    pub cuts: u8,
    pub replicated: bool,
    pub jumped: bool,
    pub restarts: u8,
}

impl Age {
    pub(super) fn grow(&mut self) {
        self.0 = LEASE.min(self.0 + 1);
    }
}

impl Writer {
    /// Listens to a server anew: what was heard on the connection before may be lost.
    pub(super) fn forget_claims(&mut self) {
        self.seen.values_mut().for_each(|known| known.applied = 0);
    }
}

impl Replica {
    /// One that has just started.
    pub(super) fn started(row: u8) -> Self {
        Self { row, number: 0, renewal: Renewal::Idle, renewed: None, reading: None, view: None, name: 0, lease: 0 }
    }

    /// What it says that it has applied.
    pub(super) fn claim(&self) -> Claim {
        self.view?.last()
    }

    /// Whether a check that begins now is answered as if nothing had been taken away.
    pub(super) fn grants(&self) -> bool {
        self.lease > 0 && self.view.as_ref().is_some_and(|view| !view.contains(Write::Revoke))
    }

    /// It has no lease and can get none.
    fn is_silent_for_ever(&self, renewals: u8) -> bool {
        let may_renew = self.renewal != Renewal::Idle || self.number < renewals || self.renewed.is_some();
        let reads = self.reading.is_some_and(|reading| reading.renewed.is_some());
        self.lease == 0 && !may_renew && !reads
    }

    fn tick(&mut self) {
        self.lease = self.lease.saturating_sub(1);
        if let Renewal::Asked { age, .. } | Renewal::Committed { age } = &mut self.renewal {
            age.grow();
        }
        if let Some((age, _)) = &mut self.renewed {
            age.grow();
        }
        self.renewed.take_if(|(age, _)| age.0 == LEASE);
        if let Some(reading) = &mut self.reading {
            reading.renewed.iter_mut().for_each(Age::grow);
            reading.renewed.take_if(|age| age.0 == LEASE);
        }
    }
}

impl Server {
    fn new() -> Self {
        Self { log: Log::default(), rows: Rows::default(), noted: Place::Old, name: 0, unknown: 0 }
    }

    /// The revision that somebody who claims that has applied of this log.
    pub(super) fn applied(&self, claim: Claim, compares: bool) -> u8 {
        let Some((revision, id)) = claim else { return 0 };
        if !compares || self.log.revision_of(id) == Some(revision) { revision as u8 } else { 0 }
    }

    /// Makes a row that stands for everybody unknown.
    pub(super) fn add_unknown(&mut self) {
        let row = Row { number: 0, applied: 0, age: Age(0) };
        self.rows.set(RowId::Unknown(self.unknown), Some(row));
        self.unknown += 1;
    }

    pub(super) fn age_rows(&mut self, ticks: u8) {
        for row in self.rows.values_mut() {
            (0..ticks).for_each(|_| row.age.grow());
        }
    }
}

impl World {
    pub(super) fn new() -> Self {
        Self {
            servers: [Server::new(), Server::new()],
            primary: Place::Old,
            replicas: [Replica::started(0); 2],
            writer: Writer::default(),
            crashes: 0,
            cuts: 0,
            replicated: false,
            jumped: false,
            restarts: 0,
        }
    }

    pub(super) fn server(&mut self, place: Place) -> &mut Server {
        &mut self.servers[place as usize]
    }

    /// A tick of everybody's clock.
    pub(super) fn tick(&mut self) {
        self.replicas.iter_mut().for_each(Replica::tick);
        self.writer.seen.values_mut().for_each(|known| known.since.grow());
        if let Some(age) = &mut self.writer.begun {
            age.grow();
        }
    }

    /// Whether nothing can become stale any more: the write is lost, or nobody will ever answer again.
    pub(super) fn is_decided(&self, replicas: usize, renewals: u8) -> bool {
        let is_lost = self.writer.committed && !self.survives();
        is_lost || self.replicas.iter().take(replicas).all(|replica| replica.is_silent_for_ever(renewals))
    }

    /// The write stands in the log of the primary.
    fn survives(&self) -> bool {
        self.servers[self.primary as usize].log.contains(Write::Revoke)
    }

    /// A check that begins after the write was acknowledged is answered from before it.
    pub(super) fn is_stale(&self) -> bool {
        self.writer.acknowledged && self.survives() && self.replicas.iter().any(Replica::grants)
    }
}
