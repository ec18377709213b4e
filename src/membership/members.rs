//! Writes of organizations' members.

use super::ahead::Locks;
use super::cascade::missing_is_gone;
use super::error::MembershipError;
use super::scope::{Scope, Who};
use super::writer::Operation;
use crate::domain::actions::OrganizationAction;
use crate::domain::change::Object;
use crate::domain::etag::Etag;
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
    /// Where it is there already: change it to this.
    pub upsert: bool,
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
    /// Only where it is in this state.
    pub etag: Option<Etag>,
}

/// Removes a member.
#[derive(Debug)]
pub struct RemoveMember {
    /// From which organization.
    pub organization: Username,
    /// Whom.
    pub user: Username,
    /// Only where it is in this state.
    pub etag: Option<Etag>,
    /// Whether it may be absent.
    pub allow_missing: bool,
}

impl Operation for AddMember {
    const NAME: &'static str = "add_member";
    const IS_BOUNDED: bool = true;
    type Output = (Account, Member);

    fn locks(&self) -> Locks<'_> {
        Locks::default().exclusive(&self.organization).shared(&self.user)
    }

    async fn run(&self, scope: &mut Scope<'_>) -> Result<(Account, Member), MembershipError> {
        let (organization, user, member) = scope.lock_pair(&self.organization, &self.user).await?;
        let adds = scope.authorize_organization(organization.id, OrganizationAction::CreateMembers);
        if self.upsert
            && let Some(before) = member
        {
            let changes = scope.authorize_organization(organization.id, OrganizationAction::UpdateMembers);
            // who may neither does not learn that there is something to change
            changes.or(adds)?;
            return self.as_update(&before).change(scope, organization, user, Some(before)).await;
        }
        let authority = adds?;
        authority.may_give(self.role)?;
        let user = user.ok_or_else(|| MembershipError::not_found(Object::User, &self.user))?;
        if !user.is_user() {
            return Err(Refusal::NotAPerson(user.username).into());
        }
        if organization.organization_owner() == Some(user.id) {
            return Err(Refusal::OwnerCannotBeMember(user.username).into());
        }
        if member.is_some() {
            return Err(Refusal::AlreadyMember(user.username).into());
        }
        scope.room_for_member(&organization).await?;
        let member = members::insert(&scope.transaction, organization.id, user.id, self.role, self.public).await?;
        scope.touch_user(&user);
        scope.log_member(&organization, None, Some(&member));
        Ok((organization, member))
    }
}

impl Operation for UpdateMember {
    const NAME: &'static str = "update_member";
    const IS_BOUNDED: bool = true;
    type Output = (Account, Member);

    fn locks(&self) -> Locks<'_> {
        Locks::default().exclusive(&self.organization).shared(&self.user)
    }

    async fn run(&self, scope: &mut Scope<'_>) -> Result<(Account, Member), MembershipError> {
        let (organization, user, member) = scope.lock_pair(&self.organization, &self.user).await?;
        self.change(scope, organization, user, member).await
    }
}

impl Operation for RemoveMember {
    const NAME: &'static str = "remove_member";
    const IS_BOUNDED: bool = true;
    type Output = ();

    fn locks(&self) -> Locks<'_> {
        Locks::default().exclusive(&self.organization).shared(&self.user)
    }

    async fn run(&self, scope: &mut Scope<'_>) -> Result<(), MembershipError> {
        missing_is_gone(self.remove(scope).await, self.allow_missing)
    }
}

