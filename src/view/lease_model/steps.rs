//! What may happen next in the model of the leases, one atomic step at a time, and the protocol of ADR 0010 as it is
//! followed there, or as a mutation breaks it.

use super::watcher;
use super::world::{
    Age, Known, LEASE, Place, Reading, Renewal, Replica, Row, RowId, Rows, Server, Shown, World, Write,
};

/// How the protocol is broken, to see that the model notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mutation {
    /// A renewal makes a lease without a read of the log.
    LeaseWithoutRead,
    /// A read of the log makes a lease of a renewal that it need not show.
    ReadWithoutRenewal,
    /// A lease is counted from the answer to the renewal.
    LeaseFromAnswer,
    /// The writer takes the table of replicas from a read from before its commit.
    ReplicasBeforeCommit,
    /// The writer takes the table of replicas from a read that need not show the write.
    ReplicasWithoutWrite,
    /// The writer takes in the table of replicas before it knows whose log was read with it.
    ReplicasUnjudged,
    /// The watcher believes the time of the renewal that the row has.
    WallClock,
    /// The watcher counts from before its read.
    SeenBeforeRead,
    /// Nobody stands for those whose rows were lost.
    NoUnknown,
    /// A replica that comes back goes on with its row, as if it had just been renewed.
    OldNumber,
    /// A row is deleted whatever its number has become.
    DeleteAnyNumber,
    /// Who has applied that revision is taken to have applied that write.
    ClaimsByRevision,
    /// A view that starts over goes on with the lease that it has.
    StartOverKeepsLease,
    /// A crash of the server may lose renewals that were answered.
    RenewalsNotFlushed,
}

/// What is explored, and how far.
#[derive(Debug, Clone)]
pub(super) struct Bounds {
    pub replicas: usize,
    /// How often each row is renewed at the most.
    pub renewals: u8,
    pub crashes: u8,
    pub cuts: u8,
    /// Whether the standby may be promoted, and lacks what was not yet replicated.
    pub failover: bool,
    /// How often the server may crash and come back as the same one.
    pub restarts: u8,
    pub mutation: Option<Mutation>,
}

/// A step; numbers are replicas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Tick,
    /// Somebody else's write.
    OtherWrite,
    /// The standby receives all that it lacks.
    Replicate,
    Failover,
    /// The server crashes, and comes back with what had been flushed.
    Restart,
    /// The database's wall clock goes forward by a lease.
    ClockJump,
    AskRenewal(usize),
    CommitRenewal(usize),
    AnswerRenewal(usize),
    /// The connection is cut with the renewal's answer outstanding.
    CutRenewal(usize),
    ReadLog(usize, Place),
    Apply(usize),
    /// `NOTIFY`: what was applied is said where it is heard.
    Say(usize),
    Crash(usize),
    Commit,
    BeginToWatch,
    Watch(Place),
    Hear,
    Acknowledge,
    /// The writer means to delete a row whose lease it has seen end.
    MeanToDelete(Place, RowId),
    Delete,
}

impl Bounds {
    fn broken(&self, mutation: Mutation) -> bool {
        self.mutation == Some(mutation)
    }

    /// Whether a step can be taken, and the world that it leads to.
    pub(super) fn take(&self, before: &World, step: Step) -> Option<World> {
        let mut world = *before;
        self.act(&mut world, step)?;
        (world != *before).then_some(world)
    }

    /// All steps that there are; many can't be taken.
    pub(super) fn steps(&self, world: &World, steps: &mut Vec<Step>) {
        use Step::{
            Acknowledge, BeginToWatch, ClockJump, Commit, Delete, Failover, Hear, OtherWrite, Replicate, Restart, Tick,
        };
        steps.extend([Tick, OtherWrite, Replicate, Failover, Restart, ClockJump]);
        for replica in 0..self.replicas {
            let places = [Place::Old, Place::New];
            steps.extend([
                Step::AskRenewal(replica),
                Step::CommitRenewal(replica),
                Step::AnswerRenewal(replica),
                Step::CutRenewal(replica),
            ]);
            steps.extend(places.map(|place| Step::ReadLog(replica, place)));
            steps.extend([Step::Apply(replica), Step::Say(replica), Step::Crash(replica)]);
        }
        steps.extend([
            Commit,
            BeginToWatch,
            Step::Watch(Place::Old),
            Step::Watch(Place::New),
            Hear,
            Acknowledge,
            Delete,
        ]);
        let rows = world.writer.seen.iter();
        steps.extend(rows.map(|(row, _)| Step::MeanToDelete(world.primary, row)));
    }

