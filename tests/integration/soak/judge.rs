//! Holds what was answered against what the writers knew and what the log says. Pure: a history in, what is wrong with it out.
//!
//! Every answer is judged twice. By the revision that it names: it must be what the log says of that revision, and that
//! revision must have what had been acknowledged before the question. And without its revision, by the facts that the writers
//! were certain of from the question to the answer.

use std::collections::HashMap;
use std::time::Duration;

use super::history::{Answer, Check, Fault, History, Outcome, Token, Wanted, Write};
use super::moments::{Clock, Floor, overlaps};
use super::timeline::{Log, Timeline};
use super::world::{Fact, Value, role};

/// How the replicas were set, and what is allowed for a machine that has much to do.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    pub lease: Duration,
    /// How much longer than a lease a write may take.
    pub margin: Duration,
    /// How long after a fault its effects may still be felt.
    pub recovery: Duration,
}

/// The least and the most that a user may have held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bounds {
    least: u8,
    most: u8,
}

struct Judge<'a> {
    log: &'a Log,
    timeline: Timeline,
    clock: Clock<'a>,
    acknowledged: Floor,
    seen: Floor,
    wrong: Vec<String>,
}

/// Says all that is wrong, each with a word that names what kind of wrong it is.
pub fn judge(history: &History, log: &Log, terms: Terms) -> Vec<String> {
    let (timeline, wrong) = Timeline::settle(log, &history.writes);
    let clock = Clock { settings: &history.clock, wall_ahead: history.wall_ahead, lease: terms.lease };
    let (acknowledged, seen) = (Floor::of_acknowledged(&history.writes), Floor::of_everything(history));
    let mut judge = Judge { log, timeline, clock, acknowledged, seen, wrong };
    judge.wrong.extend(history.nonsense.iter().map(|told| format!("NONSENSE: {told}")));
    for check in &history.checks {
        judge.freshness(check);
        judge.certainties(check);
    }
    judge.truth(&history.checks);
    for write in &history.writes {
        judge.delay(write, &history.faults, terms);
    }
    judge.wrong
}

impl Judge<'_> {
    /// Whether the revision is one that this answer may be of.
    fn freshness(&mut self, check: &Check) {
        let Token { history, revision } = check.at;
        let last = self.log.entries.last().map_or(0, |entry| entry.revision);
        if history != self.log.history || !(self.log.first..=last).contains(&revision) {
            return self.wrong.push(format!("NOWHERE: there is no such revision: {check:?}"));
        }
        let acknowledged = self.acknowledged.before(check.asked);
        if revision < acknowledged {
            self.wrong.push(format!("STALE: {acknowledged} had been acknowledged before it was asked: {check:?}"));
        }
        let asked = self.timeline.asked(revision);
        if asked > check.answered {
            self.wrong.push(format!("FROM THE FUTURE: its revision was asked for only at {asked}: {check:?}"));
        }
        match check.wanted {
            Wanted::AtLeast(wanted) if revision < wanted => {
                self.wrong.push(format!("WENT BACK: its caller held {wanted}: {check:?}"));
            }
            Wanted::Everything if revision < self.seen.before(check.asked) => {
                let seen = self.seen.before(check.asked);
                self.wrong.push(format!("NOT ALL: {seen} had been seen before: {check:?}"));
            }
            _ => {}
        }
    }

    /// Whether it contradicts what the writers were certain of all the while.
    fn certainties(&mut self, check: &Check) {
        for answer in &check.answers {
            let all = |fact| self.timeline.possible(fact, check.asked, check.answered);
            let bound = |fact, value| self.clock.bounds(value, fact, check);
            let least = role(answer.user, answer.project, |fact| {
                all(fact).map(|value| bound(fact, value).0).min().unwrap_or_default()
            });
            let most = role(answer.user, answer.project, |fact| {
                all(fact).map(|value| bound(fact, value).1).max().unwrap_or_default()
            });
            if answer.allowed && most < answer.needed {
                self.wrong.push(format!("REVOKED AND GRANTED: {answer:?} held at most {most}: {check:?}"));
            }
            if !answer.allowed && least >= answer.needed {
                self.wrong.push(format!("GRANTED AND DENIED: {answer:?} held at least {least}: {check:?}"));
            }
        }
    }

    /// Whether it is what the log says of its revision.
    fn truth(&mut self, checks: &[Check]) {
        let mut checks: Vec<&Check> = checks.iter().filter(|check| check.at.history == self.log.history).collect();
        checks.sort_by_key(|check| check.at.revision);
        let mut entries = self.log.entries.iter().peekable();
        let mut state: HashMap<Fact, Value> = HashMap::new();
        for check in checks {
            while let Some(entry) = entries.next_if(|entry| entry.revision <= check.at.revision) {
                state.extend(entry.changes.iter().copied());
            }
            for answer in &check.answers {
                let bounds = self.clock.bounds_at(&state, answer, check);
                if !bounds.allow(answer) {
                    self.wrong.push(format!("UNTRUE: {answer:?}, and right is {bounds:?}: {check:?}"));
                }
            }
        }
    }

    /// Whether a write took longer than others may keep it: each replica that something was done to may do so for its lease.
    fn delay(&mut self, write: &Write, faults: &[Fault], terms: Terms) {
        let felt = |fault: &&Fault| overlaps(fault, terms.recovery, write.asked, write.answered);
        let felt: Vec<&Fault> = faults.iter().filter(|fault| fault.interrupts).filter(felt).collect();
        if felt.iter().any(|fault| fault.replica.is_none_or(|replica| replica == write.replica)) {
            return;
        }
        let others = u32::try_from(felt.len()).unwrap_or(u32::MAX).max(1);
        let most = terms.lease.mul_f64(1.01) * others + terms.margin;
        let took = Duration::from_micros((write.answered - write.asked).unsigned_abs());
        if took > most {
            self.wrong.push(format!("LATE: a write took {took:?}, at most {most:?} is promised: {write:?}"));
            return;
        }
        let as_it_should = match write.outcome {
            Outcome::Done(_) | Outcome::Refused(_) => true,
            Outcome::Committed(_) => write.order.waits == Some(false),
            Outcome::Failed(_) | Outcome::Unknown(_) => false,
        };
        if !as_it_should {
            self.wrong.push(format!("FAILED: nothing had happened to its replica: {write:?}"));
        }
    }
}

impl Bounds {
    fn allow(self, answer: &Answer) -> bool {
        (self.least..=self.most).contains(&answer.role) && answer.allowed == (answer.role >= answer.needed)
    }
}

impl Clock<'_> {
    fn bounds_at(&self, state: &HashMap<Fact, Value>, answer: &Answer, check: &Check) -> Bounds {
        let value = |fact| state.get(&fact).copied().unwrap_or_default();
        let least = role(answer.user, answer.project, |fact| self.bounds(value(fact), fact, check).0);
        let most = role(answer.user, answer.project, |fact| self.bounds(value(fact), fact, check).1);
        Bounds { least, most }
    }
}

/// What is known of the end of the run: the state after the last revision.
pub fn last_state(log: &Log) -> HashMap<Fact, Value> {
    log.entries.iter().flat_map(|entry| entry.changes.iter().copied()).collect()
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
