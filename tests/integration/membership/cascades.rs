//! What goes with what: in one revision, with every row in the log and in the answer, and no origin left behind.

use rolegate::grpc::v1::OrganizationRole::{Admin as OrgAdmin, Member};
use rolegate::grpc::v1::ProjectRole::{Admin, Editor, Reader};
use rolegate::grpc::v1::{OrganizationServiceDeleteRequest, Origin};

use super::calls::{self, Call, add, create_project};
use super::world::World;

#[tokio::test]
async fn a_removed_member_keeps_no_origin() {
    let world = twice().await;
    let gone = [
        "TEAM_MEMBER @acme/crew mia",
        "TEAM_MEMBER @acme/scouts mia",
        "COLLABORATOR acme/stones mia",
        "COLLABORATOR acme/trees mia",
        "MEMBER acme mia",
    ];
    let kept = ["stones", "trees"].map(|project| format!("zeta/{project}"));
    goes(&world, calls::remove_member("acme", "mia"), &gone, &[]).await;
    for project in ["acme/trees", "acme/stones", "acme/shells"] {
        assert_eq!(world.role("mia", project).await, None, "{project}");
    }
    // pairs stay pairs: neither mia's places elsewhere nor max's here went
    for project in &kept {
        assert_eq!(world.role("mia", project).await, Some((Reader, Origin::Collaborator)), "{project}");
        assert_eq!(world.role("max", project).await, Some((Reader, Origin::Collaborator)), "{project}");
    }
    assert_eq!(world.role("max", "acme/trees").await, Some((Editor, Origin::TeamMember)));
    assert_eq!(world.role("max", "acme/stones").await, Some((Reader, Origin::Collaborator)));
    // and nothing comes back with the membership but what it gives itself
    world.send(calls::add_member("acme", "mia", Member)).await;
    assert_eq!(world.role("mia", "acme/trees").await, None);
}

#[tokio::test]
async fn a_deleted_team_gives_no_role() {
    let world = twice().await;
    let gone = [
        "COLLABORATOR acme/shells @acme/crew",
        "COLLABORATOR acme/trees @acme/crew",
        "TEAM_MEMBER @acme/crew mia",
        "TEAM_MEMBER @acme/crew max",
        "TEAM @acme/crew",
    ];
    goes(&world, calls::delete_team("@acme/crew"), &gone, &[]).await;
    assert_eq!(world.role("max", "acme/shells").await, None);
    assert_eq!(world.role("max", "acme/trees").await, Some((Reader, Origin::Collaborator)));
    // a new team of that name is another one
    world.all([calls::create_team("@acme/crew"), calls::add_team_member("@acme/crew", "max")]).await;
    assert_eq!(world.role("max", "acme/shells").await, None);
}

#[tokio::test]
async fn a_deleted_organization_takes_all_of_its_own_and_nothing_else() {
    let world = twice().await;
    let gone = acme();
    goes(&world, calls::delete_organization("acme"), &strs(&gone), &[]).await;
    for (user, project) in
        [("mia", "acme/trees"), ("olga", "acme/trees"), ("max", "acme/shells"), ("cleo", "acme/trees")]
    {
        assert_eq!(world.role(user, project).await, None, "{user}");
    }
    assert_eq!(world.role("mia", "zeta/trees").await, Some((Reader, Origin::Collaborator)));
    // a new organization of that name finds nothing of the old
    world.all([calls::create_organization("acme", "sam"), create_project("acme", "trees")]).await;
    assert_eq!(world.role("olga", "acme/trees").await, None);
    assert_eq!(world.role("mia", "acme/trees").await, None);
}

#[tokio::test]
async fn a_deleted_user_takes_what_it_owns() {
    let world = twice().await;
    world.all(["pam", "olga"].map(|user| calls::set_user_plan(user, "premium"))).await;
    world.all([create_project("olga", "lake"), add("olga/lake", "pam", Reader)]).await;
    world.send(add("pia/garden", "olga", Admin)).await;
    world.all([calls::add_member("zeta", "olga", OrgAdmin), calls::add_team_member("@zeta/crew", "olga")]).await;
    let mut gone = acme();
    gone.extend(
        [
            "COLLABORATOR olga/lake pam",
            "PROJECT olga/lake",
            "COLLABORATOR pia/garden olga",
            "TEAM_MEMBER @zeta/crew olga",
            "MEMBER zeta olga",
            "USER olga",
        ]
        .map(str::to_owned),
    );
    goes(&world, calls::delete_user("olga"), &strs(&gone), &[]).await;
    world.send(calls::create_user("olga")).await;
    for project in ["zeta/trees", "zeta/stones", "acme/trees", "olga/lake", "pia/garden"] {
        assert_eq!(world.role("olga", project).await, None, "{project}");
    }
}

#[tokio::test]
async fn a_deleted_user_leaves_no_role_behind() {
    let world = twice().await;
    let gone = [
        "COLLABORATOR acme/stones mia",
        "COLLABORATOR acme/trees mia",
        "COLLABORATOR zeta/stones mia",
        "COLLABORATOR zeta/trees mia",
        "TEAM_MEMBER @acme/crew mia",
        "TEAM_MEMBER @acme/scouts mia",
        "TEAM_MEMBER @zeta/crew mia",
        "MEMBER acme mia",
        "MEMBER zeta mia",
        "USER mia",
    ];
    goes(&world, calls::delete_user("mia").by("mia"), &gone, &[]).await;
    world.send(calls::create_user("mia")).await;
    for project in ["acme/trees", "acme/stones", "zeta/trees", "zeta/stones"] {
        assert_eq!(world.role("mia", project).await, None, "{project}");
    }
}

