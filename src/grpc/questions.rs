//! Questions as callers put them, parsed into the view's.

use tonic::Status;

use super::v1::{self, CheckItem};
use super::{errors, fields};
use crate::domain::names::ProjectReference;
use crate::domain::policy::{Policy, ProjectRule};
use crate::domain::roles::{AccountLevel, OrganizationLevel};
use crate::view::{LevelQuestion, ProjectKey, ProjectQuestion, Question};

/// A question about a project.
pub(crate) fn project<'a>(
    policy: &'a Policy,
    user: &str,
    project: &str,
    action: &str,
) -> Result<ProjectQuestion<'a>, Status> {
    let user = fields::optional_name_key("user", user)?;
    Ok(ProjectQuestion { user, project: project_key(project)?, rule: project_action(policy, action)? })
}

/// A question about an organization.
pub(super) fn organization(
    policy: &Policy,
    user: &str,
    organization: &str,
    action: &str,
) -> Result<LevelQuestion<OrganizationLevel>, Status> {
    let user = fields::optional_name_key("user", user)?;
    let name = fields::name_key("organization", organization)?;
    let unknown = || errors::unknown_action(action, policy.organization_actions().map(|(name, _)| name));
    Ok(LevelQuestion { user, name, required: policy.organization_action(action).ok_or_else(unknown)? })
}

/// A question about an account.
pub(super) fn account(
    policy: &Policy,
    user: &str,
    account: &str,
    action: &str,
) -> Result<LevelQuestion<AccountLevel>, Status> {
    let user = fields::optional_name_key("user", user)?;
    let name = fields::name_key("account", account)?;
    let unknown = || errors::unknown_action(action, policy.account_actions().map(|(name, _)| name));
    Ok(LevelQuestion { user, name, required: policy.account_action(action).ok_or_else(unknown)? })
}

/// One of several questions.
pub(super) fn item<'a>(policy: &'a Policy, item: &CheckItem) -> Result<Question<'a>, Status> {
    use v1::check_item::Object;
    let (user, action) = (&item.user, &item.action);
    match &item.object {
        Some(Object::Project(object)) => project(policy, user, object, action).map(Question::Project),
        Some(Object::Organization(object)) => organization(policy, user, object, action).map(Question::Organization),
        Some(Object::Account(object)) => account(policy, user, object, action).map(Question::Account),
        None => Err(errors::invalid_field("project", "must be named, or an organization, or an account")),
    }
}

/// A project by UUID or `owner/name`, as the view looks it up.
pub(super) fn project_key(text: &str) -> Result<ProjectKey, Status> {
    Ok(match fields::project("project", text)? {
        ProjectReference::Id(id) => ProjectKey::Id(id),
        ProjectReference::Path(owner, name) => ProjectKey::Path((owner.key(), name)),
    })
}

/// The rule of a project action.
pub(super) fn project_action<'a>(policy: &'a Policy, action: &str) -> Result<&'a ProjectRule, Status> {
    let unknown = || errors::unknown_action(action, policy.project_actions().map(|(name, _)| name));
    policy.project_action(action).ok_or_else(unknown)
}
