//! What happened in a run, as those who asked saw it. Every writer and every checker keeps its own records until it is done, so
//! that recording makes nobody wait for anybody.

use std::collections::BTreeMap;

use rustix::time::{ClockId, clock_gettime};

use super::world::{Order, Project, User};

/// Microseconds of the clock of this machine that nothing sets.
pub type Moment = i64;

/// A number of the log.
pub type Revision = i64;

pub fn now() -> Moment {
    let time = clock_gettime(ClockId::Boottime);
    time.tv_sec * 1_000_000 + time.tv_nsec / 1_000
}

/// How far this machine's clock on the wall is ahead of [`now`].
pub fn wall_ahead() -> i64 {
    let time = clock_gettime(ClockId::Realtime);
    time.tv_sec * 1_000_000 + time.tv_nsec / 1_000 - now()
}

/// One write as its writer saw it.
#[derive(Debug, Clone)]
pub struct Write {
    pub order: Order,
    pub replica: usize,
    pub asked: Moment,
    pub answered: Moment,
    pub outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Acknowledged: every replica has applied it, or answers nothing.
    Done(Token),
    /// It is in the log, and somebody may not have applied it yet.
    Committed(Token),
    /// Refused by the rules, for this reason: it is not in the log, and never will be.
    Refused(String),
    /// It could not be done, for this reason: it is not in the log, and never will be.
    Failed(String),
    /// It may be in the log, or get there later: an answer that was lost, or that says so.
    Unknown(String),
}

/// What an answer says that it is true at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    pub history: u64,
    pub revision: Revision,
}

/// One question, or several at once, that were answered.
#[derive(Debug, Clone)]
pub struct Check {
    #[allow(dead_code, reason = "shown where it is wrong")]
    pub replica: usize,
    pub asked: Moment,
    pub answered: Moment,
    pub wanted: Wanted,
    pub at: Token,
    pub answers: Vec<Answer>,
}

/// How fresh it had to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    Anything,
    AtLeast(Revision),
    Everything,
}

/// What was said of one user on one project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    pub user: User,
    pub project: Project,
    /// The lowest role that may do what was asked about.
    pub needed: u8,
    pub allowed: bool,
    /// The role that the user was said to hold.
    pub role: u8,
}

/// A fault, from its beginning until it was mended.
#[derive(Debug, Clone)]
pub struct Fault {
    pub kind: &'static str,
    /// Whether a write may fail for it. A replica's clock is no excuse; the database's is, by which PostgreSQL measures how
    /// long a statement takes.
    pub interrupts: bool,
    /// Which replica; `None`: the database.
    pub replica: Option<usize>,
    pub began: Moment,
    pub ended: Moment,
}

/// From `at` on, at the latest, the database's clock was that far ahead of this machine's.
#[derive(Debug, Clone, Copy)]
pub struct ClockSetting {
    pub at: Moment,
    pub ahead: i64,
}

/// All of it.
#[derive(Debug, Default)]
pub struct History {
    pub writes: Vec<Write>,
    pub checks: Vec<Check>,
    pub faults: Vec<Fault>,
    /// How the database's clock was set, in order.
    pub clock: Vec<ClockSetting>,
    /// How far this machine's clock on the wall is ahead of [`now`].
    pub wall_ahead: i64,
    /// How many checks were not answered, by the reason.
    pub unanswered: BTreeMap<String, u64>,
    /// What nobody should ever be told.
    pub nonsense: Vec<String>,
}

impl History {
    /// Adds what another task has seen.
    pub fn add(&mut self, other: Self) {
        self.writes.extend(other.writes);
        self.checks.extend(other.checks);
        self.faults.extend(other.faults);
        self.clock.extend(other.clock);
        self.nonsense.extend(other.nonsense);
        for (reason, count) in other.unanswered {
            *self.unanswered.entry(reason).or_default() += count;
        }
    }
}
