//! What may happen next in the model of the cells, one atomic step of the real code at a time.

use super::real::Real;
use super::world::{At, Cell, Check, FORK, Follower, Load, Look, Stage, Told, World, place, touches, truth};
use crate::view::cell::Kept;
use crate::view::position::Position;

/// How the protocol is broken, to see that the model notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mutation {
    /// An invalidation of a cell that is being loaded does nothing.
    NoMark,
    /// A check does not read the position again.
    NoSecondRead,
    /// A check uses entries of revisions that are yet to be applied.
    LaterEntries,
    /// Both of these.
    NothingCompared,
    /// A load is kept without asking whether its very revision was applied.
    NotVouched,
    /// The cell is made after the load's read, and takes nothing from what was seen before it.
    CellAfterRead,
    /// It is not said that a revision is about to be invalidated.
    NothingSeen,
    /// What a load read is kept whatever epoch it began in.
    AnyEpoch,
    /// A caller that goes away takes the loads with it that it was about to ask for.
    CancelledWithLoads,
}

/// What is explored, and how far.
#[derive(Debug, Clone)]
pub(super) struct Bounds {
    /// The last revision that is written.
    pub writes: u8,
    /// Whether the view begins with both entries, at the last write of the first branch.
    pub warm: bool,
    /// What the two callers wait for before they ask: a revision, or nothing.
    pub waits_for: [u8; 2],
    /// Whether there is a second caller, which may go away at any point.
    pub second: bool,
    /// Whether the second key's entry comes along with the first one's load.
    pub alongside: bool,
    pub failover: bool,
    pub evictions: u8,
    /// How many loads may fail.
    pub failures: u8,
    pub mutation: Option<Mutation>,
}

/// A step; numbers are of loads, callers and keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Write,
    Failover,
    Follow,
    Evict,
    /// A load goes on, on the connection to that branch where it has yet to choose.
    Load(usize, u8),
    FailLoad(usize),
    Check(usize),
    /// The caller goes away.
    Cancel(usize),
}

impl Bounds {
    fn broken(&self, mutation: Mutation) -> bool {
        self.mutation == Some(mutation)
    }

    pub(super) fn steps(&self, world: &World, steps: &mut Vec<Step>) {
        steps.extend([Step::Write, Step::Failover, Step::Follow, Step::Evict, Step::Check(0)]);
        for load in 0..world.loads.iter().flatten().count() {
            steps.extend([Step::Load(load, 0), Step::Load(load, 1), Step::FailLoad(load)]);
        }
        if self.second {
            steps.extend([Step::Check(1), Step::Cancel(1)]);
        }
    }

    /// Takes a step on the real tables, where it can be taken.
    pub(super) fn take(&self, before: &World, step: Step) -> Option<World> {
        let mut world = *before;
        match step {
            Step::Write => self.write(&mut world)?,
            Step::Failover => self.fail_over(&mut world)?,
            Step::Follow => self.follow(&mut world)?,
            Step::Evict => self.evict(&mut world)?,
            Step::Load(load, branch) => self.load(&mut world, load, branch)?,
            Step::FailLoad(load) => self.fail(&mut world, load)?,
            Step::Check(check) => self.check(&mut world, check)?,
            Step::Cancel(check) => self.cancel(&mut world, check)?,
        }
        Some(world)
    }

    fn write(&self, world: &mut World) -> Option<()> {
        let committed = &mut world.committed[usize::from(world.branch)];
        (*committed < self.writes).then(|| *committed += 1)
    }

    /// The last write of the branch is lost; the old primary can still be read.
    fn fail_over(&self, world: &mut World) -> Option<()> {
        (self.failover && world.branch == 0 && world.committed[0] == FORK + 1).then(|| {
            world.branch = 1;
            world.committed[1] = FORK;
        })
    }

    fn follow(&self, world: &mut World) -> Option<()> {
        let counter = world.committed[usize::from(world.branch)];
        let goes_on = world.branch == world.followed || world.applied <= FORK;
        world.follower = match world.follower {
            Follower::Idle if goes_on && counter > world.applied => {
                world.followed = world.branch;
                Follower::Read(counter)
            }
            Follower::Idle if !goes_on => Follower::Lost,
            Follower::Idle => return None,
            Follower::Read(upto) if world.branch != world.followed && upto > FORK => Follower::Lost,
            Follower::Read(upto) => self.begin_marking(world, upto),
            Follower::Marking(upto, done) => self.mark(world, upto, done),
            Follower::Lost => Follower::StartingOver(counter, 0),
            Follower::StartingOver(at, done) => start_over(world, at, done),
        };
        Some(())
    }

