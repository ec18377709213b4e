//! What the decisions answer, as the tables of the permission model. The expected values are written out here from the
//! model's text and not read from the policy file, so that each of the two checks the other.

use std::iter::repeat;

use {Link::*, OrganizationRole as Place, Origin::*, ProjectRole::*};

use super::{ProjectLevel as Level, *};
use crate::domain::actions::{AccountAction, OrganizationAction, ProjectAction};
use crate::domain::test_world::*;

/// For reader, reporter, editor, manager, admin, owner: on a plain project, with restricted files, on a template.
/// `+` granted, `-` role too low, `R` restricted project files, `T` template project.
const PROJECT_TABLE: &[(&str, [&str; 3])] = &[
    ("view_project read_files read_packages", ["++++++", "++++++", "++++++"]),
    ("create_jobs", ["++++++", "++++++", "TTTTTT"]),
    ("create_files read_jobs", ["-+++++", "-+++++", "-+++++"]),
    ("create_features create_deltas read_deltas", ["-+++++", "-+++++", "-TTTTT"]),
    ("modify_projectfiles", ["-+++++", "-RR+++", "-+++++"]),
    ("delete_files", ["--++++", "--++++", "--++++"]),
    ("edit_features delete_features", ["--++++", "--++++", "--TTTT"]),
    ("update_project delete_project read_collaborators", ["---+++", "---+++", "---+++"]),
    ("create_collaborators update_collaborators delete_collaborators", ["---+++", "---+++", "---+++"]),
    ("apply_deltas set_delta_status", ["---+++", "---+++", "---TTT"]),
    ("delete_file_versions read_secrets create_secrets delete_secrets", ["----++", "----++", "----++"]),
    ("transfer_project", ["-----+", "-----+", "-----+"]),
];

/// For nobody (anonymous, unknown, inactive), registered, member, creator, admin, owner.
const ORGANIZATION_TABLE: &[(&str, &str)] = &[
    ("view_organization read_members", "-+++++"),
    ("read_teams read_subscription", "--++++"),
    ("create_projects", "---+++"),
    ("update_organization create_members update_members delete_members create_teams update_teams", "----++"),
    ("delete_teams create_secrets read_secrets delete_secrets read_member_details", "----++"),
    ("read_billing manage_billing transfer_organization delete_organization", "-----+"),
];

/// For anyone (anonymous, unknown, inactive), registered, organization admin, self.
const ACCOUNT_TABLE: &[(&str, &str)] = &[
    ("get_status", "++++"),
    ("list_accounts read_public_profile list_public_projects create_organization", "-+++"),
    ("read_details", "--++"),
    ("update_account delete_account create_projects send_invitations read_billing read_subscription", "---+"),
];

/// Each level of the project table, with users that reach it, through every origin.
const HOLDERS: [(Level, &[&[Link]]); 6] = [
    (Level::Reader, &[&[IsPublic], &[Added(Reader, NEVER)]]),
    (Level::Reporter, &[&[Added(Reporter, NEVER)], &[CREATOR, DefaultRole(Reporter)]]),
    (Level::Editor, &[&[Added(Editor, NEVER)], &[Team(1, Editor, NEVER)]]),
    (Level::Manager, &[&[Added(Manager, NEVER)], &[MEMBER, DefaultRole(Manager)]]),
    (Level::Admin, &[&[Added(Admin, NEVER)], &[Team(1, Admin, NEVER)], &[MEMBER, DefaultRole(Admin)], &[ADMIN]]),
    (Level::Owner, &[&[OWNER], &[OwnsIt]]),
];

type Expected = Option<(ProjectRole, Origin, Time)>;

