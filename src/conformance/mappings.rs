//! The table of what each function of the real system is to rolegate: which action, or why none.

use super::ConformanceError;

/// What a function of the real system is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Project,
    Organization,
    /// A person's account.
    Account,
    /// The account of an organization.
    OrganizationAccount,
    /// The account of a team.
    TeamAccount,
    /// Nothing but the user.
    User,
    Subscription,
}

/// What rolegate is asked instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Whether any role is held.
    AnyRole,
    /// A project action.
    Project(&'static str),
    /// An organization action.
    Organization(&'static str),
    /// An account action.
    Account(&'static str),
    /// `OrganizationService/AddMember`, with `validate_only`.
    AddMember,
    /// Nothing, because of this.
    Nothing(&'static str),
}

/// One line of the table.
#[derive(Debug)]
pub struct Mapping {
    pub kind: Kind,
    pub function: &'static str,
    pub asked: Asked,
}

const NO_TEAM: &str = "a team is no account in rolegate";
const NO_SUBSCRIPTION: &str = "rolegate knows plans, not subscriptions, seats or storage";

/// Every function of both versions. The user functions are asked of the user's own account.
pub const MAPPINGS: &[Mapping] = &[
    line(Kind::Project, "can_access_project", Asked::AnyRole),
    line(Kind::Project, "can_retrieve_project", Asked::Project("view_project")),
    line(Kind::Project, "can_update_project", Asked::Project("update_project")),
    line(Kind::Project, "can_delete_project", Asked::Project("delete_project")),
    line(Kind::Project, "can_create_files", Asked::Project("create_files")),
    line(Kind::Project, "can_modify_qgis_projectfile", Asked::Project("modify_projectfiles")),
    line(Kind::Project, "can_read_files", Asked::Project("read_files")),
    line(Kind::Project, "can_delete_files", Asked::Project("delete_files")),
    line(Kind::Project, "can_delete_unnecessary_file_versions", Asked::Project("delete_file_versions")),
    line(Kind::Project, "can_create_deltas", Asked::Project("create_deltas")),
    line(Kind::Project, "can_read_deltas", Asked::Project("read_deltas")),
    line(Kind::Project, "can_apply_pending_deltas_for_project", Asked::Project("apply_deltas")),
    line(Kind::Project, "can_set_delta_status_for_project", Asked::Project("set_delta_status")),
    line(Kind::Project, "can_set_delta_status[pending]", Asked::Project("set_delta_status")),
    line(
        Kind::Project,
        "can_set_delta_status[started]",
        Asked::Nothing("true for nobody: the state of a delta, not a permission"),
    ),
    line(Kind::Project, "can_create_delta[create]", Asked::Project("create_features")),
    line(Kind::Project, "can_create_delta[patch]", Asked::Project("edit_features")),
    line(Kind::Project, "can_create_delta[delete]", Asked::Project("delete_features")),
    line(Kind::Project, "can_read_create_jobs", Asked::Project("create_jobs")),
    line(Kind::Project, "can_list_jobs", Asked::Project("read_packages")),
    line(Kind::Project, "can_create_jobs[package]", Asked::Project("create_jobs")),
    line(Kind::Project, "can_create_jobs[process_projectfile]", Asked::Project("create_files")),
    line(Kind::Project, "can_create_jobs[delta_apply]", Asked::Project("create_deltas")),
    line(Kind::Project, "can_read_jobs", Asked::Project("read_jobs")),
    line(Kind::Project, "can_read_packages", Asked::Project("read_packages")),
    line(Kind::Project, "can_create_project_secrets", Asked::Project("create_secrets")),
    line(Kind::Project, "can_read_project_secrets", Asked::Project("read_secrets")),
    line(Kind::Project, "can_delete_project_secrets", Asked::Project("delete_secrets")),
    line(Kind::Project, "can_delete_secret[project]", Asked::Project("delete_secrets")),
    line(Kind::Project, "can_create_collaborators", Asked::Project("create_collaborators")),
    line(Kind::Project, "can_read_collaborators", Asked::Project("read_collaborators")),
    line(Kind::Project, "can_update_collaborators", Asked::Project("update_collaborators")),
    line(Kind::Project, "can_delete_collaborators", Asked::Project("delete_collaborators")),
    line(Kind::Organization, "can_create_project", Asked::Organization("create_projects")),
    line(Kind::Organization, "can_create_organization_secrets", Asked::Organization("create_secrets")),
    line(Kind::Organization, "can_read_organization_secrets", Asked::Organization("read_secrets")),
    line(Kind::Organization, "can_delete_organization_secrets", Asked::Organization("delete_secrets")),
    line(Kind::Organization, "can_delete_secret[organization]", Asked::Organization("delete_secrets")),
    line(Kind::Organization, "can_create_members", Asked::Organization("create_members")),
    line(Kind::Organization, "can_read_members", Asked::Organization("read_members")),
    line(Kind::Organization, "can_update_members", Asked::Organization("update_members")),
    line(Kind::Organization, "can_delete_members", Asked::Organization("delete_members")),
    line(Kind::Organization, "can_become_member", Asked::AddMember),
    line(Kind::Organization, "can_update_user", Asked::Organization("update_organization")),
    line(Kind::Organization, "can_delete_user", Asked::Organization("delete_organization")),
    line(Kind::Organization, "can_read_billing", Asked::Organization("read_billing")),
    line(Kind::Organization, "can_read_current_subscription", Asked::Organization("read_subscription")),
    line(Kind::Organization, "can_send_invitations", Asked::Account("send_invitations")),
    line(Kind::Account, "can_create_project", Asked::Account("create_projects")),
    line(Kind::Account, "can_read_projects", Asked::Account("list_public_projects")),
    line(Kind::Account, "can_update_user", Asked::Account("update_account")),
    line(Kind::Account, "can_delete_user", Asked::Account("delete_account")),
    line(Kind::Account, "can_read_billing", Asked::Account("read_billing")),
    line(Kind::Account, "can_read_current_subscription", Asked::Account("read_subscription")),
    line(Kind::Account, "can_send_invitations", Asked::Account("send_invitations")),
    line(Kind::OrganizationAccount, "can_create_project", Asked::Organization("create_projects")),
    line(Kind::OrganizationAccount, "can_read_projects", Asked::Account("list_public_projects")),
    line(Kind::OrganizationAccount, "can_update_user", Asked::Organization("update_organization")),
    line(Kind::OrganizationAccount, "can_delete_user", Asked::Organization("delete_organization")),
    line(Kind::OrganizationAccount, "can_read_billing", Asked::Organization("read_billing")),
    line(Kind::OrganizationAccount, "can_read_current_subscription", Asked::Organization("read_subscription")),
    line(Kind::OrganizationAccount, "can_send_invitations", Asked::Account("send_invitations")),
    line(Kind::TeamAccount, "can_create_project", Asked::Nothing(NO_TEAM)),
    line(Kind::TeamAccount, "can_read_projects", Asked::Nothing(NO_TEAM)),
    line(Kind::TeamAccount, "can_update_user", Asked::Nothing(NO_TEAM)),
    line(Kind::TeamAccount, "can_delete_user", Asked::Nothing(NO_TEAM)),
    line(Kind::TeamAccount, "can_read_billing", Asked::Nothing(NO_TEAM)),
    line(Kind::TeamAccount, "can_read_current_subscription", Asked::Nothing(NO_TEAM)),
    line(Kind::TeamAccount, "can_send_invitations", Asked::Nothing(NO_TEAM)),
    line(Kind::User, "can_read_public_projects", Asked::Account("list_public_projects")),
    line(Kind::User, "can_list_users_organizations", Asked::Account("list_accounts")),
    line(Kind::User, "can_create_organizations", Asked::Account("create_organization")),
    line(Kind::User, "can_create_project", Asked::Account("create_projects")),
    line(
        Kind::User,
        "can_create_user",
        Asked::Nothing("no user may: it is for callers in their own right; staff is not known"),
    ),
    line(Kind::Subscription, "can_change_additional_storage", Asked::Nothing(NO_SUBSCRIPTION)),
    line(Kind::Subscription, "can_cancel_subscription_at_period_end", Asked::Nothing(NO_SUBSCRIPTION)),
    line(Kind::Subscription, "can_cancel_subscription_immediately", Asked::Nothing(NO_SUBSCRIPTION)),
    line(Kind::Subscription, "can_abort_subscription_cancellation", Asked::Nothing(NO_SUBSCRIPTION)),
];

/// What a function is to rolegate.
///
/// # Errors
/// Where the table does not know it.
pub(super) fn find(kind: Kind, function: &str) -> Result<Asked, ConformanceError> {
    let line = MAPPINGS.iter().find(|line| line.kind == kind && line.function == function);
    line.map(|line| line.asked).ok_or_else(|| ConformanceError::unknown(function))
}

impl Kind {
    /// What it is called in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Project => "project",
            Self::Organization => "organization",
            Self::Account => "account of a person",
            Self::OrganizationAccount => "account of an organization",
            Self::TeamAccount => "account of a team",
            Self::User => "user",
            Self::Subscription => "subscription",
        }
    }
}

const fn line(kind: Kind, function: &'static str, asked: Asked) -> Mapping {
    Mapping { kind, function, asked }
}
