//! Within the actor's own role: what it may give, whom it may touch, when it may leave, and what a creator gets.

use rolegate::grpc::v1::OrganizationRole::{Admin as OrgAdmin, Creator, Member};
use rolegate::grpc::v1::Origin;
use rolegate::grpc::v1::ProjectRole::{Admin, Editor, Manager, Reader};
use tonic::Code::{FailedPrecondition, NotFound, PermissionDenied};

use super::calls::{self, add, create_project, remove, set_role};
use super::world::{World, soon};

#[tokio::test]
async fn nobody_gives_a_role_above_its_own() {
    let world = World::acme().await;
    world.send(add("acme/trees", "cleo", Manager)).await;
    let raises = [
        add("acme/trees", "max", Admin),
        add("acme/trees", "@acme/crew", Admin),
        set_role("acme/trees", "rita", Admin),
        set_role("acme/trees", "mona", Admin),
        set_role("acme/trees", "cleo", Admin),
    ];
    for call in raises {
        world.refused(call.by("mona"), PermissionDenied, "ROLE_ABOVE_OWN").await;
    }
    let fine = [add("acme/trees", "max", Manager), add("acme/trees", "@acme/crew", Manager)];
    world.all(fine.map(|call| call.by("mona"))).await;
    world.send(set_role("acme/trees", "max", Admin).by("alma")).await;
}

#[tokio::test]
async fn nobody_touches_whose_role_is_higher() {
    let world = World::acme().await;
    world.send(add("acme/trees", "@acme/crew", Admin)).await;
    for above in ["alma", "@acme/crew"] {
        let touches = [
            set_role("acme/trees", above, Reader),
            set_role("acme/trees", above, Admin),
            calls::set_expiry("acme/trees", above, Some(soon(60))),
            remove("acme/trees", above),
        ];
        for call in touches {
            world.refused(call.by("mona"), PermissionDenied, "TARGET_ROLE_ABOVE_OWN").await;
        }
    }
    world.all([set_role("acme/trees", "@acme/crew", Reader).by("alma"), remove("acme/trees", "alma").by("adam")]).await;
}

#[tokio::test]
async fn what_counts_is_the_highest_role_of_the_actor_at_that_moment() {
    let world = World::acme().await;
    // rita is a reader herself, and a manager by her team
    world.all([calls::add_team_member("@acme/crew", "rita"), add("acme/trees", "@acme/crew", Manager)]).await;
    world.send(add("acme/trees", "mia", Manager).by("rita")).await;
    world.send(calls::remove_team_member("@acme/crew", "rita")).await;
    assert_eq!(world.denied(remove("acme/trees", "mia").by("rita")).await, "delete_collaborators");
    // a role that has run out gives nothing
    world.send(calls::set_expiry("acme/trees", "mona", Some(soon(1)))).await;
    world.send(set_role("acme/trees", "rita", Editor).by("mona")).await;
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    world.denied(set_role("acme/trees", "rita", Reader).by("mona")).await;
}

#[tokio::test]
async fn anyone_may_leave_but_the_owner() {
    let world = World::acme().await;
    let leaves = [
        ("alma", remove("acme/trees", "alma")),
        ("rita", remove("acme/trees", "RITA")),
        ("max", calls::remove_team_member("@acme/crew", "max")),
        ("mia", calls::remove_member("acme", "mia")),
        ("adam", calls::remove_member("acme", "Adam")),
    ];
    for (user, call) in leaves {
        world.send(call.by(user)).await;
    }
    let stays = calls::remove_member("acme", "olga").by("olga");
    world.refused(stays, FailedPrecondition, "ORGANIZATION_OWNER_REQUIRED").await;
    world.refused(remove("pia/garden", "pia").by("pia"), NotFound, "NOT_FOUND").await;
    assert_eq!(world.denied(calls::remove_member("acme", "ivan").by("ivan")).await, "delete_members");
    assert_eq!(world.denied(calls::remove_member("acme", "max").by("rita")).await, "delete_members");
    world.refused(calls::remove_member("acme", "sam").by("sam"), NotFound, "NOT_FOUND").await;
}

#[tokio::test]
async fn a_creator_is_admin_of_what_it_creates_until_it_leaves() {
    let world = World::acme().await;
    world.send(create_project("acme", "stones").by("cleo")).await;
    assert_eq!(world.last_changes().await, ["project acme/stones made", "collaborator acme/stones cleo made"]);
    assert_eq!(world.role("cleo", "acme/stones").await, Some((Admin, Origin::Collaborator)));
    assert_eq!(world.role("cleo", "acme/trees").await, None);
    // that stays with the role, and does not come with it
    world.send(calls::set_member_role("acme", "cleo", Member)).await;
    assert_eq!(world.role("cleo", "acme/stones").await, Some((Admin, Origin::Collaborator)));
    assert_eq!(world.denied(create_project("acme", "shells").by("cleo")).await, "create_projects");
    world.send(calls::remove_member("acme", "cleo")).await;
    assert_eq!(world.role("cleo", "acme/stones").await, None);
    world.send(calls::add_member("acme", "cleo", Creator)).await;
    assert_eq!(world.role("cleo", "acme/stones").await, None);
}

#[tokio::test]
async fn who_is_more_than_a_creator_needs_no_role_on_what_it_creates() {
    let world = World::acme().await;
    for (actor, owner, origin) in [
        ("olga", "acme", Origin::OrganizationOwner),
        ("adam", "acme", Origin::OrganizationAdmin),
        ("sam", "sam", Origin::ProjectOwner),
    ] {
        let project = format!("{actor}-made");
        world.send(create_project(owner, &project).by(actor)).await;
        assert_eq!(world.last_changes().await, [format!("project {owner}/{project} made")]);
        assert_eq!(world.role(actor, &format!("{owner}/{project}")).await, Some((Admin, origin)));
    }
    world.send(create_project("acme", "own-right")).await;
    assert_eq!(world.last_changes().await, ["project acme/own-right made"]);
    world.send(calls::set_member_role("acme", "mia", OrgAdmin).by("adam")).await;
}

#[tokio::test]
async fn nobody_makes_its_own_role_last_longer() {
    let world = World::acme().await;
    world.send(calls::set_expiry("acme/trees", "mona", Some(soon(60)))).await;
    for longer in [None, Some(soon(120))] {
        let call = calls::set_expiry("acme/trees", "mona", longer).by("mona");
        world.refused(call, PermissionDenied, "ROLE_ABOVE_OWN").await;
    }
    world.send(calls::set_expiry("acme/trees", "mona", Some(soon(30))).by("mona")).await;
    world.send(calls::set_expiry("acme/trees", "mona", None)).await;
}
