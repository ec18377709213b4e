//! Writes of organizations' members.

use super::error::MembershipError;
use super::scope::{Scope, Who};
use super::writer::Operation;
use crate::domain::actions::OrganizationAction;
use crate::domain::change::Object;
use crate::domain::names::Username;
use crate::domain::records::{Account, Member};
use crate::domain::refusal::Refusal;
use crate::domain::roles::OrganizationRole;
use crate::domain::rules;
use crate::store::locks::Strength;
use crate::store::members;

/// Adds a member.
#[derive(Debug)]
pub struct AddMember {
    /// To which organization.
    pub organization: Username,
    /// Whom.
    pub user: Username,
    /// As what: never as owner.
    pub role: OrganizationRole,
    /// Whether listings show it unasked.
    pub public: bool,
}

/// Changes a member; what is `None` stays.
#[derive(Debug)]
pub struct UpdateMember {
    /// Of which organization.
    pub organization: Username,
    /// Whom.
    pub user: Username,
    /// To what: never to owner.
    pub role: Option<OrganizationRole>,
    /// Whether listings show it unasked.
    pub public: Option<bool>,
}

/// Removes a member.
#[derive(Debug)]
pub struct RemoveMember {
    /// From which organization.
    pub organization: Username,
    /// Whom.
    pub user: Username,
}

impl Operation for AddMember {
    const NAME: &'static str = "add_member";
    const IS_BOUNDED: bool = true;
    type Output = (Account, Member);

    async fn run(&self, scope: &mut Scope<'_>) -> Result<(Account, Member), MembershipError> {
        let (organization, user) = scope.lock_pair(&self.organization, &self.user).await?;
        let authority = scope.authorize_organization(organization.id, OrganizationAction::CreateMembers)?;
        authority.may_give(self.role)?;
        let user = user.ok_or_else(|| MembershipError::not_found(Object::User, &self.user))?;
        if !user.is_user() {
            return Err(Refusal::NotAPerson(user.username).into());
        }
        if organization.organization_owner() == Some(user.id) {
            return Err(Refusal::OwnerCannotBeMember(user.username).into());
        }
        if members::get(&scope.transaction, organization.id, user.id).await?.is_some() {
            return Err(Refusal::AlreadyMember(user.username).into());
        }
        scope.room_for_member(&organization).await?;
        members::insert(&scope.transaction, organization.id, user.id, self.role, self.public).await?;
        let member = scope.member(&organization, &user).await?;
        scope.touch_users(&[user.id]).await?;
        scope.log_member(&organization, None, Some(&member));
        Ok((organization, member))
    }
}

impl Operation for UpdateMember {
    const NAME: &'static str = "update_member";
    const IS_BOUNDED: bool = true;
    type Output = (Account, Member);

    async fn run(&self, scope: &mut Scope<'_>) -> Result<(Account, Member), MembershipError> {
        let (organization, user) = scope.lock_pair(&self.organization, &self.user).await?;
        let authority = scope.authorize_organization(organization.id, OrganizationAction::UpdateMembers)?;
        let user = user.ok_or_else(|| self.missing())?;
        let before = scope.member(&organization, &user).await?;
        authority.may_touch(before.role)?;
        let mut after = before.clone();
        after.role = self.role.unwrap_or(before.role);
        after.public = self.public.unwrap_or(before.public);
        authority.may_give(after.role)?;
        members::update(&scope.transaction, organization.id, &after).await?;
        scope.touch_users(&[user.id]).await?;
        scope.log_member(&organization, Some(&before), Some(&after));
        Ok((organization, after))
    }
}

impl Operation for RemoveMember {
    const NAME: &'static str = "remove_member";
    const IS_BOUNDED: bool = true;
    type Output = ();

    async fn run(&self, scope: &mut Scope<'_>) -> Result<(), MembershipError> {
        let (organization, user) = scope.lock_pair(&self.organization, &self.user).await?;
        let leaves = user.as_ref().is_some_and(|user| scope.actor.is(user.id));
        let authority = if leaves {
            None
        } else {
            Some(scope.authorize_organization(organization.id, OrganizationAction::DeleteMembers)?)
        };
        let user = user.ok_or_else(|| MembershipError::not_found(Object::Member, &self.user))?;
        if organization.organization_owner() == Some(user.id) {
            return Err(Refusal::OrganizationOwnerRequired(user.username).into());
        }
        let member = scope.member(&organization, &user).await?;
        if let Some(authority) = authority {
            authority.may_touch(member.role)?;
        }
        scope.remove_member(&organization, &member).await
    }
}

impl UpdateMember {
    fn missing(&self) -> MembershipError {
        MembershipError::not_found(Object::Member, format!("{}/{}", self.organization, self.user))
    }
}

impl Scope<'_> {
    /// Locks an organization whose people change, and a user.
    pub(super) async fn lock_pair(
        &mut self,
        name: &Username,
        user: &Username,
    ) -> Result<(Account, Option<Account>), MembershipError> {
        let wanted = [(Who::Name(name), Strength::Exclusive), (Who::Name(user), Strength::Shared)];
        let mut locked = self.lock(&wanted).await?.into_iter();
        let found = self.organization(locked.next().flatten(), name)?;
        Ok((found, locked.next().flatten()))
    }

    /// Refuses where the organization's plan allows no more members.
    pub(super) async fn room_for_member(&self, organization: &Account) -> Result<(), MembershipError> {
        let plan = &organization.plan.rules;
        let Some(limit) = plan.member_limit else { return Ok(()) };
        let counted = members::count(&self.transaction, organization.id, limit).await?;
        Ok(rules::below_member_limit(plan, counted)?)
    }

    /// A user's place in an organization.
    async fn member(&self, organization: &Account, user: &Account) -> Result<Member, MembershipError> {
        let member = members::get(&self.transaction, organization.id, user.id).await?;
        let name = || format!("{}/{}", organization.username, user.username);
        member.ok_or_else(|| MembershipError::not_found(Object::Member, name()))
    }
}
