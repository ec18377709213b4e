//! Writes of organizations.

use super::ahead::Locks;
use super::cascade::missing_is_gone;
use super::error::MembershipError;
use super::scope::{Scope, Who};
use super::writer::Operation;
use crate::domain::actions::{AccountAction, OrganizationAction};
use crate::domain::change::{EntryKey, Object};
use crate::domain::etag::Etag;
use crate::domain::ids::AccountId;
use crate::domain::names::{PlanCode, Username};
use crate::domain::records::{Account, AccountKind};
use crate::domain::refusal::Refusal;
use crate::domain::roles::{OrganizationRole, ProjectRole};
use crate::store::accounts::{self, NewAccount};
use crate::store::locks::Strength;
use crate::store::members;

/// Creates an organization.
#[derive(Debug)]
pub struct CreateOrganization {
    /// Its name.
    pub username: Username,
    /// Its owner; `None`: the actor.
    pub owner: Option<Username>,
    /// The role that members get on every project.
    pub default_project_role: Option<ProjectRole>,
    /// Its plan; `None`: the default one.
    pub plan: Option<PlanCode>,
}

/// Changes an organization; what is `None` stays.
#[derive(Debug)]
pub struct UpdateOrganization {
    /// Which.
    pub username: Username,
    /// Another name.
    pub new_username: Option<Username>,
    /// Another role that members get on every project; `Some(None)` takes it away.
    pub default_project_role: Option<Option<ProjectRole>>,
    /// Another plan.
    pub plan: Option<PlanCode>,
    /// Only where it is in this state.
    pub etag: Option<Etag>,
}

/// Deletes an organization with all it owns.
#[derive(Debug)]
pub struct DeleteOrganization {
    /// Which.
    pub username: Username,
    /// Only where it is in this state.
    pub etag: Option<Etag>,
    /// Whether it may be absent.
    pub allow_missing: bool,
}

/// Hands an organization to another user.
#[derive(Debug)]
pub struct TransferOrganization {
    /// Which.
    pub username: Username,
    /// To whom.
    pub new_owner: Username,
    /// Only where it is in this state.
    pub etag: Option<Etag>,
}

impl Operation for CreateOrganization {
    const NAME: &'static str = "create_organization";
    type Output = Account;

    fn locks(&self) -> Locks<'_> {
        let locks = Locks::default().new_account(&self.username).plan_in_use(self.plan.as_ref());
        self.owner.iter().fold(locks, Locks::shared)
    }

    async fn run(&self, scope: &mut Scope<'_>) -> Result<Account, MembershipError> {
        let actor = scope.actor.name().cloned();
        let owner = self.owner.clone().or_else(|| actor.clone()).ok_or_else(|| MembershipError::InvalidField {
            field: "owner",
            problem: "must name a user where there is no actor".to_owned(),
        })?;
        let locked = scope.lock(&[(Who::Name(&owner), Strength::Shared)]).await?;
        let for_another = actor.is_some_and(|actor| actor.key() != owner.key());
        if for_another {
            scope.actor.own_right_only("create an organization for somebody else")?;
        }
        if self.plan.is_some() {
            scope.actor.own_right_only("put an account on a plan")?;
        }
        scope.actor.must_be_active(AccountAction::CreateOrganization.name())?;
        let owner =
            locked.into_iter().flatten().next().ok_or_else(|| MembershipError::not_found(Object::User, &owner))?;
        may_own(&owner)?;
        scope.authorize_account(&owner, AccountAction::CreateOrganization).await?;
        let plan = scope.plan(self.plan.as_ref()).await?;
        let new = NewAccount {
            username: self.username.as_str(),
            plan: plan.id,
            active: true,
            owner: Some(owner.id),
            default_project_role: self.default_project_role,
        };
        scope.touch_users(&[owner.id]).await?;
        scope.create_account(&new).await
    }
}

impl Operation for UpdateOrganization {
    const NAME: &'static str = "update_organization";
    const IS_BOUNDED: bool = true;
    type Output = Account;

    fn locks(&self) -> Locks<'_> {
        let locks = Locks::default().exclusive(&self.username);
        let locks = self.new_username.iter().fold(locks, Locks::new_account);
        self.plan.iter().fold(locks, |locks, plan| locks.plan_in_use(Some(plan)))
    }

    async fn run(&self, scope: &mut Scope<'_>) -> Result<Account, MembershipError> {
        let before = scope.lock_organization(&self.username, Strength::Exclusive).await?;
        scope.authorize_organization(before.id, OrganizationAction::UpdateOrganization)?;
        before.etag().must_be(self.etag.as_ref(), || before.username.clone())?;
        let mut after = before.clone();
        if let (Some(wanted), AccountKind::Organization { default_project_role, .. }) =
            (self.default_project_role, &mut after.kind)
        {
            *default_project_role = wanted;
        }
        scope.settle_account(before, after, self.new_username.as_ref(), self.plan.as_ref()).await
    }
}

