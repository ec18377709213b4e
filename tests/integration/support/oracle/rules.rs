//! The matrix of the permission model, written out again: nothing here is read from the service or its policy file.

use rolegate::domain::policy::Policy;
use rolegate::grpc::v1::{AccountLevel, OrganizationLevel, ProjectRole};

/// An action, the lowest role that may, whether templates forbid it, and the lowest role where files are restricted.
type Rule = (&'static str, ProjectRole, bool, ProjectRole);

/// All project actions.
pub const ACTIONS: [Rule; 26] = [
    ("view_project", ProjectRole::Reader, false, ProjectRole::Reader),
    ("read_files", ProjectRole::Reader, false, ProjectRole::Reader),
    ("read_packages", ProjectRole::Reader, false, ProjectRole::Reader),
    ("create_jobs", ProjectRole::Reader, true, ProjectRole::Reader),
    ("create_files", ProjectRole::Reporter, false, ProjectRole::Reporter),
    ("read_jobs", ProjectRole::Reporter, false, ProjectRole::Reporter),
    ("create_features", ProjectRole::Reporter, true, ProjectRole::Reporter),
    ("create_deltas", ProjectRole::Reporter, true, ProjectRole::Reporter),
    ("read_deltas", ProjectRole::Reporter, true, ProjectRole::Reporter),
    ("modify_projectfiles", ProjectRole::Reporter, false, ProjectRole::Manager),
    ("delete_files", ProjectRole::Editor, false, ProjectRole::Editor),
    ("edit_features", ProjectRole::Editor, true, ProjectRole::Editor),
    ("delete_features", ProjectRole::Editor, true, ProjectRole::Editor),
    ("update_project", ProjectRole::Manager, false, ProjectRole::Manager),
    ("delete_project", ProjectRole::Manager, false, ProjectRole::Manager),
    ("read_collaborators", ProjectRole::Manager, false, ProjectRole::Manager),
    ("create_collaborators", ProjectRole::Manager, false, ProjectRole::Manager),
    ("update_collaborators", ProjectRole::Manager, false, ProjectRole::Manager),
    ("delete_collaborators", ProjectRole::Manager, false, ProjectRole::Manager),
    ("apply_deltas", ProjectRole::Manager, true, ProjectRole::Manager),
    ("set_delta_status", ProjectRole::Manager, true, ProjectRole::Manager),
    ("delete_file_versions", ProjectRole::Admin, false, ProjectRole::Admin),
    ("read_secrets", ProjectRole::Admin, false, ProjectRole::Admin),
    ("create_secrets", ProjectRole::Admin, false, ProjectRole::Admin),
    ("delete_secrets", ProjectRole::Admin, false, ProjectRole::Admin),
    ("transfer_project", ProjectRole::Owner, false, ProjectRole::Owner),
];

/// The one action that a project over its limit may be refused.
pub const VIEW: &str = "view_project";

/// All organization actions, and the lowest level that may.
pub const ORGANIZATION_ACTIONS: [(&str, OrganizationLevel); 20] = [
    ("view_organization", OrganizationLevel::Registered),
    ("read_members", OrganizationLevel::Registered),
    ("read_teams", OrganizationLevel::Member),
    ("read_subscription", OrganizationLevel::Member),
    ("create_projects", OrganizationLevel::Creator),
    ("update_organization", OrganizationLevel::Admin),
    ("create_members", OrganizationLevel::Admin),
    ("update_members", OrganizationLevel::Admin),
    ("delete_members", OrganizationLevel::Admin),
    ("create_teams", OrganizationLevel::Admin),
    ("update_teams", OrganizationLevel::Admin),
    ("delete_teams", OrganizationLevel::Admin),
    ("create_secrets", OrganizationLevel::Admin),
    ("read_secrets", OrganizationLevel::Admin),
    ("delete_secrets", OrganizationLevel::Admin),
    ("read_member_details", OrganizationLevel::Admin),
    ("read_billing", OrganizationLevel::Owner),
    ("manage_billing", OrganizationLevel::Owner),
    ("transfer_organization", OrganizationLevel::Owner),
    ("delete_organization", OrganizationLevel::Owner),
];

/// All account actions, and the lowest level that may.
pub const ACCOUNT_ACTIONS: [(&str, AccountLevel); 12] = [
    ("get_status", AccountLevel::Anyone),
    ("list_accounts", AccountLevel::Registered),
    ("read_public_profile", AccountLevel::Registered),
    ("list_public_projects", AccountLevel::Registered),
    ("create_organization", AccountLevel::Registered),
    ("read_details", AccountLevel::OrganizationAdmin),
    ("update_account", AccountLevel::Self_),
    ("delete_account", AccountLevel::Self_),
    ("create_projects", AccountLevel::Self_),
    ("send_invitations", AccountLevel::Self_),
    ("read_billing", AccountLevel::Self_),
    ("read_subscription", AccountLevel::Self_),
];

/// What a deployment may choose.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rules {
    /// The first origin that gives any role wins, not the highest role.
    pub first_origin: bool,
    /// A project over its limit is shown to nobody, and whoever is incognito counts.
    pub refuse_view: bool,
}

impl Rules {
    /// All that there are.
    pub const ALL: [Self; 4] = [
        Self { first_origin: false, refuse_view: false },
        Self { first_origin: false, refuse_view: true },
        Self { first_origin: true, refuse_view: false },
        Self { first_origin: true, refuse_view: true },
    ];

    /// The policy for the service that is under test: the one that is shipped, set so.
    pub fn policy(self) -> Policy {
        let mut text = include_str!("../../../../policy/default.toml").to_owned();
        for (set, from, to) in [
            (self.first_origin, "\nresolution = \"highest\"", "\nresolution = \"first_origin\""),
            (self.refuse_view, "\nover_limit = \"report\"", "\nover_limit = \"refuse_view\""),
        ] {
            assert_eq!(text.matches(from).count(), 1, "{from}");
            text = if set { text.replace(from, to) } else { text };
        }
        Policy::parse(&text).unwrap()
    }
}
