//! What a write would change of who holds which role: whom to look at, what each holds, and the difference.
//!
//! Whoever's role it may change is found through the entries of the view that it touches: a user may hold another role on all
//! that it may hold one on, a project may be held otherwise by all who may hold a role on it, before the write or after it.
//! A bound keeps that from taking for ever; what lies beyond it is named.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::error::MembershipError;
use super::scope::Scope;
use super::wakes::waked_or_put_to_sleep;
use crate::domain::change::{Changes, EntryKey};
use crate::domain::decision::{Held, held_role};
use crate::domain::facts::{Named, Time, User};
use crate::domain::ids::{AccountId, ProjectId, TeamId};
use crate::domain::names::{NameKey, ProjectReference};
use crate::domain::policy::Policy;
use crate::domain::records::Account;
use crate::domain::roles::ProjectRole;
use crate::store::access::{self, Ways};
use crate::store::loads::LoadedProject;
use crate::store::projects::Cursor;
use crate::store::{Transaction, accounts, loads, projects};

/// How many pairs of a user and a project are looked at, before and after together.
const LOOKS: usize = 20_000;

/// How many looks it costs to begin with a user or a project.
const BEGINNING: usize = 10;

/// How many are read at a time.
const CHUNK: usize = 500;

/// The roles that a write would change.
#[derive(Debug, Default)]
pub struct Effects {
    /// All that were found, by project and user.
    pub role_changes: Vec<RoleChange>,
    /// What was not looked at to its end: users, projects, owners of projects.
    pub left_out: Vec<String>,
}

/// A role that would be gained, lost, or exchanged for another.
#[derive(Debug)]
pub struct RoleChange {
    /// Whose.
    pub who: Whose,
    /// On which project.
    pub project: ProjectId,
    /// What it is called.
    pub path: String,
    /// What is held now.
    pub before: Option<Held>,
    /// What would be held then.
    pub after: Option<Held>,
}

/// Whose role it is.
#[derive(Debug)]
pub enum Whose {
    /// Of every active user who holds nothing else on the project.
    Everyone,
    /// Of this one.
    User(String),
}

/// A project, and who may hold a role on it; nobody in particular stands for everyone.
type Pair = (ProjectId, Option<AccountId>);

/// What is held at one moment.
pub(super) type Roles = BTreeMap<Pair, Option<Held>>;

/// Whom and what to look at.
pub(super) struct Looks {
    now: Time,
    left: usize,
    /// What touched users may hold roles on.
    of_users: BTreeMap<AccountId, BTreeSet<ProjectId>>,
    /// Who may hold roles on touched projects.
    of_projects: BTreeMap<ProjectId, BTreeSet<AccountId>>,
    /// The default roles of touched owners, as the write leaves them, and whose become others.
    defaults: BTreeMap<AccountId, Option<ProjectRole>>,
    changed_defaults: BTreeSet<AccountId>,
    users: BTreeMap<AccountId, String>,
    paths: BTreeMap<ProjectId, String>,
    left_out: BTreeSet<String>,
}

impl Effects {
    /// No role changes.
    pub(super) fn none() -> Self {
        Self::default()
    }
}

impl Looks {
    pub(super) fn new(now: Time) -> Self {
        Self {
            now,
            left: LOOKS,
            of_users: BTreeMap::new(),
            of_projects: BTreeMap::new(),
            defaults: BTreeMap::new(),
            changed_defaults: BTreeSet::new(),
            users: BTreeMap::new(),
            paths: BTreeMap::new(),
            left_out: BTreeSet::new(),
        }
    }

    /// Remembers what the write leaves, where it takes another look to see that it was otherwise before.
    pub(super) async fn remember(&mut self, scope: &Scope<'_>, changes: &Changes) -> Result<(), MembershipError> {
        self.defaults = default_roles(&scope.transaction, changes).await?;
        Ok(())
    }

