//! A state of the model: the database, the follower, cells as they stand in the real tables, loads, and two callers.

use uuid::Uuid;

use super::real::{Real, revision};
use crate::domain::ids::Place;

/// The revision after which a failover goes on with other writes.
pub(super) const FORK: u8 = 1;

/// How many loads may be under way at once.
const LOADS: usize = 3;

/// A cell as it stands in the real table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Cell {
    /// An entry: of which revision, and what.
    Held(u8, u32),
    /// It is being loaded, and what the load must show.
    Loading(u8),
}

/// What one who waits has been told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Told {
    Nothing,
    Loaded,
    Failed,
}

/// How far the follower is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Follower {
    Idle,
    /// It has read the log up to there.
    Read(u8),
    /// It marks, one write and key after the other, up to a revision; so many are done.
    Marking(u8, u8),
    /// It has found another history, and reads anew.
    Lost,
    /// It starts over at a revision; so many of its steps are done.
    StartingOver(u8, u8),
}

/// A load under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Load {
    pub key: usize,
    pub stage: Stage,
}

/// How far a load is; a read is of a branch at a revision, begun in an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Stage {
    Queued,
    /// It has chosen its server, then noted the epoch.
    Connected {
        branch: u8,
        epoch: u8,
    },
    Read {
        branch: u8,
        number: u8,
        epoch: u8,
    },
    Vouched {
        branch: u8,
        number: u8,
        epoch: u8,
    },
    /// What came along with it has been stored.
    Stored {
        branch: u8,
        number: u8,
        epoch: u8,
    },
}

/// What a glance has found under one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Look {
    Unlooked,
    /// Nothing: it is about to join a load.
    Absent,
    /// It waits for a load, which it must run itself or not.
    Waits(Told, bool),
    /// Of a revision that is newer than the glance.
    Newer,
    Found(u32),
}

/// Where a glance is: the epoch and the revision, as `Position` has them, and the branch, which only the model knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct At {
    pub epoch: u8,
    pub revision: u8,
    pub branch: u8,
}

/// A check of both keys, or of the second one alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Check {
    /// It first waits for a revision, or for none (0).
    Idle(u8),
    Looking {
        at: At,
        looks: [Look; 2],
    },
    /// It waits for what was missing.
    Waiting {
        looks: [Look; 2],
    },
    Over,
    /// What it said was not so.
    Wrong,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct World {
    /// Whether the primary was lost, and the last write of the branch with it.
    pub branch: u8,
    pub committed: [u8; 2],
    /// The branch that the view is in, its epoch, where that began, and what is applied.
    pub followed: u8,
    pub epoch: u8,
    pub epoch_from: u8,
    pub applied: u8,
    /// Whether the epoch has begun, and nothing is applied in it.
    pub epoch_begun: bool,
    pub seen: u8,
    pub follower: Follower,
    pub cells: [Option<Cell>; 2],
    pub table_epochs: [u8; 2],
    pub loads: [Option<Load>; LOADS],
    pub checks: [Check; 2],
    pub evictions: u8,
    pub failures: u8,
}

/// The branch that a write was made in.
fn origin(branch: u8, number: u8) -> u8 {
    if number > FORK { branch } else { 0 }
}

/// Which keys a write touches: the first one, the second one, the first one; beyond the fork the other way round.
pub(super) fn touches(branch: u8, number: u8, key: usize) -> bool {
    let swapped = usize::from(origin(branch, number));
    (usize::from(number) + 1 + swapped) % 2 == key
}

/// What the database holds under a key at a revision: the last write that touched it.
pub(super) fn truth(branch: u8, number: u8, key: usize) -> u32 {
    let last = (1..=number).rev().find(|number| touches(branch, *number, key));
    last.map_or(0, |number| u32::from(origin(branch, number)) * 16 + u32::from(number))
}

/// A write and its random id.
pub(super) fn place(branch: u8, number: u8) -> Place {
    let id = u128::from(origin(branch, number)) * 16 + u128::from(number);
    Place { revision: revision(number), id: (number > 0).then(|| Uuid::from_u128(id)) }
}

