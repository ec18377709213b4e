//! What a write changed: the record for the log, and the entries of the role view that no longer hold.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use serde_json::Value;

use super::ids::{AccountId, PlanId, ProjectId, Revision};
use super::names::{NameKey, ProjectName};
use super::roles::named;

named! {
    /// What sort of thing a change is about.
    Object {
        /// A user.
        User = "user",
        /// An organization.
        Organization = "organization",
        /// A member of an organization.
        Member = "member",
        /// A team.
        Team = "team",
        /// A member of a team.
        TeamMember = "team_member",
        /// A project.
        Project = "project",
        /// A collaborator of a project.
        Collaborator = "collaborator",
        /// A plan.
        Plan = "plan",
    }
}

/// One thing that a write made, changed or took away.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// What sort of thing it is.
    pub object: Object,
    /// What it is called, or what it belongs to: an account, `@organization/team`, `owner/project`, a plan's code.
    pub name: String,
    /// Who has the place or the role, where it is one: a user, or `@organization/team`.
    pub subject: String,
    /// As it was; `None` where it is new.
    pub before: Option<Value>,
    /// As it is; `None` where it is gone.
    pub after: Option<Value>,
}

/// What became of a thing that changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// It is new.
    Created,
    /// It is another.
    Updated,
    /// It is gone.
    Removed,
    /// It has reached its end, and is still there.
    Expired,
}

/// The write that records the end of a grant, as the log calls it.
pub const EXPIRY: &str = "expire_collaborator";

/// A change as the log has it, with the write that it was part of.
#[derive(Debug, Clone, PartialEq)]
pub struct LoggedChange {
    /// The number of the write.
    pub revision: Revision,
    /// Its place in the write, from 1.
    pub ordinal: i64,
    /// When, shortly before the commit.
    pub committed_at: Timestamp,
    /// What was asked for.
    pub operation: String,
    /// On whose behalf; `None`: a caller in its own right, or the clock.
    pub actor: Option<String>,
    /// The service that asked; `None`: callers are not told apart, or the clock.
    pub caller: Option<String>,
    /// What it called its request.
    pub request_id: Option<String>,
    /// What it changed.
    pub change: Change,
}

/// Where a change stands in a list of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogKey {
    /// When its write was committed. Lists by name or subject go by the rest alone.
    pub committed_at: Timestamp,
    /// The number of its write.
    pub revision: Revision,
    /// Its place in the write.
    pub ordinal: i64,
}

/// One entry of the role view.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryKey {
    /// What a username stands for.
    Name(NameKey),
    /// A project.
    Project(ProjectId),
    /// Which project `owner/name` is.
    Path(NameKey, ProjectName),
    /// What an owner adds to its projects.
    Account(AccountId),
    /// What a plan allows.
    Plan(PlanId),
}

/// All that one write changed.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// The changes, in the order in which they were made.
    pub list: Vec<Change>,
    /// The entries of the view that they touch.
    pub touched: BTreeSet<EntryKey>,
}

impl Changes {
    /// Records a change.
    pub fn record(
        &mut self,
        object: Object,
        name: impl ToString,
        subject: impl ToString,
        before: Option<Value>,
        after: Option<Value>,
    ) {
        self.list.push(Change { object, name: name.to_string(), subject: subject.to_string(), before, after });
    }

    /// Whether nothing was changed.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty() && self.touched.is_empty()
    }

    /// Says that an entry of the view no longer holds.
    pub fn touch(&mut self, key: EntryKey) {
        self.touched.insert(key);
    }
}

impl LogKey {
    /// Reads what [`Display`](fmt::Display) wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.').map(str::parse);
        let mut next = || parts.next()?.ok();
        let (committed_at, revision, ordinal) =
            (Timestamp::from_microsecond(next()?).ok()?, Revision(next()?), next()?);
        Some(Self { committed_at, revision, ordinal })
    }
}

impl fmt::Display for LogKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}.{}", self.committed_at.as_microsecond(), self.revision, self.ordinal)
    }
}

impl LoggedChange {
    /// Where it stands in a list.
    pub fn key(&self) -> LogKey {
        LogKey { committed_at: self.committed_at, revision: self.revision, ordinal: self.ordinal }
    }

    /// What became of the thing.
    pub fn kind(&self) -> ChangeKind {
        match (&self.change.before, &self.change.after) {
            _ if self.operation == EXPIRY => ChangeKind::Expired,
            (None, _) => ChangeKind::Created,
            (Some(_), None) => ChangeKind::Removed,
            (Some(_), Some(_)) => ChangeKind::Updated,
        }
    }
}
