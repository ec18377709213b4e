//! What the writes of collaborators have in common: where a role is given, to whom, and what is counted there.

use futures::future::join;
use jiff::Timestamp;

use super::ahead::Locks;
use super::error::MembershipError;
use super::scope::{Scope, Who};
use crate::domain::change::{EntryKey, Object};
use crate::domain::names::{CollaboratorName, ProjectReference};
use crate::domain::records::{Account, Collaborator, Project, Subject};
use crate::domain::refusal::Refusal;
use crate::domain::rules::{Candidate, Target};
use crate::store::locks::Strength;
use crate::store::{collaborators, members};

/// A project with its owner, and a user whose role there changes, all locked; and what was read of the two under the locks.
pub(super) struct Locked {
    pub(super) project: Project,
    pub(super) owner: Account,
    /// Where the role is a user's, and there is such a user.
    pub(super) user: Option<Account>,
    /// Whether the user is a member of the owner.
    is_member: bool,
    /// What the user was given.
    given: Option<Collaborator>,
}

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
    ) -> Result<Locked, MembershipError> {
        let user = match collaborator {
            CollaboratorName::User(user) => vec![(Who::Name(user), Strength::Shared)],
            CollaboratorName::Team(_) => Vec::new(),
        };
        let is_user = !user.is_empty();
        let read = |client, project, ids: &[_]| {
            // the actor's comes after the user's
            let (owner, user) = (ids.first().copied().flatten(), ids.get(1).copied().flatten().filter(|_| is_user));
            async move {
                let Some(id) = user else { return Ok((false, None)) };
                let given = collaborators::given(client, project, id);
                let (member, given) = join(members::get_if_both(client, owner, user), given).await;
                Ok((member?.is_some(), given?))
            }
        };
        let (project, owner, others, (is_member, given)) = self.lock_project_and(project, &user, read).await?;
        let user = self.seen_within_bounds(others.into_iter().flatten().next());
        let given = given.zip(user.as_ref()).map(|(given, user)| given.to(&project, user));
        Ok(Locked { project, owner, user, is_member, given })
    }

    /// Finds whose role it is, and what was given, if anything.
    pub(super) async fn place_and_grant(
        &self,
        locked: Locked,
        name: &CollaboratorName,
        incognito: bool,
    ) -> Result<(Place, Option<Collaborator>), MembershipError> {
        let Locked { project, owner, user, is_member, given } = locked;
        if let CollaboratorName::Team(path) = name {
            self.name_within_bounds(&path.organization)?;
            let team = self.team(path).await?;
            let (subject, candidate) = (Subject::Team(team.id), Candidate::Team { organization: team.organization });
            let given = collaborators::get(&self.transaction, project.id, subject).await?;
            return Ok((Place { project, owner, subject, candidate }, given));
        }
        let user = user.ok_or_else(|| MembershipError::not_found(Object::User, name))?;
        if !user.is_user() && user.id != owner.id {
            return Err(Refusal::NotAPerson(user.username).into());
        }
        let owns = owner.organization_owner() == Some(user.id);
        let candidate = Candidate::User {
            id: user.id,
            premium: user.plan.rules.premium,
            belongs: owns || is_member,
            counts: !incognito && !owns,
        };
        Ok((Place { project, owner, subject: Subject::User(user.id), candidate }, given))
    }

    /// How many collaborators count, where a limit asks.
    pub(super) async fn counted(&self, place: &Place) -> Result<u32, MembershipError> {
        let limited = place.owner.plan.rules.collaborator_limit.is_some() && !place.project.settings.public;
        if limited { Ok(collaborators::count(&self.transaction, &place.project).await?) } else { Ok(0) }
    }

    /// What a user or team was given on a project, if anything.
    pub(super) async fn grant_if_any(
        &self,
        locked: &Locked,
        name: &CollaboratorName,
    ) -> Result<Option<Collaborator>, MembershipError> {
        let CollaboratorName::Team(path) = name else { return Ok(locked.given.clone()) };
        let team = match self.team(path).await {
            Ok(team) => team,
            Err(MembershipError::NotFound { .. }) => return Ok(None),
            Err(failure) => return Err(failure),
        };
        Ok(collaborators::get(&self.transaction, locked.project.id, Subject::Team(team.id)).await?)
    }

    /// Records a role that was given or changed.
    pub(super) fn changed_grant(&mut self, before: Option<&Collaborator>, after: &Collaborator) {
        self.changes.touch(EntryKey::Project(after.project));
        self.log_collaborator(before, Some(after));
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

/// That nothing was given.
pub(super) fn no_grant(place: &Place, collaborator: &CollaboratorName) -> MembershipError {
    MembershipError::not_found(Object::Collaborator, name_of(collaborator, &place.project))
}

/// What a grant is called where there is none, or another.
pub(super) fn name_of(collaborator: &CollaboratorName, project: &Project) -> String {
    format!("{collaborator} on {}", project.path())
}
