//! The users that may act on a project.

use std::collections::HashMap;

use super::page::{Filling, Page};
use super::{Access, Demand, Moment, in_snapshot, must_be_within};
use crate::domain::bounds::Bounds;
use crate::domain::decision::{Asker, Held, Reason, decide_project};
use crate::domain::facts::{Named, User};
use crate::domain::ids::{AccountId, ProjectId, TeamId};
use crate::domain::names::{NameKey, ProjectReference};
use crate::domain::policy::{Policy, ProjectRule};
use crate::domain::roles::{Origin, ProjectRole};
use crate::membership::MembershipError;
use crate::store::loads::LoadedProject;
use crate::store::{Client, access, loads, projects};
use crate::view::Token;

/// Who may do this on this project?
#[derive(Debug, Clone)]
pub struct UsersQuestion {
    /// On what.
    pub project: ProjectReference,
    /// What: the rule of the action; `None`: whoever holds a role.
    pub rule: Option<ProjectRule>,
    /// Also those whose role comes from a grant that is incognito.
    pub include_incognito: bool,
}

/// A page of users.
#[derive(Debug, Clone)]
pub struct UsersPage {
    /// The users, by age.
    pub users: Vec<ListedUser>,
    /// Besides these every registered user may.
    pub everyone: bool,
    /// What the next page comes after, where there may be one.
    pub next: Option<AccountId>,
    /// Why there is nobody.
    pub reason: Option<Reason>,
    /// Which project: its name may come to mean another.
    pub about: Option<ProjectId>,
    /// What it is true at.
    pub token: Token,
}

/// A user that may act on the project.
#[derive(Debug, Clone)]
pub struct ListedUser {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub held: Held,
}

impl Access {
    /// A page of the users that may act on a project.
    ///
    /// # Errors
    /// When the database can't be reached.
    pub async fn users(&self, question: &UsersQuestion, page: Page<AccountId>) -> Result<UsersPage, MembershipError> {
        in_snapshot!(self, |client, demand| read(client, demand, (&self.policy, self.bounds.as_ref()), question, page))
    }
}

async fn read(
    client: &mut Client,
    demand: &Demand<'_>,
    (policy, bounds): (&Policy, Option<&Bounds>),
    question: &UsersQuestion,
    page: Page<AccountId>,
) -> Result<UsersPage, MembershipError> {
    let snapshot = access::begin_snapshot(client).await?;
    let Moment { token, now } = Moment::read(&snapshot, demand).await?;
    let reason = Some(Reason::ProjectNotFound);
    let nobody = UsersPage { users: Vec::new(), everyone: false, next: None, reason, about: None, token };
    let found = projects::find(&snapshot, &question.project).await?;
    must_be_within(bounds, found.as_ref().map(|project| NameKey::of(&project.owner_name)).as_ref())?;
    let Some(found) = found else { return Ok(nobody) };
    let Some(alone) = load(&snapshot, found.id, &[]).await? else { return Ok(nobody) };
    let judge = |user: &User, loaded: &LoadedProject| {
        let decision = decide_project(policy, Asker::User(user), Some(loaded.owned()), &question.rule(), now);
        decision.held.filter(|_| decision.allowed())
    };
    let everyone = judge(&User::stranger(), &alone).is_some();
    let mut filling = Filling::new(page, AccountId(0));
    while let Some((after, most)) = filling.wants() {
        let wanted = i64::try_from(most).unwrap_or(i64::MAX);
        let candidates = access::candidate_users(&snapshot, found.id, after, wanted).await?;
        let keys: Vec<NameKey> = candidates.iter().map(|candidate| candidate.key.clone()).collect();
        let facts: Vec<Option<User>> = if keys.is_empty() { Vec::new() } else { load_users(&snapshot, &keys).await? };
        let users: Vec<User> = facts.iter().flatten().cloned().collect();
        let Some(loaded) = load(&snapshot, found.id, &users).await? else { return Ok(nobody) };
        if candidates.len() < most {
            filling.end();
        }
        for (candidate, user) in candidates.into_iter().zip(facts) {
            let held = user.and_then(|user| judge(&user, &loaded)).filter(|held| question.lists(held));
            filling.take(candidate.id, held.map(|held| ListedUser { name: candidate.name, held }));
        }
    }
    let (users, next) = filling.finish();
    Ok(UsersPage { users, everyone, next, reason: None, about: Some(found.id), token })
}

/// The users of these names, in their order.
async fn load_users(client: &Client, keys: &[NameKey]) -> Result<Vec<Option<User>>, MembershipError> {
    let loaded = loads::load_names(client, keys).await?.entries;
    let mut by_key: HashMap<NameKey, Option<Named>> = loaded.into_iter().collect();
    let user = |key: &NameKey| match by_key.remove(key).flatten() {
        Some(Named::User(user)) => Some(user),
        Some(Named::Organization(_)) | None => None,
    };
    Ok(keys.iter().map(user).collect())
}

/// The project, as far as these users are concerned.
async fn load(client: &Client, project: ProjectId, users: &[User]) -> Result<Option<LoadedProject>, MembershipError> {
    let ids: Vec<AccountId> = users.iter().map(|user| user.id).collect();
    let mut teams: Vec<TeamId> = users.iter().flat_map(|user| user.teams.iter().copied()).collect();
    teams.sort_unstable();
    teams.dedup();
    Ok(loads::load_projects_for(client, &[project], &ids, &teams).await?.pop())
}

impl UsersQuestion {
    /// The rule of the action, or one that any role satisfies.
    fn rule(&self) -> ProjectRule {
        let any = ProjectRule {
            lowest: ProjectRole::Reader.level(),
            never_on_template: false,
            restricted: None,
            never_over_limit: false,
        };
        self.rule.unwrap_or(any)
    }

    /// Whether somebody who may is listed by name.
    fn lists(&self, held: &Held) -> bool {
        held.origin != Origin::Public && (self.include_incognito || !held.incognito)
    }
}
