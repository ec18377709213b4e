//! The policy: for every action the lowest level that may, and how one role is picked of several. Read from the matrix in
//! `policy/default.toml`, or from a deployment's own.

use foldhash::fast::RandomState;
use indexmap::IndexMap;

use super::actions::{AccountAction, OrganizationAction, ProjectAction};
use super::roles::{AccountLevel, OrganizationLevel, ProjectLevel, named};

/// Who may do what, for every action there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    pub(super) project: Rules<ProjectRule>,
    pub(super) organization: Rules<OrganizationLevel>,
    pub(super) account: Rules<AccountLevel>,
    /// Which of several roles a user holds.
    pub resolution: Resolution,
    /// What becomes of a project over its owner's limit.
    pub over_limit: OverLimit,
}

/// What the actions of one kind ask for, by name: the built-in ones in the order of their enum, then the deployment's own.
pub(super) type Rules<R> = IndexMap<Box<str>, R, RandomState>;

/// What a project action asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProjectRule {
    /// The lowest level that may.
    pub lowest: ProjectLevel,
    /// Never possible on a template project.
    pub never_on_template: bool,
    /// The lowest level that may where the project's files are restricted.
    pub restricted: Option<ProjectLevel>,
    /// Never possible on a project over its owner's limit.
    pub never_over_limit: bool,
}

named! {
    /// How one role is picked of several that apply.
    Resolution {
        /// The highest; among equals the first origin.
        Highest = "highest",
        /// The first origin that gives any.
        FirstOrigin = "first_origin",
    }
}

named! {
    /// What becomes of a private project that has more collaborators than its owner's plan allows.
    OverLimit {
        /// It goes on working, and answers say so.
        Report = "report",
        /// Nobody may view it, and whoever is incognito counts too.
        RefuseView = "refuse_view",
    }
}

impl Policy {
    /// The rule of a built-in project action.
    #[expect(clippy::indexing_slicing, reason = "a policy has every built-in action, in its place")]
    pub fn project(&self, action: ProjectAction) -> &ProjectRule {
        &self.project[action as usize]
    }

    /// The lowest level of a built-in organization action.
    #[expect(clippy::indexing_slicing, reason = "a policy has every built-in action, in its place")]
    pub fn organization(&self, action: OrganizationAction) -> OrganizationLevel {
        self.organization[action as usize]
    }

    /// The lowest level of a built-in account action.
    #[expect(clippy::indexing_slicing, reason = "a policy has every built-in action, in its place")]
    pub fn account(&self, action: AccountAction) -> AccountLevel {
        self.account[action as usize]
    }

    /// The rule of the project action of that name.
    pub fn project_action(&self, name: &str) -> Option<&ProjectRule> {
        self.project.get(name)
    }

    /// The lowest level of the organization action of that name.
    pub fn organization_action(&self, name: &str) -> Option<OrganizationLevel> {
        self.organization.get(name).copied()
    }

    /// The lowest level of the account action of that name.
    pub fn account_action(&self, name: &str) -> Option<AccountLevel> {
        self.account.get(name).copied()
    }

    /// Every project action with its rule.
    pub fn project_actions(&self) -> impl Iterator<Item = (&str, &ProjectRule)> {
        self.project.iter().map(|(name, rule)| (&**name, rule))
    }

    /// Every organization action with its lowest level.
    pub fn organization_actions(&self) -> impl Iterator<Item = (&str, OrganizationLevel)> {
        self.organization.iter().map(|(name, level)| (&**name, *level))
    }

    /// Every account action with its lowest level.
    pub fn account_actions(&self) -> impl Iterator<Item = (&str, AccountLevel)> {
        self.account.iter().map(|(name, level)| (&**name, *level))
    }
}
