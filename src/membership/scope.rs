//! What a write works in: its transaction, the locks that hold its facts, its actor, and the record of its changes.

use std::collections::BTreeMap;
use std::time::Instant;

use futures::future::{OptionFuture, join4};

use super::actor::Actor;
use super::error::MembershipError;
use super::looked_up::{self, LookedUp};
use super::writer::Operation;
use crate::domain::bounds::Bounds;
use crate::domain::change::{Changes, EntryKey, Object};
use crate::domain::facts::{Named, Time};
use crate::domain::ids::{AccountId, ProjectId};
use crate::domain::names::{NameKey, PlanCode, ProjectReference, Username};
use crate::domain::policy::Policy;
use crate::domain::records::{Account, Plan, Project};
use crate::store::loads::LoadedProject;
use crate::store::locks::{self, Strength, Wanted};
use crate::store::{Client, StoreError, Transaction, accounts, loads, plans, projects};

/// What one run of a write works in.
pub struct Scope<'a> {
    pub(super) transaction: Transaction<'a>,
    pub(super) policy: &'a Policy,
    pub(super) actor: Actor,
    pub(super) changes: Changes,
    /// The database's clock when the facts were locked.
    pub(super) now: Time,
    /// When who asked stops waiting.
    deadline: Option<Instant>,
    bounds: Option<&'a Bounds>,
    /// Whether an account was found to lie within the bounds.
    is_within: bool,
    /// The accounts that are locked until the transaction ends.
    held: BTreeMap<AccountId, Strength>,
    /// What was looked up before.
    looked_up: LookedUp,
    /// The project that was locked last, as the actor's right to it is decided; only where there is an actor.
    pub(super) decided_by: Option<LoadedProject>,
}

/// An account as a write names it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Who<'a> {
    Name(&'a Username),
    Id(AccountId),
}

