//! Writes of projects' collaborators.

use jiff::Timestamp;

use super::ahead::Locks;
use super::cascade::missing_is_gone;
use super::error::MembershipError;
use super::grants::{Locked, grant_locks, name_of, no_grant};
use super::scope::Scope;
use super::writer::Operation;
use crate::domain::actions::ProjectAction;
use crate::domain::etag::Etag;
use crate::domain::names::{CollaboratorName, ProjectReference};
use crate::domain::records::{Collaborator, GrantSettings};
use crate::domain::roles::ProjectRole;
use crate::domain::rules::{self, Given};
use crate::store::collaborators::{self, Which};

/// Adds a user or a team to a project.
#[derive(Debug)]
pub struct AddCollaborator {
    /// To which project.
    pub project: ProjectReference,
    /// Whom.
    pub collaborator: CollaboratorName,
    /// With what.
    pub grant: GrantSettings,
    /// Where it is there already: change it to this.
    pub upsert: bool,
}

/// Changes a collaborator; what is `None` stays.
#[derive(Debug)]
pub struct UpdateCollaborator {
    /// Of which project.
    pub project: ProjectReference,
    /// Whom.
    pub collaborator: CollaboratorName,
    /// To which role.
    pub role: Option<ProjectRole>,
    /// Whether it is incognito.
    pub incognito: Option<bool>,
    /// From when on it gives nothing; `Some(None)`: never.
    pub expires_at: Option<Option<Timestamp>>,
    /// Only where it is in this state.
    pub etag: Option<Etag>,
}

/// Removes a collaborator.
#[derive(Debug)]
pub struct RemoveCollaborator {
    /// From which project.
    pub project: ProjectReference,
    /// Whom.
    pub collaborator: CollaboratorName,
    /// Only where it is in this state.
    pub etag: Option<Etag>,
    /// Whether it may be absent.
    pub allow_missing: bool,
}

impl Operation for AddCollaborator {
    const NAME: &'static str = "add_collaborator";
    const IS_BOUNDED: bool = true;
    type Output = Collaborator;

    fn locks(&self) -> Locks<'_> {
        grant_locks(&self.project, &self.collaborator)
    }

    async fn run(&self, scope: &mut Scope<'_>) -> Result<Collaborator, MembershipError> {
        let locked = scope.lock_grant(&self.project, &self.collaborator).await?;
        let adds = scope.authorize_project(locked.project.id, ProjectAction::CreateCollaborators);
        if self.upsert
            && let Some(before) = scope.grant_if_any(&locked, &self.collaborator).await?
        {
            let changes = scope.authorize_project(locked.project.id, ProjectAction::UpdateCollaborators);
            // who may neither does not learn that there is something to change
            changes.or(adds)?;
            scope.must_be_future(self.grant.expires_at)?;
            return self.as_update(&before).change(scope, locked).await;
        }
        let authority = adds?;
        authority.may_give(self.grant.role)?;
        if self.grant.incognito {
            scope.actor.own_right_only("add somebody incognito")?;
        }
        scope.must_be_future(self.grant.expires_at)?;
        let (place, before) = scope.place_and_grant(locked, &self.collaborator, self.grant.incognito).await?;
        scope.may_touch_hidden(&authority, &place.project, &self.collaborator).await?;
        if scope.actor.shares(place.subject) {
            authority.may_last(self.grant.ends_at())?;
        }
        let counted = scope.counted(&place).await?;
        let name = self.collaborator.to_string();
        let role = self.grant.role;
        rules::may_become_collaborator(&place.target(counted), &place.candidate, &name, role, before.is_some())?;
        let actor = scope.actor.name().map(ToString::to_string);
        let (project, subject) = (&place.project, place.subject);
        let added = collaborators::insert(&scope.transaction, project, subject, &self.grant, actor.as_deref()).await?;
        scope.changed_grant(None, &added);
        Ok(added)
    }
}

impl Operation for UpdateCollaborator {
    const NAME: &'static str = "update_collaborator";
    const IS_BOUNDED: bool = true;
    type Output = Collaborator;

    fn locks(&self) -> Locks<'_> {
        grant_locks(&self.project, &self.collaborator)
    }

    async fn run(&self, scope: &mut Scope<'_>) -> Result<Collaborator, MembershipError> {
        let locked = scope.lock_grant(&self.project, &self.collaborator).await?;
        self.change(scope, locked).await
    }
}

