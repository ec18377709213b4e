//! The projects that a user may act on.

use std::collections::HashMap;

use uuid::Uuid;

use super::page::{Filling, Page};
use super::{Access, Demand, Moment, in_snapshot, must_be_within};
use crate::domain::change::Object;
use crate::domain::decision::{Asker, Decision, Held, Reason, decide_project};
use crate::domain::facts::User;
use crate::domain::ids::{AccountId, ProjectId};
use crate::domain::names::{NameKey, Username};
use crate::domain::policy::{Policy, ProjectRule};
use crate::domain::roles::{OrganizationRole, Origin, ProjectLevel};
use crate::membership::MembershipError;
use crate::store::access::{self, CandidateProject, Ways};
use crate::store::loads::{self, LoadedProject};
use crate::store::{Client, accounts};
use crate::view::Token;

/// On which projects may this user do this?
#[derive(Debug, Clone)]
pub struct ProjectsQuestion {
    /// Who; `None` is an anonymous visitor.
    pub user: Option<NameKey>,
    /// What: the rule of the action.
    pub rule: ProjectRule,
    /// Only projects of this owner.
    pub owner: Option<Username>,
    /// Only where the role comes from this origin.
    pub origin: Option<Origin>,
    /// Also where it comes from nothing but the project's being public.
    pub include_public: bool,
}

/// A page of projects.
#[derive(Debug, Clone)]
pub struct ProjectsPage {
    /// The projects, by id.
    pub projects: Vec<ListedProject>,
    /// What the next page comes after, where there may be one.
    pub next: Option<ProjectId>,
    /// Why the user holds no role anywhere.
    pub reason: Option<Reason>,
    /// Which user, and which owner where one is asked for: names may come to mean others.
    pub about: (AccountId, Option<AccountId>),
    /// What it is true at.
    pub token: Token,
}

/// A project that the user may act on.
#[derive(Debug, Clone)]
pub struct ListedProject {
    /// Its id.
    pub id: ProjectId,
    /// Its owner's name.
    pub owner: String,
    /// Its name.
    pub name: String,
    /// What the user holds on it.
    pub held: Held,
}

impl Access {
    /// A page of the projects that a user may act on.
    ///
    /// # Errors
    /// When there is no such owner, or the database can't be reached.
    pub async fn projects(
        &self,
        question: &ProjectsQuestion,
        page: Page<ProjectId>,
    ) -> Result<ProjectsPage, MembershipError> {
        must_be_within(self.bounds.as_ref(), question.owner.as_ref().map(Username::key).as_ref())?;
        in_snapshot!(self, |client, demand| read(client, demand, &self.policy, question, page))
    }
}

async fn read(
    client: &mut Client,
    demand: &Demand<'_>,
    policy: &Policy,
    question: &ProjectsQuestion,
    page: Page<ProjectId>,
) -> Result<ProjectsPage, MembershipError> {
    let snapshot = access::begin_snapshot(client).await?;
    let Moment { token, now } = Moment::read(&snapshot, demand).await?;
    let owner = match &question.owner {
        None => None,
        Some(name) => {
            let found = accounts::by_name(&snapshot, &name.key()).await?;
            Some(found.ok_or_else(|| MembershipError::not_found(Object::User, name))?.id)
        }
    };
    let named = match &question.user {
        None => None,
        Some(name) => loads::load_name(&snapshot, name).await?,
    };
    let asker = question.user.as_ref().map_or(Asker::Anonymous, |_| Asker::named(named.as_ref()));
    let user = match asker.active() {
        Ok(user) => user,
        Err(reason) => {
            let (projects, about) = (Vec::new(), (AccountId(0), owner));
            return Ok(ProjectsPage { projects, next: None, reason: Some(reason), about, token });
        }
    };
    let ways = question.ways(user);
    let mut filling = Filling::new(page, ProjectId(Uuid::nil()));
    while let Some((after, most)) = filling.wants() {
        let wanted = i64::try_from(most).unwrap_or(i64::MAX);
        let candidates = access::candidate_projects(&snapshot, &ways, owner, after, wanted).await?;
        let ids: Vec<ProjectId> = candidates.iter().map(|candidate| candidate.id).collect();
        let loaded = loads::load_projects_for(&snapshot, &ids, &[user.id], &user.teams).await?;
        let facts: HashMap<ProjectId, LoadedProject> =
            loaded.into_iter().map(|loaded| (loaded.project.id, loaded)).collect();
        if candidates.len() < most {
            filling.end();
        }
        for candidate in candidates {
            let owned = facts.get(&candidate.id).map(LoadedProject::owned);
            let decision = decide_project(policy, asker, owned, &question.rule, now);
            filling.take(candidate.id, question.fits(&decision).map(|held| ListedProject::new(candidate, held)));
        }
    }
    let (projects, next) = filling.finish();
    Ok(ProjectsPage { projects, next, reason: None, about: (user.id, owner), token })
}

impl ProjectsQuestion {
    /// Where to look: an origin that is held gives, so that only that one is looked at where one is asked for.
    fn ways(&self, user: &User) -> Ways {
        let wanted = |origin| self.origin.is_none_or(|wanted| wanted == origin);
        let with = |origin, place: fn(OrganizationRole) -> bool| {
            let organizations = user.organizations.iter().filter(move |(_, role)| wanted(origin) && place(*role));
            organizations.map(|(AccountId(id), _)| *id)
        };
        let itself = wanted(Origin::ProjectOwner).then_some(user.id.0);
        let owned = with(Origin::OrganizationOwner, |role| role == OrganizationRole::Owner);
        let managed = with(Origin::OrganizationAdmin, |role| role == OrganizationRole::Admin);
        let public = self.include_public || self.origin.is_some();
        Ways {
            user: wanted(Origin::Collaborator).then_some(user.id.0),
            accounts: itself.into_iter().chain(owned).chain(managed).collect(),
            memberships: with(Origin::OrganizationMember, |role| role < OrganizationRole::Admin).collect(),
            teams: user.teams.iter().filter(|_| wanted(Origin::TeamMember)).map(|team| team.0).collect(),
            // being public gives no more than a reader may
            public: public && wanted(Origin::Public) && self.rule.lowest <= ProjectLevel::Reader,
        }
    }

    /// What is held on a project that belongs into the list.
    fn fits(&self, decision: &Decision) -> Option<Held> {
        let held = decision.held.filter(|_| decision.allowed())?;
        let wanted = match self.origin {
            Some(origin) => held.origin == origin,
            None => self.include_public || held.origin != Origin::Public,
        };
        wanted.then_some(held)
    }
}

impl ListedProject {
    fn new(candidate: CandidateProject, held: Held) -> Self {
        let CandidateProject { id, owner, name } = candidate;
        Self { id, owner, name, held }
    }
}