    fn act(&self, world: &mut World, step: Step) -> Option<()> {
        match step {
            Step::Tick => self.tick(world),
            Step::OtherWrite if self.failover && world.primary == Place::Old => other_write(world),
            Step::OtherWrite => None,
            Step::Replicate => self.replicate(world),
            Step::Failover => self.fail_over(world),
            Step::Restart => self.restart(world),
            Step::ClockJump => self.jump(world),
            Step::AskRenewal(replica) => self.ask(world, replica),
            Step::CommitRenewal(replica) => self.commit_renewal(world, replica),
            Step::AnswerRenewal(replica) => self.answer(&mut world.replicas[replica]),
            Step::CutRenewal(replica) => self.cut(world, replica),
            Step::ReadLog(replica, place) => self.read_log(world, replica, place),
            Step::Apply(replica) => self.apply(world, replica),
            Step::Say(replica) => say(world, replica),
            Step::Crash(replica) => self.crash(world, replica),
            Step::Commit => commit(world),
            Step::BeginToWatch => self.begin_to_watch(world),
            Step::Watch(place) => self.watch(world, place),
            Step::Hear => self.hear(world),
            Step::Acknowledge => self.acknowledge(world),
            Step::MeanToDelete(place, row) => mean_to_delete(world, place, row),
            Step::Delete => self.delete(world),
        }
    }

    fn tick(&self, world: &mut World) -> Option<()> {
        world.tick();
        if self.broken(Mutation::WallClock) {
            world.servers.iter_mut().for_each(|server| server.age_rows(1));
        }
        Some(())
    }

    fn replicate(&self, world: &mut World) -> Option<()> {
        let first = (self.failover || self.restarts > 0) && world.primary == Place::Old && !world.replicated;
        first.then(|| {
            world.replicated = true;
            world.servers[1] = world.servers[0];
        })
    }

    fn fail_over(&self, world: &mut World) -> Option<()> {
        (self.failover && world.primary == Place::Old).then(|| world.primary = Place::New)
    }

    /// What is flushed is what the standby has: where a server comes back there is no standby.
    fn restart(&self, world: &mut World) -> Option<()> {
        (world.restarts < self.restarts).then(|| {
            world.restarts += 1;
            world.servers[0] = world.servers[1];
        })
    }

    fn jump(&self, world: &mut World) -> Option<()> {
        (self.broken(Mutation::WallClock) && !world.jumped).then(|| {
            world.jumped = true;
            world.servers.iter_mut().for_each(|server| server.age_rows(LEASE));
        })
    }

    /// The boot clock is noted before the request leaves.
    fn ask(&self, world: &mut World, number: usize) -> Option<()> {
        let place = world.primary;
        let replica = &mut world.replicas[number];
        (replica.renewal == Renewal::Idle && replica.number < self.renewals).then_some(())?;
        if !(self.broken(Mutation::OldNumber) && replica.number > 0 && replica.renewed.is_none()) {
            replica.number += 1;
        }
        replica.renewal = Renewal::Asked { place, age: Age(0), applied: replica.claim() };
        Some(())
    }

    /// A row that somebody deleted is made again: its number is one that it never had.
    fn commit_renewal(&self, world: &mut World, number: usize) -> Option<()> {
        let replica = world.replicas[number];
        let Renewal::Asked { place, age, applied } = replica.renewal else { return None };
        (place == world.primary).then_some(())?;
        let row = Row { number: replica.number, applied, age: Age(0) };
        world.server(place).rows.set(RowId::Of(number as u8, replica.row), Some(row));
        world.replicas[number].renewal = Renewal::Committed { age };
        if self.restarts > 0 && !self.broken(Mutation::RenewalsNotFlushed) {
            world.servers[1] = world.servers[0];
        }
        Some(())
    }

    fn answer(&self, replica: &mut Replica) -> Option<()> {
        let Renewal::Committed { age } = replica.renewal else { return None };
        replica.renewal = Renewal::Idle;
        let since = if self.broken(Mutation::LeaseFromAnswer) { Age(0) } else { age };
        replica.renewed = Some((since, replica.number));
        if self.broken(Mutation::LeaseWithoutRead) && replica.view.is_some() {
            replica.lease = replica.lease.max(LEASE - since.0);
        }
        Some(())
    }

    fn cut(&self, world: &mut World, number: usize) -> Option<()> {
        let replica = &mut world.replicas[number];
        let hangs = matches!(replica.renewal, Renewal::Asked { place, .. } if place != world.primary);
        (replica.renewal != Renewal::Idle && (hangs || world.cuts < self.cuts)).then(|| {
            world.cuts += u8::from(!hangs);
            replica.renewal = Renewal::Idle;
        })
    }

    /// Whoever follows a server that is not the one that the counter was last seen in says so there first.
    fn follow(&self, world: &mut World, place: Place) -> Option<()> {
        (place <= world.primary).then_some(())?;
        let adds = !self.broken(Mutation::NoUnknown);
        let server = world.server(place);
        if server.noted != place {
            server.noted = place;
            if adds {
                server.add_unknown();
            }
        }
        Some(())
    }

