//! The write that takes a user out of everything.

use std::collections::BTreeMap;

use super::ahead::Locks;
use super::cascade::missing_is_gone;
use super::error::MembershipError;
use super::scope::Scope;
use super::writer::Operation;
use crate::domain::actions::AccountAction;
use crate::domain::etag::Etag;
use crate::domain::ids::AccountId;
use crate::domain::names::Username;
use crate::domain::records::{Account, AccountKind};
use crate::store::collaborators::Which;
use crate::store::locks::{self, Strength};
use crate::store::projects::Cursor;
use crate::store::teams::Places;
use crate::store::{accounts, members, projects};

/// How many things that it owns are spelled out, of each sort.
const LISTED: i64 = 1_000;

/// Takes a user out of everything that it does not own.
#[derive(Debug)]
pub struct RemoveUserEverywhere {
    /// Which.
    pub username: Username,
    /// Also set it inactive.
    pub deactivate: bool,
    /// Only where it is in this state.
    pub etag: Option<Etag>,
    /// Whether it may be absent.
    pub allow_missing: bool,
}

/// What a user owns, and so still has.
#[derive(Debug, Default)]
pub struct Owned {
    /// Its organizations, the first of them.
    pub organizations: Vec<String>,
    /// How many there are.
    pub organizations_total: i64,
    /// Its own projects as `owner/name`, the first of them.
    pub projects: Vec<String>,
    /// How many there are.
    pub projects_total: i64,
}

impl Operation for RemoveUserEverywhere {
    const NAME: &'static str = "remove_user_everywhere";
    type Output = Owned;

    fn locks(&self) -> Locks<'_> {
        Locks::default().exclusive(&self.username)
    }

    async fn run(&self, scope: &mut Scope<'_>) -> Result<Owned, MembershipError> {
        missing_is_gone(self.remove(scope).await, self.allow_missing)
    }
}

impl RemoveUserEverywhere {
    async fn remove(&self, scope: &mut Scope<'_>) -> Result<Owned, MembershipError> {
        let user = scope.lock_user(&self.username, Strength::Exclusive).await?;
        scope.authorize_account(&user, AccountAction::DeleteAccount).await?;
        if self.deactivate {
            scope.actor.own_right_only("set whether a user is active")?;
        }
        user.etag().must_be(self.etag.as_ref(), || user.username.clone())?;
        scope.remove_everywhere(&user).await?;
        let inactive = Account { kind: AccountKind::User { active: false }, ..user.clone() };
        if self.deactivate && user != inactive {
            scope.settle_account(user.clone(), inactive, None, None).await?;
        }
        scope.owned_by(&user).await
    }
}

impl Scope<'_> {
    /// Ends a user's roles on projects, its places in teams, and its memberships.
    pub(super) async fn remove_everywhere(&mut self, user: &Account) -> Result<(), MembershipError> {
        self.remove_collaborators(Which::User(user.id)).await?;
        self.remove_team_members(Places::OfUser(user.id)).await?;
        let gone: BTreeMap<_, _> = members::delete_everywhere(&self.transaction, user.id).await?.into_iter().collect();
        if gone.is_empty() {
            return Ok(());
        }
        self.touch_users(&[user.id]).await?;
        // the organizations are not locked: from here on each is called in the log what it is called
        let organizations: Vec<AccountId> = gone.keys().copied().collect();
        locks::hold_names(&self.transaction, &organizations).await?;
        for organization in accounts::by_ids(&self.transaction, &organizations).await? {
            self.log_member(&organization, gone.get(&organization.id), None);
        }
        Ok(())
    }

    async fn owned_by(&self, user: &Account) -> Result<Owned, MembershipError> {
        let ids = accounts::owned_organizations(&self.transaction, user.id).await?;
        let first: Vec<_> = ids.iter().copied().take(usize::try_from(LISTED).unwrap_or(0)).collect();
        let mut organizations = accounts::by_ids(&self.transaction, &first).await?;
        organizations.sort_by_key(|organization| organization.id);
        let projects = projects::page(&self.transaction, Some(user.id), &Cursor::default(), LISTED).await?;
        Ok(Owned {
            organizations: organizations.into_iter().map(|organization| organization.username).collect(),
            organizations_total: i64::try_from(ids.len()).unwrap_or(i64::MAX),
            projects: projects.iter().map(|project| project.path()).collect(),
            projects_total: projects::count_of(&self.transaction, user.id).await?,
        })
    }
}
