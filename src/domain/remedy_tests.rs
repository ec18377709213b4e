//! What would allow what is denied: the kinds for typical cases, and for random facts that each works and none does more
//! than it must.

use proptest::prelude::*;

use {Link::*, ProjectRole::*, Step as S};

use super::*;
use crate::domain::actions::ProjectAction as Action;
use crate::domain::policy::{OverLimit, Resolution};
use crate::domain::test_world::*;

/// The built-in policy with other settings.
fn policy(resolution: Resolution, over_limit: OverLimit) -> Policy {
    let text = include_str!("../../policy/default.toml");
    let text = text.replace("resolution = \"highest\"", &format!("resolution = \"{}\"", resolution.name()));
    Policy::parse(&text.replace("over_limit = \"report\"", &format!("over_limit = \"{}\"", over_limit.name()))).unwrap()
}

fn remedies_of(policy: &Policy, world: &World, action: Action, teams: &[i64]) -> Vec<Vec<Step>> {
    let teams: Vec<TeamId> = teams.iter().copied().map(TeamId).collect();
    remedies(policy, Asker::User(&world.user), world.owned(), policy.project(action), NOW, &teams)
}

fn check(links: &[Link], action: Action, teams: &[i64], expected: &[&[Step]]) {
    assert_eq!(remedies_of(&POLICY, &World::of(links), action, teams), expected, "{action:?} {links:?}");
}

#[test]
fn a_role_too_low_can_be_raised_through_every_origin_the_smallest_circle_first() {
    let team = |role| S::GiveTeamRole(TeamId(1), role);
    check(
        &[MEMBER, Added(Reader, NEVER)],
        Action::DeleteFiles,
        &[1],
        &[
            &[S::GiveCollaboratorRole(Editor)],
            &[team(Editor)],
            &[S::SetDefaultProjectRole(Editor)],
            &[S::MakeOrganizationAdmin],
        ],
    );
    // no role below admin would do
    check(
        &[CREATOR, Team(1, Manager, NEVER)],
        Action::ReadSecrets,
        &[1],
        &[
            &[S::GiveCollaboratorRole(Admin)],
            &[team(Admin)],
            &[S::SetDefaultProjectRole(Admin)],
            &[S::MakeOrganizationAdmin],
        ],
    );
    // a grant that has ended is given anew
    check(
        &[MEMBER, Added(Reader, NOW)],
        Action::ViewProject,
        &[],
        &[
            &[S::GiveCollaboratorRole(Reader)],
            &[S::SetDefaultProjectRole(Reader)],
            &[S::MakePublic],
            &[S::MakeOrganizationAdmin],
        ],
    );
}

#[test]
fn who_is_outside_the_organization_must_first_become_a_member() {
    check(
        &[],
        Action::DeleteFiles,
        &[],
        &[
            &[S::AddMember, S::GiveCollaboratorRole(Editor)],
            &[S::AddMember, S::SetDefaultProjectRole(Editor)],
            &[S::MakeOrganizationAdmin],
        ],
    );
    check(
        &[],
        Action::ViewProject,
        &[],
        &[
            &[S::AddMember, S::GiveCollaboratorRole(Reader)],
            &[S::AddMember, S::SetDefaultProjectRole(Reader)],
            &[S::MakePublic],
            &[S::MakeOrganizationAdmin],
        ],
    );
}

#[test]
fn where_membership_alone_would_do_nothing_is_added_to_it() {
    let links = [DefaultRole(Editor)];
    check(&links, Action::DeleteFiles, &[], &[&[S::AddMember], &[S::MakeOrganizationAdmin]]);
    check(&links, Action::ReadFiles, &[], &[&[S::AddMember], &[S::MakePublic], &[S::MakeOrganizationAdmin]]);
    // and where it would not, the default role is only ever raised
    check(
        &links,
        Action::UpdateProject,
        &[],
        &[
            &[S::AddMember, S::GiveCollaboratorRole(Manager)],
            &[S::AddMember, S::SetDefaultProjectRole(Manager)],
            &[S::MakeOrganizationAdmin],
        ],
    );
}

#[test]
fn on_the_project_of_a_user_there_is_no_organization_to_join() {
    let mut world = World::of(&[]);
    world.owner.organization_owner = None;
    let found = |action| remedies_of(&POLICY, &world, action, &[]);
    assert_eq!(found(Action::DeleteFiles), [[S::GiveCollaboratorRole(Editor)]]);
    assert_eq!(found(Action::ViewProject), [[S::GiveCollaboratorRole(Reader)], [S::MakePublic]]);
    assert_eq!(found(Action::TransferProject), [[S::TransferProject]]);
}

