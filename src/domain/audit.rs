//! Verifies the chain of the log, write by write: what is wrong, and where. Reads nothing itself.

use std::fmt;

use uuid::Uuid;

use super::chain::{Content, Hash, Link};
use super::change::Change;
use super::ids::Revision;

/// How many findings are spelled out.
const FINDINGS: usize = 100;

/// The hash of all of the log up to a write: what to keep elsewhere, as `REVISION:HASH`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The write.
    pub revision: Revision,
    /// Its hash.
    pub hash: Hash,
}

/// Where the chain begins and ends, as the database has it.
#[derive(Debug, Clone, Copy)]
pub struct Ends {
    /// The last write that is older than the chain.
    pub began: Revision,
    /// What the oldest write that is kept is chained to.
    pub start: Head,
    /// What the counter has.
    pub head: Head,
}

/// A write as it was read to be verified.
#[derive(Debug)]
pub struct AuditedWrite {
    /// Its number.
    pub revision: Revision,
    /// Its random id.
    pub id: Uuid,
    /// When, as [`Link`] has it.
    pub committed_at: i64,
    /// What was asked for.
    pub operation: String,
    /// On whose behalf.
    pub actor: Option<String>,
    /// The service that asked.
    pub caller: Option<String>,
    /// What it called its request.
    pub request_id: Option<String>,
    /// What it changed; `None` where that is nothing that a write leaves behind.
    pub changes: Option<Vec<Change>>,
    /// Its hash, as it is kept.
    pub hash: Option<Hash>,
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// It is not what was written, or does not follow on the one before.
    Changed,
    /// Something wrote to the log that does not chain.
    Unchained,
    /// Writes are gone, up to this one.
    Missing(Revision),
    /// There was no such write.
    Inserted,
    /// The counter has another hash than the last write.
    Severed,
    /// It has another hash than the one that was kept elsewhere: the log up to it was written anew.
    Rewritten,
    /// It was kept elsewhere as the last write, and the log ends before it.
    CutOff,
}

/// Something that is wrong, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding {
    /// The write; the first one of several.
    pub revision: Revision,
    /// What is wrong with it.
    pub flaw: Flaw,
}

/// What an audit came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditReport {
    /// How many writes were held against the chain.
    pub writes: u64,
    /// How many there are that are older than the chain: nothing is proved of them.
    pub older: u64,
    /// The end of the log.
    pub head: Head,
    /// The first things that are wrong.
    pub findings: Vec<Finding>,
    /// How many there are in all.
    pub flaws: u64,
    /// The head that was kept elsewhere is of a write that is no longer kept here: nothing can be said of it.
    pub out_of_reach: Option<Revision>,
}

/// An audit under way.
#[derive(Debug)]
pub struct Audit {
    ends: Ends,
    kept: Option<Head>,
    next: Revision,
    /// The hash of the write before, as it is kept, and as it should be.
    previous: [Option<Hash>; 2],
    report: AuditReport,
}

impl Audit {
    /// Begins one. `kept` is a head that was kept elsewhere.
    pub fn new(ends: Ends, kept: Option<Head>) -> Self {
        let report = AuditReport {
            writes: 0,
            older: 0,
            head: ends.head,
            findings: Vec::new(),
            flaws: 0,
            out_of_reach: kept.map(|kept| kept.revision).filter(|kept| *kept < ends.start.revision),
        };
        let previous = [Some(ends.start.hash); 2];
        let mut audit = Self { ends, kept, next: after(ends.start.revision), previous, report };
        audit.compare_kept(ends.start.revision);
        audit
    }