    fn begin_marking(&self, world: &mut World, upto: u8) -> Follower {
        if !self.broken(Mutation::NothingSeen) {
            world.seen = upto;
        }
        Follower::Marking(upto, 0)
    }

    /// Marks the next cell; behind the last one publishes the revision.
    fn mark(&self, world: &mut World, upto: u8, done: u8) -> Follower {
        let mut real = Real::build(world);
        let first = world.applied + 1;
        if done == upto + 1 - first {
            let new: Vec<_> = (first..=upto).map(|number| place(world.followed, number)).collect();
            real.progress.apply(Position::new(u64::from(world.epoch), super::real::revision(upto)), &new);
            world.applied = real.progress.position().revision().0 as u8;
            return Follower::Idle;
        }
        let number = first + done;
        for key in (0..2).filter(|key| touches(world.followed, number, *key)) {
            let loading = matches!(world.cells[key], Some(Cell::Loading(_)));
            if !(self.broken(Mutation::NoMark) && loading) {
                real.invalidate(key, number);
            }
        }
        world.read(&real);
        Follower::Marking(upto, done + 1)
    }

    fn evict(&self, world: &mut World) -> Option<()> {
        (world.evictions < self.evictions).then_some(())?;
        let mut real = Real::build(world);
        real.evict();
        world.evictions += 1;
        world.read(&real);
        Some(())
    }

    fn load(&self, world: &mut World, index: usize, connect: u8) -> Option<()> {
        let Load { key, stage } = world.loads[index]?;
        let next = match stage {
            Stage::Queued => {
                (connect <= world.branch).then_some(Stage::Connected { branch: connect, epoch: world.epoch })?
            }
            _ if connect > 0 => return None,
            Stage::Connected { branch, epoch } => {
                Stage::Read { branch, number: world.committed[usize::from(branch)], epoch }
            }
            Stage::Read { branch, number, epoch } => self.vouch(world, branch, number, epoch)?,
            Stage::Vouched { branch, number, epoch } if self.alongside && key == 0 => {
                let mut real = Real::build(world);
                self.complete(&mut real, 1, epoch, world, branch, number);
                Stage::Stored { branch, number, epoch }
            }
            Stage::Vouched { branch, number, epoch } | Stage::Stored { branch, number, epoch } => {
                let mut real = Real::build(world);
                match self.complete(&mut real, key, epoch, world, branch, number) {
                    Kept::TooOld => Stage::Queued,
                    Kept::Yes | Kept::Unwanted => return world.end_load(index),
                }
            }
        };
        world.set_stage(index, next);
        Some(())
    }

    /// A load waits until its revision is applied, then asks whether it was that very write.
    fn vouch(&self, world: &World, branch: u8, number: u8, epoch: u8) -> Option<Stage> {
        if !self.broken(Mutation::NotVouched) {
            let applied = if world.epoch_begun { 0 } else { world.applied };
            (applied >= number).then_some(())?;
            if !Real::build(world).progress.has_applied(place(branch, number)) {
                return Some(Stage::Queued);
            }
        }
        Some(Stage::Vouched { branch, number, epoch })
    }

    fn complete(&self, real: &mut Real, key: usize, epoch: u8, world: &mut World, branch: u8, number: u8) -> Kept {
        if self.broken(Mutation::CellAfterRead) {
            real.join_unaware(key);
        }
        let epoch = if self.broken(Mutation::AnyEpoch) { world.table_epochs[key] } else { epoch };
        let kept = real.complete(key, epoch, branch, number);
        world.read(real);
        kept
    }

    fn fail(&self, world: &mut World, index: usize) -> Option<()> {
        let Load { key, stage } = world.loads[index]?;
        // one whose server is on another branch may wait in vain, and is always given up in the end
        let in_vain = matches!(stage, Stage::Read { branch, .. } if branch != world.branch);
        (in_vain || world.failures < self.failures).then_some(())?;
        world.failures += u8::from(!in_vain);
        let mut real = Real::build(world);
        real.fail(key);
        world.read(&real);
        world.end_load(index)
    }