    fn read_log(&self, world: &mut World, number: usize, place: Place) -> Option<()> {
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
    fn apply(&self, world: &mut World, number: usize) -> Option<()> {
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

    fn crash(&self, world: &mut World, number: usize) -> Option<()> {
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

    fn begin_to_watch(&self, world: &mut World) -> Option<()> {
        let writer = &mut world.writer;
        let begins = self.broken(Mutation::SeenBeforeRead) && writer.begun.is_none() && writer.reading.is_none();
        begins.then(|| writer.begun = Some(Age(0)))
    }

    fn watch(&self, world: &mut World, place: Place) -> Option<()> {
        self.follow(world, place)?;
        let compares = !self.broken(Mutation::ClaimsByRevision);
        let server = world.server(place);
        let known =
            |_, Row { number, applied, age }| Known { number, applied: server.vouches(applied, compares), since: age };
        let rows = server.rows.map(known);
        let Server { log, name, .. } = *server;
        let writer = &mut world.writer;
        (!writer.acknowledged && writer.reading.is_none()).then_some(())?;
        (writer.begun.is_some() || !self.broken(Mutation::SeenBeforeRead)).then_some(())?;
        let news = (writer.view, writer.name) != (log, name) || !rows.says_what(&writer.seen) || !writer.shown;
        news.then(|| writer.reading = Some(Shown { place, rows, log, name }))
    }

    /// Only a read that goes on where the writer's own view is is taken in. What is new is noted with the time at which the
    /// answer came.
    fn hear(&self, world: &mut World) -> Option<()> {
        let writer = &mut world.writer;
        let Shown { place, rows, log, name } = writer.reading.take()?;
        let now = writer.begun.take().unwrap_or_default();
        if self.broken(Mutation::ReplicasUnjudged) {
            writer.seen = watcher::observe(&writer.seen, &rows, now);
        }
        let breaks = name != writer.name || !log.goes_on(&writer.view);
        if breaks && name == writer.name {
            return rename(world, place, name);
        }
        if breaks {
            writer.seen = Rows::default();
        }
        writer.seen = watcher::observe(&writer.seen, &rows, now);
        if self.broken(Mutation::WallClock) {
            writer.seen = rows;
        }
        (writer.view, writer.name) = (log, name);
        writer.shown = writer.committed || self.broken(Mutation::ReplicasBeforeCommit);
        Some(())
    }

    fn acknowledge(&self, world: &mut World) -> Option<()> {
        let writer = &mut world.writer;
        let any = self.broken(Mutation::ReplicasBeforeCommit) || self.broken(Mutation::ReplicasWithoutWrite);
        let has_read = if any { writer.shown } else { writer.view.contains(Write::Revoke) };
        let waits = writer.committed && !writer.acknowledged && has_read;
        (waits && watcher::nobody_is_behind(&writer.seen)).then(|| {
            writer.acknowledged = true;
            (writer.reading, writer.begun, writer.seen) = (None, None, Rows::default());
        })
    }

    fn delete(&self, world: &mut World) -> Option<()> {
        let (place, row, number) = world.writer.deleting.take()?;
        let any = self.broken(Mutation::DeleteAnyNumber);
        let rows = &mut world.server(place).rows;
        if rows.get(row).is_some_and(|row| any || row.number == number) {
            rows.set(row, None);
        }
        Some(())
    }
}

fn other_write(world: &mut World) -> Option<()> {
    let server = world.server(Place::Old);
    (!server.log.contains(Write::Other)).then(|| server.log.push(Write::Other))
}

fn say(world: &mut World, number: usize) -> Option<()> {
    let claim = world.replicas[number].claim();
    let id = RowId::Of(number as u8, world.replicas[number].row);
    let rows = &mut world.server(world.primary).rows;
    let row = rows.get(id)?;
    rows.set(id, Some(Row { applied: claim, ..row }));
    Some(())
}

fn commit(world: &mut World) -> Option<()> {
    (!world.writer.committed).then_some(())?;
    world.writer.committed = true;
    world.server(world.primary).log.push(Write::Revoke);
    Some(())
}

fn mean_to_delete(world: &mut World, place: Place, row: RowId) -> Option<()> {
    let number = watcher::ended(&world.writer.seen, row)?;
    world.writer.deleting.is_none().then(|| world.writer.deleting = Some((place, row, number)))
}

/// Gives the history another name. A server that commits nothing any more does not answer.
fn rename(world: &mut World, place: Place, name: u8) -> Option<()> {
    if place == world.primary && world.server(place).name == name {
        let server = world.server(place);
        server.name += 1;
        server.add_unknown();
    }
    Some(())
}
