//! Listings: complete and in order, stable while others write, and never cut short without saying so.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rolegate::grpc::v1::OrganizationRole::Member;
use rolegate::grpc::v1::ProjectRole::Reader;
use rolegate::grpc::v1::{self};
use tonic::Code::InvalidArgument;
use tonic::Status;
use tonic_types::StatusExt as _;

use super::calls::{self, Call, add, add_member};
use super::world::World;
use crate::support::{Service, reason};

/// A list and what it is asked with.
#[derive(Debug, Clone, Copy)]
enum List {
    Users,
    Organizations,
    Members { hidden: bool },
    Teams,
    TeamMembers,
    Projects { owner: &'static str },
    Collaborators { incognito: bool },
    Plans,
}

const ALL: [List; 10] = [
    List::Users,
    List::Organizations,
    List::Members { hidden: false },
    List::Members { hidden: true },
    List::Teams,
    List::TeamMembers,
    List::Projects { owner: "" },
    List::Projects { owner: "acme" },
    List::Collaborators { incognito: false },
    List::Plans,
];

macro_rules! page {
    ($service:expr, $client:ident.$method:ident, $request:ident { $($field:ident: $value:expr),* },
     $size:expr, $token:expr, $rows:ident, |$row:ident| $key:expr) => {{
        let request = v1::$request { page_size: $size, page_token: $token, $($field: $value),* };
        let page = $service.$client().$method(request).await?.into_inner();
        Ok((page.$rows.into_iter().map(|$row| $key).collect(), page.next_page_token))
    }};
}

impl List {
    /// A page of names, and the token of the next one.
    async fn page(self, service: &Service, size: i32, token: &str) -> Result<(Vec<String>, String), Status> {
        let (token, acme) = (token.to_owned(), "acme".to_owned());
        match self {
            Self::Users => {
                page!(service, users.list, UserServiceListRequest {}, size, token, users, |row| row.username)
            }
            Self::Organizations => page!(
                service,
                organizations.list,
                OrganizationServiceListRequest {},
                size,
                token,
                organizations,
                |row| row.username
            ),
            Self::Members { hidden } => page!(
                service,
                organizations.list_members,
                ListMembersRequest { organization: acme, include_hidden: hidden },
                size,
                token,
                members,
                |row| row.user
            ),
            Self::Teams => {
                page!(service, teams.list, TeamServiceListRequest { organization: acme }, size, token, teams, |row| row
                    .name)
            }
            Self::TeamMembers => page!(
                service,
                teams.list_team_members,
                ListTeamMembersRequest { team: "@acme/crew".to_owned() },
                size,
                token,
                team_members,
                |row| row.user
            ),
            Self::Projects { owner } => page!(
                service,
                projects.list,
                ProjectServiceListRequest { owner: owner.to_owned() },
                size,
                token,
                projects,
                |row| format!("{}/{}", row.owner, row.name)
            ),
            Self::Collaborators { incognito } => page!(
                service,
                collaborators.list,
                CollaboratorServiceListRequest { project: "acme/trees".to_owned(), include_incognito: incognito },
                size,
                token,
                collaborators,
                |row| row.collaborator
            ),
            Self::Plans => page!(service, plans.list, PlanServiceListRequest {}, size, token, plans, |row| row.code),
        }
    }