#[test]
fn restricted_files_are_opened_or_a_manager_made() {
    let opened: &[&[Step]] = &[
        &[S::LiftFileRestriction],
        &[S::GiveCollaboratorRole(Manager)],
        &[S::SetDefaultProjectRole(Manager)],
        &[S::MakeOrganizationAdmin],
    ];
    check(&[MEMBER, IsRestricted, Added(Editor, NEVER)], Action::ModifyProjectfiles, &[], opened);
    // with the files open a lower role would do
    let manager: &[&[Step]] = &[
        &[S::GiveCollaboratorRole(Manager)],
        &[S::LiftFileRestriction, S::GiveCollaboratorRole(Reporter)],
        &[S::SetDefaultProjectRole(Manager)],
        &[S::LiftFileRestriction, S::SetDefaultProjectRole(Reporter)],
        &[S::MakeOrganizationAdmin],
    ];
    check(&[MEMBER, IsRestricted, Added(Reader, NEVER)], Action::ModifyProjectfiles, &[], manager);
}

#[test]
fn a_template_is_unset_and_an_inactive_user_made_active_whatever_else() {
    check(&[MEMBER, IsTemplate, Added(Editor, NEVER)], Action::EditFeatures, &[], &[&[S::UnsetTemplate]]);
    check(&[ADMIN, IsTemplate], Action::ApplyDeltas, &[1], &[&[S::UnsetTemplate]]);
    check(
        &[MEMBER, IsTemplate],
        Action::EditFeatures,
        &[],
        &[
            &[S::UnsetTemplate, S::GiveCollaboratorRole(Editor)],
            &[S::UnsetTemplate, S::SetDefaultProjectRole(Editor)],
            &[S::UnsetTemplate, S::MakeOrganizationAdmin],
        ],
    );
    let mut world = World::of(&[MEMBER, IsTemplate, Added(Editor, NEVER)]);
    world.user.active = false;
    let found = |action| remedies_of(&POLICY, &world, action, &[]);
    assert_eq!(found(Action::DeleteFiles), [[S::ActivateUser]]);
    assert_eq!(found(Action::EditFeatures), [[S::ActivateUser, S::UnsetTemplate]]);
    assert_eq!(found(Action::UpdateProject)[0], [S::ActivateUser, S::GiveCollaboratorRole(Manager)]);
}

#[test]
fn what_is_kept_for_the_owner_needs_a_transfer() {
    let transfers: &[&[Step]] = &[&[S::TransferProject], &[S::TransferOrganization]];
    for links in [&[][..], &[ADMIN], &[MEMBER, Added(Admin, NEVER)]] {
        check(links, Action::TransferProject, &[1], transfers);
    }
}

#[test]
fn a_project_over_its_limit_is_brought_within_it_or_made_public() {
    let refusing = policy(Resolution::Highest, OverLimit::RefuseView);
    let over = |links: &[Link]| {
        let mut world = World::of(links);
        world.plan.collaborator_limit = Some(0);
        world.add_collaborator(OTHER, Reader, false, NEVER);
        world
    };
    let owner = remedies_of(&refusing, &over(&[OWNER]), Action::ViewProject, &[]);
    assert_eq!(owner, [[S::KeepCollaboratorLimit], [S::MakePublic]]);
    let outside = remedies_of(&refusing, &over(&[]), Action::ViewProject, &[]);
    let expected: &[&[Step]] = &[
        &[S::KeepCollaboratorLimit, S::AddMember, S::GiveCollaboratorRole(Reader)],
        &[S::KeepCollaboratorLimit, S::AddMember, S::SetDefaultProjectRole(Reader)],
        // a public project has no limit
        &[S::MakePublic],
        &[S::KeepCollaboratorLimit, S::MakeOrganizationAdmin],
    ];
    assert_eq!(outside, expected);
    assert!(remedies_of(&POLICY, &over(&[OWNER]), Action::ViewProject, &[]).is_empty(), "only reported: allowed");
}

#[test]
fn where_the_first_origin_wins_a_direct_reader_is_not_helped_by_its_team() {
    let first = policy(Resolution::FirstOrigin, OverLimit::Report);
    let world = World::of(&[MEMBER, Added(Reader, NEVER), Team(1, Editor, NEVER), DefaultRole(Editor)]);
    let expected = [[S::GiveCollaboratorRole(Editor)], [S::MakeOrganizationAdmin]];
    assert_eq!(remedies_of(&first, &world, Action::DeleteFiles, &[1]), expected);
    assert!(remedies_of(&POLICY, &world, Action::DeleteFiles, &[1]).is_empty(), "the highest role wins: allowed");
}

#[test]
fn nothing_is_named_where_it_is_allowed_or_where_user_or_project_is_not_there() {
    check(&[MEMBER, Added(Editor, NEVER)], Action::DeleteFiles, &[1], &[]);
    let world = World::of(&[]);
    for (asker, project) in
        [(Asker::Anonymous, world.owned()), (Asker::NotFound, world.owned()), (Asker::User(&world.user), None)]
    {
        let rule = POLICY.project(Action::ViewProject);
        assert!(remedies(&POLICY, asker, project, rule, NOW, &[]).is_empty(), "{asker:?}");
    }
}

