//! The actions that permission can be asked for.

use super::roles::named;

named! {
    /// What can be done on a project.
    ProjectAction {
        /// See the project.
        ViewProject = "view_project",
        /// Download its files.
        ReadFiles = "read_files",
        /// Download its packages.
        ReadPackages = "read_packages",
        /// Have it packaged.
        CreateJobs = "create_jobs",
        /// Upload files.
        CreateFiles = "create_files",
        /// See what became of jobs.
        ReadJobs = "read_jobs",
        /// Add features to layers.
        CreateFeatures = "create_features",
        /// Push changes.
        CreateDeltas = "create_deltas",
        /// See pushed changes.
        ReadDeltas = "read_deltas",
        /// Change the QGIS project file.
        ModifyProjectfiles = "modify_projectfiles",
        /// Delete files.
        DeleteFiles = "delete_files",
        /// Change features.
        EditFeatures = "edit_features",
        /// Delete features.
        DeleteFeatures = "delete_features",
        /// Change its name and settings.
        UpdateProject = "update_project",
        /// Delete it.
        DeleteProject = "delete_project",
        /// See who was added.
        ReadCollaborators = "read_collaborators",
        /// Add collaborators.
        CreateCollaborators = "create_collaborators",
        /// Change their roles.
        UpdateCollaborators = "update_collaborators",
        /// Remove them.
        DeleteCollaborators = "delete_collaborators",
        /// Apply pushed changes.
        ApplyDeltas = "apply_deltas",
        /// Decide on conflicting changes.
        SetDeltaStatus = "set_delta_status",
        /// Delete old versions of files.
        DeleteFileVersions = "delete_file_versions",
        /// See secrets.
        ReadSecrets = "read_secrets",
        /// Add secrets.
        CreateSecrets = "create_secrets",
        /// Delete secrets.
        DeleteSecrets = "delete_secrets",
        /// Hand it to another owner.
        TransferProject = "transfer_project",
    }
}

named! {
    /// What can be done on an organization.
    OrganizationAction {
        /// See that it is there.
        ViewOrganization = "view_organization",
        /// See its public members.
        ReadMembers = "read_members",
        /// See its teams.
        ReadTeams = "read_teams",
        /// See its plan.
        ReadSubscription = "read_subscription",
        /// Create projects that it owns.
        CreateProjects = "create_projects",
        /// Change its name and settings.
        UpdateOrganization = "update_organization",
        /// Add members.
        CreateMembers = "create_members",
        /// Change their roles.
        UpdateMembers = "update_members",
        /// Remove them.
        DeleteMembers = "delete_members",
        /// Create teams.
        CreateTeams = "create_teams",
        /// Rename, fill and empty teams.
        UpdateTeams = "update_teams",
        /// Delete teams.
        DeleteTeams = "delete_teams",
        /// Add secrets.
        CreateSecrets = "create_secrets",
        /// See secrets.
        ReadSecrets = "read_secrets",
        /// Delete secrets.
        DeleteSecrets = "delete_secrets",
        /// See hidden members and their details.
        ReadMemberDetails = "read_member_details",
        /// See bills.
        ReadBilling = "read_billing",
        /// Change how it pays.
        ManageBilling = "manage_billing",
        /// Hand it to another owner.
        TransferOrganization = "transfer_organization",
        /// Delete it.
        DeleteOrganization = "delete_organization",
    }
}

named! {
    /// What can be done on a user's account.
    AccountAction {
        /// See whether the service is up.
        GetStatus = "get_status",
        /// List accounts.
        ListAccounts = "list_accounts",
        /// See its public profile.
        ReadPublicProfile = "read_public_profile",
        /// List public projects.
        ListPublicProjects = "list_public_projects",
        /// Found an organization.
        CreateOrganization = "create_organization",
        /// See its details.
        ReadDetails = "read_details",
        /// Change it.
        UpdateAccount = "update_account",
        /// Delete it.
        DeleteAccount = "delete_account",
        /// Create projects that it owns.
        CreateProjects = "create_projects",
        /// Invite others.
        SendInvitations = "send_invitations",
        /// See bills.
        ReadBilling = "read_billing",
        /// See its plan.
        ReadSubscription = "read_subscription",
    }
}
