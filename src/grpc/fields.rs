//! Reads the fields of requests into the domain's types; what makes no sense is refused by the field's name.

use std::collections::BTreeSet;

use jiff::Timestamp;
use prost_types::FieldMask;
use tonic::Status;

use super::errors;
use super::v1;
use crate::domain::ids::ProjectId;
use crate::domain::names::{
    CollaboratorName, NameError, NameKey, PlanCode, ProjectName, ProjectReference, TeamName, TeamPath, Username,
};
use crate::domain::roles::{OrganizationRole, ProjectRole};

/// The name of an account that may exist.
pub(super) fn username(field: &'static str, text: &str) -> Result<Username, Status> {
    named(field, Username::parse(text))
}

/// The same where the field may be empty.
pub(super) fn optional_username(field: &'static str, text: &str) -> Result<Option<Username>, Status> {
    optional(text, |text| username(field, text))
}

/// The same, for who only looks it up.
pub(super) fn name_key(field: &'static str, text: &str) -> Result<NameKey, Status> {
    named(field, NameKey::parse(text))
}

/// The same where the field may be empty.
pub(super) fn optional_name_key(field: &'static str, text: &str) -> Result<Option<NameKey>, Status> {
    optional(text, |text| name_key(field, text))
}

/// The name of a new account.
pub(super) fn new_username(field: &'static str, text: &str) -> Result<Username, Status> {
    Username::parse_new(text).map_err(|error| errors::invalid_name(field, error))
}

/// A project by UUID or `owner/name`.
pub(super) fn project(field: &'static str, text: &str) -> Result<ProjectReference, Status> {
    named(field, ProjectReference::parse(text))
}

/// The id that a new project shall have; empty: any.
pub(super) fn new_project_id(field: &'static str, text: &str) -> Result<Option<ProjectId>, Status> {
    optional(text, |text| match ProjectReference::parse(text) {
        // lists begin after the nil UUID
        Ok(ProjectReference::Id(id)) if !id.0.is_nil() => Ok(id),
        _ => Err(errors::invalid_field(field, "must be a UUID that is not nil, or empty for a new one")),
    })
}

/// The name of a project.
pub(super) fn project_name(field: &'static str, text: &str) -> Result<ProjectName, Status> {
    ProjectName::parse(text).map_err(|error| errors::invalid_name(field, error))
}

/// A team as `@organization/team`.
pub(super) fn team(field: &'static str, text: &str) -> Result<TeamPath, Status> {
    TeamPath::parse(text).map_err(|error| errors::invalid_name(field, error))
}

/// A team that is to be, as `@organization/team`.
pub(super) fn new_team(field: &'static str, text: &str) -> Result<TeamPath, Status> {
    let path = team(field, text)?;
    new_team_name(field, path.team.as_str())?;
    Ok(path)
}

/// The new name of a team.
pub(super) fn new_team_name(field: &'static str, text: &str) -> Result<TeamName, Status> {
    TeamName::parse_new(text).map_err(|error| errors::invalid_name(field, error))
}

/// A user or a team.
pub(super) fn collaborator(field: &'static str, text: &str) -> Result<CollaboratorName, Status> {
    named(field, CollaboratorName::parse(text))
}

/// The code of a plan.
pub(super) fn plan(field: &'static str, text: &str) -> Result<PlanCode, Status> {
    named(field, PlanCode::parse(text))
}

/// The same where the field may be empty.
pub(super) fn optional_plan(field: &'static str, text: &str) -> Result<Option<PlanCode>, Status> {
    optional(text, |text| plan(field, text))
}

/// A role to give on a project.
pub(super) fn project_role(field: &'static str, value: i32) -> Result<ProjectRole, Status> {
    let problem = "must be one of PROJECT_ROLE_READER, _REPORTER, _EDITOR, _MANAGER and _ADMIN";
    optional_project_role(field, value)?.ok_or_else(|| errors::invalid_field(field, problem))
}

