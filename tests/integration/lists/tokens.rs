//! Page tokens lead on in their own list, for their own request, on their own database; pages have bounds.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rolegate::grpc::v1::{
    ListProjectsRequest, ListUsersRequest, OrganizationRole, Origin, ProjectRole, ProjectServiceListRequest,
};
use tonic::{Code, Status};

use crate::support::{Service, reason};

/// acme with its owner ann, its member bob, five projects, and two users on one of them.
async fn world() -> Service {
    let service = Service::start().await;
    service.create_users(&["ann", "bob", "cyd"]).await;
    service.create_organization("acme", "ann").await;
    for user in ["bob", "cyd"] {
        service.add_member("acme", user, OrganizationRole::Member).await.unwrap();
    }
    for name in ["one", "two", "three", "four", "five"] {
        let path = format!("acme/{name}");
        service.create_project(&path, false).await;
        for user in ["bob", "cyd"] {
            service.add_collaborator(&path, user, ProjectRole::Editor).await.unwrap();
        }
    }
    service
}

fn projects_of_bob() -> ListProjectsRequest {
    let (user, action) = ("bob".to_owned(), "view_project".to_owned());
    ListProjectsRequest { user, action, page_size: 2, ..Default::default() }
}

fn users_of_one() -> ListUsersRequest {
    ListUsersRequest { project: "acme/one".to_owned(), page_size: 1, ..Default::default() }
}

#[tokio::test]
async fn a_token_of_a_list_of_projects_leads_on_in_no_other() {
    let (service, other) = tokio::join!(world(), world());
    let first = service.authorization().list_projects(projects_of_bob()).await.unwrap().into_inner();
    let asked = ListProjectsRequest { page_token: first.next_page_token.clone(), ..projects_of_bob() };
    let next = service.authorization().list_projects(asked.clone()).await.unwrap().into_inner();
    assert_eq!((first.projects.len(), next.projects.len()), (2, 2));
    let larger = ListProjectsRequest { page_size: 1_000, user: "BOB".to_owned(), ..asked.clone() };
    let rest = service.authorization().list_projects(larger).await.unwrap().into_inner();
    assert_eq!(rest.projects.len(), 3, "pages may differ in size, and names in case");

    for changed in [
        ListProjectsRequest { user: "cyd".to_owned(), ..asked.clone() },
        ListProjectsRequest { user: String::new(), ..asked.clone() },
        ListProjectsRequest { action: "read_files".to_owned(), ..asked.clone() },
        ListProjectsRequest { owner: "acme".to_owned(), ..asked.clone() },
        ListProjectsRequest { origin: Origin::Collaborator.into(), ..asked.clone() },
        ListProjectsRequest { include_public: true, ..asked.clone() },
    ] {
        refused(service.authorization().list_projects(changed).await, "INVALID_PAGE_TOKEN");
    }
    refused(other.authorization().list_projects(asked.clone()).await, "INVALID_PAGE_TOKEN");
    let users = ListUsersRequest { page_token: asked.page_token.clone(), ..users_of_one() };
    refused(service.authorization().list_users(users).await, "INVALID_PAGE_TOKEN");
    let list = ProjectServiceListRequest { page_token: asked.page_token.clone(), page_size: 2, ..Default::default() };
    refused(service.projects().list(list).await, "INVALID_PAGE_TOKEN");
    for page_token in misread(&asked.page_token) {
        let changed = ListProjectsRequest { page_token, ..asked.clone() };
        refused(service.authorization().list_projects(changed).await, "INVALID_PAGE_TOKEN");
    }
}

#[tokio::test]
async fn a_token_of_a_list_of_users_leads_on_in_no_other() {
    let (service, other) = tokio::join!(world(), world());
    let first = service.authorization().list_users(users_of_one()).await.unwrap().into_inner();
    let asked = ListUsersRequest { page_token: first.next_page_token.clone(), ..users_of_one() };
    let next = service.authorization().list_users(asked.clone()).await.unwrap().into_inner();
    assert_eq!((first.users[0].user.as_str(), next.users[0].user.as_str()), ("ann", "bob"));
    for changed in [
        ListUsersRequest { project: "acme/two".to_owned(), ..asked.clone() },
        ListUsersRequest { action: "view_project".to_owned(), ..asked.clone() },
        ListUsersRequest { include_incognito: true, ..asked.clone() },
    ] {
        refused(service.authorization().list_users(changed).await, "INVALID_PAGE_TOKEN");
    }
    refused(other.authorization().list_users(asked.clone()).await, "INVALID_PAGE_TOKEN");
    let projects = ListProjectsRequest { page_token: asked.page_token.clone(), ..projects_of_bob() };
    refused(service.authorization().list_projects(projects).await, "INVALID_PAGE_TOKEN");
    for page_token in misread(&asked.page_token) {
        let changed = ListUsersRequest { page_token, ..asked.clone() };
        refused(service.authorization().list_users(changed).await, "INVALID_PAGE_TOKEN");
    }
}

#[tokio::test]
async fn a_page_has_1_to_1000_entries_and_50_unless_it_is_said() {
    let service = world().await;
    for page_size in [-1, 1_001, i32::MIN, i32::MAX] {
        let projects = ListProjectsRequest { page_size, ..projects_of_bob() };
        refused(service.authorization().list_projects(projects).await, "INVALID_FIELD");
        let users = ListUsersRequest { page_size, ..users_of_one() };
        refused(service.authorization().list_users(users).await, "INVALID_FIELD");
    }
    for page_size in [0, 1_000] {
        let projects = ListProjectsRequest { page_size, ..projects_of_bob() };
        let page = service.authorization().list_projects(projects).await.unwrap().into_inner();
        assert_eq!((page.projects.len(), page.next_page_token.as_str()), (5, ""));
        let users = ListUsersRequest { page_size, ..users_of_one() };
        let page = service.authorization().list_users(users).await.unwrap().into_inner();
        assert_eq!((page.users.len(), page.next_page_token.as_str()), (3, ""));
    }
}

/// A token with each of its bits the other way, and what is no token at all.
fn misread(token: &str) -> Vec<String> {
    let bytes = URL_SAFE_NO_PAD.decode(token).unwrap();
    let flipped = (0..bytes.len() * 8).map(|bit| {
        let mut bytes = bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        URL_SAFE_NO_PAD.encode(bytes)
    });
    let cut = (1..token.len()).map(|length| token[..length].to_owned());
    flipped.chain(cut).chain(["?".to_owned(), format!("{token}A"), format!("{token}=")]).collect()
}

fn refused<T: std::fmt::Debug>(answer: Result<T, Status>, why: &str) {
    let status = answer.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, why), "{status:?}");
}
