//! Etags: every resource has one, which changes with it; what is meant for another state is refused.

use rolegate::grpc::v1::OrganizationRole::{Admin as OrgAdmin, Creator};
use rolegate::grpc::v1::ProjectRole::{Editor, Manager};
use rolegate::grpc::v1::{self, ProjectRole};
use tonic::Code;

use crate::membership::calls::{self, Call};
use crate::membership::world::World;
use crate::support::reason;

/// Updates and removals, in an order in which all of them can be done.
fn changes() -> Vec<Call> {
    vec![
        calls::set_user_plan("sam", "premium"),
        calls::set_active("sam", false),
        calls::rename_user("sam", "samuel"),
        calls::set_default_role("acme", ProjectRole::Reader),
        calls::rename_organization("acme", "acme2"),
        calls::set_member_role("acme2", "mia", Creator),
        calls::set_member_public("acme2", "mia", false),
        calls::rename_team("@acme2/crew", "gang"),
        calls::set_public("acme2/trees", true),
        calls::rename_project("acme2/trees", "wood"),
        calls::set_role("acme2/wood", "rita", Editor),
        calls::set_incognito("acme2/wood", "rita", true),
        calls::set_role("acme2/wood", "rita", Editor),
        calls::transfer_project("pia/garden", "pam"),
        calls::transfer_organization("acme2", "pam"),
        calls::remove("acme2/wood", "rita"),
        calls::remove_team_member("@acme2/gang", "max"),
        calls::delete_team("@acme2/gang"),
        calls::remove_member("acme2", "mia"),
        calls::offboard("rolf"),
        calls::delete_project("acme2/wood"),
        calls::delete_organization("acme2"),
        calls::delete_user("mona"),
    ]
}

#[tokio::test]
async fn every_change_of_another_state_is_refused_and_of_the_present_one_is_done() {
    let world = World::acme().await;
    for call in changes() {
        let etag = etag_of(&world, &call).await.unwrap();
        world.refused(call.clone().only_if("stale"), Code::Aborted, "ETAG_MISMATCH").await;
        world.send(call.clone().only_if(&etag)).await;
        // done: what was meant for the state before is meant for none any more
        let status = call.clone().only_if(&etag).send(&world.service).await;
        let offboarded = matches!(call, Call::RemoveUserEverywhere(_));
        assert!(offboarded || status.is_err(), "{call:?}");
        let now = etag_of(&world, &call).await;
        assert!(offboarded || now.as_ref() != Some(&etag), "{call:?}: {now:?}");
    }
}

#[tokio::test]
async fn a_plan_is_put_only_where_it_is_as_it_was_read() {
    let world = World::acme().await;
    let put = |etag: &str, members| match calls::put_plan("club", true, -1, members) {
        Call::PutPlan(mut request) => {
            request.plan.as_mut().unwrap().etag = etag.to_owned();
            Call::PutPlan(request)
        }
        other => other,
    };
    world.refused(put("of what is not there", 5), Code::Aborted, "ETAG_MISMATCH").await;
    world.send(put("", 5)).await;
    let etag = plan_etag(&world, "club").await.unwrap();
    world.send(put(&etag, 6)).await;
    world.refused(put(&etag, 7), Code::Aborted, "ETAG_MISMATCH").await;
    world.refused(calls::delete_plan("club").only_if(&etag), Code::Aborted, "ETAG_MISMATCH").await;
    let etag = plan_etag(&world, "club").await.unwrap();
    world.send(calls::delete_plan("club").only_if(&etag)).await;
}

#[tokio::test]
async fn lists_writes_and_reads_give_one_state_the_same_etag() {
    let world = World::acme().await;
    let (organization, user) = ("acme".to_owned(), "sam".to_owned());
    let request = v1::AddMemberRequest { organization, user, ..Default::default() };
    let added = world.service.organizations().add_member(request).await.unwrap().into_inner().member.unwrap().etag;
    let request =
        v1::ListMembersRequest { organization: "acme".to_owned(), include_hidden: true, ..Default::default() };
    let listed = world.service.organizations().list_members(request).await.unwrap().into_inner().members;
    let listed = listed.into_iter().find(|member| member.user == "sam").unwrap().etag;
    let read = etag_of(&world, &calls::remove_member("acme", "sam")).await.unwrap();
    assert!(!read.is_empty());
    assert_eq!((&added, &listed), (&read, &read));
    // what is made anew is another thing, whatever it looks like
    world.send(calls::remove_member("acme", "sam")).await;
    world.send(calls::add_member("acme", "sam", v1::OrganizationRole::Member)).await;
    assert_ne!(etag_of(&world, &calls::remove_member("acme", "sam")).await.unwrap(), read);
}

