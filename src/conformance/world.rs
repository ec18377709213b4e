//! The worlds that the real system decided: their format, as `tests/conformance/README.md` describes it, and their files.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use serde::Deserialize;

use super::decided::Decisions;

/// The only version of the format that there is.
const FORMAT: u32 = 1;

/// Why a world could not be read.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// The file or folder could not be read.
    #[error("read {path}")]
    Read { path: PathBuf, source: io::Error },
    /// The file is no world.
    #[error("read {path} as a world")]
    Parse { path: PathBuf, source: serde_json::Error },
    /// The file is of another format.
    #[error("read {path}: it is of format {format}, and only format {FORMAT} is known")]
    Format { path: PathBuf, format: u32 },
    /// There is nothing to compare with.
    #[error("find a world (*.json, *.json.gz) in {path}")]
    None { path: PathBuf },
}

/// A world and what the real system decided in it.
#[derive(Debug, Deserialize)]
pub(super) struct World {
    pub format: u32,
    pub plans: Vec<Plan>,
    /// Before the events.
    pub world_initial: Facts,
    pub events: Vec<Event>,
    /// After the events: what all decisions are about.
    pub world: Facts,
    pub decisions: Decisions,
}

/// What an account pays for.
#[derive(Debug, Deserialize)]
pub(super) struct Plan {
    pub code: String,
    pub is_premium: bool,
    pub max_premium_collaborators_per_private_project: i32,
    pub max_organization_members: i32,
}

/// Who and what there is.
#[derive(Debug, Deserialize)]
pub(super) struct Facts {
    pub people: Vec<Person>,
    pub organizations: Vec<Organization>,
    pub teams: Vec<Team>,
    pub projects: Vec<Project>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Person {
    pub id: String,
    pub is_active: bool,
    pub subscription: Subscription,
}

#[derive(Debug, Deserialize)]
pub(super) struct Subscription {
    pub plan: String,
    /// Where seats are paid for.
    pub purchased_seats: Option<usize>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Organization {
    pub id: String,
    pub owner: String,
    pub subscription: Subscription,
    pub members: Vec<Member>,
    /// `None` in worlds of the seed version, which knows no such role.
    #[serde(default, with = "known")]
    pub default_project_role_for_members: Option<Option<String>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Member {
    pub member: String,
    pub role: String,
    pub is_public: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct Team {
    pub id: String,
    pub organization: String,
    pub members: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Project {
    pub id: String,
    pub owner: String,
    pub is_public: bool,
    pub has_restricted_projectfiles: bool,
    pub project_type: Option<String>,
    pub collaborators: Vec<Collaborator>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Collaborator {
    pub collaborator: String,
    pub role: String,
    pub is_incognito: bool,
}

/// A write that the real system ran, and its whole effect.
#[derive(Debug, Deserialize)]
pub(super) struct Event {
    #[serde(flatten)]
    pub operation: Operation,
    pub removed: Vec<String>,
    pub added: Vec<String>,
    /// Why the real system refused.
    pub error: Option<Refusal>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub(super) enum Operation {
    RemoveMember { organization: String, member: String },
    RemoveMemberByQueryset { organization: String, member: String },
    RemoveTwoMembersByQueryset { memberships: Vec<(String, String)> },
    TransferOrganization { organization: String, new_owner: String },
    ChangeProjectOwner { project: String, new_owner: String },
    SetMemberRole { organization: String, member: String, role: String },
    SetProjectPublic { project: String, is_public: bool },
    SetCollaboratorRole { project: String, collaborator: String, role: String },
    SetPlan { account: String, plan: String },
    RemoveTeamMember { team: String, member: String },
    DeleteTeam { team: String },
    DeletePerson { person: String },
    SetDefaultProjectRole { organization: String, role: Option<String> },
}

/// Why the real system refused a write.
#[derive(Debug, Deserialize)]
pub(super) struct Refusal {
    pub class: String,
    #[serde(default)]
    pub errors: BTreeMap<String, Vec<String>>,
}

impl Facts {
    /// The people that are not active.
    pub fn inactive(&self) -> BTreeSet<&str> {
        self.people.iter().filter(|person| !person.is_active).map(|person| person.id.as_str()).collect()
    }
}

impl Project {
    pub fn is_template(&self) -> bool {
        self.project_type.as_deref() == Some("template")
    }
}

impl World {
    /// Whether it is of the version after the one that the documents describe.
    pub fn is_later(&self) -> bool {
        self.decisions.project_functions.iter().any(|function| function == "can_list_jobs")
    }

    /// Reads a file, packed or not.
    ///
    /// # Errors
    /// When it can't be read, or is no world.
    pub fn read(path: &Path) -> Result<Self, WorldError> {
        let unreadable = |source| WorldError::Read { path: path.to_owned(), source };
        let mut file = File::open(path).map_err(unreadable)?;
        let mut text = Vec::new();
        let read = if path.extension() == Some(OsStr::new("gz")) {
            GzDecoder::new(file).read_to_end(&mut text)
        } else {
            file.read_to_end(&mut text)
        };
        read.map_err(unreadable)?;
        Self::parse(path, &text)
    }

    /// Reads the text of that file.
    pub(super) fn parse(path: &Path, text: &[u8]) -> Result<Self, WorldError> {
        let world: Self =
            serde_json::from_slice(text).map_err(|source| WorldError::Parse { path: path.to_owned(), source })?;
        if world.format != FORMAT {
            return Err(WorldError::Format { path: path.to_owned(), format: world.format });
        }
        Ok(world)
    }
}

/// The worlds in a folder and the folders in it, by path.
///
/// # Errors
/// When a folder can't be read, or there is none in it.
pub fn find(folder: &Path) -> Result<Vec<PathBuf>, WorldError> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let unreadable = |source| WorldError::Read { path: folder.clone(), source };
        for entry in fs::read_dir(&folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            let name = path.to_string_lossy();
            if path.is_dir() {
                folders.push(path);
            } else if name.ends_with(".json") || name.ends_with(".json.gz") {
                found.push(path);
            }
        }
    }
    found.sort();
    if found.is_empty() { Err(WorldError::None { path: folder.to_owned() }) } else { Ok(found) }
}

/// A field that may be absent, and may be null where it is not.
mod known {
    use serde::{Deserialize, Deserializer};

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Option<String>>, D::Error> {
        Option::<String>::deserialize(from).map(Some)
    }
}
