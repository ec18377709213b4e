//! A small world for the tests of decisions: one user, one project, and what connects them.

use std::ops::DerefMut;
use std::sync::LazyLock;

use proptest::prelude::*;
use uuid::Uuid;
use {Link::*, OrganizationRole as Place};

use super::actions::ProjectAction;
use super::decision::{Asker, Decision, OwnedProject, decide_project};
use super::facts::{Account, Grant, Organizations, Plan, Project, Time, User};
use super::ids::{AccountId, PlanId, ProjectId, TeamId};
use super::policy::Policy;
use super::roles::{OrganizationRole, ProjectRole};

/// One thing that connects the asker with the project, or is so about the project.
#[derive(Debug, Clone, Copy)]
pub(super) enum Link {
    OwnsIt,
    In(AccountId, Place),
    Added(ProjectRole, Time),
    AddedIncognito(ProjectRole),
    /// A team was added, the team 5 incognito. The asker is in the teams 1, 2, 3 and 5.
    Team(i64, ProjectRole, Time),
    DefaultRole(ProjectRole),
    IsPublic,
    IsRestricted,
    IsTemplate,
}

pub(super) const ASKER: AccountId = AccountId(10);
pub(super) const OTHER: AccountId = AccountId(11);
/// Owns the project, and is owned by `OTHER`.
pub(super) const ORGANIZATION: AccountId = AccountId(20);
pub(super) const ELSEWHERE: [AccountId; 2] = [AccountId(19), AccountId(21)];
pub(super) const MEMBER: Link = In(ORGANIZATION, Place::Member);
pub(super) const CREATOR: Link = In(ORGANIZATION, Place::Creator);
pub(super) const ADMIN: Link = In(ORGANIZATION, Place::Admin);
pub(super) const OWNER: Link = In(ORGANIZATION, Place::Owner);
pub(super) const NOW: Time = Time(1_800_000_000_000_000);
pub(super) const BEFORE: Time = Time(NOW.0 - 1);
pub(super) const LATER: Time = Time(NOW.0 + 1);
pub(super) const NEVER: Time = Time::NEVER;
/// The built-in policy.
pub(super) static POLICY: LazyLock<Policy> = LazyLock::new(|| Policy::built_in().unwrap());

/// An active user and a private project of an organization, with nothing between them but the links.
pub(super) struct World {
    pub(super) user: User,
    pub(super) project: Project,
    pub(super) owner: Account,
    pub(super) plan: Plan,
}

impl World {
    pub(super) fn of(links: &[Link]) -> Self {
        let project = Project {
            id: ProjectId(Uuid::nil()),
            owner: ORGANIZATION,
            public: false,
            restricted_project_files: false,
            template: false,
            collaborators: [].into(),
            teams: [].into(),
            user_collaborators: 0,
            listed_collaborators: 0,
        };
        let user = User {
            id: ASKER,
            active: true,
            organizations: Organizations::new(),
            teams: [1, 2, 3, 5].map(TeamId).into_iter().collect(),
        };
        let owner =
            Account { id: ORGANIZATION, organization_owner: Some(OTHER), default_project_role: None, plan: PlanId(1) };
        let mut world = Self { user, project, owner, plan: Plan { collaborator_limit: None } };
        links.iter().for_each(|link| world.add(*link));
        world
    }

    pub(super) fn add(&mut self, link: Link) {
        match link {
            OwnsIt => (self.project.owner, self.owner.id, self.owner.organization_owner) = (ASKER, ASKER, None),
            In(organization, place) => insert(&mut self.user.organizations, (organization, place), |(id, _)| *id),
            Added(role, ends_at) => self.add_collaborator(ASKER, role, false, ends_at),
            AddedIncognito(role) => self.add_collaborator(ASKER, role, true, NEVER),
            Team(team, role, ends_at) => {
                let grant = Grant::new(TeamId(team), role, team == 5, ends_at);
                insert(&mut self.project.teams, grant, |grant| grant.subject);
            }
            DefaultRole(role) => self.owner.default_project_role = Some(role),
            IsPublic => self.project.public = true,
            IsRestricted => self.project.restricted_project_files = true,
            IsTemplate => self.project.template = true,
        }
    }

    pub(super) fn add_collaborator(&mut self, subject: AccountId, role: ProjectRole, incognito: bool, ends_at: Time) {
        insert(&mut self.project.collaborators, Grant::new(subject, role, incognito, ends_at), |grant| grant.subject);
        self.project.user_collaborators += 1;
        self.project.listed_collaborators += u32::from(!incognito);
    }

    pub(super) fn owned(&self) -> Option<OwnedProject<'_>> {
        Some(OwnedProject { project: &self.project, owner: &self.owner, plan: &self.plan })
    }

    pub(super) fn decide(&self, action: ProjectAction) -> Decision {
        decide_project(&POLICY, Asker::User(&self.user), self.owned(), POLICY.project(action), NOW)
    }
}

/// At most one link of each sort, as facts can have.
pub(super) fn any_links() -> impl Strategy<Value = Vec<Link>> {
    let role = || prop::sample::select(ProjectRole::ALL);
    let end = || prop::sample::select(&[BEFORE, NOW, LATER, NEVER][..]);
    let place = prop::sample::select(&[OwnsIt, MEMBER, CREATOR, ADMIN, OWNER][..]);
    let flags = prop::sample::subsequence(&[IsPublic, IsRestricted, IsTemplate][..], 0..=3);
    let teams = prop::collection::btree_map(0..7i64, (role(), end()), 0..5);
    (prop::option::of(place), prop::option::of((role(), end())), teams, prop::option::of(role()), flags).prop_map(
        |(place, direct, teams, default_role, flags)| {
            let direct = direct.map(|(role, end)| Added(role, end));
            let teams = teams.into_iter().map(|(team, (role, end))| Team(team, role, end));
            let rest = place.into_iter().chain(direct).chain(teams).chain(default_role.map(DefaultRole));
            rest.chain(flags).collect()
        },
    )
}

/// Keeps the list sorted, as facts are.
fn insert<T: Clone, L, K: Ord>(list: &mut L, item: T, key: impl Fn(&T) -> K)
where
    L: DerefMut<Target = [T]> + FromIterator<T>,
{
    *list = list.iter().cloned().chain([item]).collect();
    list.sort_by_key(key);
}
