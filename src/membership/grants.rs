//! What the writes of collaborators have in common: where a role is given, to whom, and what is counted there.

use jiff::Timestamp;

use super::ahead::Locks;
use super::error::MembershipError;
use super::scope::{Scope, Who};
use crate::domain::change::{EntryKey, Object};
use crate::domain::names::{CollaboratorName, ProjectReference};
use crate::domain::records::{Account, Collaborator, Project, Subject};
use crate::domain::refusal::Refusal;
use crate::domain::rules::{Candidate, Target};
use crate::store::collaborators;
use crate::store::locks::Strength;

/// A project with its owner, and whoever is added, changed or removed there.
pub(super) struct Place {
    pub(super) project: Project,
    pub(super) owner: Account,
    pub(super) subject: Subject,
    pub(super) candidate: Candidate,
}

impl Place {
    pub(super) fn target(&self, counted: u32) -> Target<'_> {
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
    pub(super) async fn lock_grant(
        &mut self,
        project: &ProjectReference,
        collaborator: &CollaboratorName,
    ) -> Result<(Project, Account, Option<Account>), MembershipError> {
        let user = match collaborator {
            CollaboratorName::User(user) => vec![(Who::Name(user), Strength::Shared)],
            CollaboratorName::Team(_) => Vec::new(),
        };
        let (project, owner, others) = self.lock_project(project, &user).await?;
        Ok((project, owner, self.seen_within_bounds(others.into_iter().flatten().next())))
    }

    /// Finds whose role it is.
    pub(super) async fn place(
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
    pub(super) async fn counted(&self, place: &Place) -> Result<u32, MembershipError> {
        let limited = place.owner.plan.rules.collaborator_limit.is_some() && !place.project.settings.public;
        if limited { Ok(collaborators::count(&self.transaction, &place.project).await?) } else { Ok(0) }
    }

    /// What a user or team was given on a project, if anything.
    pub(super) async fn grant_if_any(
        &self,
        project: &Project,
        user: Option<&Account>,
        name: &CollaboratorName,
    ) -> Result<Option<Collaborator>, MembershipError> {
        let subject = match (name, user) {
            (CollaboratorName::Team(path), _) => match self.team(path).await {
                Ok(team) => Subject::Team(team.id),
                Err(MembershipError::NotFound { .. }) => return Ok(None),
                Err(failure) => return Err(failure),
            },
            (CollaboratorName::User(_), Some(user)) => Subject::User(user.id),
            (CollaboratorName::User(_), None) => return Ok(None),
        };
        Ok(collaborators::get(&self.transaction, project.id, subject).await?)
    }

    /// The same, where there must be something.
    pub(super) async fn grant_of(
        &self,
        place: &Place,
        name: &CollaboratorName,
    ) -> Result<Collaborator, MembershipError> {
        let row = collaborators::get(&self.transaction, place.project.id, place.subject).await?;
        row.ok_or_else(|| MembershipError::not_found(Object::Collaborator, name_of(name, &place.project)))
    }

    /// Records a role that was given or changed, and returns it.
    pub(super) async fn changed_grant(
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

    pub(super) fn must_be_future(&self, expires_at: Option<Timestamp>) -> Result<(), MembershipError> {
        match expires_at {
            Some(time) if time.as_microsecond() <= self.now.0 => {
                let problem = format!("must be in the future, and {time} is past by the database's clock");
                Err(MembershipError::InvalidField { field: "expires_at", problem })
            }
            _ => Ok(()),
        }
    }
}

/// Whom and what a write of a grant locks.
pub(super) fn grant_locks<'a>(project: &'a ProjectReference, collaborator: &'a CollaboratorName) -> Locks<'a> {
    let locks = Locks::default().project(project);
    match collaborator {
        CollaboratorName::User(user) => locks.shared(user),
        CollaboratorName::Team(_) => locks,
    }
}

/// What a grant is called where there is none, or another.
pub(super) fn name_of(collaborator: &CollaboratorName, project: &Project) -> String {
    format!("{collaborator} on {}", project.path())
}
