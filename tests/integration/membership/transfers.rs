//! Transfers: who is what afterwards, what went with it, and that only an owner can.

use rolegate::grpc::v1::OrganizationRole::{Admin as OrgAdmin, Creator, Member};
use rolegate::grpc::v1::ProjectRole::{Admin, Editor, Manager, Reader};
use rolegate::grpc::v1::{GetMemberRequest, Origin};

use super::calls::{self, add};
use super::cascades::goes;
use super::world::World;

#[tokio::test]
async fn the_former_owner_of_an_organization_becomes_an_admin_member() {
    let world = World::acme().await;
    let handed_over = calls::transfer_organization("acme", "sam").by("olga");
    goes(&world, handed_over, &[], &["organization acme changed", "member acme olga made"]).await;
    assert_eq!(world.role("sam", "acme/trees").await, Some((Admin, Origin::OrganizationOwner)));
    assert_eq!(world.role("olga", "acme/trees").await, Some((Admin, Origin::OrganizationAdmin)));
    let asked = GetMemberRequest { organization: "acme".to_owned(), user: "olga".to_owned() };
    let member = world.service.organizations().get_member(asked).await.unwrap().into_inner().member.unwrap();
    assert_eq!((member.role(), member.public), (OrgAdmin, false));
    // an admin like any other: it owns nothing there any more
    assert_eq!(world.denied(calls::transfer_organization("acme", "olga").by("olga")).await, "transfer_organization");
    assert_eq!(world.denied(calls::delete_organization("acme").by("olga")).await, "delete_organization");
    world.send(calls::remove_member("acme", "olga").by("sam")).await;
    assert_eq!(world.role("olga", "acme/trees").await, None);
}

#[tokio::test]
async fn the_new_owner_of_an_organization_is_no_member_any_more() {
    let world = World::acme().await;
    world.all([calls::add_team_member("@acme/crew", "rita"), add("acme/trees", "@acme/crew", Manager)]).await;
    let gone = ["TEAM_MEMBER @acme/crew rita", "COLLABORATOR acme/trees rita", "MEMBER acme rita"];
    let changed = ["organization acme changed", "member acme olga made"];
    goes(&world, calls::transfer_organization("acme", "rita").by("olga"), &gone, &changed).await;
    assert_eq!(world.role("rita", "acme/trees").await, Some((Admin, Origin::OrganizationOwner)));
    // passed on, it keeps only what an admin has, and nothing comes back
    world.send(calls::transfer_organization("acme", "olga").by("rita")).await;
    assert_eq!(world.role("rita", "acme/trees").await, Some((Admin, Origin::OrganizationAdmin)));
    world.send(calls::remove_member("acme", "rita")).await;
    assert_eq!(world.role("rita", "acme/trees").await, None);
}

#[tokio::test]
async fn a_transfer_to_whom_it_belongs_changes_nothing() {
    let world = World::acme().await;
    let calls = [calls::transfer_organization("acme", "OLGA"), calls::transfer_project("acme/trees", "Acme")];
    for call in calls {
        let before = world.dump().await;
        let answer = world.send(call.by("olga")).await;
        assert_eq!(answer.removals.len(), 0);
        assert_eq!(world.dump().await, before, "not even a revision");
    }
    assert_eq!(world.role("rita", "acme/trees").await, Some((Reader, Origin::Collaborator)));
}

#[tokio::test]
async fn a_project_leaves_strangers_behind_when_an_organization_takes_it() {
    let world = World::acme().await;
    world.all(["mia", "sam", "olga"].map(|user| calls::set_user_plan(user, "premium"))).await;
    world.all(["mia", "sam", "olga", "pam"].map(|user| add("pia/garden", user, Editor))).await;
    world.send(calls::add_member("acme", "pia", Creator)).await;
    let gone = ["COLLABORATOR pia/garden sam", "COLLABORATOR pia/garden pam"];
    let call = calls::transfer_project("pia/garden", "acme").by("pia");
    goes(&world, call, &gone, &["project pia/garden changed"]).await;
    for user in ["sam", "pam", "pia"] {
        assert_eq!(world.role(user, "acme/garden").await, None, "{user}");
    }
    assert_eq!(world.role("mia", "acme/garden").await, Some((Editor, Origin::Collaborator)));
    assert_eq!(world.role("olga", "acme/garden").await, Some((Admin, Origin::OrganizationOwner)));
    assert_eq!(world.role("olga", "pia/garden").await, None, "the old path is gone");
}

#[tokio::test]
async fn a_project_leaves_teams_and_its_new_owner_behind_when_a_user_takes_it() {
    let world = World::acme().await;
    world.all([add("acme/trees", "@acme/crew", Editor), add("acme/trees", "olga", Reader)]).await;
    world.send(calls::set_default_role("acme", Reader)).await;
    let gone = ["COLLABORATOR acme/trees @acme/crew", "COLLABORATOR acme/trees olga"];
    let call = calls::transfer_project("acme/trees", "olga").by("olga");
    goes(&world, call, &gone, &["project acme/trees changed"]).await;
    assert_eq!(world.role("olga", "olga/trees").await, Some((Admin, Origin::ProjectOwner)));
    assert_eq!(world.role("edda", "olga/trees").await, Some((Editor, Origin::Collaborator)));
    for user in ["max", "mia", "adam"] {
        assert_eq!(world.role(user, "olga/trees").await, None, "{user}");
    }
}

#[tokio::test]
async fn a_project_passes_from_one_organization_to_another_with_the_people_of_both() {
    let world = World::acme().await;
    world.all([calls::create_organization("zeta", "olga"), calls::create_team("@zeta/crew")]).await;
    world.all(["rita", "sam"].map(|user| calls::add_member("zeta", user, Member))).await;
    world.send(add("acme/trees", "@acme/crew", Editor)).await;
    let gone = [
        "COLLABORATOR acme/trees rolf",
        "COLLABORATOR acme/trees edda",
        "COLLABORATOR acme/trees mona",
        "COLLABORATOR acme/trees alma",
        "COLLABORATOR acme/trees @acme/crew",
    ];
    let call = calls::transfer_project("acme/trees", "zeta").by("olga");
    goes(&world, call, &gone, &["project acme/trees changed"]).await;
    assert_eq!(world.role("rita", "zeta/trees").await, Some((Reader, Origin::Collaborator)));
    for user in ["adam", "alma", "mona", "max", "sam"] {
        assert_eq!(world.role(user, "zeta/trees").await, None, "{user}");
    }
    world.send(add("zeta/trees", "@zeta/crew", Reader)).await;
}
