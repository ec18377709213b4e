//! What may happen next in the model of the leases, one atomic step at a time, and how the protocol can be broken. The
//! protocol of ADR 0010 as it is followed there stands in `replica.rs`, `writer.rs` and `server.rs`.

use super::replica::say;
use super::server::other_write;
use super::world::{Place, RowId, World};
use super::writer::{commit, mean_to_delete};

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
    /// The watcher goes on with what it heard on a connection that was lost.
    ClaimsKept,
    /// A view that starts over goes on with the lease that it has.
    StartOverKeepsLease,
    /// A crash of the server may lose renewals that were answered.
    RenewalsNotFlushed,
}

/// What is explored, and how far.
#[derive(Debug, Clone)]
pub(super) struct Bounds {
    /// The steps that were taken before the exploration begins; they count.
    pub begun: &'static [&'static [Step]],
    pub replicas: usize,
    /// How often each row is renewed at the most.
    pub renewals: u8,
    pub crashes: u8,
    pub cuts: u8,
    /// Whether the standby may be promoted, and lacks what was not yet replicated.
    pub failover: bool,
    /// How often the server may crash and come back as the same one.
    pub restarts: u8,
    /// Whether somebody else writes too, on the first primary.
    pub others: bool,
    /// Whether rows whose lease has ended are deleted.
    pub deletions: bool,
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
    pub(super) fn broken(&self, mutation: Mutation) -> bool {
        self.mutation == Some(mutation)
    }

    /// The world that the exploration begins with.
    pub(super) fn begin(&self) -> World {
        self.begun
            .iter()
            .copied()
            .flatten()
            .fold(World::new(), |world, step| self.take(&world, *step).expect("a step that can be taken"))
    }

    /// Whether a step can be taken, and the world that it leads to.
    pub(super) fn take(&self, before: &World, step: Step) -> Option<World> {
        let mut world = *before;
        self.act(&mut world, step)?;
        (world != *before).then_some(world)
    }

    /// All steps that there are; many can't be taken. None where no check can be answered wrongly any more.
    pub(super) fn steps(&self, world: &World, steps: &mut Vec<Step>) {
        use Step::{
            Acknowledge, BeginToWatch, ClockJump, Commit, Failover, Hear, OtherWrite, Replicate, Restart, Tick,
        };
        if world.is_decided(self.replicas, self.renewals) {
            return;
        }
        steps.extend([Tick, Replicate, Failover, Restart, ClockJump]);
        steps.extend(self.others.then_some(OtherWrite));
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
        steps.extend([Commit, BeginToWatch, Step::Watch(Place::Old), Step::Watch(Place::New), Hear, Acknowledge]);
        if self.deletions {
            let rows = world.writer.seen.iter();
            steps.extend(rows.map(|(row, _)| Step::MeanToDelete(world.primary, row)));
            steps.push(Step::Delete);
        }
    }

    fn act(&self, world: &mut World, step: Step) -> Option<()> {
        match step {
            Step::Tick => self.tick(world),
            Step::OtherWrite => other_write(world),
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
            Step::Say(replica) => say(self, world, replica),
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
}
