//! Writes of projects' collaborators.

use jiff::Timestamp;

use super::error::MembershipError;
use super::scope::{Scope, Who};
use super::writer::Operation;
use crate::domain::actions::ProjectAction;
use crate::domain::change::{EntryKey, Object};
use crate::domain::names::{CollaboratorName, ProjectReference};
use crate::domain::records::{Account, Collaborator, GrantSettings, Project, Subject};
use crate::domain::refusal::Refusal;
use crate::domain::roles::ProjectRole;
use crate::domain::rules::{self, Candidate, Target};
use crate::store::collaborators::{self, Which};
use crate::store::locks::Strength;

/// Adds a user or a team to a project.
#[derive(Debug)]
pub struct AddCollaborator {
    /// To which project.
    pub project: ProjectReference,
    /// Whom.
    pub collaborator: CollaboratorName,
    /// With what.
    pub grant: GrantSettings,
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
}

/// Removes a collaborator.
#[derive(Debug)]
pub struct RemoveCollaborator {
    /// From which project.
    pub project: ProjectReference,
    /// Whom.
    pub collaborator: CollaboratorName,
}

/// A project with its owner, and whoever is added, changed or removed there.
struct Place {
    project: Project,
    owner: Account,
    subject: Subject,
    candidate: Candidate,
}

impl Operation for AddCollaborator {
    const NAME: &'static str = "add_collaborator";
    const IS_BOUNDED: bool = true;
    type Output = Collaborator;

    async fn run(&self, scope: &mut Scope<'_>) -> Result<Collaborator, MembershipError> {
        let (project, owner, user) = scope.lock_grant(&self.project, &self.collaborator).await?;
        let authority = scope.authorize_project(project.id, ProjectAction::CreateCollaborators).await?;
        authority.may_give(self.grant.role)?;
        if self.grant.incognito {
            scope.actor.own_right_only("add somebody incognito")?;
        }
        scope.must_be_future(self.grant.expires_at)?;
        let place = scope.place(project, owner, user, &self.collaborator, self.grant.incognito).await?;
        scope.may_touch_hidden(&authority, &place.project, &self.collaborator).await?;
        if scope.actor.shares(place.subject) {
            authority.may_last(self.grant.ends_at())?;
        }
        let before = collaborators::get(&scope.transaction, place.project.id, place.subject).await?;
        let counted = scope.counted(&place).await?;
        let name = self.collaborator.to_string();
        let role = self.grant.role;
        rules::may_become_collaborator(&place.target(counted), &place.candidate, &name, role, before.is_some())?;
        let actor = scope.actor.name().map(ToString::to_string);
        let (project, subject) = (&place.project, place.subject);
        collaborators::insert(&scope.transaction, project, subject, &self.grant, actor.as_deref()).await?;
        scope.changed_grant(&place, None).await
    }
}

impl Operation for UpdateCollaborator {
    const NAME: &'static str = "update_collaborator";
    const IS_BOUNDED: bool = true;
    type Output = Collaborator;

    async fn run(&self, scope: &mut Scope<'_>) -> Result<Collaborator, MembershipError> {
        let (project, owner, user) = scope.lock_grant(&self.project, &self.collaborator).await?;
        let authority = scope.authorize_project(project.id, ProjectAction::UpdateCollaborators).await?;
        let place = scope.place(project, owner, user, &self.collaborator, false).await?;
        let before = scope.grant_of(&place, &self.collaborator).await?;
        authority.may_touch(before.grant.role)?;
        scope.may_touch_hidden(&authority, &place.project, &self.collaborator).await?;
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
        let shows_itself = before.grant.incognito && !grant.incognito;
        if shows_itself && matches!(place.candidate, Candidate::User { counts: true, .. }) {
            rules::below_collaborator_limit(&place.target(counted))?;
        }
        if grant.role > before.grant.role {
            rules::role_allowed(&place.target(counted), grant.role)?;
        }
        let actor = scope.actor.name().map(ToString::to_string);
        let (id, subject) = (place.project.id, place.subject);
        collaborators::update(&scope.transaction, id, subject, &grant, actor.as_deref()).await?;
        scope.changed_grant(&place, Some(&before)).await
    }
}

impl Operation for RemoveCollaborator {
    const NAME: &'static str = "remove_collaborator";
    const IS_BOUNDED: bool = true;
    type Output = ();