    /// Takes the writes in, all that there are and in their order.
    pub fn take(&mut self, write: &AuditedWrite) {
        let Ends { began, start, head } = self.ends;
        if write.revision <= start.revision || write.revision > head.revision {
            // what was forgotten is gone; only what never was chained may still be there
            if start.revision == began && write.revision.0 >= 1 && write.revision <= began {
                self.report.older += 1;
            } else {
                self.find(write.revision, Flaw::Inserted);
            }
            return;
        }
        // a number that was taken already, however well it chains
        if write.revision < self.next {
            self.find(write.revision, Flaw::Inserted);
            return;
        }
        if write.revision > self.next {
            self.find(self.next, Flaw::Missing(Revision(write.revision.0 - 1)));
            self.previous = [None; 2];
        }
        self.report.writes += 1;
        let [kept, due] = self.previous.map(|previous| previous.and_then(|previous| write.due(previous)));
        match write.hash {
            None => self.find(write.revision, Flaw::Unchained),
            // after a gap it can't be held against anything; after a flaw in the one before either will do
            Some(_) if self.previous == [None; 2] => {}
            Some(hash) if [kept, due].contains(&Some(hash)) => {}
            Some(_) => self.find(write.revision, Flaw::Changed),
        }
        // what has no hash may be no part of the chain at all
        let [before, _] = self.previous;
        self.previous = [write.hash.or(before), due];
        self.next = after(write.revision);
        self.compare_kept(write.revision);
    }

    /// Says what it came to.
    pub fn finish(mut self) -> AuditReport {
        let head = self.ends.head;
        if self.next <= head.revision {
            self.find(self.next, Flaw::Missing(head.revision));
        } else if head.revision < self.ends.start.revision || !self.previous.contains(&Some(head.hash)) {
            // a counter that went back before the start of the chain may still have the start's hash
            self.find(head.revision, Flaw::Severed);
        }
        if let Some(kept) = self.kept.filter(|kept| kept.revision > head.revision) {
            self.find(kept.revision, Flaw::CutOff);
        }
        self.report
    }

    fn compare_kept(&mut self, revision: Revision) {
        let Some(kept) = self.kept.filter(|kept| kept.revision == revision) else { return };
        if !self.previous.contains(&Some(kept.hash)) {
            self.find(revision, Flaw::Rewritten);
        }
    }

    fn find(&mut self, revision: Revision, flaw: Flaw) {
        self.report.flaws += 1;
        if self.report.findings.len() < FINDINGS {
            self.report.findings.push(Finding { revision, flaw });
        }
    }
}

impl AuditedWrite {
    /// The hash that it has to have after that one; `None`: none will do.
    fn due(&self, previous: Hash) -> Option<Hash> {
        let Self { revision, id, committed_at, ref operation, ref actor, ref caller, ref request_id, .. } = *self;
        let content = Content {
            operation,
            actor: actor.as_deref(),
            caller: caller.as_deref(),
            request_id: request_id.as_deref(),
        };
        let digest = content.digest(self.changes.as_ref()?);
        Some(Link { revision, id, committed_at }.hash(previous, digest))
    }
}

impl Head {
    /// Reads `REVISION:HASH`.
    pub fn parse(text: &str) -> Option<Self> {
        let (revision, hash) = text.split_once(':')?;
        let revision = revision.parse().ok().filter(|revision| *revision >= 0)?;
        Some(Self { revision: Revision(revision), hash: Hash::parse(hash)? })
    }
}

impl fmt::Display for Head {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.revision, self.hash)
    }
}

impl Flaw {
    /// What it is called where a machine reads it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Unchained => "unchained",
            Self::Missing(_) => "missing",
            Self::Inserted => "inserted",
            Self::Severed => "severed",
            Self::Rewritten => "rewritten",
            Self::CutOff => "cut_off",
        }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Changed => "is not what was written, or not where it was written",
            Self::Unchained => "has no hash: something else than rolegate wrote it",
            Self::Missing(through) => return write!(formatter, "is missing, with all up to {through}"),
            Self::Inserted => "never was a write: it was put in",
            Self::Severed => "has another hash than the counter, which has that of the last write",
            Self::Rewritten => "has another hash than the one that was kept: the log up to it was written anew",
            Self::CutOff => "was the last write once, and the log ends before it",
        })
    }
}

fn after(revision: Revision) -> Revision {
    Revision(revision.0.saturating_add(1))
}

#[cfg(test)]
#[path = "audit_tests.rs"]
mod tests;
