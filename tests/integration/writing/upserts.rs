//! Additions of what is there already: changed to what they say, under the rules of an update.

use rolegate::domain::policy::Policy;
use rolegate::grpc::v1::OrganizationRole::{Admin as OrgAdmin, Creator, Member};
use rolegate::grpc::v1::ProjectRole::{Admin, Editor, Manager, Reader};
use rolegate::grpc::v1::{Origin, ProjectServiceCreateRequest};
use tonic::Code;

use super::changes_nothing;
use crate::membership::calls::{self, Call, add, add_incognito, add_member, add_until};
use crate::membership::world::{World, soon};
use crate::support::{Service, fresh_database, reason};

#[tokio::test]
async fn what_is_new_is_added_and_what_is_there_is_changed() {
    let world = World::acme().await;
    let table = [
        (add_member("acme", "sam", Member), "member acme sam made"),
        (add_member("acme", "sam", Creator), "member acme sam changed"),
        (calls::add_team_member("@acme/crew", "sam"), "team_member @acme/crew sam made"),
        (add("acme/trees", "sam", Reader), "collaborator acme/trees sam made"),
        (add("acme/trees", "sam", Editor), "collaborator acme/trees sam changed"),
        (add_until("acme/trees", "sam", Editor, soon(3600)), "collaborator acme/trees sam changed"),
        (add_incognito("acme/trees", "sam", Editor), "collaborator acme/trees sam changed"),
        (add("acme/trees", "@acme/crew", Reader), "collaborator acme/trees @acme/crew made"),
        (add("acme/trees", "@acme/crew", Manager), "collaborator acme/trees @acme/crew changed"),
    ];
    for (call, expected) in table {
        world.send(call.clone().or_update()).await;
        assert_eq!(world.last_changes().await, [expected], "{call:?}");
        changes_nothing(&world, call.clone().or_update()).await;
        let status = call.send(&world.service).await.unwrap_err();
        assert_eq!(status.code(), Code::AlreadyExists, "{call:?}");
    }
    assert_eq!(world.role("sam", "acme/trees").await, Some((Manager, Origin::TeamMember)));
}

#[tokio::test]
async fn an_upsert_is_refused_where_the_update_would_be() {
    let world = World::acme().await;
    world.send(add_incognito("acme/trees", "mia", Reader)).await;
    let forbidden = [
        (add("acme/trees", "alma", Reader).by("mona"), "TARGET_ROLE_ABOVE_OWN"),
        (add("acme/trees", "rita", Admin).by("mona"), "ROLE_ABOVE_OWN"),
        (add("acme/trees", "mona", Admin).by("mona"), "ROLE_ABOVE_OWN"),
        (add("acme/trees", "rita", Editor).by("edda"), "PERMISSION_DENIED"),
        // showing somebody is for callers in their own right, as hiding is
        (add("acme/trees", "mia", Reader).by("mona"), "PERMISSION_DENIED"),
        (add_incognito("acme/trees", "rita", Reader).by("mona"), "PERMISSION_DENIED"),
        (add_member("acme", "mia", OrgAdmin).by("cleo"), "PERMISSION_DENIED"),
        (calls::add_team_member("@acme/crew", "max").by("mia"), "PERMISSION_DENIED"),
    ];
    for (call, reason) in forbidden {
        world.refused(call.or_update(), Code::PermissionDenied, reason).await;
    }
    let owner = add_member("acme", "olga", Member).or_update();
    world.refused(owner, Code::FailedPrecondition, "OWNER_CANNOT_BE_MEMBER").await;
    let past = add_until("acme/trees", "rita", Reader, soon(-60)).or_update();
    world.refused(past, Code::InvalidArgument, "INVALID_FIELD").await;
}

#[tokio::test]
async fn who_may_neither_add_nor_change_does_not_learn_who_is_there() {
    let world = World::acme().await;
    world.all([add_incognito("acme/trees", "mia", Reader), calls::set_member_public("acme", "mia", false)]).await;
    for user in ["mia", "rita", "max", "sam", "ghost"] {
        let (grant, place) = (add_until("acme/trees", user, Reader, soon(-60)), add_member("acme", user, Member));
        assert_eq!(world.denied(grant.or_update().by("edda")).await, "create_collaborators", "{user}");
        assert_eq!(world.denied(place.or_update().by("edda")).await, "create_members", "{user}");
    }
}

#[tokio::test]
async fn an_upsert_keeps_the_limits_of_what_it_becomes() {
    let world = World::acme().await;
    world.send(calls::put_plan("tight", true, 5, 10)).await;
    world.send(add_incognito("acme/trees", "mia", Reader)).await;
    world.send(calls::set_organization_plan("acme", "tight")).await;
    // five are counted: another role is free, a place in the count is not
    world.send(add("acme/trees", "rita", Editor).or_update()).await;
    let limit = "COLLABORATOR_LIMIT_REACHED";
    world.refused(add("acme/trees", "max", Reader).or_update(), Code::FailedPrecondition, limit).await;
    world.refused(add("acme/trees", "mia", Reader).or_update(), Code::FailedPrecondition, limit).await;
    world.send(add_member("acme", "max", Creator).or_update()).await;
    let member = add_member("acme", "sam", Member).or_update();
    world.refused(member, Code::FailedPrecondition, "MEMBER_LIMIT_REACHED").await;
}

#[tokio::test]
async fn who_may_add_but_not_change_is_refused_only_the_change() {
    let text = include_str!("../../../policy/default.toml");
    let kept = |text: &str, action: &str, role: &str| {
        let line = text.lines().find(|line| line.trim_start().starts_with(&format!("{action} "))).unwrap();
        text.replacen(line, &format!("{action} = \"{role}\""), 1)
    };
    let text = kept(&kept(text, "update_collaborators", "admin"), "update_members", "owner");
    let service = Service::start_by(Policy::parse(&text).unwrap(), fresh_database().await).await;
    let send = async |call: Call| call.send(&service).await.map(drop).map_err(|status| reason(&status));
    let premium = calls::put_plan("default", true, -1, -1);
    for call in [premium, calls::create_user("ann"), calls::create_user("bob"), calls::create_user("cyd")] {
        send(call).await.unwrap();
    }
    send(calls::create_organization("acme", "ann")).await.unwrap();
    send(add_member("acme", "bob", OrgAdmin)).await.unwrap();
    send(add_member("acme", "cyd", Member).or_update().by("bob")).await.unwrap();
    let change = add_member("acme", "cyd", Creator).or_update();
    assert_eq!(send(change.clone().by("bob")).await, Err("PERMISSION_DENIED".to_owned()));
    send(change.by("ann")).await.unwrap();
    let (owner, name) = ("ann".to_owned(), "garden".to_owned());
    send(Call::CreateProject(ProjectServiceCreateRequest { owner, name, ..Default::default() })).await.unwrap();
    send(add("ann/garden", "bob", Manager)).await.unwrap();
    send(add("ann/garden", "cyd", Reader).or_update().by("bob")).await.unwrap();
    let change = add("ann/garden", "cyd", Editor).or_update();
    assert_eq!(send(change.clone().by("bob")).await, Err("PERMISSION_DENIED".to_owned()));
    send(change.by("ann")).await.unwrap();
}
