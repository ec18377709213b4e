//! The steps of a replica in the model: its lease, and its follower of the log.

use super::server::rename;
use super::steps::{Bounds, Mutation};
use super::world::{Age, Known, LEASE, Place, Reading, Renewal, Replica, Row, RowId, World};

impl Bounds {
    /// The boot clock is noted before the request leaves.
    pub(super) fn ask(&self, world: &mut World, number: usize) -> Option<()> {
        let place = world.primary;
        let replica = &mut world.replicas[number];
        (replica.renewal == Renewal::Idle && replica.number < self.renewals).then_some(())?;
        if !(self.broken(Mutation::OldNumber) && world.crashes > 0 && replica.view.is_none()) {
            replica.number += 1;
        }
        replica.renewal = Renewal::Asked { place, age: Age(0), applied: replica.claim() };
        Some(())
    }

    /// A row that somebody deleted is made again: its number is one that it never had.
    pub(super) fn commit_renewal(&self, world: &mut World, number: usize) -> Option<()> {
        let replica = world.replicas[number];
        let Renewal::Asked { place, age, applied } = replica.renewal else { return None };
        (place == world.primary).then_some(())?;
        let applied = world.server(place).applied(applied, !self.broken(Mutation::ClaimsByRevision));
        let row = Row { number: replica.number, applied, age: Age(0) };
        world.server(place).rows.set(RowId::Of(number as u8, replica.row), Some(row));
        world.replicas[number].renewal = Renewal::Committed { age };
        if self.restarts > 0 && !self.broken(Mutation::RenewalsNotFlushed) {
            world.servers[1] = world.servers[0];
        }
        Some(())
    }

    pub(super) fn answer(&self, replica: &mut Replica) -> Option<()> {
        let Renewal::Committed { age } = replica.renewal else { return None };
        replica.renewal = Renewal::Idle;
        let since = if self.broken(Mutation::LeaseFromAnswer) { Age(0) } else { age };
        replica.renewed = Some((since, replica.number));
        if self.broken(Mutation::LeaseWithoutRead) && replica.view.is_some() {
            replica.lease = replica.lease.max(LEASE - since.0);
        }
        Some(())
    }

    pub(super) fn cut(&self, world: &mut World, number: usize) -> Option<()> {
        let replica = &mut world.replicas[number];
        let hangs = matches!(replica.renewal, Renewal::Asked { place, .. } if place != world.primary);
        (replica.renewal != Renewal::Idle && (hangs || world.cuts < self.cuts)).then(|| {
            world.cuts += u8::from(!hangs);
            replica.renewal = Renewal::Idle;
        })
    }

    pub(super) fn read_log(&self, world: &mut World, number: usize, place: Place) -> Option<()> {
        self.follow(world, place)?;
        let server = *world.server(place);
        let any = self.broken(Mutation::ReadWithoutRenewal);
        let replica = &mut world.replicas[number];
        replica.reading.is_none().then_some(())?;
        let shown = server.rows.get(RowId::Of(number as u8, replica.row)).map(|row| row.number);
        let renewed = replica.renewed.filter(|(_, number)| any || shown == Some(*number)).map(|(age, _)| age);
        let same = (replica.view, replica.name) == (Some(server.log), server.name);
        let news = !same || renewed.is_some_and(|age| replica.lease < LEASE - age.0);
        news.then(|| replica.reading = Some(Reading { place, log: server.log, name: server.name, renewed }))
    }

    /// A log that does not go on where the view is gets another name first, unless it has one: then the view starts over.
    pub(super) fn apply(&self, world: &mut World, number: usize) -> Option<()> {
        let Reading { place, log, name, renewed } = world.replicas[number].reading.take()?;
        let Replica { view, name: own, .. } = world.replicas[number];
        let breaks = view.is_some_and(|view| name != own || !log.goes_on(&view));
        if breaks && name == own {
            return rename(world, place, name);
        }
        let replica = &mut world.replicas[number];
        (replica.view, replica.name) = (Some(log), name);
        if breaks && !self.broken(Mutation::StartOverKeepsLease) {
            replica.lease = 0;
        }
        if let Some(age) = renewed {
            replica.lease = replica.lease.max(LEASE - age.0);
        }
        Some(())
    }

    pub(super) fn crash(&self, world: &mut World, number: usize) -> Option<()> {
        (world.crashes < self.crashes).then_some(())?;
        world.crashes += 1;
        let replica = &mut world.replicas[number];
        let mut started = Replica { number: replica.number, ..Replica::started(replica.row + 1) };
        if self.broken(Mutation::OldNumber) {
            started.row = replica.row;
        }
        *replica = started;
        Some(())
    }
}

/// `NOTIFY`: it is said only where that very write is, and heard by the writer at once or never.
pub(super) fn say(bounds: &Bounds, world: &mut World, number: usize) -> Option<()> {
    let Replica { row, .. } = world.replicas[number];
    let claim = world.replicas[number].claim()?;
    let applied = world.server(world.primary).applied(Some(claim), !bounds.broken(Mutation::ClaimsByRevision));
    (world.writer.listens == Some((world.primary, world.restarts))).then_some(())?;
    let seen = &mut world.writer.seen;
    let id = RowId::Of(number as u8, row);
    let known = seen.get(id)?;
    seen.set(id, Some(Known { applied: known.applied.max(applied), ..known }));
    Some(())
}
