//! On whose behalf a write runs, and what that user may. Source: the permission model, «Which action a write asks of its
//! actor».

use super::error::MembershipError;
use super::scope::Scope;
use crate::domain::actions::{AccountAction, OrganizationAction, ProjectAction};
use crate::domain::decision::{Asker, decide_account, decide_organization, decide_project};
use crate::domain::facts::{Named, Time, User};
use crate::domain::ids::{AccountId, ProjectId};
use crate::domain::names::Username;
use crate::domain::records::{Account, Subject};
use crate::domain::refusal::{Refusal, RoleName};
use crate::domain::roles::{OrganizationRole, ProjectRole};
use crate::domain::rules;

/// On whose behalf a write runs.
#[derive(Debug)]
pub(super) enum Actor {
    /// Nobody's: the caller acts in its own right.
    OwnRight,
    /// A user's. The facts are known once the actor is locked; none are known of a user that does not exist.
    User { name: Username, facts: Option<User> },
}

/// What bounds the roles that the actor may give and touch.
#[derive(Debug)]
pub(super) enum Authority<R> {
    /// Nothing.
    OwnRight,
    /// The actor's own role, where it has one, and until when.
    Actor { name: String, role: Option<R>, until: Time },
}

impl Actor {
    pub(super) fn new(name: Option<&Username>) -> Self {
        match name {
            None => Self::OwnRight,
            Some(name) => Self::User { name: name.clone(), facts: None },
        }
    }

    pub(super) fn name(&self) -> Option<&Username> {
        match self {
            Self::OwnRight => None,
            Self::User { name, .. } => Some(name),
        }
    }

    /// Takes the facts that were read under the actor's lock.
    pub(super) fn learn(&mut self, named: Option<Named>) {
        if let Self::User { facts, .. } = self {
            *facts = match named {
                Some(Named::User(user)) => Some(user),
                Some(Named::Organization(_)) | None => None,
            };
        }
    }

    /// The actor's id, where there is such a user.
    pub(super) fn id(&self) -> Option<AccountId> {
        match self {
            Self::User { facts, .. } => facts.as_ref().map(|user| user.id),
            Self::OwnRight => None,
        }
    }

    /// Whether the actor is this user, and active: anyone may leave.
    pub(super) fn is(&self, user: AccountId) -> bool {
        matches!(self, Self::User { facts: Some(facts), .. } if facts.id == user && facts.active)
    }

    /// Whether what is given to this user or team is given to the actor.
    pub(super) fn shares(&self, subject: Subject) -> bool {
        let Self::User { facts: Some(facts), .. } = self else { return false };
        match subject {
            Subject::User(user) => facts.id == user,
            Subject::Team(team) => facts.teams.contains(&team),
        }
    }

    /// Refuses where there is an actor: no user may do this.
    pub(super) fn own_right_only(&self, what: &'static str) -> Result<(), MembershipError> {
        match self {
            Self::OwnRight => Ok(()),
            Self::User { .. } => Err(Refusal::OwnRightOnly(what).into()),
        }
    }

    /// Refuses an actor that is no active user, before anything is said of whom the write is about.
    pub(super) fn must_be_active(&self, action: &'static str) -> Result<(), MembershipError> {
        match self {
            Self::OwnRight => Ok(()),
            Self::User { facts: Some(user), .. } if user.active => Ok(()),
            Self::User { .. } => Err(self.denied(action)),
        }
    }

    fn denied(&self, action: &'static str) -> MembershipError {
        let actor = self.name().map(ToString::to_string).unwrap_or_default();
        Refusal::PermissionDenied { actor, action }.into()
    }

    fn asker(&self) -> Asker<'_> {
        match self {
            Self::User { facts: Some(user), .. } => Asker::User(user),
            Self::User { facts: None, .. } | Self::OwnRight => Asker::NotFound,
        }
    }

    fn authority<R>(&self, role: Option<R>, until: Time) -> Authority<R> {
        match self {
            Self::OwnRight => Authority::OwnRight,
            Self::User { name, .. } => Authority::Actor { name: name.to_string(), role, until },
        }
    }
}