impl Operation for DeleteOrganization {
    const NAME: &'static str = "delete_organization";
    const IS_BOUNDED: bool = true;
    type Output = ();

    fn locks(&self) -> Locks<'_> {
        Locks::default().exclusive(&self.username)
    }

    async fn run(&self, scope: &mut Scope<'_>) -> Result<(), MembershipError> {
        missing_is_gone(self.remove(scope).await, self.allow_missing)
    }
}

impl DeleteOrganization {
    async fn remove(&self, scope: &mut Scope<'_>) -> Result<(), MembershipError> {
        let organization = scope.lock_organization(&self.username, Strength::Exclusive).await?;
        scope.authorize_organization(organization.id, OrganizationAction::DeleteOrganization)?;
        organization.etag().must_be(self.etag.as_ref(), || organization.username.clone())?;
        scope.delete_organization(&organization).await
    }
}

impl Operation for TransferOrganization {
    const NAME: &'static str = "transfer_organization";
    const IS_BOUNDED: bool = true;
    type Output = Account;

    fn locks(&self) -> Locks<'_> {
        Locks::default().exclusive(&self.username).shared(&self.new_owner)
    }

    async fn run(&self, scope: &mut Scope<'_>) -> Result<Account, MembershipError> {
        let wanted = [(Who::Name(&self.username), Strength::Exclusive), (Who::Name(&self.new_owner), Strength::Shared)];
        let mut locked = scope.lock(&wanted).await?.into_iter();
        let before = scope.organization(locked.next().flatten(), &self.username)?;
        let heir = scope.seen_within_bounds(locked.next().flatten());
        scope.authorize_organization(before.id, OrganizationAction::TransferOrganization)?;
        before.etag().must_be(self.etag.as_ref(), || before.username.clone())?;
        let heir = heir.ok_or_else(|| MembershipError::not_found(Object::User, &self.new_owner))?;
        may_own(&heir)?;
        let AccountKind::Organization { owner: former, default_project_role, .. } = before.kind else {
            return Err(MembershipError::not_found(Object::Organization, &self.username));
        };
        if former == heir.id {
            return Ok(before);
        }
        // it becomes a member: who takes it out of everything meanwhile must see that, or come after it
        scope.lock(&[(Who::Id(former), Strength::Shared)]).await?;
        if let Some(member) = members::get(&scope.transaction, before.id, heir.id).await? {
            scope.remove_member(&before, &member).await?;
        }
        let mut after = before.clone();
        let owner_name = heir.username.clone();
        after.kind = AccountKind::Organization { owner: heir.id, owner_name, default_project_role };
        accounts::update(&scope.transaction, &after).await?;
        scope.changes.touch(EntryKey::Account(after.id));
        scope.log_account(Some(&before), Some(&after));
        scope.make_member(&after, former).await?;
        scope.touch_users(&[heir.id]).await?;
        Ok(after)
    }
}

impl Scope<'_> {
    /// Locks an organization by name.
    pub(super) async fn lock_organization(
        &mut self,
        name: &Username,
        strength: Strength,
    ) -> Result<Account, MembershipError> {
        let locked = self.lock(&[(Who::Name(name), strength)]).await?;
        self.organization(locked.into_iter().flatten().next(), name)
    }

    /// The locked account, if it is an organization, and one that the caller may write.
    pub(super) fn organization(
        &mut self,
        account: Option<Account>,
        name: &Username,
    ) -> Result<Account, MembershipError> {
        let found = account.filter(|account| !account.is_user());
        self.within_bounds(found, || MembershipError::not_found(Object::Organization, name))
    }

    /// Makes an organization's former owner an admin member.
    async fn make_member(&mut self, organization: &Account, former: AccountId) -> Result<(), MembershipError> {
        self.room_for_member(organization).await?;
        let member =
            members::insert(&self.transaction, organization.id, former, OrganizationRole::Admin, false).await?;
        self.touch_users(&[former]).await?;
        self.log_member(organization, None, Some(&member));
        Ok(())
    }
}

/// Only an active user can own an organization.
fn may_own(account: &Account) -> Result<(), Refusal> {
    match account.kind {
        AccountKind::Organization { .. } => Err(Refusal::NotAPerson(account.username.clone())),
        AccountKind::User { active: false } => Err(Refusal::OrganizationOwnerRequired(account.username.clone())),
        AccountKind::User { active: true } => Ok(()),
    }
}