/// Takes a step as a write would. Written anew, so that it and the one that is tested check each other.
fn take(world: &mut World, step: Step) {
    let join = |world: &mut World, link| {
        world.user.organizations.clear();
        world.add(link);
    };
    match step {
        S::ActivateUser => world.user.active = true,
        S::UnsetTemplate => world.project.template = false,
        S::LiftFileRestriction => world.project.restricted_project_files = false,
        S::KeepCollaboratorLimit => world.plan.collaborator_limit = None,
        S::AddMember => {
            assert!(world.user.organizations.is_empty() && world.owner.organization_owner.is_some());
            join(world, MEMBER);
        }
        S::GiveCollaboratorRole(role) => {
            let replaced = world.project.direct_grant(ASKER).copied();
            let others = world.project.collaborators.iter().filter(|grant| grant.subject != ASKER);
            world.project.collaborators = others.copied().collect();
            world.project.user_collaborators -= u32::from(replaced.is_some());
            world.project.listed_collaborators -= u32::from(replaced.is_some_and(|grant| !grant.incognito()));
            world.add_collaborator(ASKER, role, false, NEVER);
        }
        S::GiveTeamRole(team, role) => {
            let others = world.project.teams.iter().filter(|grant| grant.subject != team);
            world.project.teams = others.copied().collect();
            world.add(Team(team.0, role, NEVER));
        }
        S::SetDefaultProjectRole(role) => world.add(DefaultRole(role)),
        S::MakePublic => world.add(IsPublic),
        S::MakeOrganizationAdmin => join(world, ADMIN),
        S::TransferProject => world.add(OwnsIt),
        S::TransferOrganization => join(world, OWNER),
    }
}

proptest! {
    #[test]
    fn every_change_that_is_named_allows_it_and_nothing_less_would(
        links in any_links(),
        action in prop::sample::select(Action::ALL),
        active in prop::bool::weighted(0.8),
        limit in prop::option::of(0..3u32),
        first in any::<bool>(),
        refuse in any::<bool>(),
    ) {
        let resolution = if first { Resolution::FirstOrigin } else { Resolution::Highest };
        let policy = policy(resolution, if refuse { OverLimit::RefuseView } else { OverLimit::Report });
        let rule = policy.project(action);
        let world = || {
            let mut world = World::of(&links);
            world.add_collaborator(OTHER, Reader, false, NEVER);
            (world.user.active, world.plan.collaborator_limit) = (active, limit);
            world
        };
        let allowed_after = |steps: &[Step]| {
            let mut world = world();
            steps.iter().for_each(|step| take(&mut world, *step));
            decide_project(&policy, Asker::User(&world.user), world.owned(), rule, NOW).allowed()
        };
        // teams are of members
        let belongs = links.iter().any(|link| matches!(link, In(..)));
        let found = remedies_of(&policy, &world(), action, if belongs { &[1, 2] } else { &[] });
        prop_assert_eq!(found.is_empty(), allowed_after(&[]), "there is always some way");
        for steps in &found {
            prop_assert!(allowed_after(steps), "{:?} does not do", steps);
            let gives = |step: &Step| step.gives().is_some();
            for place in 0..steps.len() {
                let without: Vec<Step> = [&steps[..place], &steps[place + 1..]].concat();
                // only members are added to a project, whatever a decision would then be
                if steps[place] != S::AddMember {
                    prop_assert!(!allowed_after(&without), "{:?} would do without {:?}", steps, steps[place]);
                }
            }
            let lower = |step: Step, role: ProjectRole| match step {
                S::GiveCollaboratorRole(given) if role < given => Some(S::GiveCollaboratorRole(role)),
                S::GiveTeamRole(team, given) if role < given => Some(S::GiveTeamRole(team, role)),
                S::SetDefaultProjectRole(given) if role < given => Some(S::SetDefaultProjectRole(role)),
                _ => None,
            };
            let (last, before) = steps.split_last().unwrap();
            for less in ProjectRole::ALL.iter().filter_map(|role| lower(*last, *role)) {
                prop_assert!(!allowed_after(&[before, &[less]].concat()), "{:?} where {:?} would do", steps, less);
            }
            prop_assert!(steps.iter().filter(|step| gives(step)).count() <= 1, "{:?}", steps);
            let smaller = |other: &&Vec<Step>| other.len() < steps.len() && other.iter().all(|step| steps.contains(step));
            prop_assert!(!found.iter().any(|other| smaller(&other)), "{:?} holds another of {:?}", steps, &found);
        }
    }
}