    /// Finds whose roles the changes may change, as things are now.
    pub(super) async fn gather(&mut self, scope: &Scope<'_>, changes: &Changes) -> Result<(), MembershipError> {
        let mut names = Vec::new();
        for key in &changes.touched {
            match key {
                EntryKey::Name(name) => names.push(name.clone()),
                EntryKey::Project(project) => self.project(&scope.transaction, *project).await?,
                // a default role is looked at below; what is called otherwise, or counted otherwise, gives the same roles
                EntryKey::Account(_) | EntryKey::Path(_, _) | EntryKey::Plan(_) => {}
            }
        }
        let turned = waked_or_put_to_sleep(&changes.list);
        for names in names.chunks(CHUNK) {
            for (key, named) in loads::load_names(&scope.transaction, names).await?.entries {
                let Some(Named::User(user)) = named else { continue };
                let is_turned = turned.contains(&key);
                self.user(&scope.transaction, &user, &key, is_turned).await?;
            }
        }
        for (owner, role) in default_roles(&scope.transaction, changes).await? {
            if self.defaults.get(&owner).is_some_and(|left| *left != role) {
                self.changed_defaults.insert(owner);
            }
            if self.changed_defaults.contains(&owner) {
                self.projects_of(&scope.transaction, owner).await?;
            }
        }
        Ok(())
    }

    /// What each of them holds, as things are now.
    pub(super) async fn decide(&mut self, scope: &Scope<'_>) -> Result<Roles, MembershipError> {
        let (transaction, mut roles) = (&scope.transaction, Roles::new());
        let ids = self.of_users.keys().chain(self.of_projects.values().flatten());
        let facts = load_users(transaction, &ids.copied().collect()).await?;
        self.users.extend(facts.iter().map(|(id, (account, _))| (*id, account.username.clone())));
        let mut judge = |user: &User, loaded: &LoadedProject, pair: Pair| {
            let held = held(scope.policy, user, loaded, self.now);
            roles.insert(pair, held);
        };
        for (id, on) in &self.of_users {
            let Some((_, user)) = facts.get(id) else { continue };
            let on: Vec<ProjectId> = on.iter().copied().collect();
            for on in on.chunks(CHUNK) {
                for loaded in loads::load_projects_for(transaction, on, &[*id], &user.teams).await? {
                    judge(user, &loaded, (loaded.project.id, Some(*id)));
                }
            }
        }
        for (id, by) in &self.of_projects {
            let alone = loads::load_projects_for(transaction, &[*id], &[], &[]).await?;
            alone.iter().for_each(|loaded| judge(&User::stranger(), loaded, (*id, None)));
            let by: Vec<&User> = by.iter().filter_map(|user| facts.get(user)).map(|(_, user)| user).collect();
            for by in by.chunks(CHUNK) {
                let users: Vec<AccountId> = by.iter().map(|user| user.id).collect();
                let teams: BTreeSet<TeamId> = by.iter().flat_map(|user| user.teams.iter().copied()).collect();
                let teams: Vec<TeamId> = teams.into_iter().collect();
                for loaded in loads::load_projects_for(transaction, &[*id], &users, &teams).await? {
                    by.iter().for_each(|user| judge(user, &loaded, (*id, Some(user.id))));
                }
            }
        }
        Ok(roles)
    }

    /// The difference.
    pub(super) fn compare(self, before: Roles, after: &Roles) -> Effects {
        let pairs: BTreeSet<Pair> = before.keys().chain(after.keys()).copied().collect();
        let told = |held: &Option<Held>| held.map(|held| (held.role, held.origin, held.ends_at));
        let mut role_changes = Vec::new();
        for (project, user) in pairs {
            let find = |roles: &Roles| roles.get(&(project, user)).copied().flatten();
            let (before, after) = (find(&before), find(after));
            if told(&before) == told(&after) {
                continue;
            }
            let path = self.paths.get(&project).cloned().unwrap_or_default();
            let who = match user {
                None => Whose::Everyone,
                Some(user) => Whose::User(self.users.get(&user).cloned().unwrap_or_default()),
            };
            role_changes.push(RoleChange { who, project, path, before, after });
        }
        Effects { role_changes, left_out: self.left_out.into_iter().collect() }
    }