impl<R: Ord + Copy + Into<RoleName>> Authority<R> {
    /// May the actor give this role?
    pub(super) fn may_give(&self, role: R) -> Result<(), Refusal> {
        match self {
            Self::OwnRight => Ok(()),
            Self::Actor { name, role: own, .. } => rules::may_give(name, *own, role),
        }
    }

    /// May the actor change or remove somebody with this role?
    pub(super) fn may_touch(&self, role: R) -> Result<(), Refusal> {
        match self {
            Self::OwnRight => Ok(()),
            Self::Actor { name, role: own, .. } => rules::may_touch(name, *own, role),
        }
    }

    /// May the actor have a grant of its own that lasts so long?
    pub(super) fn may_last(&self, end: Time) -> Result<(), Refusal> {
        match self {
            Self::Actor { name, until, .. } if end > *until => Err(Refusal::OwnRoleOutlasted(name.clone())),
            Self::Actor { .. } | Self::OwnRight => Ok(()),
        }
    }
}

impl Scope<'_> {
    /// May the actor do this on a project that the scope has locked?
    pub(super) fn authorize_project(
        &self,
        project: ProjectId,
        action: ProjectAction,
    ) -> Result<Authority<ProjectRole>, MembershipError> {
        if matches!(self.actor, Actor::OwnRight) {
            return Ok(Authority::OwnRight);
        }
        let loaded = self.decided_by.as_ref().filter(|loaded| loaded.project.id == project);
        let loaded = loaded.ok_or(MembershipError::Moved)?;
        let rule = self.policy.project(action);
        let decision = decide_project(self.policy, self.actor.asker(), Some(loaded.owned()), rule, self.now);
        if !decision.allowed() {
            return Err(self.actor.denied(action.name()));
        }
        let (role, until) = (decision.held.map(|held| held.role), decision.held.map(|held| held.ends_at));
        Ok(self.actor.authority(role, until.unwrap_or(Time::NEVER)))
    }

    /// May the actor do this on an organization that the scope has locked?
    pub(super) fn authorize_organization(
        &self,
        organization: AccountId,
        action: OrganizationAction,
    ) -> Result<Authority<OrganizationRole>, MembershipError> {
        if matches!(self.actor, Actor::OwnRight) {
            return Ok(Authority::OwnRight);
        }
        let required = self.policy.organization(action);
        if !decide_organization(self.actor.asker(), Some(organization), required).allowed() {
            return Err(self.actor.denied(action.name()));
        }
        Ok(self.actor.authority(self.organization_role(organization), Time::NEVER))
    }

    /// May the actor do this on a user's account that the scope has locked?
    pub(super) async fn authorize_account(
        &self,
        account: &Account,
        action: AccountAction,
    ) -> Result<(), MembershipError> {
        if matches!(self.actor, Actor::OwnRight) {
            return Ok(());
        }
        self.actor.must_be_active(action.name())?;
        let facts = self.user_facts(account).await?;
        let facts = facts.ok_or(MembershipError::Moved)?;
        let decision = decide_account(self.actor.asker(), Some(&facts), self.policy.account(action));
        if decision.allowed() { Ok(()) } else { Err(self.actor.denied(action.name())) }
    }

    /// May the actor create projects that this account owns?
    pub(super) async fn authorize_creation(&self, owner: &Account) -> Result<(), MembershipError> {
        if owner.is_user() {
            self.authorize_account(owner, AccountAction::CreateProjects).await
        } else {
            self.authorize_organization(owner.id, OrganizationAction::CreateProjects).map(drop)
        }
    }

    /// What the actor is in an organization.
    pub(super) fn organization_role(&self, organization: AccountId) -> Option<OrganizationRole> {
        match &self.actor {
            Actor::User { facts: Some(user), .. } if user.active => user.role_in(organization),
            Actor::User { .. } | Actor::OwnRight => None,
        }
    }
}