    async fn run(&self, scope: &mut Scope<'_>) -> Result<(), MembershipError> {
        let (project, owner, user) = scope.lock_grant(&self.project, &self.collaborator).await?;
        let leaves = user.as_ref().is_some_and(|user| scope.actor.is(user.id));
        let authority = if leaves {
            None
        } else {
            Some(scope.authorize_project(project.id, ProjectAction::DeleteCollaborators).await?)
        };
        let place = scope.place(project, owner, user, &self.collaborator, false).await?;
        let row = scope.grant_of(&place, &self.collaborator).await?;
        match authority {
            Some(authority) => {
                authority.may_touch(row.grant.role)?;
                scope.may_touch_hidden(&authority, &place.project, &self.collaborator).await?;
            }
            None => scope.may_leave_grant(&place.project, &self.collaborator, &row).await?,
        }
        scope.remove_collaborators(Which::Of(place.project.id, place.subject)).await?;
        Ok(())
    }
}

impl Place {
    fn target(&self, counted: u32) -> Target<'_> {
        Target {
            owner: self.project.owner,
            owner_name: &self.owner.username,
            owned_by_organization: !self.owner.is_user(),
            public: self.project.settings.public,
            counted,
            plan: &self.owner.plan.rules,
        }
    }
}

impl Scope<'_> {
    /// Locks a project with its owner, and the user whose role changes.
    async fn lock_grant(
        &mut self,
        project: &ProjectReference,
        collaborator: &CollaboratorName,
    ) -> Result<(Project, Account, Option<Account>), MembershipError> {
        let user = match collaborator {
            CollaboratorName::User(user) => vec![(Who::Name(user), Strength::Shared)],
            CollaboratorName::Team(_) => Vec::new(),
        };
        let (project, owner, others) = self.lock_project(project, &user).await?;
        Ok((project, owner, others.into_iter().flatten().next()))
    }

    /// Finds whose role it is.
    async fn place(
        &self,
        project: Project,
        owner: Account,
        user: Option<Account>,
        name: &CollaboratorName,
        incognito: bool,
    ) -> Result<Place, MembershipError> {
        if let CollaboratorName::Team(path) = name {
            self.name_within_bounds(&path.organization)?;
            let team = self.team(path).await?;
            let candidate = Candidate::Team { organization: team.organization };
            return Ok(Place { project, owner, subject: Subject::Team(team.id), candidate });
        }
        let user = user.ok_or_else(|| MembershipError::not_found(Object::User, name))?;
        if !user.is_user() && user.id != owner.id {
            return Err(Refusal::NotAPerson(user.username).into());
        }
        let owns = owner.organization_owner() == Some(user.id);
        let candidate = Candidate::User {
            id: user.id,
            premium: user.plan.rules.premium,
            belongs: self.belongs(&owner, &user).await?,
            counts: !incognito && !owns,
        };
        Ok(Place { project, owner, subject: Subject::User(user.id), candidate })
    }

    /// How many collaborators count, where a limit asks.
    async fn counted(&self, place: &Place) -> Result<u32, MembershipError> {
        let limited = place.owner.plan.rules.collaborator_limit.is_some() && !place.project.settings.public;
        if limited { Ok(collaborators::count(&self.transaction, &place.project).await?) } else { Ok(0) }
    }

    async fn grant_of(&self, place: &Place, name: &CollaboratorName) -> Result<Collaborator, MembershipError> {
        let row = collaborators::get(&self.transaction, place.project.id, place.subject).await?;
        let missing =
            || MembershipError::not_found(Object::Collaborator, format!("{} on {}", name, place.project.path()));
        row.ok_or_else(missing)
    }

    /// Records a role that was given or changed, and returns it.
    async fn changed_grant(
        &mut self,
        place: &Place,
        before: Option<&Collaborator>,
    ) -> Result<Collaborator, MembershipError> {
        let row = collaborators::get(&self.transaction, place.project.id, place.subject).await?;
        let row = row.ok_or(MembershipError::Moved)?;
        self.changes.touch(EntryKey::Project(place.project.id));
        self.log_collaborator(before, Some(&row));
        Ok(row)
    }

    fn must_be_future(&self, expires_at: Option<Timestamp>) -> Result<(), MembershipError> {
        match expires_at {
            Some(time) if time.as_microsecond() <= self.now.0 => {
                let problem = format!("must be in the future, and {time} is past by the database's clock");
                Err(MembershipError::InvalidField { field: "expires_at", problem })
            }
            _ => Ok(()),
        }
    }
}