    /// What a user may hold a role on.
    async fn user(
        &mut self,
        transaction: &Transaction<'_>,
        user: &User,
        key: &NameKey,
        public: bool,
    ) -> Result<(), MembershipError> {
        self.left = self.left.saturating_sub(BEGINNING);
        let (ways, mut last) = (Ways::of(user, public), ProjectId(Uuid::nil()));
        self.of_users.entry(user.id).or_default();
        loop {
            let most = self.left.min(CHUNK);
            if most == 0 {
                self.left_out.insert(key.as_str().to_owned());
                return Ok(());
            }
            let found = access::candidate_projects(transaction, &ways, None, last, wanted(most)).await?;
            self.left -= found.len();
            let (ended, end) = (found.len() < most, found.last().map_or(last, |project| project.id));
            last = end;
            for project in found {
                self.paths.entry(project.id).or_insert(format!("{}/{}", project.owner, project.name));
                self.of_users.entry(user.id).or_default().insert(project.id);
            }
            if ended {
                return Ok(());
            }
        }
    }

    /// Who may hold a role on a project.
    async fn project(&mut self, transaction: &Transaction<'_>, id: ProjectId) -> Result<(), MembershipError> {
        let Some(project) = projects::find(transaction, &ProjectReference::Id(id)).await? else { return Ok(()) };
        self.left = self.left.saturating_sub(BEGINNING);
        self.paths.entry(id).or_insert(project.path());
        let (users, mut last) = (self.of_projects.entry(id).or_default(), AccountId(0));
        loop {
            let most = self.left.min(CHUNK);
            if most == 0 {
                self.left_out.insert(project.path());
                return Ok(());
            }
            let found = access::candidate_users(transaction, id, last, wanted(most)).await?;
            self.left -= found.len();
            users.extend(found.iter().map(|user| user.id));
            last = found.last().map_or(last, |user| user.id);
            if found.len() < most {
                return Ok(());
            }
        }
    }

    /// Who may hold a role on any of an owner's projects.
    async fn projects_of(&mut self, transaction: &Transaction<'_>, owner: AccountId) -> Result<(), MembershipError> {
        let mut after = Cursor::default();
        loop {
            let found = projects::page(transaction, Some(owner), &after, wanted(CHUNK)).await?;
            for project in &found {
                if self.left == 0 {
                    self.left_out.insert(project.owner_name.clone());
                    return Ok(());
                }
                self.project(transaction, project.id).await?;
            }
            match found.last() {
                Some(last) if found.len() == CHUNK => after.name.clone_from(&last.name),
                _ => return Ok(()),
            }
        }
    }
}

fn held(policy: &Policy, user: &User, loaded: &LoadedProject, now: Time) -> Option<Held> {
    let held = held_role(policy.resolution, user, &loaded.project, &loaded.owner, now);
    held.filter(|_| user.active)
}

/// Users by id, with their names.
async fn load_users(
    transaction: &Transaction<'_>,
    ids: &BTreeSet<AccountId>,
) -> Result<BTreeMap<AccountId, (Account, User)>, MembershipError> {
    let ids: Vec<AccountId> = ids.iter().copied().collect();
    let mut users = BTreeMap::new();
    for ids in ids.chunks(CHUNK) {
        let accounts = accounts::by_ids(transaction, ids).await?;
        let keys: Vec<NameKey> = accounts.iter().map(Account::key).collect();
        if keys.is_empty() {
            continue;
        }
        let mut named: BTreeMap<NameKey, Option<Named>> =
            loads::load_names(transaction, &keys).await?.entries.into_iter().collect();
        for account in accounts {
            if let Some(Named::User(user)) = named.remove(&account.key()).flatten() {
                users.insert(account.id, (account, user));
            }
        }
    }
    Ok(users)
}

/// The default roles of the owners that a write touches, as things are now.
async fn default_roles(
    transaction: &Transaction<'_>,
    changes: &Changes,
) -> Result<BTreeMap<AccountId, Option<ProjectRole>>, MembershipError> {
    let touched = changes.touched.iter().filter_map(|key| match key {
        EntryKey::Account(account) => Some(*account),
        EntryKey::Name(_) | EntryKey::Project(_) | EntryKey::Path(_, _) | EntryKey::Plan(_) => None,
    });
    let touched: Vec<AccountId> = touched.collect();
    let mut roles = BTreeMap::new();
    for accounts in touched.chunks(CHUNK) {
        let loaded = loads::load_accounts(transaction, accounts).await?.entries;
        roles.extend(loaded.into_iter().filter_map(|(id, account)| Some((id, account?.default_project_role))));
    }
    Ok(roles)
}

fn wanted(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}
