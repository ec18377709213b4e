//! What a write changed: the record for the log, and the entries of the role view that no longer hold.

use std::collections::BTreeSet;

use serde_json::Value;

use super::ids::{AccountId, PlanId, ProjectId};
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

    /// Says that an entry of the view no longer holds.
    pub fn touch(&mut self, key: EntryKey) {
        self.touched.insert(key);
    }
}
