//! Roles, the levels that actions ask for, and the origins that roles come from.
//!
//! The order of every enum here means strength: a later variant includes what an earlier one may.

/// Makes an enum whose variants have names in the store, the policy and the log.
macro_rules! named {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$variant_meta])* $variant,)+ }

        impl $name {
            /// Every variant, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Its name in the policy, the store and the log.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// The variant of that name.
            pub fn parse(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}
pub(super) use named;

named! {
    /// What a user may do on a project.
    ProjectRole {
        /// Sees the project and downloads its files.
        Reader = "reader",
        /// Adds features and uploads files.
        Reporter = "reporter",
        /// Also changes and deletes them.
        Editor = "editor",
        /// Also manages collaborators and settings.
        Manager = "manager",
        /// Everything but what is kept for the owner.
        Admin = "admin",
    }
}

named! {
    /// The lowest a project action asks for.
    ProjectLevel {
        /// At least that role.
        Reader = "reader",
        /// At least that role.
        Reporter = "reporter",
        /// At least that role.
        Editor = "editor",
        /// At least that role.
        Manager = "manager",
        /// At least that role.
        Admin = "admin",
        /// The origin of the role must be ownership, of the project or of the organization that owns it.
        Owner = "owner",
    }
}

named! {
    /// What a user is in an organization.
    OrganizationRole {
        /// Belongs to it.
        Member = "member",
        /// Also creates projects in it.
        Creator = "creator",
        /// Manages it.
        Admin = "admin",
        /// Owns it. Not a role that a member can be given.
        Owner = "owner",
    }
}

named! {
    /// The lowest an organization action asks for.
    OrganizationLevel {
        /// Any active user.
        Registered = "registered",
        /// At least that role.
        Member = "member",
        /// At least that role.
        Creator = "creator",
        /// At least that role.
        Admin = "admin",
        /// The owner.
        Owner = "owner",
    }
}

named! {
    /// The lowest an account action asks for, and what a user is to an account.
    AccountLevel {
        /// Whoever asks, known or not.
        Anyone = "anyone",
        /// Any active user.
        Registered = "registered",
        /// Owner or admin of an organization that the account belongs to.
        OrganizationAdmin = "organization_admin",
        /// The user whose account it is.
        OneSelf = "self",
    }
}

named! {
    /// Where a role on a project comes from, in the order in which an answer names them.
    Origin {
        /// The user owns the project.
        ProjectOwner = "project_owner",
        /// The user owns the organization that owns the project.
        OrganizationOwner = "organization_owner",
        /// The user is an admin of that organization.
        OrganizationAdmin = "organization_admin",
        /// The user was added to the project.
        Collaborator = "collaborator",
        /// A team of the user was added to the project.
        TeamMember = "team_member",
        /// The organization gives its members a role on all its projects.
        OrganizationMember = "organization_member",
        /// The project is public.
        Public = "public",
    }
}

impl ProjectRole {
    /// The level that this role reaches.
    pub fn level(self) -> ProjectLevel {
        match self {
            Self::Reader => ProjectLevel::Reader,
            Self::Reporter => ProjectLevel::Reporter,
            Self::Editor => ProjectLevel::Editor,
            Self::Manager => ProjectLevel::Manager,
            Self::Admin => ProjectLevel::Admin,
        }
    }
}

impl OrganizationRole {
    /// The level that this role reaches.
    pub fn level(self) -> OrganizationLevel {
        match self {
            Self::Member => OrganizationLevel::Member,
            Self::Creator => OrganizationLevel::Creator,
            Self::Admin => OrganizationLevel::Admin,
            Self::Owner => OrganizationLevel::Owner,
        }
    }
}

impl Origin {
    /// Whether it is ownership: what the level `owner` asks for.
    pub fn is_ownership(self) -> bool {
        matches!(self, Self::ProjectOwner | Self::OrganizationOwner)
    }
}
