//! What a write must refuse, as the table of the permission model.

use super::*;
use crate::domain::roles::OrganizationRole;

const USER: AccountId = AccountId(1);
const OWNER: AccountId = AccountId(2);
const OTHER_ORGANIZATION: AccountId = AccountId(3);
const LIMIT: u32 = 3;
/// The weakest first.
const PROJECT_ROLES: [ProjectRole; 5] =
    [ProjectRole::Reader, ProjectRole::Reporter, ProjectRole::Editor, ProjectRole::Manager, ProjectRole::Admin];
const ORGANIZATION_ROLES: [OrganizationRole; 4] =
    [OrganizationRole::Member, OrganizationRole::Creator, OrganizationRole::Admin, OrganizationRole::Owner];

/// One attempt to add somebody to a project, by the facts that rules ask for.
#[derive(Debug, Clone)]
struct Attempt {
    owned_by_organization: bool,
    public: bool,
    counted: u32,
    plan: PlanRules,
    candidate: Candidate,
    role: ProjectRole,
    already: bool,
}

impl Attempt {
    /// To add a premium user as a reporter to the private project of a user, with room for one more.
    fn user_to_personal_project() -> Self {
        let plan = PlanRules {
            premium: true,
            collaborator_limit: Some(LIMIT),
            member_limit: None,
            personal_projects_up_to_reporter: true,
        };
        Self {
            owned_by_organization: false,
            public: false,
            counted: LIMIT - 1,
            plan,
            candidate: Candidate::User { id: USER, premium: true, belongs: false, counts: true },
            role: ProjectRole::Reporter,
            already: false,
        }
    }

    /// To add one of its people, without a premium plan, as an admin to the private project of an organization.
    fn user_to_organization_project() -> Self {
        Self {
            owned_by_organization: true,
            candidate: Candidate::User { id: USER, premium: false, belongs: true, counts: true },
            role: ProjectRole::Admin,
            ..Self::user_to_personal_project()
        }
    }

    /// To add an organization's own team as an admin to its private project, which has no room for more users.
    fn team_to_organization_project() -> Self {
        Self {
            counted: LIMIT,
            candidate: Candidate::Team { organization: OWNER },
            ..Self::user_to_organization_project()
        }
    }

    /// To add a team as a reporter to the project of a user, which is refused whatever else is so.
    fn team_to_personal_project() -> Self {
        Self { owned_by_organization: false, role: ProjectRole::Reporter, ..Self::team_to_organization_project() }
    }

    fn target(&self) -> Target<'_> {
        Target {
            owner: OWNER,
            owner_name: "acme",
            owned_by_organization: self.owned_by_organization,
            public: self.public,
            counted: self.counted,
            plan: &self.plan,
        }
    }

    fn outcome(&self) -> Result<(), Refusal> {
        may_become_collaborator(&self.target(), &self.candidate, "ann", self.role, self.already)
    }

    fn spoiled(mut self, flaw: Flaw) -> Self {
        match (flaw, &mut self.candidate) {
            (Flaw::Owner, Candidate::User { id, .. }) => *id = OWNER,
            (Flaw::NotMember, Candidate::User { belongs, .. }) => *belongs = false,
            (Flaw::NotPremium, Candidate::User { premium, .. }) => *premium = false,
            (Flaw::ForeignTeam, Candidate::Team { organization }) => *organization = OTHER_ORGANIZATION,
            (Flaw::Already, _) => self.already = true,
            (Flaw::LimitReached, _) => self.counted = LIMIT,
            (Flaw::RoleTooHigh, _) => self.role = ProjectRole::Editor,
            (flaw, candidate) => panic!("{flaw:?} is nothing that {candidate:?} can have"),
        }
        self
    }
}

/// What can be wrong with an attempt.
#[derive(Debug, Clone, Copy)]
enum Flaw {
    Owner,
    Already,
    ForeignTeam,
    NotMember,
    LimitReached,
    NotPremium,
    RoleTooHigh,
}

impl Flaw {
    fn refusal(self) -> Refusal {
        let name = "ann".to_owned();
        match self {
            Self::Owner => Refusal::OwnerCannotBeCollaborator(name),
            Self::Already => Refusal::AlreadyCollaborator(name),
            Self::ForeignTeam => Refusal::TeamNotInOrganization(name),
            Self::NotMember => Refusal::NotOrganizationMember { user: name, organization: "acme".to_owned() },
            Self::LimitReached => Refusal::CollaboratorLimitReached { counted: LIMIT, limit: LIMIT },
            Self::NotPremium => Refusal::PremiumRequired(name),
            Self::RoleTooHigh => Refusal::RoleNotAllowedOnPersonalProject,
        }
    }
}