impl RemoveMember {
    async fn remove(&self, scope: &mut Scope<'_>) -> Result<(), MembershipError> {
        let (organization, user, member) = scope.lock_pair(&self.organization, &self.user).await?;
        let leaves = user.as_ref().is_some_and(|user| scope.actor.is(user.id));
        let authority = if leaves {
            None
        } else {
            Some(scope.authorize_organization(organization.id, OrganizationAction::DeleteMembers)?)
        };
        let missing = || MembershipError::not_found(Object::Member, name_of(&self.organization, &self.user));
        let user = user.ok_or_else(missing)?;
        if organization.organization_owner() == Some(user.id) {
            return Err(Refusal::OrganizationOwnerRequired(user.username).into());
        }
        let member = member.ok_or_else(|| no_member(&organization, &user))?;
        if let Some(authority) = authority {
            authority.may_touch(member.role)?;
        }
        member.etag(&organization).must_be(self.etag.as_ref(), || name_of(&self.organization, &self.user))?;
        scope.remove_member(&organization, &member).await
    }
}

impl AddMember {
    /// What would make the member that there is what this one shall be, as far as it is another.
    fn as_update(&self, before: &Member) -> UpdateMember {
        UpdateMember {
            organization: self.organization.clone(),
            user: self.user.clone(),
            role: (self.role != before.role).then_some(self.role),
            public: (self.public != before.public).then_some(self.public),
            etag: None,
        }
    }
}

impl UpdateMember {
    /// Does it, once both are locked. What shall stay as it is, whatever that is, is not written.
    async fn change(
        &self,
        scope: &mut Scope<'_>,
        organization: Account,
        user: Option<Account>,
        before: Option<Member>,
    ) -> Result<(Account, Member), MembershipError> {
        let authority = scope.authorize_organization(organization.id, OrganizationAction::UpdateMembers)?;
        let user =
            user.ok_or_else(|| MembershipError::not_found(Object::Member, name_of(&self.organization, &self.user)))?;
        let before = before.ok_or_else(|| no_member(&organization, &user))?;
        authority.may_touch(before.role)?;
        before.etag(&organization).must_be(self.etag.as_ref(), || name_of(&self.organization, &self.user))?;
        let mut after = before.clone();
        after.role = self.role.unwrap_or(before.role);
        after.public = self.public.unwrap_or(before.public);
        authority.may_give(after.role)?;
        if self.role.is_none() && self.public.is_none() {
            return Ok((organization, before));
        }
        members::update(&scope.transaction, organization.id, &after).await?;
        scope.touch_user(&user);
        scope.log_member(&organization, Some(&before), Some(&after));
        Ok((organization, after))
    }
}

impl Scope<'_> {
    /// Locks an organization whose people change, and a user; returns both, and the user's place in it, if it has one.
    pub(super) async fn lock_pair(
        &mut self,
        name: &Username,
        user: &Username,
    ) -> Result<(Account, Option<Account>, Option<Member>), MembershipError> {
        let wanted = [(Who::Name(name), Strength::Exclusive), (Who::Name(user), Strength::Shared)];
        let place = |client, ids: &[_]| {
            let (organization, user) = (ids.first().copied().flatten(), ids.get(1).copied().flatten());
            async move { members::get_if_both(client, organization, user).await }
        };
        let (locked, _, member) = self.lock_and(&wanted, None, place).await?;
        let mut locked = locked.into_iter();
        let organization = self.organization(locked.next().flatten(), name)?;
        let user = self.seen_within_bounds(locked.next().flatten());
        let member = member.filter(|_| user.is_some());
        Ok((organization, user, member))
    }

    /// Refuses where the organization's plan allows no more members.
    pub(super) async fn room_for_member(&self, organization: &Account) -> Result<(), MembershipError> {
        let plan = &organization.plan.rules;
        if plan.member_limit.is_none() {
            return Ok(());
        }
        let counted = members::count(&self.transaction, organization.id).await?;
        Ok(rules::below_member_limit(plan, counted)?)
    }
}

/// That a user has no place in an organization.
fn no_member(organization: &Account, user: &Account) -> MembershipError {
    MembershipError::not_found(Object::Member, format!("{}/{}", organization.username, user.username))
}

fn name_of(organization: &Username, user: &Username) -> String {
    format!("{organization}/{user}")
}
