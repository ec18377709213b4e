//! Writes of users.

use super::ahead::Locks;
use super::cascade::missing_is_gone;
use super::error::MembershipError;
use super::scope::{Scope, Who};
use super::writer::Operation;
use crate::domain::actions::AccountAction;
use crate::domain::change::{EntryKey, Object};
use crate::domain::etag::Etag;
use crate::domain::names::{PlanCode, Username};
use crate::domain::records::{Account, AccountKind};
use crate::domain::refusal::Refusal;
use crate::store::accounts::{self, NewAccount};
use crate::store::locks::Strength;

/// Creates a user.
#[derive(Debug)]
pub struct CreateUser {
    /// Its name.
    pub username: Username,
    /// Whether it holds roles at all.
    pub active: bool,
    /// Its plan; `None`: the default one.
    pub plan: Option<PlanCode>,
}

/// Changes a user; what is `None` stays.
#[derive(Debug)]
pub struct UpdateUser {
    /// Which.
    pub username: Username,
    /// Another name.
    pub new_username: Option<Username>,
    /// Whether it holds roles at all.
    pub active: Option<bool>,
    /// Another plan.
    pub plan: Option<PlanCode>,
    /// Only where it is in this state.
    pub etag: Option<Etag>,
}

/// Deletes a user with all it owns.
#[derive(Debug)]
pub struct DeleteUser {
    /// Which.
    pub username: Username,
    /// Only where it is in this state.
    pub etag: Option<Etag>,
    /// Whether it may be absent.
    pub allow_missing: bool,
}

impl Operation for CreateUser {
    const NAME: &'static str = "create_user";
    type Output = Account;

    fn locks(&self) -> Locks<'_> {
        Locks::default().new_account(&self.username).plan_in_use(self.plan.as_ref())
    }

    async fn run(&self, scope: &mut Scope<'_>) -> Result<Account, MembershipError> {
        scope.actor.own_right_only("create users")?;
        let plan = scope.plan(self.plan.as_ref()).await?;
        let username = self.username.as_str();
        let new = NewAccount { username, plan: plan.id, active: self.active, owner: None, default_project_role: None };
        scope.create_account(&new).await
    }
}

impl Operation for UpdateUser {
    const NAME: &'static str = "update_user";
    type Output = Account;

    fn locks(&self) -> Locks<'_> {
        let locks = Locks::default().exclusive(&self.username);
        let locks = self.new_username.iter().fold(locks, Locks::new_account);
        self.plan.iter().fold(locks, |locks, plan| locks.plan_in_use(Some(plan)))
    }

    async fn run(&self, scope: &mut Scope<'_>) -> Result<Account, MembershipError> {
        let before = scope.lock_user(&self.username, Strength::Exclusive).await?;
        scope.authorize_account(&before, AccountAction::UpdateAccount).await?;
        before.etag().must_be(self.etag.as_ref(), || before.username.clone())?;
        let mut after = before.clone();
        if let Some(active) = self.active {
            scope.actor.own_right_only("set whether a user is active")?;
            after.kind = AccountKind::User { active };
        }
        scope.settle_account(before, after, self.new_username.as_ref(), self.plan.as_ref()).await
    }
}

impl Operation for DeleteUser {
    const NAME: &'static str = "delete_user";
    type Output = ();

    fn locks(&self) -> Locks<'_> {
        Locks::default().exclusive(&self.username)
    }

    async fn run(&self, scope: &mut Scope<'_>) -> Result<(), MembershipError> {
        missing_is_gone(self.remove(scope).await, self.allow_missing)
    }
}

impl DeleteUser {
    async fn remove(&self, scope: &mut Scope<'_>) -> Result<(), MembershipError> {
        let user = scope.lock_user(&self.username, Strength::Exclusive).await?;
        scope.authorize_account(&user, AccountAction::DeleteAccount).await?;
        user.etag().must_be(self.etag.as_ref(), || user.username.clone())?;
        for owned in accounts::owned_organizations(&scope.transaction, user.id).await? {
            let locked = scope.lock(&[(Who::Id(owned), Strength::Exclusive)]).await?;
            let owned = locked.into_iter().flatten().next();
            let owned = owned.filter(|organization| organization.organization_owner() == Some(user.id));
            // handed over meanwhile: the user may now be its member
            scope.delete_organization(&owned.ok_or(MembershipError::Moved)?).await?;
        }
        scope.delete_projects_of(&user).await?;
        scope.remove_everywhere(&user).await?;
        scope.delete_account(&user).await
    }
}

impl Scope<'_> {
    /// Locks a user by name.
    pub(super) async fn lock_user(&mut self, name: &Username, strength: Strength) -> Result<Account, MembershipError> {
        let locked = self.lock(&[(Who::Name(name), strength)]).await?;
        let user = locked.into_iter().flatten().find(Account::is_user);
        user.ok_or_else(|| MembershipError::not_found(Object::User, name))
    }

    /// Adds an account, whose name and whose projects' paths were known to be absent until now.
    pub(super) async fn create_account(&mut self, new: &NewAccount<'_>) -> Result<Account, MembershipError> {
        let taken = || Refusal::UsernameTaken(new.username.to_owned());
        let id = accounts::insert(&self.transaction, new).await;
        let id = id.map_err(|error| MembershipError::constraint(error, "account_username_unique", taken))?;
        let created = accounts::by_ids(&self.transaction, &[id]).await?.pop().ok_or(MembershipError::Moved)?;
        self.changes.touch(EntryKey::Name(created.key()));
        self.changes.touch(EntryKey::Account(id));
        self.log_account(None, Some(&created));
        Ok(created)
    }

    /// Writes what was changed of an account, its name and plan included.
    pub(super) async fn settle_account(
        &mut self,
        before: Account,
        mut after: Account,
        new_username: Option<&Username>,
        plan: Option<&PlanCode>,
    ) -> Result<Account, MembershipError> {
        // names and plans are everybody's
        if plan.is_some() || new_username.is_some() {
            self.unconfined_only()?;
        }
        if let Some(code) = plan {
            self.actor.own_right_only("put an account on a plan")?;
            after.plan = self.plan(Some(code)).await?;
        }
        if let Some(name) = new_username {
            after.username = name.to_string();
        }
        let taken = || Refusal::UsernameTaken(after.username.clone());
        let updated = accounts::update(&self.transaction, &after).await;
        updated.map_err(|error| MembershipError::constraint(error, "account_username_unique", taken))?;
        self.touch_renamed(&before, &after).await?;
        self.changes.touch(EntryKey::Account(after.id));
        self.log_account(Some(&before), Some(&after));
        Ok(after)
    }
}
