//! What the settings of a policy change, and decisions on what is no project.

use {Link::*, OrganizationRole as Place, Origin::*, ProjectRole::*};

use super::actions::ProjectAction;
use super::decision::{Asker, Reason, decide_account, decide_organization, decide_project, held_role};
use super::facts::{Named, User};
use super::policy::{OverLimit, Policy, Resolution};
use super::roles::{AccountLevel, OrganizationLevel, OrganizationRole, Origin, ProjectRole};
use super::test_world::*;

/// What a user holds, if anything.
type Held = Option<(ProjectRole, Origin)>;

#[test]
fn first_origin_takes_the_first_that_gives_any_role_and_of_several_teams_the_highest() {
    let table: &[(&[Link], Held)] = &[
        (&[Added(Reader, NEVER), Team(1, Admin, NEVER)], Some((Reader, Collaborator))),
        (&[Added(Reader, NOW), Team(1, Editor, NEVER)], Some((Editor, TeamMember))),
        (&[Team(1, Reader, NEVER), Team(2, Editor, NEVER), MEMBER, DefaultRole(Admin)], Some((Editor, TeamMember))),
        (&[MEMBER, DefaultRole(Reader), IsPublic], Some((Reader, OrganizationMember))),
        (&[OWNER, Added(Reader, NEVER)], Some((Admin, OrganizationOwner))),
        (&[IsPublic], Some((Reader, Public))),
        (&[], None),
    ];
    for (links, expected) in table {
        let world = World::of(links);
        let held = held_role(Resolution::FirstOrigin, &world.user, &world.project, &world.owner, NOW);
        assert_eq!(held.map(|held| (held.role, held.origin)), *expected, "{links:?}");
    }
}

#[test]
fn a_policy_may_refuse_to_show_a_project_over_its_limit_and_then_counts_the_incognito_too() {
    let text = include_str!("../../policy/default.toml");
    let refusing = Policy::parse(&text.replace("over_limit = \"report\"", "over_limit = \"refuse_view\"")).unwrap();
    assert_eq!(refusing.over_limit, OverLimit::RefuseView);
    for (others, public, over) in [("u", false, false), ("ui", false, true), ("uo", false, true), ("ui", true, false)] {
        let mut world = World::of(&[OWNER]);
        world.project.public = public;
        world.plan.collaborator_limit = Some(1);
        for (id, sort) in (100..).zip(others.chars()) {
            let id = if sort == 'o' { OTHER } else { super::ids::AccountId(id) };
            world.add_collaborator(id, Reader, sort == 'i', NEVER);
        }
        for action in ProjectAction::ALL {
            let rule = refusing.project(*action);
            let decision = decide_project(&refusing, Asker::User(&world.user), world.owned(), rule, NOW);
            let refused = over && *action == ProjectAction::ViewProject;
            let reason = if refused { Reason::OverLimit } else { Reason::Granted };
            assert_eq!((decision.reason, decision.over_limit), (reason, over), "{others} {action:?}");
            assert_eq!(decision.required.is_none(), refused, "no role would do");
        }
    }
}

#[test]
fn an_organization_or_an_account_that_does_not_exist_is_told_after_what_is_wrong_with_the_user() {
    let user = World::of(&[]).user;
    let inactive = User { active: false, ..user.clone() };
    for (asker, reason) in [
        (Asker::Anonymous, Some(Reason::Anonymous)),
        (Asker::NotFound, Some(Reason::UserNotFound)),
        (Asker::User(&inactive), Some(Reason::UserInactive)),
        (Asker::User(&user), None),
    ] {
        let decision = decide_organization(asker, None, OrganizationLevel::Registered);
        assert_eq!((decision.reason, decision.level), (reason.unwrap_or(Reason::OrganizationNotFound), None));
        let decision = decide_account(asker, None, AccountLevel::Registered);
        assert_eq!((decision.reason, decision.level), (reason.unwrap_or(Reason::AccountNotFound), None));
        assert_eq!(decide_account(asker, None, AccountLevel::Anyone).reason, Reason::AccountNotFound);
    }
}

#[test]
fn an_organizations_account_is_managed_by_its_owner_and_admins_and_nobody_is_it() {
    let account = Named::Organization(ORGANIZATION);
    let elsewhere = In(ELSEWHERE[0], Place::Owner);
    for (links, level) in [
        (&[OWNER][..], AccountLevel::OrganizationAdmin),
        (&[ADMIN], AccountLevel::OrganizationAdmin),
        (&[CREATOR, elsewhere], AccountLevel::Registered),
        (&[MEMBER], AccountLevel::Registered),
        (&[], AccountLevel::Registered),
    ] {
        let user = World::of(links).user;
        let decision = decide_account(Asker::User(&user), Some(&account), AccountLevel::OneSelf);
        assert_eq!((decision.reason, decision.level), (Reason::RoleTooLow, Some(level)), "{links:?}");
    }
}