/// Every flaw that an attempt of that sort can have, in the order in which they are named.
fn attempts() -> [(Attempt, &'static [Flaw]); 3] {
    use Flaw::*;
    [
        (Attempt::user_to_personal_project(), &[Owner, Already, LimitReached, NotPremium, RoleTooHigh]),
        (Attempt::user_to_organization_project(), &[Owner, Already, NotMember, LimitReached]),
        (Attempt::team_to_organization_project(), &[Already, ForeignTeam]),
    ]
}

#[test]
fn an_attempt_without_a_flaw_is_allowed_and_each_flaw_alone_is_refused() {
    for (attempt, flaws) in attempts() {
        assert_eq!(attempt.outcome(), Ok(()), "{attempt:?}");
        for flaw in flaws {
            assert_eq!(attempt.clone().spoiled(*flaw).outcome(), Err(flaw.refusal()), "{attempt:?}");
        }
    }
}

#[test]
fn of_any_two_flaws_the_first_of_the_order_is_named() {
    for (attempt, flaws) in attempts() {
        for (place, first) in flaws.iter().enumerate() {
            for second in &flaws[place + 1..] {
                let spoiled = attempt.clone().spoiled(*first).spoiled(*second);
                assert_eq!(spoiled.outcome(), Err(first.refusal()), "{first:?} and {second:?} of {attempt:?}");
            }
        }
    }
}

#[test]
fn of_all_flaws_at_once_the_first_is_named_then_the_next_one_as_each_is_mended() {
    for (attempt, flaws) in attempts() {
        for (place, first) in flaws.iter().enumerate() {
            let spoiled = flaws[place..].iter().fold(attempt.clone(), |attempt, flaw| attempt.spoiled(*flaw));
            assert_eq!(spoiled.outcome(), Err(first.refusal()), "{spoiled:?}");
        }
    }
}

#[test]
fn no_team_is_added_to_the_project_of_a_user() {
    let attempt = Attempt::team_to_personal_project();
    let foreign = attempt.clone().spoiled(Flaw::ForeignTeam);
    let named_before_the_role = attempt.clone().spoiled(Flaw::RoleTooHigh);
    let public = Attempt { public: true, ..attempt.clone() };
    let duplicate = attempt.clone().spoiled(Flaw::Already);
    for refused in [attempt, foreign, named_before_the_role, public] {
        assert_eq!(refused.outcome(), Err(Flaw::ForeignTeam.refusal()), "{refused:?}");
    }
    assert_eq!(duplicate.outcome(), Err(Flaw::Already.refusal()));
}

/// (limit, counted, is there room)
const LIMITS: &[(Option<u32>, u32, bool)] = &[
    (Some(3), 0, true),
    (Some(3), 2, true),
    (Some(3), 3, false),
    (Some(3), 4, false),
    (Some(1), 0, true),
    (Some(1), 1, false),
    (Some(0), 0, false),
    (Some(0), 1, false),
    (None, 0, true),
    (None, u32::MAX, true),
];

#[test]
fn a_private_project_takes_collaborators_up_to_the_limit_of_its_owners_plan() {
    for (limit, counted, room) in LIMITS.iter().copied() {
        for mut attempt in [Attempt::user_to_personal_project(), Attempt::user_to_organization_project()] {
            (attempt.plan.collaborator_limit, attempt.counted) = (limit, counted);
            let refused = || Err(Refusal::CollaboratorLimitReached { counted, limit: limit.unwrap() });
            let expected = if room { Ok(()) } else { refused() };
            assert_eq!(attempt.outcome(), expected, "{attempt:?}");
            assert_eq!(below_collaborator_limit(&attempt.target()), expected, "{attempt:?}");
        }
    }
}

#[test]
fn a_public_project_takes_collaborators_without_limit() {
    for (limit, counted, _) in LIMITS.iter().copied() {
        for mut attempt in [Attempt::user_to_personal_project(), Attempt::user_to_organization_project()] {
            (attempt.plan.collaborator_limit, attempt.counted, attempt.public) = (limit, counted, true);
            assert_eq!(attempt.outcome(), Ok(()), "{attempt:?}");
            assert_eq!(below_collaborator_limit(&attempt.target()), Ok(()), "{attempt:?}");
        }
    }
}

#[test]
fn teams_and_users_that_do_not_count_are_added_past_the_limit() {
    let uncounted = |premium, belongs| Candidate::User { id: USER, premium, belongs, counts: false };
    for (limit, counted, _) in LIMITS.iter().copied() {
        let personal = Attempt { candidate: uncounted(true, false), ..Attempt::user_to_personal_project() };
        let organization = Attempt { candidate: uncounted(false, true), ..Attempt::user_to_organization_project() };
        for mut attempt in [personal, organization, Attempt::team_to_organization_project()] {
            (attempt.plan.collaborator_limit, attempt.counted) = (limit, counted);
            assert_eq!(attempt.outcome(), Ok(()), "{attempt:?}");
        }
    }
}

#[test]
fn a_user_that_does_not_count_is_held_to_every_other_rule() {
    let personal = Candidate::User { id: USER, premium: false, belongs: false, counts: false };
    let attempt = Attempt { candidate: personal.clone(), ..Attempt::user_to_personal_project() };
    assert_eq!(attempt.outcome(), Err(Flaw::NotPremium.refusal()));
    let attempt = Attempt { candidate: personal, ..Attempt::user_to_organization_project() };
    assert_eq!(attempt.outcome(), Err(Flaw::NotMember.refusal()));
}

#[test]
fn premium_is_asked_of_users_on_private_projects_of_users_only() {
    // (owned by an organization, public, premium, allowed)
    let table = [
        (false, false, false, false),
        (false, false, true, true),
        (false, true, false, true),
        (false, true, true, true),
        (true, false, false, true),
        (true, false, true, true),
        (true, true, false, true),
        (true, true, true, true),
    ];
    for (owned_by_organization, public, premium, allowed) in table {
        let candidate = Candidate::User { id: USER, premium, belongs: true, counts: true };
        let attempt = Attempt { owned_by_organization, public, candidate, ..Attempt::user_to_personal_project() };
        let expected = if allowed { Ok(()) } else { Err(Flaw::NotPremium.refusal()) };
        assert_eq!(attempt.outcome(), expected, "{attempt:?}");
    }
}

#[test]
fn whether_the_owners_own_plan_is_premium_changes_nothing() {
    for (mut attempt, _) in attempts() {
        attempt.plan.premium = false;
        assert_eq!(attempt.outcome(), Ok(()), "{attempt:?}");
    }
}

#[test]
fn a_plan_can_keep_projects_of_users_to_reporters() {
    // (role, allowed on such a project)
    let table = [
        (ProjectRole::Reader, true),
        (ProjectRole::Reporter, true),
        (ProjectRole::Editor, false),
        (ProjectRole::Manager, false),
        (ProjectRole::Admin, false),
    ];
    for (role, allowed) in table {
        for public in [false, true] {
            let attempt = Attempt { role, public, ..Attempt::user_to_personal_project() };
            let expected = if allowed { Ok(()) } else { Err(Flaw::RoleTooHigh.refusal()) };
            assert_eq!(attempt.outcome(), expected, "{attempt:?}");
            assert_eq!(role_allowed(&attempt.target(), role), expected, "{attempt:?}");
        }
    }
}

#[test]
fn other_plans_and_organizations_projects_allow_every_role() {
    for role in PROJECT_ROLES {
        let mut personal = Attempt { role, ..Attempt::user_to_personal_project() };
        personal.plan.personal_projects_up_to_reporter = false;
        let user = Attempt { role, ..Attempt::user_to_organization_project() };
        let team = Attempt { role, ..Attempt::team_to_organization_project() };
        for attempt in [personal, user, team] {
            assert_eq!(attempt.outcome(), Ok(()), "{attempt:?}");
            assert_eq!(role_allowed(&attempt.target(), role), Ok(()), "{attempt:?}");
        }
    }
}

#[test]
fn an_organization_takes_members_up_to_the_limit_of_its_plan() {
    for (limit, counted, room) in LIMITS.iter().copied() {
        let plan =
            PlanRules { member_limit: limit, collaborator_limit: None, ..Attempt::user_to_personal_project().plan };
        let refused = || Err(Refusal::MemberLimitReached { counted, limit: limit.unwrap() });
        let expected = if room { Ok(()) } else { refused() };
        assert_eq!(below_member_limit(&plan, counted), expected, "{limit:?} {counted}");
    }
}

/// For every pair of roles, the weakest first and no role below them all: an own role reaches itself and those below.
fn check_pairs<R: Ord + Copy + std::fmt::Debug + Into<RoleName>>(roles: &[R], names: &[&'static str]) {
    let own_roles = std::iter::once(None).chain(roles.iter().copied().map(Some));
    for (own_place, own) in own_roles.enumerate() {
        for (place, (role, name)) in roles.iter().copied().zip(names.iter().copied()).enumerate() {
            let actor = "bob".to_owned();
            let (give, touch) = if own_place > place {
                (Ok(()), Ok(()))
            } else {
                let above = Refusal::RoleAboveOwn { actor: actor.clone(), role: name };
                (Err(above), Err(Refusal::TargetRoleAboveOwn { actor, role: name }))
            };
            assert_eq!(may_give("bob", own, role), give, "{own:?} gives {role:?}");
            assert_eq!(may_touch("bob", own, role), touch, "{own:?} touches {role:?}");
        }
    }
}

#[test]
fn an_actor_gives_and_touches_project_roles_up_to_its_own() {
    check_pairs(&PROJECT_ROLES, &["reader", "reporter", "editor", "manager", "admin"]);
}

#[test]
fn an_actor_gives_and_touches_organization_roles_up_to_its_own() {
    check_pairs(&ORGANIZATION_ROLES, &["member", "creator", "admin", "owner"]);
}

#[path = "rules_given_tests.rs"]
mod given;
