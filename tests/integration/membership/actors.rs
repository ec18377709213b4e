//! Which action a write asks of its actor: every write, by every level of actor, is allowed or denied as the table says.

use rolegate::grpc::v1::OrganizationRole::{Creator, Member};
use rolegate::grpc::v1::ProjectRole::{Editor, Reader};
use tonic::Code::{NotFound, PermissionDenied};

use super::calls::{self, Call};
use super::world::World;

/// From the highest level to none at all: an inactive admin, a stranger, somebody unknown, the organization itself.
const ORGANIZATION: [&str; 8] = ["olga", "adam", "cleo", "mia", "sam", "ivan", "nobody", "acme"];
const OWNER: usize = 1;
const ADMIN: usize = 2;
const CREATOR: usize = 3;

/// The owner of the organization, the roles by their order, and those without any.
const PROJECT: [&str; 11] = ["olga", "adam", "alma", "mona", "edda", "rolf", "rita", "cleo", "sam", "ivan", "nobody"];
const PROJECT_OWNER: usize = 1;
const MANAGER: usize = 4;

#[tokio::test]
async fn writes_of_an_organization_ask_for_the_level_of_their_action() {
    let world = World::acme().await;
    let table = [
        (calls::set_default_role("acme", Reader), "update_organization", ADMIN),
        (calls::rename_organization("acme", "acme2"), "update_organization", ADMIN),
        (calls::delete_organization("acme"), "delete_organization", OWNER),
        (calls::transfer_organization("acme", "sam"), "transfer_organization", OWNER),
        (calls::add_member("acme", "pia", Member), "create_members", ADMIN),
        (calls::set_member_role("acme", "max", Creator), "update_members", ADMIN),
        (calls::set_member_public("acme", "max", false), "update_members", ADMIN),
        (calls::remove_member("acme", "max"), "delete_members", ADMIN),
        (calls::create_team("@acme/scouts"), "create_teams", ADMIN),
        (calls::rename_team("@acme/crew", "scouts"), "update_teams", ADMIN),
        (calls::add_team_member("@acme/crew", "rita"), "update_teams", ADMIN),
        (calls::remove_team_member("@acme/crew", "max"), "update_teams", ADMIN),
        (calls::delete_team("@acme/crew"), "delete_teams", ADMIN),
        (calls::create_project("acme", "stones"), "create_projects", CREATOR),
    ];
    for (call, action, allowed) in table {
        obeys(&world, &call, action, &ORGANIZATION, allowed).await;
    }
}

#[tokio::test]
async fn writes_of_a_project_ask_for_the_role_of_their_action() {
    let world = World::acme().await;
    let table = [
        (calls::set_public("acme/trees", true), "update_project", MANAGER),
        (calls::rename_project("acme/trees", "shells"), "update_project", MANAGER),
        (calls::delete_project("acme/trees"), "delete_project", MANAGER),
        (calls::add("acme/trees", "max", Reader), "create_collaborators", MANAGER),
        (calls::add("acme/trees", "@acme/crew", Reader), "create_collaborators", MANAGER),
        (calls::set_role("acme/trees", "rita", Editor), "update_collaborators", MANAGER),
        (calls::set_expiry("acme/trees", "rita", None), "update_collaborators", MANAGER),
        (calls::remove("acme/stones", "@acme/crew"), "delete_collaborators", 2),
    ];
    let stones = [calls::create_project("acme", "stones"), calls::add("acme/stones", "@acme/crew", Reader)];
    world.all(stones).await;
    for (call, action, allowed) in table {
        obeys(&world, &call, action, &PROJECT, allowed).await;
    }
    let others: Vec<&str> = PROJECT.into_iter().filter(|actor| *actor != "rita").collect();
    obeys(&world, &calls::remove("acme/trees", "rita"), "delete_collaborators", &others, MANAGER).await;
    // to its own account, where everybody may create projects
    for (place, actor) in PROJECT.iter().enumerate().filter(|(_, actor)| **actor != "nobody") {
        let call = calls::transfer_project("acme/trees", actor);
        obeys(&world, &call, "transfer_project", &[actor], usize::from(place < PROJECT_OWNER)).await;
    }
}

#[tokio::test]
async fn a_project_goes_only_where_its_owner_may_create_projects() {
    let world = World::acme().await;
    world.all([calls::create_organization("zeta", "sam"), calls::create_organization("omega", "sam")]).await;
    world.all(["zeta", "omega"].map(|organization| calls::add_member(organization, "pia", Member))).await;
    world.send(calls::set_member_role("omega", "pia", Creator)).await;
    for heir in ["zeta", "acme", "pam"] {
        let lacks = world.denied(calls::transfer_project("pia/garden", heir).by("pia")).await;
        assert_eq!(lacks, "create_projects", "{heir}");
    }
    world.send(calls::transfer_project("pia/garden", "omega").by("pia")).await;
}

