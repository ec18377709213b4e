//! The log of changes, and what it says of the writes: from when on nobody may answer without each of them, and before when
//! nobody could answer with it. Pure.

use std::collections::HashMap;

use super::history::{Moment, Outcome, Revision, Write};
use super::world::{Fact, Value};

/// What the log calls the end of a grant: the clock asked for it, and it changes nothing.
pub const EXPIRY: &str = "expire_collaborator";

/// One write as the database's log has it.
#[derive(Debug, Clone)]
pub struct Entry {
    pub revision: Revision,
    pub operation: String,
    pub changes: Vec<(Fact, Value)>,
}

/// The whole log, without a gap, from the first revision on.
#[derive(Debug, Clone, Default)]
pub struct Log {
    /// The first bytes of the name of its history.
    pub history: u64,
    /// The last revision that was written before anybody was asked anything.
    pub first: Revision,
    pub entries: Vec<Entry>,
}

/// What a fact became at a revision.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    pub value: Value,
    /// Nobody could know of it before.
    pub asked: Moment,
    /// Whoever is asked later must know of it: a write of this revision or a later one was acknowledged.
    pub known: Moment,
    /// The earliest `asked` of this step and all after it.
    still_to_come: Moment,
}

/// The log as those who wrote knew of it.
#[derive(Debug, Default)]
pub struct Timeline {
    steps: HashMap<Fact, Vec<Step>>,
    asked: HashMap<Revision, Moment>,
}

impl Timeline {
    /// Finds for every revision who asked for it, and says what can't be.
    pub fn settle(log: &Log, writes: &[Write]) -> (Self, Vec<String>) {
        let mut wrong = Vec::new();
        let askers = Askers::of(writes, &mut wrong);
        let asked = askers.assign(log, &mut wrong);
        let known = known_by(log, writes);
        let mut steps: HashMap<Fact, Vec<Step>> = HashMap::new();
        for entry in &log.entries {
            let known = known.get(&entry.revision).copied().unwrap_or(Moment::MAX);
            let asked = asked.get(&entry.revision).copied().unwrap_or(Moment::MIN);
            for (fact, value) in &entry.changes {
                let step = Step { value: *value, asked, known, still_to_come: asked };
                steps.entry(*fact).or_default().push(step);
            }
        }
        for steps in steps.values_mut() {
            let mut earliest = Moment::MAX;
            for step in steps.iter_mut().rev() {
                earliest = earliest.min(step.asked);
                step.still_to_come = earliest;
            }
        }
        (Self { steps, asked }, wrong)
    }

    /// When the write of that revision was asked for.
    pub fn asked(&self, revision: Revision) -> Moment {
        self.asked.get(&revision).copied().unwrap_or(Moment::MIN)
    }

    /// All that a fact may have been for an answer that was asked for and given then.
    pub fn possible(&self, fact: Fact, asked: Moment, answered: Moment) -> impl Iterator<Item = Value> {
        let steps = self.steps.get(&fact).map(Vec::as_slice).unwrap_or_default();
        // the moments at which steps are known never go back
        let settled = steps.partition_point(|step| step.known < asked);
        let before = settled.checked_sub(1).map_or_else(Value::default, |last| steps[last].value);
        let open = steps[settled..].iter().take_while(move |step| step.still_to_come < answered);
        let open = open.filter(move |step| step.asked < answered).map(|step| step.value);
        std::iter::once(before).chain(open)
    }
}

/// For each revision, when a write of it or of a later one was first acknowledged.
fn known_by(log: &Log, writes: &[Write]) -> HashMap<Revision, Moment> {
    let mut acknowledged: HashMap<Revision, Moment> = HashMap::new();
    for write in writes {
        if let Outcome::Done(token) = write.outcome {
            acknowledged.insert(token.revision, write.answered);
        }
    }
    let mut known = HashMap::new();
    let mut earliest = Moment::MAX;
    for entry in log.entries.iter().rev() {
        earliest = earliest.min(acknowledged.get(&entry.revision).copied().unwrap_or(Moment::MAX));
        if entry.revision <= log.first {
            earliest = Moment::MIN;
        }
        known.insert(entry.revision, earliest);
    }
    known
}

/// The writes, by what is known of where they are in the log.
struct Askers<'a> {
    by_revision: HashMap<Revision, &'a Write>,
    unsettled: Vec<&'a Write>,
    refused: Vec<&'a Write>,
}

impl<'a> Askers<'a> {
    fn of(writes: &'a [Write], wrong: &mut Vec<String>) -> Self {
        let mut askers = Self { by_revision: HashMap::new(), unsettled: Vec::new(), refused: Vec::new() };
        for write in writes {
            match &write.outcome {
                Outcome::Done(token) | Outcome::Committed(token) => {
                    if let Some(other) = askers.by_revision.insert(token.revision, write) {
                        wrong.push(format!("LOST: {other:?} and {write:?} were told the same revision"));
                    }
                }
                Outcome::Unknown(_) => askers.unsettled.push(write),
                Outcome::Refused(_) | Outcome::Failed(_) => askers.refused.push(write),
            }
        }
        askers.unsettled.sort_by_key(|write| write.asked);
        askers
    }

    /// When each revision was asked for.
    fn assign(mut self, log: &Log, wrong: &mut Vec<String>) -> HashMap<Revision, Moment> {
        let mut asked = HashMap::new();
        for entry in log.entries.iter().filter(|entry| entry.revision > log.first) {
            if let Some(write) = self.by_revision.remove(&entry.revision) {
                if !entry.is_of(write) {
                    wrong.push(format!("LOST: {write:?} was acknowledged, and the log has {entry:?}"));
                }
                asked.insert(entry.revision, write.asked);
            } else if let Some(place) = self.unsettled.iter().position(|write| entry.is_of(write)) {
                // the earliest that it can have been: another one of the same kind makes it only later
                asked.insert(entry.revision, self.unsettled.remove(place).asked);
            } else if let Some(write) = self.refused.iter().find(|write| entry.is_of(write)) {
                wrong.push(format!("REFUSED AND WRITTEN: {write:?} is in the log as {entry:?}"));
                asked.insert(entry.revision, write.asked);
            } else if entry.operation != EXPIRY {
                wrong.push(format!("PHANTOM: nobody asked for {entry:?}"));
            }
        }
        wrong.extend(self.by_revision.values().map(|write| format!("LOST: {write:?} is not in the log")));
        asked
    }
}

impl Entry {
    /// Whether that write can have been this one.
    fn is_of(&self, write: &Write) -> bool {
        let order = &write.order;
        self.operation == order.operation() && self.changes.contains(&(order.fact, order.value))
    }
}
