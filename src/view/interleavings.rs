//! The protocol of the cells under every interleaving of writes, the follower of the log, loads and eviction.
//!
//! Each actor is a list of steps that are atomic in the view as well: what stands between two of them is where another
//! actor may come in. From every state that can be reached every step is taken that there is; whatever a check could use
//! there must be what was true at the revision that is applied.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::sync::watch;

use super::super::cell::{Entry, Kept, LoadResult};
use super::{SHARDS, Shared, Table};
use crate::domain::facts::Plan;
use crate::domain::ids::{PlanId, Revision};

const KEY: PlanId = PlanId(1);

/// Who may take the next step.
#[derive(Debug, Clone, Copy)]
enum Actor {
    /// Commits the next revision.
    Writer,
    /// Says that a revision is about to be invalidated; marks the cell; publishes the revision.
    Follower,
    /// Joins or begins a load; reads; stores; reads again where a write came between.
    Load(usize),
    /// Reads the entry along with another key; stores it.
    Alongside,
    /// Drops what may be dropped.
    Eviction,
}

/// Which revisions touch the key.
const TOUCHES: [bool; 3] = [true, false, true];

struct World {
    table: Table<PlanId, Plan>,
    shared: Arc<Shared>,
    committed: i64,
    applied: i64,
    follower: u8,
    loads: [Load; 2],
    alongside: Progress,
    evictions: u8,
}

#[derive(Default)]
struct Load {
    waiter: Option<watch::Receiver<LoadResult>>,
    progress: Progress,
}

#[derive(Debug, Default, Clone, Copy, PartialEq)]
enum Progress {
    #[default]
    Idle,
    /// It must read.
    Begun,
    /// It has read what was true at that revision.
    Read(i64),
    Over,
}

/// What the database holds at a revision: the last write that touched the key.
fn truth(revision: i64) -> Plan {
    let last = (1..=revision).rev().find(|revision| TOUCHES[*revision as usize - 1]);
    Plan { collaborator_limit: last.map(|revision| revision as u32) }
}

impl World {
    fn new() -> Self {
        let shared = Arc::new(Shared::default());
        let table = Table::new(Arc::clone(&shared));
        let (loads, alongside) = (Default::default(), Progress::Idle);
        Self { table, shared, committed: 0, applied: 0, follower: 0, loads, alongside, evictions: 0 }
    }

    fn read(&self) -> Progress {
        Progress::Read(self.committed)
    }

    fn store(&self, revision: i64) -> Kept {
        let entry = Entry { value: Some(truth(revision)), revision: Revision(revision) };
        self.table.complete(KEY, 0, Arc::new(entry))
    }

    /// Takes the actor's next step; `false` where it has none now.
    fn step(&mut self, actor: Actor, revisions: i64) -> bool {
        match actor {
            Actor::Writer if self.committed < revisions => self.committed += 1,
            Actor::Follower if self.applied < self.committed => self.follow(),
            Actor::Load(number) => return self.load(number),
            Actor::Alongside => match self.alongside {
                Progress::Idle => self.alongside = self.read(),
                Progress::Read(revision) => {
                    self.store(revision);
                    self.alongside = Progress::Over;
                }
                Progress::Begun | Progress::Over => return false,
            },
            Actor::Eviction if self.evictions == 0 => {
                (0..SHARDS * 5).for_each(|_| self.table.sweep());
                self.evictions += 1;
            }
            Actor::Writer | Actor::Follower | Actor::Eviction => return false,
        }
        true
    }

    fn follow(&mut self) {
        let revision = self.applied + 1;
        match self.follower {
            0 => self.shared.seen.store(revision, std::sync::atomic::Ordering::SeqCst),
            1 if TOUCHES[revision as usize - 1] => self.table.invalidate(&KEY, Revision(revision)),
            1 => {}
            _ => self.applied = revision,
        }
        self.follower = (self.follower + 1) % 3;
    }

    fn load(&mut self, number: usize) -> bool {
        match self.loads[number].progress {
            Progress::Idle => {
                let begun = self.table.join_or_begin(KEY);
                self.loads[number].progress = if begun.must_run { Progress::Begun } else { Progress::Over };
                self.loads[number].waiter = Some(begun.waiter);
            }
            Progress::Begun => self.loads[number].progress = self.read(),
            Progress::Read(revision) => {
                let again = self.store(revision) == Kept::TooOld;
                self.loads[number].progress = if again { Progress::Begun } else { Progress::Over };
            }
            Progress::Over => return false,
        }
        true
    }

    /// A check that looks now.
    fn judge(&self, schedule: &[Actor]) {
        if let Some(entry) = self.table.get(&KEY)
            && entry.revision.0 <= self.applied
        {
            assert_eq!(entry.value, Some(truth(self.applied)), "at {} after {schedule:?}", self.applied);
        }
    }

    /// All that decides what can come: two worlds that look the same here go on the same.
    fn state(&self) -> String {
        let cell = self.table.shard(&KEY).read().slots.get(&KEY).map(|slot| format!("{slot:?}"));
        let told = self.loads.each_ref().map(|load| load.waiter.as_ref().map(|waiter| waiter.borrow().clone()));
        let loads = self.loads.each_ref().map(|load| load.progress);
        let seen = self.table.seen();
        let (committed, applied, follower) = (self.committed, self.applied, self.follower);
        format!(
            "{committed} {applied} {follower} {seen} {loads:?} {told:?} {:?} {} {cell:?}",
            self.alongside, self.evictions
        )
    }

    /// Where nobody has a step left, everybody who waited has been told, and all is applied.
    fn judge_end(&self, schedule: &[Actor], revisions: i64) {
        assert_eq!((self.committed, self.applied), (revisions, revisions), "{schedule:?}");
        for load in self.loads.iter().filter_map(|load| load.waiter.as_ref()) {
            assert!(matches!(*load.borrow(), Some(Ok(()))), "nobody waits for ever: {schedule:?}");
        }
    }
}

/// Reaches every state that these actors can bring about, and returns how many there are.
fn all_states(actors: &[Actor], revisions: i64) -> usize {
    let (mut states, mut stack) = (HashSet::new(), vec![Vec::new()]);
    while let Some(schedule) = stack.pop() {
        let mut ended = true;
        for actor in actors {
            let mut world = World::new();
            schedule.iter().for_each(|actor| assert!(world.step(*actor, revisions)));
            if !world.step(*actor, revisions) {
                continue;
            }
            ended = false;
            let next: Vec<Actor> = schedule.iter().chain([actor]).copied().collect();
            if states.insert(world.state()) {
                world.judge(&next);
                stack.push(next);
            }
        }
        if ended {
            let mut world = World::new();
            schedule.iter().for_each(|actor| assert!(world.step(*actor, revisions)));
            world.judge_end(&schedule, revisions);
        }
    }
    states.len()
}

#[test]
fn two_loads_an_eviction_and_three_writes_never_leave_a_stale_entry() {
    let states = all_states(&[Actor::Writer, Actor::Follower, Actor::Load(0), Actor::Load(1), Actor::Eviction], 3);
    println!("{states} states");
    assert!(states > 1_000, "{states}");
}

#[test]
fn an_entry_that_comes_along_with_another_load_is_never_stale() {
    let actors = [Actor::Writer, Actor::Follower, Actor::Load(0), Actor::Load(1), Actor::Alongside, Actor::Eviction];
    let states = all_states(&actors, 2);
    println!("{states} states");
    assert!(states > 1_000, "{states}");
}
