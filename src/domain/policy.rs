//! The policy: for every action the lowest level that may. Read from the matrix in `policy/default.toml`.

use super::actions::{AccountAction, OrganizationAction, ProjectAction};
use super::roles::{AccountLevel, OrganizationLevel, ProjectLevel};

pub(super) const PROJECT_ACTIONS: usize = ProjectAction::ALL.len();
pub(super) const ORGANIZATION_ACTIONS: usize = OrganizationAction::ALL.len();
pub(super) const ACCOUNT_ACTIONS: usize = AccountAction::ALL.len();

/// Who may do what, for every action there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    pub(super) project: [ProjectRule; PROJECT_ACTIONS],
    pub(super) organization: [OrganizationLevel; ORGANIZATION_ACTIONS],
    pub(super) account: [AccountLevel; ACCOUNT_ACTIONS],
}

/// What a project action asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProjectRule {
    /// The lowest level that may.
    pub lowest: ProjectLevel,
    /// Never possible on a template project.
    pub never_on_template: bool,
    /// The lowest level that may where the project's files are restricted.
    pub restricted: Option<ProjectLevel>,
}

impl Policy {
    /// The rule of a project action.
    #[expect(clippy::indexing_slicing, reason = "the array has one rule for every action")]
    pub fn project(&self, action: ProjectAction) -> &ProjectRule {
        &self.project[action as usize]
    }

    /// The lowest level of an organization action.
    #[expect(clippy::indexing_slicing, reason = "the array has one level for every action")]
    pub fn organization(&self, action: OrganizationAction) -> OrganizationLevel {
        self.organization[action as usize]
    }

    /// The lowest level of an account action.
    #[expect(clippy::indexing_slicing, reason = "the array has one level for every action")]
    pub fn account(&self, action: AccountAction) -> AccountLevel {
        self.account[action as usize]
    }
}
