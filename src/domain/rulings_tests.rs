//! The rulings of the permission model, where the documents contradict one another or the running system them: a test each.

use {Link::*, ProjectRole::*};

use super::actions::{OrganizationAction, ProjectAction};
use super::decision::{Asker, decide_organization, decide_project};
use super::roles::{OrganizationLevel, Origin, ProjectRole};
use super::test_world::*;

fn may(links: &[Link], action: &str) -> bool {
    World::of(links).decide(ProjectAction::parse(action).unwrap()).allowed()
}

#[test]
fn ruling_managers_delete_projects_though_an_overview_keeps_deletion_from_them() {
    assert!(may(&[Added(Manager, NEVER)], "delete_project") && !may(&[Added(Editor, NEVER)], "delete_project"));
}

#[test]
fn ruling_reporters_upload_files_though_an_overview_keeps_uploads_from_them() {
    assert!(may(&[Added(Reporter, NEVER)], "create_files") && !may(&[Added(Reader, NEVER)], "create_files"));
}

#[test]
fn ruling_editors_apply_no_deltas_though_an_overview_lets_them() {
    assert!(!may(&[Added(Editor, NEVER)], "apply_deltas") && may(&[Added(Manager, NEVER)], "apply_deltas"));
}

#[test]
fn ruling_only_the_owner_deletes_an_organization_though_the_running_system_lets_admins() {
    for (link, expected) in [(OWNER, true), (ADMIN, false), (CREATOR, false), (MEMBER, false)] {
        let required = POLICY.organization(OrganizationAction::DeleteOrganization);
        let user = World::of(&[link]).user;
        assert_eq!(decide_organization(Asker::User(&user), Some(ORGANIZATION), required).allowed(), expected);
    }
}

#[test]
fn ruling_every_registered_user_views_an_organization_and_reads_its_members() {
    for action in [OrganizationAction::ViewOrganization, OrganizationAction::ReadMembers] {
        assert_eq!(POLICY.organization(action), OrganizationLevel::Registered);
        let user = World::of(&[]).user;
        let decide = |asker| decide_organization(asker, Some(ORGANIZATION), POLICY.organization(action)).allowed();
        assert!(decide(Asker::User(&user)) && !decide(Asker::Anonymous) && !decide(Asker::NotFound));
    }
}

#[test]
fn ruling_the_highest_role_wins_though_the_running_system_takes_the_first_origin() {
    let world = World::of(&[MEMBER, Added(Reader, NEVER), Team(1, Editor, NEVER)]);
    let rule = POLICY.project(ProjectAction::DeleteFiles);
    let decision = decide_project(&POLICY, Asker::User(&world.user), world.owned(), rule, NOW);
    assert_eq!(decision.held.map(|held| (held.role, held.origin)), Some((Editor, Origin::TeamMember)));
    assert!(decision.allowed());
}