/// The rows of a table, which has each action once.
fn rows<A: PartialEq, M: Copy>(table: &[(&'static str, M)], all: &[A], parse: fn(&str) -> Option<A>) -> Vec<(A, M)> {
    let of_row = |row: &(&'static str, M)| row.0.split(' ').zip(repeat(row.1));
    let rows: Vec<_> = table.iter().flat_map(of_row).map(|(name, marks)| (parse(name).unwrap(), marks)).collect();
    assert!(all.iter().all(|action| rows.iter().filter(|row| row.0 == *action).count() == 1), "each action once");
    rows
}

fn check_held(table: &[(&[Link], Expected)]) {
    for (links, expected) in table {
        let held = World::of(links).decide(ProjectAction::ViewProject).held;
        assert_eq!(held.map(|held| (held.role, held.origin, held.ends_at)), *expected, "{links:?}");
    }
}

#[test]
fn a_project_action_is_for_its_lowest_role_and_all_higher_ones_but_for_restricted_files_and_templates() {
    for (action, columns) in rows(PROJECT_TABLE, ProjectAction::ALL, ProjectAction::parse) {
        for (flag, column) in [&[][..], &[IsRestricted], &[IsTemplate]].into_iter().zip(columns) {
            let required = column.find('+').map(|place| HOLDERS[place].0);
            for ((_, holders), mark) in HOLDERS.into_iter().zip(column.chars()) {
                let reason = match mark {
                    '+' => Reason::Granted,
                    '-' => Reason::RoleTooLow,
                    'R' => Reason::RestrictedProjectFiles,
                    _ => Reason::TemplateProject,
                };
                for links in holders {
                    let decision = World::of(&[*links, flag].concat()).decide(action);
                    let answer = (decision.reason, decision.required);
                    assert_eq!(answer, (reason, required), "{action:?} {links:?} {flag:?}");
                    assert_eq!(decision.allowed(), mark == '+');
                }
            }
        }
    }
}

#[test]
fn an_organization_action_is_for_its_lowest_level_and_all_higher_ones() {
    let holders = [&[][..], &[MEMBER], &[CREATOR], &[ADMIN], &[OWNER]];
    let elsewhere = ELSEWHERE.map(|organization| In(organization, Place::Owner));
    for (action, marks) in rows(ORGANIZATION_TABLE, OrganizationAction::ALL, OrganizationAction::parse) {
        let required = POLICY.organization(action);
        let may = |asker: Asker<'_>| decide_organization(asker, Some(ORGANIZATION), required).allowed();
        let nobody_may = marks.starts_with('+');
        for (links, mark) in holders.into_iter().zip(marks[1..].chars()) {
            for user in [World::of(links).user, World::of(&[links, &elsewhere].concat()).user] {
                assert_eq!(may(Asker::User(&user)), mark == '+', "{action:?} {links:?}");
                assert_eq!(may(Asker::User(&User { active: false, ..user })), nobody_may, "{action:?} {links:?}");
            }
        }
        assert_eq!([Asker::NotFound, Asker::Anonymous].map(may), [nobody_may; 2], "{action:?}");
    }
}

#[test]
fn an_account_action_is_for_its_lowest_level_and_all_higher_ones() {
    // (column, who asks, whose account)
    let table: &[(usize, &[Link], &[Link])] = &[
        (1, &[OWNER], &[In(ELSEWHERE[0], Place::Member)]),
        (1, &[MEMBER], &[OWNER]),
        (1, &[CREATOR], &[MEMBER]),
        (1, &[MEMBER, In(ELSEWHERE[0], Place::Owner)], &[MEMBER]),
        (2, &[ADMIN], &[MEMBER]),
        (2, &[ADMIN], &[OWNER]),
        (2, &[OWNER], &[CREATOR]),
        (2, &[MEMBER, In(ELSEWHERE[0], Place::Admin)], &[MEMBER, In(ELSEWHERE[0], Place::Member)]),
    ];
    for (action, marks) in rows(ACCOUNT_TABLE, AccountAction::ALL, AccountAction::parse) {
        for (column, asker, account) in table {
            let (asker, account) = (World::of(asker).user, User { id: OTHER, ..World::of(account).user });
            let (own, account) = (Named::User(asker.clone()), Named::User(account));
            let inactive = User { active: false, ..asker.clone() };
            let may = |asker, account| decide_account(asker, Some(account), POLICY.account(action)).allowed();
            assert_eq!(may(Asker::User(&asker), &account), marks[*column..].starts_with('+'), "{action:?} {asker:?}");
            assert_eq!(may(Asker::User(&asker), &own), marks.ends_with('+'), "{action:?} {asker:?}");
            for nobody in [Asker::User(&inactive), Asker::NotFound, Asker::Anonymous] {
                assert_eq!(may(nobody, &own), marks.starts_with('+'), "{action:?} {nobody:?}");
            }
        }
    }
}

#[test]
fn each_origin_gives_its_role_incognito_or_not_and_nothing_else_does() {
    let elsewhere = |place| [In(ELSEWHERE[0], place), In(ELSEWHERE[1], place), DefaultRole(Admin)];
    check_held(&[
        (&[OwnsIt], Some((Admin, ProjectOwner, NEVER))),
        (&[OWNER], Some((Admin, OrganizationOwner, NEVER))),
        (&[ADMIN], Some((Admin, OrganizationAdmin, NEVER))),
        (&[Added(Editor, LATER)], Some((Editor, Collaborator, LATER))),
        (&[AddedIncognito(Editor), IsPublic], Some((Editor, Collaborator, NEVER))),
        (&[Team(1, Editor, LATER)], Some((Editor, TeamMember, LATER))),
        (&[Team(5, Editor, LATER), IsPublic], Some((Editor, TeamMember, LATER))),
        (&[MEMBER, DefaultRole(Editor)], Some((Editor, OrganizationMember, NEVER))),
        (&[CREATOR, DefaultRole(Editor)], Some((Editor, OrganizationMember, NEVER))),
        (&[IsPublic], Some((Reader, Public, NEVER))),
        (&[], None),
        (&[MEMBER], None),
        (&elsewhere(Place::Admin), None),
        (&elsewhere(Place::Owner), None),
        (&[Team(0, Admin, NEVER), Team(4, Admin, NEVER), Team(6, Admin, NEVER)], None),
    ]);
}

#[test]
fn the_highest_role_wins_and_ends_when_its_own_origin_does() {
    check_held(&[
        (&[Added(Reader, NEVER), Team(1, Editor, LATER)], Some((Editor, TeamMember, LATER))),
        (&[Added(Editor, LATER), Team(1, Reader, NEVER)], Some((Editor, Collaborator, LATER))),
        (&[Added(Reader, LATER), MEMBER, DefaultRole(Reporter)], Some((Reporter, OrganizationMember, NEVER))),
        (&[Team(1, Editor, LATER), CREATOR, DefaultRole(Admin)], Some((Admin, OrganizationMember, NEVER))),
        (&[OWNER, Added(Reader, LATER), DefaultRole(Reader)], Some((Admin, OrganizationOwner, NEVER))),
        // Of several teams the highest, and among equals the one that lasts longest.
        (&[Team(1, Reader, NEVER), Team(2, Admin, LATER), Team(3, Editor, NEVER)], Some((Admin, TeamMember, LATER))),
        (&[Team(1, Editor, LATER), Team(5, Editor, NEVER)], Some((Editor, TeamMember, NEVER))),
        (&[Team(1, Editor, NEVER), Team(5, Editor, LATER)], Some((Editor, TeamMember, NEVER))),
        (&[Team(4, Admin, NEVER), Team(5, Editor, LATER)], Some((Editor, TeamMember, LATER))),
    ]);
}

#[test]
fn the_same_role_from_several_origins_names_the_first() {
    let with = |place| [place, Added(Admin, LATER), Team(1, Admin, NEVER), DefaultRole(Admin)];
    check_held(&[
        (&with(OwnsIt), Some((Admin, ProjectOwner, NEVER))),
        (&with(OWNER), Some((Admin, OrganizationOwner, NEVER))),
        (&with(ADMIN), Some((Admin, OrganizationAdmin, NEVER))),
        (&with(MEMBER), Some((Admin, Collaborator, LATER))),
        (&[CREATOR, Team(1, Editor, LATER), DefaultRole(Editor)], Some((Editor, TeamMember, LATER))),
        (&[MEMBER, DefaultRole(Reader), IsPublic], Some((Reader, OrganizationMember, NEVER))),
        (&[Team(1, Reader, LATER), IsPublic], Some((Reader, TeamMember, LATER))),
    ]);
}

#[test]
fn a_grant_gives_its_role_until_the_microsecond_at_which_it_ends() {
    check_held(&[
        (&[Added(Editor, LATER)], Some((Editor, Collaborator, LATER))),
        (&[Added(Editor, NOW)], None),
        (&[Added(Editor, BEFORE)], None),
        (&[Team(1, Editor, LATER)], Some((Editor, TeamMember, LATER))),
        (&[Team(1, Editor, NOW)], None),
        (&[Team(1, Editor, BEFORE)], None),
        (&[Team(1, Admin, NOW), Team(2, Editor, LATER)], Some((Editor, TeamMember, LATER))),
        (&[Added(Admin, NOW), Team(1, Admin, NOW), IsPublic], Some((Reader, Public, NEVER))),
    ]);
}

#[test]
fn the_user_comes_before_the_project_and_the_project_before_the_role_among_reasons() {
    let world = World::of(&[OwnsIt, Added(Admin, NEVER), Team(1, Admin, NEVER), IsPublic, IsRestricted, IsTemplate]);
    let (public, mut private) = (World::of(&[IsPublic]), World::of(&[IsRestricted, IsTemplate]));
    private.add_collaborator(OTHER, Admin, false, NEVER);
    let inactive = User { active: false, ..World::of(&[]).user };
    let projects = [None, world.owned(), public.owned()];
    for (asker, projects, reason) in [
        (Asker::Anonymous, &projects[..], Reason::Anonymous),
        (Asker::NotFound, &projects, Reason::UserNotFound),
        (Asker::User(&inactive), &projects, Reason::UserInactive),
        (Asker::User(&private.user), &[None], Reason::ProjectNotFound),
        (Asker::User(&private.user), &[private.owned()], Reason::NoRole),
    ] {
        for (project, action) in projects.iter().flat_map(|project| repeat(*project).zip(ProjectAction::ALL)) {
            let decision = decide_project(&POLICY, asker, project, POLICY.project(*action), NOW);
            assert_eq!((decision.reason, decision.held), (reason, None), "{action:?} {asker:?}");
        }
    }
}

#[test]
fn over_limit_says_that_more_collaborators_count_than_the_plan_allows_and_changes_nothing() {
    // Collaborators: `u` a user, `i` one incognito, `o` the organization's owner (elsewhere a user), `O` it incognito.
    let table: &[(&[Link], Option<u32>, &str, bool)] = &[
        (&[], Some(2), "uu", false),
        (&[], Some(2), "uuu", true),
        (&[], Some(0), "u", true),
        (&[], None, "uuu", false),
        (&[IsPublic], Some(2), "uuu", false),
        (&[], Some(2), "uui", false),
        (&[], Some(2), "uuo", false),
        (&[], Some(2), "uuuo", true),
        (&[], Some(2), "uuuO", true),
        (&[Team(1, Editor, NEVER), Team(2, Admin, NEVER)], Some(1), "u", false),
        (&[OwnsIt], Some(2), "uuo", true),
    ];
    for (links, limit, collaborators, over_limit) in table {
        let mut world = World::of(links);
        for (id, sort) in (100..).zip(collaborators.chars()) {
            let id = if matches!(sort, 'o' | 'O') { OTHER } else { AccountId(id) };
            world.add_collaborator(id, Reader, matches!(sort, 'i' | 'O'), NEVER);
        }
        let unlimited = world.decide(ProjectAction::ReadFiles);
        world.plan.collaborator_limit = *limit;
        let expected = Decision { over_limit: *over_limit, ..unlimited };
        assert_eq!(world.decide(ProjectAction::ReadFiles), expected, "{links:?} {limit:?} {collaborators}");
    }
}
