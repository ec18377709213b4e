//! What the documents say, row by row in short words, and what is decided: the permission reference whole, its matrices and
//! its lists; the overview pages but where the permission model rules them out, which is marked and asserted as ruled.

use {Link::*, ProjectRole::*, Says::*};

use super::actions::{OrganizationAction, ProjectAction};
use super::decision::{Asker, decide_organization};
use super::roles::{Origin, ProjectRole};
use super::test_world::*;

/// What a document says of a role and actions, and what holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    May,
    MayNot,
    /// The page says that it may not, and the ruling that it may.
    RuledMay,
    /// The page says that it may, and the ruling that it may not.
    RuledMayNot,
}

/// Roles in the order of the columns of the documents.
const COLUMNS: [ProjectRole; 5] = [Admin, Manager, Editor, Reporter, Reader];

/// A row of a matrix: the document's words, the actions that they stand for, a mark for each column.
type Row = (&'static str, &'static str, &'static str);

/// The permission reference, «Project Permissions».
const PROJECT_MATRIX: &[Row] = &[
    ("view project", "view_project", "+++++"),
    ("update settings", "update_project", "++---"),
    ("delete project", "delete_project", "++---"),
    ("upload files", "create_files", "++++-"),
    ("delete files", "delete_files", "+++--"),
    ("read files", "read_files", "+++++"),
    ("create features", "create_features", "++++-"),
    ("edit features", "edit_features", "+++--"),
    ("delete features", "delete_features", "+++--"),
    ("apply deltas", "apply_deltas", "++---"),
    (
        "manage collaborators",
        "read_collaborators create_collaborators update_collaborators delete_collaborators",
        "++---",
    ),
    ("manage secrets", "read_secrets create_secrets delete_secrets", "+----"),
    ("view jobs", "read_jobs", "++++-"),
];

/// The permission reference, «Role Overview».
const ROLE_OVERVIEW: &[Row] = &[
    ("read", "view_project read_files read_packages", "+++++"),
    ("write files", "create_files", "++++-"),
    ("edit data: create", "create_features create_deltas", "++++-"),
    ("edit data: more than create", "edit_features delete_features", "+++--"),
    ("delete files", "delete_files", "+++--"),
    ("manage settings", "update_project", "++---"),
    ("manage collaborators", "create_collaborators update_collaborators delete_collaborators", "++---"),
];

/// The permission reference, «Organization Permissions»: owner, admin, member.
const ORGANIZATION_MATRIX: &[Row] = &[
    ("view organization", "view_organization", "+++"),
    ("update settings", "update_organization", "++-"),
    ("manage billing", "read_billing manage_billing", "+--"),
    ("add and remove members", "create_members delete_members", "++-"),
    ("create teams", "create_teams", "++-"),
    ("create projects", "create_projects", "++-"),
    ("delete organization", "delete_organization", "+--"),
    ("transfer ownership", "transfer_organization", "+--"),
    ("manage secrets", "create_secrets read_secrets delete_secrets", "++-"),
];

/// The same page, the lists of what owner, admin and member of an organization can do.
const ORGANIZATION_LISTS: &[Row] = &[
    ("manage billing, subscriptions, plans, payment methods", "read_billing manage_billing", "+--"),
    ("transfer ownership", "transfer_organization", "+--"),
    ("delete the organization", "delete_organization", "+--"),
    ("add and remove members", "create_members delete_members", "++-"),
    ("change roles of members", "update_members", "++-"),
    ("create and delete teams", "create_teams delete_teams", "++-"),
    ("add and remove team members", "update_teams", "++-"),
    ("create projects of the organization", "create_projects", "++-"),
    ("manage settings: profile, avatar", "update_organization", "++-"),
    ("create and delete secrets", "create_secrets delete_secrets", "++-"),
    ("view all members", "read_member_details", "++-"),
    ("view organization profile", "view_organization", "+++"),
    ("view other members", "read_members", "+++"),
    ("view teams", "read_teams", "+++"),
];

/// A list of a role: the document's words, the actions, what it says.
type Line = (&'static str, &'static str, Says);

/// The permission reference, the lists of what each role on a project can do.
const REFERENCE_LISTS: &[(ProjectRole, &[Line])] = &[
    (
        Admin,
        &[
            ("create and delete secrets", "create_secrets delete_secrets", May),
            ("delete unnecessary file versions", "delete_file_versions", May),
            ("all that managers may", "delete_project apply_deltas set_delta_status update_collaborators", May),
        ],
    ),
    (
        Manager,
        &[
            ("view and retrieve", "view_project", May),
            ("update settings", "update_project", May),
            ("delete project", "delete_project", May),
            ("upload and create files", "create_files", May),
            ("delete files", "delete_files", May),
            ("create and read deltas", "create_deltas read_deltas", May),
            ("apply pending deltas", "apply_deltas", May),
            ("set delta status", "set_delta_status", May),
            ("read jobs", "read_jobs", May),
            ("add and remove collaborators", "create_collaborators delete_collaborators", May),
            ("update roles of collaborators", "update_collaborators", May),
            ("modify project files", "modify_projectfiles", May),
            ("read packages", "read_packages", May),
            ("manage secrets: admins only", "read_secrets create_secrets delete_secrets", MayNot),
            ("delete file versions: admins only", "delete_file_versions", MayNot),
        ],
    ),
    (
        Editor,
        &[
            ("view and retrieve", "view_project", May),
            ("upload and create files", "create_files", May),
            ("delete files", "delete_files", May),
            ("create and read deltas", "create_deltas read_deltas", May),
            ("read jobs", "read_jobs", May),
            ("modify project files if not restricted", "modify_projectfiles", May),
            ("read packages", "read_packages", May),
            ("update settings", "update_project", MayNot),
            ("delete project", "delete_project", MayNot),
            ("manage collaborators", "create_collaborators update_collaborators delete_collaborators", MayNot),
            ("apply deltas or set their status", "apply_deltas set_delta_status", MayNot),
        ],
    ),
    (
        Reporter,
        &[
            ("view and retrieve", "view_project", May),
            ("upload files", "create_files", May),
            ("create features by deltas", "create_features create_deltas", May),
            ("read deltas", "read_deltas", May),
            ("read jobs", "read_jobs", May),
            ("modify project files if not restricted", "modify_projectfiles", May),
            ("read packages", "read_packages", May),
            ("delete or edit existing data", "edit_features delete_features", MayNot),
            ("delete files", "delete_files", MayNot),
            ("update settings", "update_project", MayNot),
            ("manage collaborators", "create_collaborators update_collaborators delete_collaborators", MayNot),
        ],
    ),
    (
        Reader,
        &[
            ("view and retrieve", "view_project", May),
            ("read files", "read_files", May),
            ("download packages", "read_packages", May),
            ("upload or create files", "create_files", MayNot),
            ("edit or delete data", "edit_features delete_features", MayNot),
            ("create deltas", "create_deltas", MayNot),
            ("update settings", "update_project", MayNot),
            ("view jobs: reporters and above", "read_jobs", MayNot),
        ],
    ),
];

/// The overview of collaboration, and the pages in Finnish and French: what they say of each role.
const OVERVIEW_LISTS: &[(ProjectRole, &[Line])] = &[
    (
        Admin,
        &[
            ("manage collaborators", "create_collaborators update_collaborators delete_collaborators", May),
            ("delete the project", "delete_project", May),
            ("update settings", "update_project", May),
            ("upload and download files", "create_files read_files", May),
            ("create and apply deltas", "create_deltas apply_deltas", May),
            ("trigger packaging", "create_jobs", May),
            ("rename or delete the project", "update_project delete_project", May),
            ("all that the owner may but transfer it", "transfer_project", MayNot),
        ],
    ),
    (
        Manager,
        &[
            ("manage collaborators", "create_collaborators update_collaborators delete_collaborators", May),
            ("only owners and admins add collaborators", "create_collaborators", RuledMay),
            ("management without deletion", "delete_project", RuledMay),
            ("update settings", "update_project", May),
            ("upload and download files", "create_files read_files", May),
            ("create and apply deltas", "create_deltas apply_deltas", May),
            ("trigger packaging", "create_jobs", May),
        ],
    ),
    (
        Editor,
        &[
            ("upload and download files", "create_files read_files", May),
            ("create deltas", "create_deltas", May),
            ("apply deltas", "apply_deltas", RuledMayNot),
            ("trigger packaging", "create_jobs", May),
            ("modify data", "edit_features delete_features", May),
            ("modify settings", "update_project", MayNot),
            ("modify collaborators", "create_collaborators update_collaborators delete_collaborators", MayNot),
        ],
    ),
    (
        Reporter,
        &[
            ("create deltas", "create_deltas", May),
            ("download project files", "read_files", May),
            ("upload files directly", "create_files", RuledMay),
            ("apply deltas", "apply_deltas", MayNot),
            ("only add data, neither modify nor delete", "edit_features delete_features", MayNot),
        ],
    ),
    (
        Reader,
        &[
            ("download project files", "read_files", May),
            ("view project information", "view_project", May),
            ("make any changes", "create_files create_features create_deltas edit_features update_project", MayNot),
        ],
    ),
];

fn may(links: &[Link], action: &str) -> bool {
    let action = ProjectAction::parse(action).unwrap_or_else(|| panic!("{action} is no action"));
    World::of(links).decide(action).allowed()
}

fn check_matrix(rows: &[Row]) {
    for (phrase, actions, marks) in rows {
        assert_eq!(marks.len(), COLUMNS.len(), "{phrase}");
        for (role, mark) in COLUMNS.into_iter().zip(marks.chars()) {
            for action in actions.split(' ') {
                assert_eq!(may(&[Added(role, NEVER)], action), mark == '+', "«{phrase}» {action} {role:?}");
            }
        }
    }
}

fn check_lists(lists: &[(ProjectRole, &[Line])]) {
    for ((role, lines), column) in lists.iter().zip(COLUMNS) {
        assert_eq!(*role, column);
        for (phrase, actions, says) in *lines {
            for action in actions.split(' ') {
                let expected = matches!(says, May | RuledMay);
                assert_eq!(may(&[Added(*role, NEVER)], action), expected, "{role:?} «{phrase}» {action}: {says:?}");
            }
        }
    }
}

fn check_organization(rows: &[Row]) {
    for (phrase, actions, marks) in rows {
        for (link, mark) in [OWNER, ADMIN, MEMBER].into_iter().zip(marks.chars()) {
            for action in actions.split(' ') {
                let action = OrganizationAction::parse(action).unwrap_or_else(|| panic!("{action} is no action"));
                let user = World::of(&[link]).user;
                let required = POLICY.organization(action);
                let decision = decide_organization(Asker::User(&user), Some(ORGANIZATION), required);
                assert_eq!(decision.allowed(), mark == '+', "«{phrase}» {action:?} {link:?}");
            }
        }
    }
}

#[test]
fn the_project_matrix_of_the_reference_holds_row_by_row() {
    check_matrix(PROJECT_MATRIX);
}

#[test]
fn the_role_overview_of_the_reference_holds_row_by_row() {
    check_matrix(ROLE_OVERVIEW);
}

#[test]
fn the_organization_matrix_of_the_reference_holds_row_by_row() {
    check_organization(ORGANIZATION_MATRIX);
}

#[test]
fn the_lists_of_the_reference_hold_line_by_line() {
    check_organization(ORGANIZATION_LISTS);
    check_lists(REFERENCE_LISTS);
}

#[test]
fn restricted_project_files_are_for_managers_as_the_reference_says() {
    for role in COLUMNS {
        assert_eq!(may(&[Added(role, NEVER), IsRestricted], "modify_projectfiles"), role >= Manager, "{role:?}");
        assert_eq!(may(&[Added(role, NEVER)], "modify_projectfiles"), role >= Reporter, "{role:?}");
    }
}

#[test]
fn the_role_origins_of_the_reference_give_the_roles_that_it_says() {
    // (the document's words, what makes it so, role and origin)
    let rows: &[(&str, &[Link], ProjectRole, Origin)] = &[
        ("the owner of the project: admin", &[OwnsIt], Admin, Origin::ProjectOwner),
        ("the owner of its organization: admin", &[OWNER], Admin, Origin::OrganizationOwner),
        ("admins of its organization: admin", &[ADMIN], Admin, Origin::OrganizationAdmin),
        ("directly added: any role", &[MEMBER, Added(Manager, NEVER)], Manager, Origin::Collaborator),
        ("through a team: the team's role", &[MEMBER, Team(1, Editor, NEVER)], Editor, Origin::TeamMember),
        ("public: every user, reader", &[IsPublic], Reader, Origin::Public),
        (
            "the highest level applies",
            &[MEMBER, Added(Reader, NEVER), Team(1, Editor, NEVER), Team(2, Manager, NEVER)],
            Manager,
            Origin::TeamMember,
        ),
        ("organization admins assign collaborators", &[ADMIN, Added(Reader, NEVER)], Admin, Origin::OrganizationAdmin),
    ];
    for (phrase, links, role, origin) in rows {
        let held = World::of(links).decide(ProjectAction::CreateCollaborators).held.expect(phrase);
        assert_eq!((held.role, held.origin), (*role, *origin), "«{phrase}»");
    }
}

#[test]
fn the_overview_pages_hold_line_by_line_but_where_they_are_ruled_out() {
    check_lists(OVERVIEW_LISTS);
    let ruled = |line: &&Line| matches!(line.2, RuledMay | RuledMayNot);
    assert_eq!(OVERVIEW_LISTS.iter().flat_map(|(_, lines)| lines.iter()).filter(ruled).count(), 4);
}
