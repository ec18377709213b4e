//! Every refusal of the permission model by its reason and code, none of which changes anything.

use rolegate::grpc::v1::OrganizationRole::{Admin as OrgAdmin, Member};
use rolegate::grpc::v1::ProjectRole::{Admin, Editor, Reader, Reporter};
use rolegate::grpc::v1::{self, PlanServicePutRequest};
use tonic::Code::{AlreadyExists, FailedPrecondition, InvalidArgument};

use super::calls::{self, Call, add, add_member, add_team_member, create_project, create_user, rename_user};
use super::world::World;

#[tokio::test]
async fn nobody_is_added_where_it_is_already() {
    let world = World::acme().await;
    world.send(add("acme/trees", "@acme/crew", Reader)).await;
    let trees = world.service.create_project("acme/stones", false).await;
    world.send(add(&trees, "mia", Reader)).await;
    let again = [
        add("acme/trees", "rita", Reader),
        add("ACME/trees", "RITA", Editor),
        add("acme/trees", "@Acme/CREW", Reader),
        add(&trees, "mia", Admin),
    ];
    world.refused_all(AlreadyExists, "ALREADY_COLLABORATOR", again).await;
    let again = [add_member("acme", "mia", Member), add_member("Acme", "Mia", OrgAdmin)];
    world.refused_all(AlreadyExists, "ALREADY_MEMBER", again).await;
    let again = [add_team_member("@acme/crew", "max"), add_team_member("@ACME/Crew", "MAX")];
    world.refused_all(AlreadyExists, "ALREADY_TEAM_MEMBER", again).await;
}

#[tokio::test]
async fn who_does_not_belong_there_is_not_added() {
    let world = World::acme().await;
    world.all([calls::create_organization("zeta", "sam"), calls::create_team("@zeta/crew")]).await;
    let owners =
        [add("acme/trees", "acme", Reader), add("pia/garden", "pia", Reader), add("pia/garden", "PIA", Reader)];
    world.refused_all(FailedPrecondition, "OWNER_CANNOT_BE_COLLABORATOR", owners).await;
    world.refused(add_member("acme", "olga", Member), FailedPrecondition, "OWNER_CANNOT_BE_MEMBER").await;
    let strangers = [add("acme/trees", "sam", Reader), add_team_member("@acme/crew", "sam")];
    world.refused_all(FailedPrecondition, "NOT_ORGANIZATION_MEMBER", strangers).await;
    let teams = [add("acme/trees", "@zeta/crew", Reader), add("pia/garden", "@acme/crew", Reader)];
    world.refused_all(FailedPrecondition, "TEAM_NOT_IN_ORGANIZATION", teams).await;
    world.refused(add("pia/garden", "mia", Reader), FailedPrecondition, "PREMIUM_REQUIRED").await;
    let organizations = [
        add("acme/trees", "zeta", Reader),
        add_member("acme", "zeta", Member),
        add_member("acme", "acme", Member),
        add_team_member("@acme/crew", "acme"),
        calls::transfer_organization("acme", "zeta"),
        calls::create_organization("omega", "zeta"),
    ];
    world.refused_all(FailedPrecondition, "NOT_A_PERSON", organizations).await;
}

#[tokio::test]
async fn the_owner_and_members_of_an_organization_can_be_added() {
    let world = World::acme().await;
    let fine = [
        add("acme/trees", "olga", Reader),
        add_team_member("@acme/crew", "olga"),
        add_team_member("@acme/crew", "adam"),
        add("pia/garden", "pam", Admin),
        calls::set_public("pia/garden", true),
        add("pia/garden", "mia", Editor),
    ];
    world.all(fine).await;
}

#[tokio::test]
async fn an_organization_always_has_an_active_owner() {
    let world = World::acme().await;
    let refused = [
        calls::transfer_organization("acme", "ivan"),
        calls::create_organization("omega", "ivan"),
        calls::remove_member("acme", "olga"),
        calls::remove_member("acme", "olga").by("adam"),
        calls::remove_member("acme", "OLGA").by("olga"),
    ];
    world.refused_all(FailedPrecondition, "ORGANIZATION_OWNER_REQUIRED", refused).await;
}

#[tokio::test]
async fn the_first_reason_of_the_order_is_named_for_a_new_collaborator() {
    let world = World::acme().await;
    world.all([plan("tight", 0, true), calls::set_user_plan("pia", "tight")]).await;
    world.all([calls::set_organization_plan("acme", "tight"), calls::set_public("pia/garden", true)]).await;
    world.all([add("pia/garden", "mia", Reader), calls::set_public("pia/garden", false)]).await;

    // each of these meets every reason that comes later in the order, too
    world.refused(add("pia/garden", "pia", Admin), FailedPrecondition, "OWNER_CANNOT_BE_COLLABORATOR").await;
    world.refused(add("pia/garden", "mia", Admin), AlreadyExists, "ALREADY_COLLABORATOR").await;
    world.refused(add("pia/garden", "@acme/crew", Admin), FailedPrecondition, "TEAM_NOT_IN_ORGANIZATION").await;
    world.refused(add("acme/trees", "sam", Admin), FailedPrecondition, "NOT_ORGANIZATION_MEMBER").await;
    world.refused(add("pia/garden", "sam", Admin), FailedPrecondition, "COLLABORATOR_LIMIT_REACHED").await;
    world.send(plan("tight", 2, true)).await;
    world.refused(add("pia/garden", "sam", Admin), FailedPrecondition, "PREMIUM_REQUIRED").await;
    world.refused(add("pia/garden", "pam", Admin), FailedPrecondition, "ROLE_NOT_ALLOWED_ON_PERSONAL_PROJECT").await;
    world.send(add("pia/garden", "pam", Reporter)).await;
}