impl<'a> Scope<'a> {
    pub(super) fn new(
        transaction: Transaction<'a>,
        policy: &'a Policy,
        actor: Option<&Username>,
        (bounds, deadline): (Option<&'a Bounds>, Option<Instant>),
        looked_up: LookedUp,
    ) -> Self {
        Self {
            transaction,
            policy,
            actor: Actor::new(actor),
            changes: Changes::default(),
            now: Time(0),
            deadline,
            bounds,
            is_within: false,
            held: BTreeMap::new(),
            looked_up,
            decided_by: None,
        }
    }

    /// Runs an operation, held against what the caller is confined to.
    pub(super) async fn carry_out<O: Operation>(&mut self, operation: &O) -> Result<O::Output, MembershipError> {
        self.is_within = false;
        if !O::IS_BOUNDED {
            self.unconfined_only()?;
        }
        let output = operation.run(self).await?;
        // one that was never held against the bounds is refused as well
        if !self.is_within {
            self.unconfined_only()?;
        }
        Ok(output)
    }

    /// The transaction has gone back to where it began: nothing was changed, and no lock is held.
    pub(super) fn begin_anew(&mut self) -> Changes {
        self.held.clear();
        std::mem::take(&mut self.changes)
    }

    /// The transaction, to be ended, and what was changed in it.
    pub(super) fn finish(self) -> (Transaction<'a>, Changes) {
        (self.transaction, self.changes)
    }

    /// Locks accounts, and the actor's with them, until the transaction ends; returns those that were asked for, in their
    /// order, as they are then. `None` where there is none.
    pub(super) async fn lock(
        &mut self,
        wanted: &[(Who<'_>, Strength)],
    ) -> Result<Vec<Option<Account>>, MembershipError> {
        Ok(self.lock_and(wanted, None, |_, _| async { Ok(()) }).await?.0)
    }

    /// The same, and then a project: it is returned as it is then, if it is still there; and what `read` reads under the locks by
    /// the ids of those that were asked for. All in one round trip, but for what is yet to be looked up. Whoever turns out to be
    /// another than was looked up fails the write, whatever was read.
    pub(super) async fn lock_and<T, F>(
        &mut self,
        wanted: &[(Who<'_>, Strength)],
        project: Option<ProjectId>,
        read: impl FnOnce(&'a Client, &[Option<AccountId>]) -> F,
    ) -> Result<(Vec<Option<Account>>, Option<Project>, T), MembershipError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        for (who, strength) in wanted {
            // what is to change, so that who is confined neither waits for what lies outside nor holds it up
            if let (Who::Name(name), Strength::Exclusive) = (who, strength) {
                self.name_within_bounds(name)?;
            }
        }
        let actor = self.actor.name().cloned();
        let asked_for = wanted.len();
        let mut wanted = wanted.to_vec();
        wanted.extend(actor.as_ref().map(|name| (Who::Name(name), Strength::Shared)));
        let ids = self.resolve(&wanted).await?;
        let strengths = strongest(ids.iter().zip(&wanted).filter_map(|(id, (_, strength))| Some(((*id)?, *strength))));
        let locked: Vec<AccountId> = strengths.keys().copied().collect();
        let missing = self.not_held(strengths);
        let actor_key = actor.as_ref().map(Username::key);
        let client = self.transaction.client();
        let acts_on = project.filter(|_| actor.is_some());
        let reads = async {
            let (found, actor, facts, also) = join4(
                accounts::by_ids_now(client, &locked),
                OptionFuture::from(actor_key.as_ref().map(|key| loads::load_name(client, key))),
                OptionFuture::from(acts_on.map(|project| loads::load_project(client, project))),
                read(client, &ids),
            )
            .await;
            Ok((found?, actor.transpose()?, facts.transpose()?.flatten(), also?))
        };
        let (project, ((found, now), actor_facts, facts, also)) =
            locks::hold(client, Wanted { accounts: &missing, project }, reads).await?;
        self.held.extend(missing);
        (self.now, self.decided_by) = (now, facts);
        if let Some(named) = actor_facts {
            self.actor.learn(named);
            // one that has only come to be since was locked by nobody
            if self.actor.id().is_some_and(|actor| !self.held.contains_key(&actor)) {
                return Err(MembershipError::Moved);
            }
        }
        let locked = ids.iter().zip(&wanted).map(|(id, (who, _))| same_account(*id, *who, &found));
        let mut locked = locked.collect::<Result<Vec<_>, _>>()?;
        // the actor was locked for itself, and is nobody that was asked for
        locked.truncate(asked_for);
        Ok((locked, project, also))
    }

    /// Locks a project with its owner, and other accounts, until the transaction ends.
    pub(super) async fn lock_project(
        &mut self,
        reference: &ProjectReference,
        others: &[(Who<'_>, Strength)],
    ) -> Result<(Project, Account, Vec<Option<Account>>), MembershipError> {
        let (project, owner, others, ()) = self.lock_project_and(reference, others, |_, _, _| async { Ok(()) }).await?;
        Ok((project, owner, others))
    }

    /// The same, and what `read` reads under the locks by the ids of the project, its owner and the others.
    pub(super) async fn lock_project_and<T, F>(
        &mut self,
        reference: &ProjectReference,
        others: &[(Who<'_>, Strength)],
        read: impl FnOnce(&'a Client, ProjectId, &[Option<AccountId>]) -> F,
    ) -> Result<(Project, Account, Vec<Option<Account>>, T), MembershipError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let missing = || MembershipError::not_found(Object::Project, reference);
        let unlocked = self.find_project(reference).await?;
        let unlocked =
            unlocked.ok_or_else(|| if self.bounds.is_some() { MembershipError::OutOfBounds } else { missing() })?;
        self.key_within_bounds(&NameKey::of(&unlocked.owner_name))?;
        let mut wanted = vec![(Who::Id(unlocked.owner), Strength::Shared)];
        wanted.extend_from_slice(others);
        let read = |client, ids: &[_]| read(client, unlocked.id, ids);
        let (mut accounts, project, also) = self.lock_and(&wanted, Some(unlocked.id), read).await?;
        let owner = self.within_bounds(accounts.remove(0), || MembershipError::Moved)?;
        let project = project.filter(|project| project.owner == unlocked.owner && project.is_called(reference));
        Ok((project.ok_or(MembershipError::Moved)?, owner, accounts, also))
    }

    /// A project by what it is called, unlocked.
    pub(super) async fn find_project(&self, reference: &ProjectReference) -> Result<Option<Project>, StoreError> {
        match self.looked_up().and_then(|looked_up| looked_up.project(reference)).filter(|found| self.is_news(found)) {
            Some(found) => Ok(found),
            None => projects::find(&self.transaction, reference).await,
        }
    }

    /// What was looked up before, as long as this write has not changed anything itself.
    fn looked_up(&self) -> Option<&LookedUp> {
        self.changes.is_empty().then_some(&self.looked_up)
    }

    /// Whether what was looked up is worth anything here. What was found is compared once it is locked; that something was missing
    /// is not, and is asked again where a lock may have been waited for since.
    fn is_news<T>(&self, found: &Option<T>) -> bool {
        found.is_some() || self.held.is_empty()
    }

    /// Refuses, to a caller that is confined, what concerns more than its accounts.
    pub(super) fn unconfined_only(&self) -> Result<(), MembershipError> {
        if self.bounds.is_none() { Ok(()) } else { Err(MembershipError::OutOfBounds) }
    }

    /// Refuses, to a caller that is confined, a name that its accounts do not have: whether there is such a thing is not said.
    pub(super) fn name_within_bounds(&self, name: &Username) -> Result<(), MembershipError> {
        self.key_within_bounds(&name.key())
    }

    fn key_within_bounds(&self, key: &NameKey) -> Result<(), MembershipError> {
        let is_out = self.bounds.is_some_and(|bounds| !bounds.contains(key));
        if is_out { Err(MembershipError::OutOfBounds) } else { Ok(()) }
    }

    /// What the caller is confined to.
    pub(super) fn bounds(&self) -> Option<&'a Bounds> {
        self.bounds
    }

    /// Somebody that a write names besides what it is about. To a caller that is confined there is no organization outside of its
    /// bounds.
    pub(super) fn seen_within_bounds(&self, account: Option<Account>) -> Option<Account> {
        account.filter(|account| account.is_user() || self.bounds.is_none_or(|bounds| bounds.contains(&account.key())))
    }

    /// The account that a write is about, if it is there and within what the caller is confined to.
    pub(super) fn within_bounds(
        &mut self,
        account: Option<Account>,
        missing: impl FnOnce() -> MembershipError,
    ) -> Result<Account, MembershipError> {
        if let Some(bounds) = self.bounds {
            self.is_within = account.as_ref().is_some_and(|account| bounds.contains(&account.key()));
            if !self.is_within {
                return Err(MembershipError::OutOfBounds);
            }
        }
        account.ok_or_else(missing)
    }

    /// The plan of that code, or the default one.
    pub(super) async fn plan(&self, code: Option<&PlanCode>) -> Result<Plan, MembershipError> {
        let code = code.map_or(PlanCode::DEFAULT, PlanCode::as_str);
        let plan = plans::hold_by_code(&self.transaction, code).await?;
        plan.ok_or_else(|| MembershipError::not_found(Object::Plan, code))
    }

    /// What a user is and belongs to, as the locks hold it.
    pub(super) async fn user_facts(&self, account: &Account) -> Result<Option<Named>, StoreError> {
        loads::load_name(&self.transaction, &account.key()).await
    }

    /// Says that the entry in the view of a user that is locked no longer holds: its name stays until the commit.
    pub(super) fn touch_user(&mut self, user: &Account) {
        self.changes.touch(EntryKey::Name(user.key()));
    }

    /// Says that these users' entries in the view no longer hold; keeps their names until the commit.
    pub(super) async fn touch_users(&mut self, users: &[AccountId]) -> Result<(), MembershipError> {
        for name in locks::hold_names(&self.transaction, users).await? {
            self.changes.touch(EntryKey::Name(name));
        }
        Ok(())
    }

    /// Locks accounts in the order of their ids, but for those that are locked already.
    pub(super) async fn hold(&mut self, wanted: BTreeMap<AccountId, Strength>) -> Result<(), StoreError> {
        let missing = self.not_held(wanted);
        let wanted = Wanted { accounts: &missing, project: None };
        locks::hold(&self.transaction, wanted, async { Ok(()) }).await?;
        self.held.extend(missing);
        Ok(())
    }

    /// Those that are yet to be locked, or locked more strongly.
    fn not_held(&self, mut wanted: BTreeMap<AccountId, Strength>) -> BTreeMap<AccountId, Strength> {
        wanted.retain(|id, strength| self.held.get(id).is_none_or(|held| held < strength));
        wanted
    }

    pub(super) async fn resolve(&self, wanted: &[(Who<'_>, Strength)]) -> Result<Vec<Option<AccountId>>, StoreError> {
        let looked_up = |name: &NameKey| self.looked_up().and_then(|looked_up| looked_up.account(name));
        let known = |name: &NameKey| looked_up(name).filter(|found| self.is_news(found));
        let names = wanted.iter().filter_map(|(who, _)| match who {
            Who::Name(name) => Some(name.key()),
            Who::Id(_) => None,
        });
        let unknown: Vec<NameKey> = names.filter(|name| known(name).is_none()).collect();
        let mut found = BTreeMap::new();
        if !unknown.is_empty() {
            found = looked_up::accounts(&self.transaction, unknown, self.deadline).await?;
        }
        let id = |who: &Who<'_>| match who {
            Who::Id(id) => Some(*id),
            Who::Name(name) => found.get(&name.key()).copied().or_else(|| known(&name.key())).flatten(),
        };
        Ok(wanted.iter().map(|(who, _)| id(who)).collect())
    }
}

/// Each account once, with the strongest lock that it is wanted with.
pub(super) fn strongest(wanted: impl IntoIterator<Item = (AccountId, Strength)>) -> BTreeMap<AccountId, Strength> {
    let mut strengths = BTreeMap::new();
    for (id, strength) in wanted {
        let strongest = strengths.entry(id).or_insert(strength);
        *strongest = (*strongest).max(strength);
    }
    strengths
}

/// The locked account, if it is still the one that was named.
fn same_account(id: Option<AccountId>, who: Who<'_>, found: &[Account]) -> Result<Option<Account>, MembershipError> {
    let Some(id) = id else { return Ok(None) };
    let account = found.iter().find(|account| account.id == id).ok_or(MembershipError::Moved)?;
    let renamed = matches!(who, Who::Name(name) if name.key() != account.key());
    if renamed { Err(MembershipError::Moved) } else { Ok(Some(account.clone())) }
}