/// A role to give on a project, or none.
pub(super) fn optional_project_role(field: &'static str, value: i32) -> Result<Option<ProjectRole>, Status> {
    match v1::ProjectRole::try_from(value) {
        Ok(v1::ProjectRole::Unspecified) => Ok(None),
        Ok(v1::ProjectRole::Reader) => Ok(Some(ProjectRole::Reader)),
        Ok(v1::ProjectRole::Reporter) => Ok(Some(ProjectRole::Reporter)),
        Ok(v1::ProjectRole::Editor) => Ok(Some(ProjectRole::Editor)),
        Ok(v1::ProjectRole::Manager) => Ok(Some(ProjectRole::Manager)),
        Ok(v1::ProjectRole::Admin) => Ok(Some(ProjectRole::Admin)),
        Ok(v1::ProjectRole::Owner) => {
            Err(errors::invalid_field(field, "ownership is no role to give; transfer instead"))
        }
        Err(_) => Err(errors::invalid_field(field, "is no role that there is")),
    }
}

/// A role to give in an organization.
pub(super) fn organization_role(field: &'static str, value: i32) -> Result<OrganizationRole, Status> {
    let problem = "must be one of ORGANIZATION_ROLE_MEMBER, _CREATOR and _ADMIN";
    optional_organization_role(field, value)?.ok_or_else(|| errors::invalid_field(field, problem))
}

/// A role to give in an organization, or none.
pub(super) fn optional_organization_role(field: &'static str, value: i32) -> Result<Option<OrganizationRole>, Status> {
    match v1::OrganizationRole::try_from(value) {
        Ok(v1::OrganizationRole::Unspecified) => Ok(None),
        Ok(v1::OrganizationRole::Member) => Ok(Some(OrganizationRole::Member)),
        Ok(v1::OrganizationRole::Creator) => Ok(Some(OrganizationRole::Creator)),
        Ok(v1::OrganizationRole::Admin) => Ok(Some(OrganizationRole::Admin)),
        Err(_) => Err(errors::invalid_field(field, "is no role that there is")),
    }
}

/// A limit: −1 is none.
pub(super) fn limit(field: &'static str, value: i32) -> Result<Option<u32>, Status> {
    match value {
        -1 => Ok(None),
        _ => u32::try_from(value).map(Some).map_err(|_| errors::invalid_field(field, "must be −1 (no limit) or more")),
    }
}

/// A moment, or none.
pub(super) fn time(field: &'static str, value: Option<prost_types::Timestamp>) -> Result<Option<Timestamp>, Status> {
    let problem = "must be a valid time before the year 10000";
    let read = |time: prost_types::Timestamp| {
        let valid = (0..1_000_000_000).contains(&time.nanos);
        // the store keeps microseconds: whatever is finer ends early
        let read = valid.then(|| Timestamp::new(time.seconds, time.nanos / 1_000 * 1_000));
        read.and_then(Result::ok).ok_or_else(|| errors::invalid_field(field, problem))
    };
    value.map(read).transpose()
}

/// The paths of an update mask: at least one, and all of them known.
pub(super) fn mask<'a>(mask: Option<&'a FieldMask>, known: &[&str]) -> Result<BTreeSet<&'a str>, Status> {
    let problem =
        |what: &str| errors::invalid_field("update_mask", &format!("{what}; there are: {}", known.join(", ")));
    let paths: BTreeSet<&str> = mask.iter().flat_map(|mask| &mask.paths).map(String::as_str).collect();
    match paths.iter().find(|path| !known.contains(path)) {
        Some(unknown) => Err(problem(&format!("`{unknown}` can't be changed"))),
        None if paths.is_empty() => Err(problem("must name what to change")),
        None => Ok(paths),
    }
}

fn optional<T>(text: &str, parse: impl FnOnce(&str) -> Result<T, Status>) -> Result<Option<T>, Status> {
    if text.is_empty() { Ok(None) } else { parse(text).map(Some) }
}

fn named<T>(field: &'static str, parsed: Result<T, NameError>) -> Result<T, Status> {
    parsed.map_err(|error| errors::invalid_field(field, &error.to_string()))
}