#[tokio::test]
async fn names_are_taken_whatever_their_case() {
    let world = World::acme().await;
    let taken = [
        create_user("Mia"),
        create_user("ACME"),
        calls::create_organization("acme", "sam"),
        calls::create_organization("SAM", "sam"),
        rename_user("sam", "MIA"),
        rename_user("sam", "Acme"),
        calls::rename_organization("acme", "Sam"),
    ];
    world.refused_all(AlreadyExists, "USERNAME_TAKEN", taken).await;
    world.send(calls::create_team("@acme/Scouts")).await;
    let taken = [calls::create_team("@acme/SCOUTS"), calls::rename_team("@acme/crew", "scouts")];
    world.refused_all(AlreadyExists, "TEAM_NAME_TAKEN", taken).await;
    // its own name in another case is free for it
    world.all([rename_user("sam", "SAM"), calls::rename_team("@acme/crew", "CREW")]).await;
    world.all([calls::rename_organization("acme", "Acme"), calls::create_project("acme", "TREES")]).await;
}

#[tokio::test]
async fn a_project_name_is_taken_once_an_owner() {
    let world = World::acme().await;
    let id = world.service.create_project("acme/stones", false).await;
    world.send(create_project("olga", "trees")).await;
    let with_id = |owner: &str, id: &str| match create_project(owner, "fresh") {
        Call::CreateProject(request) => {
            Call::CreateProject(v1::ProjectServiceCreateRequest { id: id.into(), ..request })
        }
        other => other,
    };
    let taken = [
        create_project("acme", "trees"),
        create_project("ACME", "trees"),
        calls::rename_project("acme/stones", "trees"),
        calls::transfer_project("acme/trees", "olga"),
        with_id("acme", &id),
        with_id("pia", &id.to_uppercase()),
    ];
    world.refused_all(AlreadyExists, "PROJECT_NAME_TAKEN", taken).await;
    world.send(create_project("pia", "trees")).await;
}

#[tokio::test]
async fn names_that_break_the_rule_or_are_reserved_are_refused() {
    let world = World::acme().await;
    let long = "a".repeat(151);
    let decomposed = "mi\u{0061}\u{0308}";
    let invalid = ["", "ab", "9lives", "_mia", "-mia", "mi a", "mia.x", "mi/a", "@mia", "mia\0", "mía", decomposed];
    for name in invalid.into_iter().chain([long.as_str(), "mia\n", "\u{212a}elvin"]) {
        let calls = [
            create_user(name),
            rename_user("sam", name),
            calls::create_organization(name, "sam"),
            calls::rename_organization("acme", name),
            calls::rename_team("@acme/crew", name),
        ];
        world.refused_all(InvalidArgument, "USERNAME_INVALID", calls).await;
    }
    for name in ["user", "Files", "QFIELD-files", "esri", "organization", "deltafile"] {
        let calls = [
            create_user(name),
            rename_user("sam", name),
            calls::create_organization(name, "sam"),
            calls::rename_organization("acme", name),
            calls::create_team(&format!("@acme/{name}")),
            calls::rename_team("@acme/crew", name),
        ];
        world.refused_all(InvalidArgument, "USERNAME_RESERVED", calls).await;
    }
    for name in ["", ".hidden", "-x", "a/b", "a b", "\0", "é", &"p".repeat(256)] {
        let calls = [create_project("acme", name), calls::rename_project("acme/trees", name)];
        world.refused_all(InvalidArgument, "PROJECT_NAME_INVALID", calls).await;
    }
    world.all([create_user(&"b".repeat(150)), create_project("acme", &"p".repeat(255))]).await;
}

#[tokio::test]
async fn a_plan_stays_while_somebody_is_on_it() {
    let world = World::acme().await;
    let plans = [calls::delete_plan("default"), calls::delete_plan("premium")];
    world.refused_all(FailedPrecondition, "PLAN_IN_USE", plans).await;
    world.all(["pia", "pam"].map(|user| calls::set_user_plan(user, "default"))).await;
    world.send(calls::delete_plan("premium")).await;
}

/// A plan with that many collaborators, with or without the cap on personal projects.
fn plan(code: &str, collaborators: i32, capped: bool) -> Call {
    let Call::PutPlan(request) = calls::put_plan(code, false, collaborators, -1) else { unreachable!() };
    let plan = request.plan.map(|plan| v1::Plan { personal_projects_up_to_reporter: capped, ..plan });
    Call::PutPlan(PlanServicePutRequest { plan, ..Default::default() })
}