#[tokio::test]
async fn a_state_that_comes_again_has_its_etag_again() {
    let world = World::acme().await;
    let call = calls::set_member_role("acme", "mia", OrgAdmin);
    let etag = etag_of(&world, &call).await.unwrap();
    world.send(call.clone()).await;
    world.send(calls::set_member_role("acme", "mia", v1::OrganizationRole::Member)).await;
    assert_eq!(etag_of(&world, &call).await.unwrap(), etag);
    // a role on a project remembers when it was changed
    let call = calls::set_role("acme/trees", "rita", Manager);
    let etag = etag_of(&world, &call).await.unwrap();
    world.send(call.clone()).await;
    world.send(calls::set_role("acme/trees", "rita", ProjectRole::Reader)).await;
    assert_ne!(etag_of(&world, &call).await.unwrap(), etag);
}

#[tokio::test]
async fn of_several_updates_at_once_from_one_state_exactly_one_is_done() {
    let world = World::acme().await;
    for round in 0..8 {
        let role = if round % 2 == 0 { Creator } else { OrgAdmin };
        let call = calls::set_member_role("acme", "max", role);
        let call = call.clone().only_if(&etag_of(&world, &call).await.unwrap());
        let ended = futures::future::join_all((0..4).map(|_| call.send(&world.service))).await;
        let (done, refused): (Vec<_>, Vec<_>) = ended.into_iter().partition(Result::is_ok);
        assert_eq!((done.len(), refused.len()), (1, 3));
        for status in refused.into_iter().filter_map(Result::err) {
            assert_eq!((status.code(), reason(&status).as_str()), (Code::Aborted, "ETAG_MISMATCH"));
        }
    }
}

async fn plan_etag(world: &World, code: &str) -> Option<String> {
    let request = v1::PlanServiceGetRequest { code: code.to_owned() };
    Some(world.service.plans().get(request).await.ok()?.into_inner().plan?.etag)
}

/// The etag of what a call is about, as it is read; `None` where there is none.
async fn etag_of(world: &World, call: &Call) -> Option<String> {
    let service = &world.service;
    match call.clone() {
        Call::UpdateUser(v1::UserServiceUpdateRequest { username, .. })
        | Call::DeleteUser(v1::UserServiceDeleteRequest { username, .. })
        | Call::RemoveUserEverywhere(v1::RemoveUserEverywhereRequest { username, .. }) => {
            Some(service.users().get(v1::UserServiceGetRequest { username }).await.ok()?.into_inner().user?.etag)
        }
        Call::UpdateOrganization(v1::OrganizationServiceUpdateRequest { username, .. })
        | Call::DeleteOrganization(v1::OrganizationServiceDeleteRequest { username, .. })
        | Call::TransferOrganization(v1::OrganizationServiceTransferRequest { username, .. }) => {
            let request = v1::OrganizationServiceGetRequest { username };
            Some(service.organizations().get(request).await.ok()?.into_inner().organization?.etag)
        }
        Call::UpdateMember(v1::UpdateMemberRequest { organization, user, .. })
        | Call::RemoveMember(v1::RemoveMemberRequest { organization, user, .. }) => {
            let request = v1::GetMemberRequest { organization, user };
            Some(service.organizations().get_member(request).await.ok()?.into_inner().member?.etag)
        }
        Call::RenameTeam(v1::TeamServiceUpdateRequest { team, .. })
        | Call::DeleteTeam(v1::TeamServiceDeleteRequest { team, .. }) => {
            Some(service.teams().get(v1::TeamServiceGetRequest { team }).await.ok()?.into_inner().team?.etag)
        }
        Call::RemoveTeamMember(v1::RemoveTeamMemberRequest { team, user, .. }) => {
            let request = v1::ListTeamMembersRequest { team, ..Default::default() };
            let listed = service.teams().list_team_members(request).await.ok()?.into_inner().team_members;
            Some(listed.into_iter().find(|place| place.user == user)?.etag)
        }
        Call::UpdateProject(v1::ProjectServiceUpdateRequest { project, .. })
        | Call::DeleteProject(v1::ProjectServiceDeleteRequest { project, .. })
        | Call::TransferProject(v1::ProjectServiceTransferRequest { project, .. }) => {
            let request = v1::ProjectServiceGetRequest { project };
            Some(service.projects().get(request).await.ok()?.into_inner().project?.etag)
        }
        Call::UpdateCollaborator(v1::CollaboratorServiceUpdateRequest { project, collaborator, .. })
        | Call::RemoveCollaborator(v1::CollaboratorServiceRemoveRequest { project, collaborator, .. }) => {
            let request = v1::CollaboratorServiceGetRequest { project, collaborator };
            Some(service.collaborators().get(request).await.ok()?.into_inner().collaborator?.etag)
        }
        other => panic!("it has no etag: {other:?}"),
    }
}