#[tokio::test]
async fn a_deleted_project_takes_its_collaborators() {
    let world = twice().await;
    let gone = [
        "COLLABORATOR acme/trees mia",
        "COLLABORATOR acme/trees max",
        "COLLABORATOR acme/trees @acme/crew",
        "PROJECT acme/trees",
    ];
    goes(&world, calls::delete_project("acme/trees"), &gone, &[]).await;
    world.send(create_project("acme", "trees")).await;
    assert_eq!(world.role("mia", "acme/trees").await, None);
    assert_eq!(world.role("mia", "acme/stones").await, Some((Reader, Origin::Collaborator)));
}

#[tokio::test]
async fn an_answer_that_spells_out_a_thousand_removals_counts_them_all() {
    let world = World::acme().await;
    let crowd = "WITH crowd AS (
            INSERT INTO account (kind, username, plan_id)
            SELECT 'user', 'crowd' || number, 1 FROM generate_series(1, 1500) AS number RETURNING id
        )
        INSERT INTO member (organization_id, user_id, role, public)
        SELECT account.id, crowd.id, 'member', true FROM account, crowd WHERE username = 'acme'";
    world.database.execute(crowd, &[]).await.unwrap();
    let request = OrganizationServiceDeleteRequest { username: "acme".to_owned(), ..Default::default() };
    let answer = world.service.organizations().delete(request).await.unwrap().into_inner();
    let removals = answer.removals.unwrap();
    // 1,510 members, 5 collaborators, a team with somebody in it, a project and acme itself
    assert_eq!((removals.removals.len(), removals.total), (1_000, 1_519));
    assert_eq!(world.last_changes().await.len(), 1_519);
}

/// Two organizations with the same members, and rows for every pair of them.
async fn twice() -> World {
    let world = World::empty().await;
    world.all(["olga", "sam", "mia", "max", "cleo", "pia", "pam"].map(calls::create_user)).await;
    world.all([calls::put_plan("premium", true, -1, -1), calls::create_project("pia", "garden")]).await;
    for (organization, owner) in [("acme", "olga"), ("zeta", "sam")] {
        world.send(calls::create_organization(organization, owner)).await;
        world.all(["mia", "max"].map(|user| calls::add_member(organization, user, Member))).await;
        let crew = format!("@{organization}/crew");
        world.all([calls::create_team(&crew), calls::add_team_member(&crew, "mia")]).await;
        for name in ["trees", "stones"] {
            let project = format!("{organization}/{name}");
            world.send(create_project(organization, name)).await;
            world.all(["mia", "max"].map(|user| add(&project, user, Reader))).await;
        }
    }
    world.all([calls::add_team_member("@acme/crew", "max"), add("acme/trees", "@acme/crew", Editor)]).await;
    world.all([create_project("acme", "shells"), add("acme/shells", "@acme/crew", Editor)]).await;
    world.all([calls::create_team("@acme/scouts"), calls::add_team_member("@acme/scouts", "mia")]).await;
    world
}

/// All that goes with acme of [`twice`].
fn acme() -> Vec<String> {
    let text = "COLLABORATOR acme/trees mia|COLLABORATOR acme/trees max|COLLABORATOR acme/trees @acme/crew|\
        COLLABORATOR acme/stones mia|COLLABORATOR acme/stones max|COLLABORATOR acme/shells @acme/crew|\
        PROJECT acme/trees|PROJECT acme/stones|PROJECT acme/shells|TEAM_MEMBER @acme/crew mia|\
        TEAM_MEMBER @acme/crew max|TEAM_MEMBER @acme/scouts mia|TEAM @acme/crew|TEAM @acme/scouts|\
        MEMBER acme mia|MEMBER acme max|ORGANIZATION acme";
    text.split('|').map(str::to_owned).collect()
}

/// Says first what would go, and then takes exactly that, in one revision. `changed` is the rest of the log.
pub async fn goes(world: &World, call: Call, gone: &[&str], changed: &[&str]) {
    let before = world.dump().await;
    let said = call.clone().dry().send(&world.service).await.unwrap();
    assert_eq!((world.dump().await, said.revision.as_str()), (before, ""), "only asked");
    let revision = world.revision().await;
    let took = world.send(call).await;
    assert_eq!((sorted(&said.removals), !took.revision.is_empty()), (sorted(&took.removals), true));
    assert_eq!(sorted(&took.removals), sorted(gone));
    assert_eq!(world.revision().await, revision + 1, "one revision");
    let lower = |text: &&str| {
        let (kind, rest) = text.split_once(' ').unwrap();
        format!("{} {rest} gone", kind.to_lowercase())
    };
    let logged: Vec<String> = gone.iter().map(lower).chain(changed.iter().map(ToString::to_string)).collect();
    assert_eq!(sorted(&world.last_changes().await), sorted(&logged));
}

fn sorted<T: ToString>(list: &[T]) -> Vec<String> {
    let mut list: Vec<String> = list.iter().map(ToString::to_string).collect();
    list.sort();
    list
}

fn strs(list: &[String]) -> Vec<&str> {
    list.iter().map(String::as_str).collect()
}