impl AddCollaborator {
    /// What would make the grant that there is what this one shall be, as far as it is another.
    fn as_update(&self, before: &Collaborator) -> UpdateCollaborator {
        let GrantSettings { role, incognito, expires_at } = self.grant;
        UpdateCollaborator {
            project: self.project.clone(),
            collaborator: self.collaborator.clone(),
            role: (role != before.grant.role).then_some(role),
            incognito: (incognito != before.grant.incognito).then_some(incognito),
            expires_at: (expires_at != before.grant.expires_at).then_some(expires_at),
            etag: None,
        }
    }
}

impl UpdateCollaborator {
    /// Does it, once all are locked. What shall stay as it is, whatever that is, is not written.
    async fn change(&self, scope: &mut Scope<'_>, locked: Locked) -> Result<Collaborator, MembershipError> {
        let authority = scope.authorize_project(locked.project.id, ProjectAction::UpdateCollaborators)?;
        let (place, before) = scope.place_and_grant(locked, &self.collaborator, false).await?;
        let before = before.ok_or_else(|| no_grant(&place, &self.collaborator))?;
        authority.may_touch(before.grant.role)?;
        scope.may_touch_hidden(&authority, &place.project, &self.collaborator).await?;
        before.etag().must_be(self.etag.as_ref(), || name_of(&self.collaborator, &place.project))?;
        if self.role.is_none() && self.incognito.is_none() && self.expires_at.is_none() {
            return Ok(before);
        }
        let grant = GrantSettings {
            role: self.role.unwrap_or(before.grant.role),
            incognito: self.incognito.unwrap_or(before.grant.incognito),
            expires_at: self.expires_at.unwrap_or(before.grant.expires_at),
        };
        authority.may_give(grant.role)?;
        let gives_more = grant.role > before.grant.role || grant.ends_at() > before.grant.ends_at();
        if gives_more && scope.actor.shares(place.subject) {
            authority.may_last(grant.ends_at())?;
        }
        if self.incognito.is_some() {
            scope.actor.own_right_only("set whether somebody is incognito")?;
        }
        scope.must_be_future(self.expires_at.flatten())?;
        let counted = scope.counted(&place).await?;
        let given = |grant: &GrantSettings| Given {
            role: grant.role,
            incognito: grant.incognito,
            ended: grant.ends_at() <= scope.now,
        };
        let (name, both) = (self.collaborator.to_string(), (given(&before.grant), given(&grant)));
        rules::may_change_collaborator(&place.target(counted), &place.candidate, &name, both)?;
        let actor = scope.actor.name().map(ToString::to_string);
        let (id, subject) = (place.project.id, place.subject);
        let updated_at = collaborators::update(&scope.transaction, id, subject, &grant, actor.as_deref()).await?;
        let after = Collaborator { grant, updated_by: actor, updated_at, ..before.clone() };
        scope.changed_grant(Some(&before), &after);
        Ok(after)
    }
}

impl Operation for RemoveCollaborator {
    const NAME: &'static str = "remove_collaborator";
    const IS_BOUNDED: bool = true;
    type Output = ();

    fn locks(&self) -> Locks<'_> {
        grant_locks(&self.project, &self.collaborator)
    }

    async fn run(&self, scope: &mut Scope<'_>) -> Result<(), MembershipError> {
        missing_is_gone(self.remove(scope).await, self.allow_missing)
    }
}

impl RemoveCollaborator {
    async fn remove(&self, scope: &mut Scope<'_>) -> Result<(), MembershipError> {
        let locked = scope.lock_grant(&self.project, &self.collaborator).await?;
        let leaves = locked.user.as_ref().is_some_and(|user| scope.actor.is(user.id));
        let authority = if leaves {
            None
        } else {
            Some(scope.authorize_project(locked.project.id, ProjectAction::DeleteCollaborators)?)
        };
        let (place, row) = scope.place_and_grant(locked, &self.collaborator, false).await?;
        let row = row.ok_or_else(|| no_grant(&place, &self.collaborator))?;
        match authority {
            Some(authority) => {
                authority.may_touch(row.grant.role)?;
                scope.may_touch_hidden(&authority, &place.project, &self.collaborator).await?;
            }
            None => scope.may_leave_grant(&place.project, &self.collaborator, &row).await?,
        }
        row.etag().must_be(self.etag.as_ref(), || name_of(&self.collaborator, &place.project))?;
        scope.remove_collaborators(Which::Of(place.project.id, place.subject)).await?;
        Ok(())
    }
}
