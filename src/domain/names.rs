//! Names that callers give: parsed once, at the border, into types that keep the rules.
//!
//! Names are ASCII by rule, so two of them are the same name exactly when their lower-case forms are the same bytes:
//! no Unicode form, no locale can make one name look like another.

use std::fmt;

use smol_str::{SmolStr, StrExt as _};
use uuid::Uuid;

use super::characters::Characters;
use super::ids::ProjectId;

/// Names of so many bytes take no memory besides the value itself.
pub const NAME_IN_PLACE: usize = 23;

const RESERVED: &[&str] = &[
    "user",
    "users",
    "project",
    "projects",
    "owner",
    "push",
    "file",
    "files",
    "collaborator",
    "collaborators",
    "member",
    "members",
    "organization",
    "qfield",
    "qfieldcloud",
    "history",
    "version",
    "delta",
    "deltas",
    "deltafile",
    "auth",
    "qfield-files",
    "esri",
];

/// The name of a user or of an organization: one namespace, the same without regard to case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Username(SmolStr);

/// A name in lower case: what names are compared and looked up by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NameKey(SmolStr);

/// The name of a team in its organization; the same rule as for usernames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TeamName(SmolStr);

/// A team with its organization, written `@organization/team`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TeamPath {
    /// The organization.
    pub organization: Username,
    /// The team's name in it.
    pub team: TeamName,
}

/// The name of a project, unique for its owner; case matters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProjectName(SmolStr);

/// A project as a caller names it: by UUID, or as `owner/name`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProjectReference {
    /// Its UUID.
    Id(ProjectId),
    /// Its owner and its name.
    Path(Username, ProjectName),
}

/// Who can be added to a project: a user, or a team written `@organization/team`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CollaboratorName {
    /// A user.
    User(Username),
    /// A team.
    Team(TeamPath),
}

/// The code of a plan; case matters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlanCode(SmolStr);

/// Why a text is not a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The rule of usernames and team names.
    #[error("must be 3 to 150 letters, digits, `_` or `-`, the first a letter")]
    Username,
    /// A word that no user, organization or team can have.
    #[error("is a reserved word")]
    Reserved,
    /// The rule of project names.
    #[error("must be 1 to 255 letters, digits, `_`, `-` or `.`, the first none of `-` and `.`")]
    Project,
    /// The two ways to name a project.
    #[error("must be a project's UUID, or `owner/name`")]
    ProjectReference,
    /// How teams are written.
    #[error("must be written `@organization/team`")]
    Team,
    /// The rule of plan codes.
    #[error("must be 1 to 100 letters, digits, `_` or `-`")]
    PlanCode,
}

impl Username {
    /// Parses the name of an account that may exist.
    ///
    /// # Errors
    /// When no account can have that name.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        username(text).map(|_| Self(text.into()))
    }

    /// Parses the name for a new account.
    ///
    /// # Errors
    /// When it breaks the rule, or is reserved.
    pub fn parse_new(text: &str) -> Result<Self, NameError> {
        let name = Self::parse(text)?;
        let reserved = RESERVED.iter().any(|word| word.eq_ignore_ascii_case(text));
        if reserved { Err(NameError::Reserved) } else { Ok(name) }
    }

    /// The name as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What it is looked up by.
    pub fn key(&self) -> NameKey {
        NameKey(self.0.to_ascii_lowercase_smolstr())
    }
}

impl NameKey {
    /// Parses the name of an account that may exist, for who only looks it up.
    ///
    /// # Errors
    /// When no account can have that name.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let characters = username(text)?;
        // most are written as they are kept
        Ok(if characters.has_capitals() { Self::of(text) } else { Self(text.into()) })
    }

    /// Takes a key back from the store, which keeps it in lower case.
    pub fn from_stored(text: &str) -> Self {
        Self(text.into())
    }

    /// The key of a name as it is written.
    pub fn of(name: &str) -> Self {
        Self(name.to_ascii_lowercase_smolstr())
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TeamName {
    /// Parses the name of a team that may exist.
    ///
    /// # Errors
    /// When no team can have that name.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        Username::parse(text).map(|name| Self(name.0))
    }

    /// Parses the name for a new team.
    ///
    /// # Errors
    /// When it breaks the rule of usernames, or is reserved.
    pub fn parse_new(text: &str) -> Result<Self, NameError> {
        Username::parse_new(text).map(|name| Self(name.0))
    }

    /// The name as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What it is looked up by.
    pub fn key(&self) -> NameKey {
        NameKey(self.0.to_ascii_lowercase_smolstr())
    }
}

