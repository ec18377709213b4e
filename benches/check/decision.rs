//! The decision alone: facts in memory, no look-up, no clock.

use std::hint::black_box;
use std::time::Instant;

use criterion::Criterion;
use rolegate::domain::actions::ProjectAction;
use rolegate::domain::decision::{Asker, Decision, OwnedProject, Reason, decide_project};
use rolegate::domain::facts::{Account, Grant, Plan, Project, Time, User};
use rolegate::domain::ids::{AccountId, PlanId, ProjectId, TeamId};
use rolegate::domain::policy::Policy;
use rolegate::domain::roles::{OrganizationRole, Origin, ProjectRole};
use uuid::Uuid;

use crate::report::Report;
use crate::rounds;

const ORGANIZATION: AccountId = AccountId(1);
const NOW: Time = Time(1_700_000_000_000_000);
const ACTION: ProjectAction = ProjectAction::ReadFiles;
const ROUNDS: usize = 30;
const CALLS: u32 = 20_000;

/// Facts that lead to one decision.
pub struct Case {
    pub name: &'static str,
    user: User,
    project: Project,
    owner: Account,
    plan: Plan,
}

impl Case {
    pub fn decide(&self, policy: &Policy) -> Decision {
        let owned = OwnedProject { project: &self.project, owner: &self.owner, plan: &self.plan };
        let rule = policy.project(ACTION);
        decide_project(policy, black_box(Asker::User(&self.user)), Some(black_box(owned)), rule, black_box(NOW))
    }

    /// Microseconds a decision, over many.
    pub fn round(&self, policy: &Policy) -> [f64; 1] {
        let begun = Instant::now();
        for _ in 0..CALLS {
            black_box(self.decide(policy));
        }
        [begun.elapsed().as_secs_f64() * 1e6 / f64::from(CALLS)]
    }
}

/// Each way to a role, and none; all but the wide one of the same size as the projects of `world`.
pub fn cases(policy: &Policy) -> [Case; 6] {
    let owner = Case { user: User { id: ORGANIZATION, ..user(&[0, 1]) }, ..case("owner", 0) };
    let direct = case("direct", 0);
    let team = case("team", 2);
    let wide = wide();
    let public = Case { project: Project { public: true, ..project(4) }, ..case("public", 4) };
    let denied = case("denied", 4);
    let cases = [owner, direct, team, wide, public, denied];
    let origins = [
        Some(Origin::ProjectOwner),
        Some(Origin::Collaborator),
        Some(Origin::TeamMember),
        Some(Origin::TeamMember),
        Some(Origin::Public),
        None,
    ];
    for (case, origin) in cases.iter().zip(origins) {
        let decision = case.decide(policy);
        assert_eq!(decision.held.map(|held| held.origin), origin, "{}", case.name);
        assert_eq!(decision.reason == Reason::Granted, origin.is_some(), "{}", case.name);
    }
    cases
}

/// Measures every case by itself.
pub fn measure(criterion: &mut Criterion, policy: &Policy) {
    let mut group = criterion.benchmark_group("decision");
    for case in cases(policy) {
        group.bench_function(case.name, |bencher| bencher.iter(|| case.decide(policy)));
    }
    group.finish();
}

/// Compares each case to a direct collaborator.
pub fn compare(report: &mut Report, policy: &Policy) {
    let [owner, direct, team, wide, public, denied] = cases(policy);
    let rows = [
        ("decision: owner to direct collaborator", owner),
        ("decision: team, 2 among 2 grants, to direct collaborator", team),
        ("decision: team, 32 among 64 grants, to direct collaborator", wide),
        ("decision: public to direct collaborator", public),
        ("decision: denied to direct collaborator", denied),
    ];
    for (row, case) in rows {
        let [time] = rounds::interleave(ROUNDS, || case.round(policy), || direct.round(policy));
        report.add(row, "time a call", time);
    }
}

/// A member of two teams, and a project that it is as far from as `world` says.
fn case(name: &'static str, distance: i64) -> Case {
    let owner = Account { id: ORGANIZATION, organization_owner: None, default_project_role: None, plan: PlanId(1) };
    let teams = [distance, distance + 1];
    Case { name, user: user(&teams), project: project(distance), owner, plan: Plan { collaborator_limit: None } }
}

fn wide() -> Case {
    let base = case("wide team", 4);
    let teams = (0..32).map(|id| TeamId(4 * id)).collect();
    let grants = (0..63).map(|id| grant(TeamId(2 * id + 1))).chain([grant(TeamId(124))]);
    let mut grants: Vec<_> = grants.collect();
    grants.sort_by_key(|grant| grant.subject);
    let project = Project { teams: grants.into(), ..base.project };
    Case { user: User { teams, ..base.user }, project, ..base }
}

fn user(teams: &[i64]) -> User {
    let organizations = [(ORGANIZATION, OrganizationRole::Member)].into();
    User { id: AccountId(100), active: true, organizations, teams: teams.iter().copied().map(TeamId).collect() }
}

fn project(distance: i64) -> Project {
    let collaborators = (0..4).map(|step| grant(AccountId(100 + distance + 8 * step))).collect();
    Project {
        id: ProjectId(Uuid::nil()),
        owner: ORGANIZATION,
        public: false,
        restricted_project_files: false,
        template: false,
        collaborators,
        teams: Box::new([grant(TeamId(2)), grant(TeamId(3))]),
        user_collaborators: 4,
        listed_collaborators: 4,
    }
}

fn grant<S>(subject: S) -> Grant<S> {
    Grant::new(subject, ProjectRole::Editor, false, Time::NEVER)
}
