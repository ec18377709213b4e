//! Roles that a row hides. Where a policy takes the first origin that gives a role, a row may stand before a higher one:
//! whoever adds, changes or removes such a row moves its user to or from that higher role, and needs the say over it.
//! Under the highest role nothing is hidden, and all of this is leave.

use super::actor::{Actor, Authority};
use super::error::MembershipError;
use super::scope::Scope;
use crate::domain::decision::held_role;
use crate::domain::facts::Named;
use crate::domain::names::CollaboratorName;
use crate::domain::policy::Resolution;
use crate::domain::records::{Account, Collaborator, Project, Team};
use crate::domain::refusal::Refusal;
use crate::domain::roles::{OrganizationRole, Origin, ProjectRole};
use crate::store::{collaborators, loads};

impl Scope<'_> {
    /// May the actor move a collaborator to or from the role that its row hides?
    pub(super) async fn may_touch_hidden(
        &self,
        authority: &Authority<ProjectRole>,
        project: &Project,
        name: &CollaboratorName,
    ) -> Result<(), MembershipError> {
        match self.hidden_role(project, name).await? {
            Some(role) => Ok(authority.may_touch(role)?),
            None => Ok(()),
        }
    }

    /// May the actor take its own row away? Not where that would raise it.
    pub(super) async fn may_leave_grant(
        &self,
        project: &Project,
        name: &CollaboratorName,
        row: &Collaborator,
    ) -> Result<(), MembershipError> {
        let hides = self.now < row.grant.ends_at();
        match self.hidden_role(project, name).await? {
            Some(role) if hides && role > row.grant.role => Err(self.would_raise_itself(role)),
            _ => Ok(()),
        }
    }

    /// May the actor leave a team? Not where its organization's default role is higher than the team's on some project.
    pub(super) async fn may_leave_team(&self, organization: &Account, team: &Team) -> Result<(), MembershipError> {
        let plain = self.organization_role(organization.id).is_some_and(|role| role < OrganizationRole::Admin);
        let Some(role) = organization.default_project_role().filter(|_| plain && self.hides()) else { return Ok(()) };
        let given = collaborators::roles_of_team(&self.transaction, team.id).await?;
        if given.iter().any(|given| *given < role) { Err(self.would_raise_itself(role)) } else { Ok(()) }
    }

    /// The role that a collaborator would hold without its row, where that decides anything.
    async fn hidden_role(
        &self,
        project: &Project,
        name: &CollaboratorName,
    ) -> Result<Option<ProjectRole>, MembershipError> {
        if !self.hides() {
            return Ok(None);
        }
        let loaded = loads::load_project(&self.transaction, project.id).await?.ok_or(MembershipError::Moved)?;
        let CollaboratorName::User(name) = name else {
            // behind a team's row stands what its people have as members
            return Ok(loaded.owner.default_project_role);
        };
        let Some(Named::User(user)) = loads::load_name(&self.transaction, &name.key()).await? else { return Ok(None) };
        let mut facts = loaded.project;
        facts.collaborators = facts.collaborators.iter().copied().filter(|grant| grant.subject != user.id).collect();
        let held = held_role(Resolution::FirstOrigin, &user, &facts, &loaded.owner, self.now);
        // before the origins that come first a row hides nothing
        Ok(held.filter(|held| held.origin > Origin::OrganizationAdmin).map(|held| held.role))
    }

    fn hides(&self) -> bool {
        self.policy.resolution == Resolution::FirstOrigin && matches!(self.actor, Actor::User { .. })
    }

    fn would_raise_itself(&self, role: ProjectRole) -> MembershipError {
        let actor = self.actor.name().map(ToString::to_string).unwrap_or_default();
        Refusal::role_above_own(&actor, role.into()).into()
    }
}