impl TeamPath {
    /// Parses `@organization/team`.
    ///
    /// # Errors
    /// When it is written otherwise, or either name breaks its rule.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let path = text.strip_prefix('@').and_then(|path| path.split_once('/'));
        let (organization, team) = path.ok_or(NameError::Team)?;
        Ok(Self { organization: Username::parse(organization)?, team: TeamName::parse(team)? })
    }
}

impl ProjectName {
    /// Takes a name back from the store, which keeps the rule.
    pub fn from_stored(text: &str) -> Self {
        Self(text.into())
    }

    /// Parses the name of a project.
    ///
    /// # Errors
    /// When it breaks the rule.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let characters = Characters::of(text);
        let well_formed =
            (1..=255).contains(&text.len()) && characters.are_of_projects() && !text.starts_with(['-', '.']);
        well_formed.then(|| Self(text.into())).ok_or(NameError::Project)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ProjectReference {
    /// Parses a UUID or `owner/name`.
    ///
    /// # Errors
    /// When it is neither.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        // no UUID has a slash in it
        if let Ok(id) = Uuid::try_parse(text) {
            return Ok(Self::Id(ProjectId(id)));
        }
        let (owner, name) = text.split_once('/').ok_or(NameError::ProjectReference)?;
        let owner = Username::parse(owner).map_err(|_| NameError::ProjectReference)?;
        let name = ProjectName::parse(name).map_err(|_| NameError::ProjectReference)?;
        Ok(Self::Path(owner, name))
    }
}

impl ProjectReference {
    /// The same text for the same reference, however its owner's name is written.
    pub fn key(&self) -> String {
        match self {
            Self::Id(id) => id.to_string(),
            Self::Path(owner, name) => format!("{}/{}", owner.key().as_str(), name.as_str()),
        }
    }
}

impl CollaboratorName {
    /// Parses a username or `@organization/team`.
    ///
    /// # Errors
    /// When it is neither.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.starts_with('@') {
            TeamPath::parse(text).map(Self::Team)
        } else {
            Username::parse(text).map(Self::User)
        }
    }
}

impl PlanCode {
    /// The plan that accounts are on unless put on another.
    pub const DEFAULT: &'static str = "default";

    /// Parses the code of a plan.
    ///
    /// # Errors
    /// When it breaks the rule.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let well_formed = (1..=100).contains(&text.len()) && Characters::of(text).are_of_words();
        well_formed.then(|| Self(text.into())).ok_or(NameError::PlanCode)
    }

    /// The code.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What is in the name of an account or a team.
fn username(text: &str) -> Result<Characters, NameError> {
    let characters = Characters::of(text);
    let begins_well = text.as_bytes().first().is_some_and(u8::is_ascii_alphabetic);
    let is_well_formed = (3..=150).contains(&text.len()) && begins_well && characters.are_of_words();
    is_well_formed.then_some(characters).ok_or(NameError::Username)
}

impl fmt::Display for Username {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Display for TeamPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "@{}/{}", self.organization.0, self.team.0)
    }
}

impl fmt::Display for ProjectReference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(formatter),
            Self::Path(owner, name) => write!(formatter, "{owner}/{}", name.0),
        }
    }
}

impl fmt::Display for CollaboratorName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(user) => user.fmt(formatter),
            Self::Team(team) => team.fmt(formatter),
        }
    }
}

#[cfg(test)]
#[path = "names_tests.rs"]
mod tests;