    /// All pages of that size, one after the other, with a write between each two.
    async fn walk(self, world: &World, size: i32, between: Vec<Call>) -> Vec<String> {
        let (mut names, mut token, mut between) = (Vec::new(), String::new(), between.into_iter());
        loop {
            let (page, next) = self.page(&world.service, size, &token).await.unwrap();
            assert!(page.len() <= usize::try_from(size).unwrap());
            names.extend(page);
            if next.is_empty() {
                return names;
            }
            token = next;
            if let Some(call) = between.next() {
                world.send(call).await;
            }
        }
    }
}

#[tokio::test]
async fn every_list_is_complete_and_in_order_whatever_the_size_of_its_pages() {
    let world = crowded().await;
    for list in ALL {
        let (whole, end) = list.page(&world.service, 1_000, "").await.unwrap();
        assert_eq!(end, "", "{list:?}");
        assert!(whole.len() >= 3, "{list:?}: {whole:?}");
        for size in [1, 2, 3, 7] {
            assert_eq!(list.walk(&world, size, Vec::new()).await, whole, "{list:?} by {size}");
        }
        // a page that is just full is the last one
        let exactly = i32::try_from(whole.len()).unwrap();
        assert_eq!(list.page(&world.service, exactly, "").await.unwrap().1, "", "{list:?}");
        if !matches!(list, List::Projects { owner: "" }) {
            let mut sorted = whole.clone();
            // the case of accounts and teams does not matter; that of projects and plans does
            let exact = matches!(list, List::Projects { .. } | List::Plans);
            sorted.sort_by_key(|name| if exact { name.clone() } else { name.to_lowercase() });
            assert_eq!(whole, sorted, "{list:?}");
        }
    }
    // 0 is 50
    for number in 0..50 {
        world.send(calls::create_user(&format!("zoe{number:02}"))).await;
    }
    let (page, token) = List::Users.page(&world.service, 0, "").await.unwrap();
    assert_eq!((page.len(), token.is_empty()), (50, false));
}

#[tokio::test]
async fn pages_stay_whole_while_rows_come_and_go() {
    let world = crowded().await;
    // behind the cursor nothing shows, before it everything; the row that the cursor stands on may go
    let writes = vec![
        calls::create_user("aaron"),
        calls::rename_user("alma", "zelda"),
        calls::create_user("yves"),
        calls::delete_user("sam"),
        calls::create_user("Aaron2"),
    ];
    let before = List::Users.walk(&world, 1_000, Vec::new()).await;
    let walked = List::Users.walk(&world, 3, writes).await;
    let mut expected: Vec<String> = before.into_iter().filter(|name| name != "sam").collect();
    let last = expected.len() - 1;
    expected.splice(last..last, ["yves", "zelda"].map(str::to_owned));
    assert_eq!(walked, expected);

    let members = List::Members { hidden: true };
    let mut expected = members.walk(&world, 1_000, Vec::new()).await;
    expected.retain(|name| name != "rolf");
    // b-2 ends the first page, and goes while its token is out
    let writes = vec![calls::remove_member("acme", "b-2"), calls::remove_member("acme", "rolf")];
    assert_eq!(members.walk(&world, 2, writes).await, expected);

    let projects = List::Projects { owner: "acme" };
    let mut expected = projects.walk(&world, 1_000, Vec::new()).await;
    expected.retain(|name| name != "acme/trees");
    let writes = vec![calls::delete_project("acme/trees"), calls::create_project("acme", "0-first")];
    assert_eq!(projects.walk(&world, 2, writes).await, expected);
}

#[tokio::test]
async fn hidden_members_and_incognito_collaborators_show_when_asked_for() {
    let world = World::acme().await;
    world
        .all([calls::set_member_public("acme", "mia", false), calls::add_incognito("acme/trees", "mia", Reader)])
        .await;
    world.all([calls::set_incognito("acme/trees", "rita", true), add("acme/trees", "@acme/crew", Reader)]).await;
    let shown = List::Members { hidden: false }.walk(&world, 2, Vec::new()).await;
    assert_eq!(shown, ["adam", "alma", "cleo", "edda", "ivan", "max", "mona", "rita", "rolf"]);
    let all = List::Members { hidden: true }.walk(&world, 2, Vec::new()).await;
    assert_eq!(all, ["adam", "alma", "cleo", "edda", "ivan", "max", "mia", "mona", "rita", "rolf"]);
    let shown = List::Collaborators { incognito: false }.walk(&world, 2, Vec::new()).await;
    assert_eq!(shown, ["@acme/crew", "alma", "edda", "mona", "rolf"]);
    let all = List::Collaborators { incognito: true }.walk(&world, 2, Vec::new()).await;
    assert_eq!(all, ["@acme/crew", "alma", "edda", "mia", "mona", "rita", "rolf"]);
    // by name, unasked
    let asked = v1::CollaboratorServiceGetRequest { project: "acme/trees".into(), collaborator: "MIA".into() };
    let found = world.service.collaborators().get(asked).await.unwrap().into_inner().collaborator.unwrap();
    assert!(found.incognito);
    let asked = v1::GetMemberRequest { organization: "acme".into(), user: "Mia".into() };
    assert!(!world.service.organizations().get_member(asked).await.unwrap().into_inner().member.unwrap().public);
}

#[tokio::test]
async fn sizes_and_tokens_that_are_not_ours_are_refused() {
    let world = crowded().await;
    let mut tokens = Vec::new();
    for list in ALL {
        for size in [-1, 1_001, i32::MIN, i32::MAX] {
            bad(list, &world, size, "", ("INVALID_FIELD", "page_size")).await;
        }
        tokens.push(list.page(&world.service, 1, "").await.unwrap().1);
    }
    for (place, list) in ALL.into_iter().enumerate() {
        for (_, token) in tokens.iter().enumerate().filter(|(other, _)| *other != place) {
            bad(list, &world, 1, token, ("INVALID_PAGE_TOKEN", "page_token")).await;
        }
        let bytes = URL_SAFE_NO_PAD.decode(&tokens[place]).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            bad(list, &world, 1, &URL_SAFE_NO_PAD.encode(flipped), ("INVALID_PAGE_TOKEN", "page_token")).await;
        }
        for garbage in ["\0", "alma", "é", &tokens[place][1..], &"A".repeat(10_000)] {
            bad(list, &world, 1, garbage, ("INVALID_PAGE_TOKEN", "page_token")).await;
        }
    }
    // the size of a page may change from one to the next
    List::Users.page(&world.service, 5, &tokens[0]).await.unwrap();
}

async fn bad(list: List, world: &World, size: i32, token: &str, expected: (&str, &str)) {
    let status = list.page(&world.service, size, token).await.unwrap_err();
    let violations = status.get_details_bad_request().unwrap().field_violations;
    assert_eq!(status.code(), InvalidArgument, "{list:?} {size} {token}");
    assert_eq!((reason(&status).as_str(), violations[0].field.as_str()), expected, "{list:?} {size} {token}");
}

/// Acme with three and more of everything, in mixed case.
async fn crowded() -> World {
    let world = World::acme().await;
    let more = ["Bella", "ZETA-user", "b-2", "b_2"];
    world.all(more.map(calls::create_user)).await;
    world.all(["Omega", "psi"].map(|name| calls::create_organization(name, "sam"))).await;
    world.all(more.map(|user| add_member("acme", user, Member))).await;
    world.all(["@acme/Alpha", "@acme/beta", "@acme/a-1"].map(calls::create_team)).await;
    world.all(more.map(|user| calls::add_team_member("@acme/crew", user))).await;
    world.all(["Stones", "a.b", "1", "_x"].map(|name| calls::create_project("acme", name))).await;
    world.all(["@acme/beta", "@acme/Alpha", "Bella", "b_2"].map(|who| add("acme/trees", who, Reader))).await;
    world.all(["Zinc", "gold"].map(|code| calls::put_plan(code, false, -1, -1))).await;
    world
}