    fn check(&self, world: &mut World, index: usize) -> Option<()> {
        let position = world.position();
        world.checks[index] = match world.checks[index] {
            Check::Idle(wanted) => (world.applied >= wanted).then_some(looking(position))?,
            Check::Looking { at, looks } => {
                match keys(index).find(|key| matches!(looks[*key], Look::Unlooked | Look::Absent)) {
                    Some(key) => return self.look(world, index, key),
                    None => self.conclude(world, index, at, looks)?,
                }
            }
            Check::Waiting { looks } => {
                let waits = looks.iter().any(|look| matches!(look, Look::Waits(Told::Nothing, _)));
                let failed = looks.iter().any(|look| matches!(look, Look::Waits(Told::Failed, _)));
                (!waits).then_some(())?;
                if failed { Check::Over } else { looking(position) }
            }
            Check::Over | Check::Wrong => return None,
        };
        Some(())
    }

    /// Looks a key up; what is not there it joins, or begins to load.
    fn look(&self, world: &mut World, index: usize, key: usize) -> Option<()> {
        let Check::Looking { at, mut looks } = world.checks[index] else { return None };
        let mut real = Real::build(world);
        let uses_later = self.broken(Mutation::LaterEntries) || self.broken(Mutation::NothingCompared);
        looks[key] = match (looks[key], real.get(key)) {
            (Look::Absent, _) if self.broken(Mutation::CellAfterRead) => Look::Waits(Told::Loaded, true),
            (Look::Absent, _) => {
                real.join(key).map_or(Look::Waits(Told::Loaded, false), |runs| Look::Waits(Told::Nothing, runs))
            }
            (_, None) => Look::Absent,
            (_, Some((number, _))) if number > at.revision && !uses_later => Look::Newer,
            (_, Some((_, value))) => Look::Found(value),
        };
        world.checks[index] = Check::Looking { at, looks };
        world.read(&real);
        Some(())
    }

    /// Answers, if the position is still the same; waits for what is missing, having asked for it.
    fn conclude(&self, world: &mut World, index: usize, at: At, looks: [Look; 2]) -> Option<Check> {
        let position = world.position();
        let reads_once = self.broken(Mutation::NoSecondRead) || self.broken(Mutation::NothingCompared);
        let found = |key: usize| if let Look::Found(value) = looks[key] { Some(value) } else { None };
        if keys(index).all(|key| found(key).is_some()) {
            if !position.is(at) && !reads_once {
                return Some(looking(position));
            }
            let is_true = keys(index).all(|key| found(key) == Some(truth(at.branch, at.revision, key)));
            let is_fresh = at.revision >= self.waits_for[index];
            return Some(if is_true && is_fresh { Check::Over } else { Check::Wrong });
        }
        queue_all(world, looks)?;
        Some(Check::Waiting { looks })
    }

    /// Whoever goes away leaves the loads that it has begun to whoever joined them.
    fn cancel(&self, world: &mut World, index: usize) -> Option<()> {
        let goes = match world.checks[index] {
            Check::Looking { looks, .. } => {
                if !self.broken(Mutation::CancelledWithLoads) {
                    queue_all(world, looks)?;
                }
                true
            }
            Check::Waiting { .. } => true,
            Check::Idle(_) | Check::Over | Check::Wrong => false,
        };
        goes.then(|| world.checks[index] = Check::Over)
    }
}

/// What a caller asks for: both keys, or the second one.
fn keys(index: usize) -> std::ops::Range<usize> {
    index..2
}

fn looking(at: At) -> Check {
    Check::Looking { at, looks: [Look::Unlooked; 2] }
}

fn queue_all(world: &mut World, looks: [Look; 2]) -> Option<()> {
    let runs = (0..2).filter(|key| matches!(looks[*key], Look::Waits(_, true)));
    runs.map(|key| world.queue(key)).collect()
}

/// The steps of a start-over: the epoch begins, what was seen is set, each table is emptied, the revision is published.
fn start_over(world: &mut World, at: u8, done: u8) -> Follower {
    match done {
        0 => {
            (world.followed, world.epoch, world.epoch_begun) = (world.branch, world.epoch + 1, true);
            (world.epoch_from, world.applied) = (at, at);
        }
        1 => world.seen = at,
        2 | 3 => {
            let key = usize::from(done) - 2;
            let mut real = Real::build(world);
            real.reset(key, world.epoch);
            world.read(&real);
            world.table_epochs[key] = world.epoch;
        }
        _ => {
            world.epoch_begun = false;
            return Follower::Idle;
        }
    }
    Follower::StartingOver(at, done + 1)
}