#[tokio::test]
async fn writes_of_a_user_ask_for_that_user() {
    let world = World::acme().await;
    // olga and adam manage an organization that mia belongs to
    let actors = ["mia", "olga", "adam", "cleo", "sam", "ivan", "nobody", "acme"];
    obeys(&world, &calls::rename_user("mia", "mimi"), "update_account", &actors, 1).await;
    obeys(&world, &calls::delete_user("mia"), "delete_account", &actors, 1).await;
    obeys(&world, &calls::create_project("mia", "stones"), "create_projects", &actors, 1).await;
    for inactive in [calls::rename_user("ivan", "ivo"), calls::delete_user("ivan"), calls::create_project("ivan", "x")]
    {
        world.denied(inactive.by("ivan")).await;
    }
}

#[tokio::test]
async fn any_active_user_creates_an_organization_and_owns_it() {
    let world = World::acme().await;
    for nobody in ["ivan", "nobody", "acme"] {
        let lacks = world.denied(calls::create_organization("omega", "").by(nobody)).await;
        assert_eq!(lacks, "create_organization", "{nobody}");
        world.denied(calls::create_organization("omega", nobody).by(nobody)).await;
    }
    world
        .all([calls::create_organization("omega", "").by("sam"), calls::create_organization("psi", "SAM").by("sam")])
        .await;
    world
        .all([calls::delete_organization("omega"), calls::delete_organization("psi")].map(|call| call.by("sam")))
        .await;
}

#[tokio::test]
async fn the_actor_never_stands_in_for_somebody_who_is_missing() {
    let world = World::acme().await;
    world.all([calls::add("pia/garden", "pam", Reader), calls::add("acme/trees", "olga", Reader)]).await;
    let missing = [
        calls::rename_user("ghost", "spirit"),
        calls::delete_user("ghost"),
        calls::create_project("ghost", "stones"),
        calls::transfer_project("acme/trees", "ghost"),
        calls::add("acme/trees", "ghost", Reader),
        calls::set_role("acme/trees", "ghost", Reader),
        calls::remove("acme/trees", "ghost"),
        calls::add_member("acme", "ghost", Member),
        calls::set_member_role("acme", "ghost", Member),
        calls::remove_member("acme", "ghost"),
        calls::add_team_member("@acme/crew", "ghost"),
        calls::remove_team_member("@acme/crew", "ghost"),
        calls::transfer_organization("acme", "ghost"),
        calls::delete_organization("ghost"),
    ];
    for call in missing {
        world.refused(call.clone().by("olga"), NotFound, "NOT_FOUND").await;
        world.refused(call, NotFound, "NOT_FOUND").await;
    }
    // nor for a team: only those who may remove it
    world.send(calls::add("acme/trees", "@acme/crew", Reader)).await;
    for actor in ["sam", "max", "rita", "edda"] {
        world.denied(calls::remove("acme/trees", "@acme/crew").by(actor)).await;
    }
}

#[tokio::test]
async fn some_fields_are_for_callers_in_their_own_right() {
    let world = World::acme().await;
    let with_plan = match calls::create_organization("omega", "") {
        Call::CreateOrganization(mut request) => {
            request.plan = "premium".to_owned();
            Call::CreateOrganization(request)
        }
        other => other,
    };
    let table = [
        ("olga", calls::create_user("newcomer")),
        ("mia", calls::set_active("mia", true)),
        ("mia", calls::set_active("mia", false)),
        ("ivan", calls::set_active("ivan", true)),
        ("adam", calls::set_active("ivan", true)),
        ("mia", calls::set_user_plan("mia", "premium")),
        ("olga", calls::set_organization_plan("acme", "premium")),
        ("olga", calls::create_organization("omega", "sam")),
        ("olga", with_plan),
        ("olga", calls::add_incognito("acme/trees", "max", Reader)),
        ("olga", calls::set_incognito("acme/trees", "rita", true)),
        ("pia", calls::put_plan("premium", true, -1, -1)),
        ("pia", calls::delete_plan("premium")),
        ("nobody", calls::create_user("nobody")),
    ];
    for (actor, call) in table {
        world.refused(call.by(actor), PermissionDenied, "PERMISSION_DENIED").await;
    }
}

/// Sends a write on behalf of each actor: the first `allowed` may, and the others lack `action`.
async fn obeys(world: &World, call: &Call, action: &str, actors: &[&str], allowed: usize) {
    for (place, actor) in actors.iter().enumerate() {
        let call = call.clone().by(actor).dry();
        if place < allowed {
            world.send(call).await;
        } else {
            assert_eq!(world.denied(call).await, action, "{actor}");
        }
    }
}