impl World {
    pub(super) fn new(waits_for: [u8; 2]) -> Self {
        Self {
            branch: 0,
            committed: [0, 0],
            followed: 0,
            epoch: 1,
            epoch_from: 0,
            applied: 0,
            epoch_begun: false,
            seen: 0,
            follower: Follower::Idle,
            cells: [None, None],
            table_epochs: [1, 1],
            loads: [None; LOADS],
            checks: waits_for.map(Check::Idle),
            evictions: 0,
            failures: 0,
        }
    }

    /// A view that has applied the last write of the first branch and holds both entries.
    pub(super) fn warm(waits_for: [u8; 2]) -> Self {
        let last = FORK + 1;
        let cell = |key| Some(Cell::Held(last, truth(0, last, key)));
        let cells = [cell(0), cell(1)];
        Self { committed: [last, 0], applied: last, seen: last, cells, ..Self::new(waits_for) }
    }

    pub(super) fn position(&self) -> At {
        let revision = if self.epoch_begun { 0 } else { self.applied };
        At { epoch: self.epoch, revision, branch: self.followed }
    }

    /// Takes in what a step has made of the real tables.
    pub(super) fn read(&mut self, real: &Real) {
        (self.cells, self.seen) = real.read();
        for check in &mut self.checks {
            let (Check::Looking { looks, .. } | Check::Waiting { looks }) = check else { continue };
            for (key, look) in looks.iter_mut().enumerate() {
                if let Look::Waits(told @ Told::Nothing, _) = look {
                    *told = real.told(key);
                }
            }
        }
    }

    /// Begins to load a key; without a place for it nothing is begun.
    pub(super) fn queue(&mut self, key: usize) -> Option<()> {
        let free = self.loads.iter_mut().find(|load| load.is_none())?;
        *free = Some(Load { key, stage: Stage::Queued });
        self.order_loads();
        Some(())
    }

    pub(super) fn set_stage(&mut self, index: usize, stage: Stage) {
        if let Some(load) = &mut self.loads[index] {
            load.stage = stage;
        }
        self.order_loads();
    }

    pub(super) fn end_load(&mut self, index: usize) -> Option<()> {
        self.loads[index].take()?;
        self.order_loads();
        Some(())
    }

    /// Which place a load stands in says nothing.
    fn order_loads(&mut self) {
        self.loads.sort_by_key(|load| load.map_or(u64::MAX, Load::rank));
    }

    /// Nobody waits for a load that nobody runs or is about to run.
    pub(super) fn is_alive(&self) -> bool {
        let awaited = |key: usize| {
            self.checks.iter().any(|check| match check {
                Check::Looking { looks, .. } => matches!(looks[key], Look::Waits(Told::Nothing, false)),
                Check::Waiting { looks } => matches!(looks[key], Look::Waits(Told::Nothing, _)),
                Check::Idle(_) | Check::Over | Check::Wrong => false,
            })
        };
        let about_to = |key: usize| {
            let runs = |look: Look| matches!(look, Look::Waits(_, true));
            self.checks.iter().any(|check| matches!(check, Check::Looking { looks, .. } if runs(looks[key])))
        };
        (0..2).all(|key| !awaited(key) || about_to(key) || self.loads.iter().flatten().any(|load| load.key == key))
    }

    /// What a check could use now is true.
    pub(super) fn is_true(&self) -> bool {
        let At { revision, branch, .. } = self.position();
        self.cells.iter().enumerate().all(|(key, cell)| match cell {
            Some(Cell::Held(number, value)) => *number > revision || *value == truth(branch, revision, key),
            Some(Cell::Loading(_)) | None => true,
        })
    }
}

impl At {
    pub(super) fn is(self, other: Self) -> bool {
        (self.epoch, self.revision) == (other.epoch, other.revision)
    }
}

impl Load {
    /// An order of loads, to tell no two worlds apart by it.
    fn rank(self) -> u64 {
        let (stage, [branch, number, epoch]) = match self.stage {
            Stage::Queued => (0, [0; 3]),
            Stage::Connected { branch, epoch } => (1, [branch, 0, epoch]),
            Stage::Read { branch, number, epoch } => (2, [branch, number, epoch]),
            Stage::Vouched { branch, number, epoch } => (3, [branch, number, epoch]),
            Stage::Stored { branch, number, epoch } => (4, [branch, number, epoch]),
        };
        [self.key as u8, stage, branch, number, epoch].into_iter().fold(0, |rank, part| rank << 8 | u64::from(part))
    }
}
