//! 100,000 results, page by page.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rolegate::grpc::v1::{ListProjectsRequest, ListUsersRequest, Origin};
use tokio_postgres::Client;

use super::crowd::{MANY, SQUARE, fill};
use crate::agreement::lists::{all_projects, all_users};
use crate::support::postgres::connect;
use crate::support::{Service, fresh_database};

/// The most candidates that a page looks at: those that fit it, 2,000 more, and a chunk that was begun.
const LOOKS: i64 = 50 + 2_000 + 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_of_100_000_are_complete_and_a_filter_that_few_match_comes_to_its_end() {
    let database = fresh_database().await;
    let client = connect(&database).await;
    fill(&client).await;
    let service = Service::start_on(database, &[]).await;
    every_project(&service).await;
    every_user(&service).await;
    few_projects(&service, &client).await;
    few_users(&service).await;
}

async fn every_project(service: &Service) {
    let request = ListProjectsRequest {
        user: "busy".to_owned(),
        action: "view_project".to_owned(),
        include_public: true,
        page_size: 1_000,
        ..Default::default()
    };
    let (listed, _) = all_projects(service, &request).await.unwrap();
    assert_eq!(listed.len() as i64, MANY);
    assert!(listed.is_sorted_by(|one, next| one.project < next.project), "by id, each once");
    for origin in
        [Origin::ProjectOwner, Origin::Collaborator, Origin::TeamMember, Origin::OrganizationMember, Origin::Public]
    {
        let of_origin = listed.iter().filter(|project| project.origin() == origin).count();
        assert_eq!(of_origin as i64, MANY / 5, "{origin:?}");
    }
}

async fn every_user(service: &Service) {
    let request = ListUsersRequest {
        project: SQUARE.to_owned(),
        include_incognito: true,
        page_size: 1_000,
        ..Default::default()
    };
    let (listed, everyone, _) = all_users(service, &request).await.unwrap();
    let names: HashSet<&str> = listed.iter().map(|user| user.user.as_str()).collect();
    // and the owner of its organization
    assert_eq!((listed.len() as i64, names.len() as i64, everyone), (MANY + 1, MANY + 1, false));
}

/// Of 20,000 projects it may update one in 10,000; of another 20,000 all, as it owns them.
async fn few_projects(service: &Service, client: &Client) {
    let mut request = ListProjectsRequest {
        user: "busy".to_owned(),
        action: "update_project".to_owned(),
        origin: Origin::Collaborator.into(),
        include_public: true,
        ..Default::default()
    };
    let sql = "SELECT id::text FROM project JOIN collaborator ON project_id = id AND user_id IS NOT NULL
               WHERE role = 'manager' AND name <> 'square' ORDER BY id";
    let right: Vec<String> = client.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    assert!((1..=20).contains(&right.len()), "{} projects", right.len());
    let (mut found, mut pages, mut last) = (Vec::new(), 0, "00000000-0000-0000-0000-000000000000".to_owned());
    loop {
        let page = service.authorization().list_projects(request.clone()).await.unwrap().into_inner();
        found.extend(page.projects.into_iter().map(|project| project.project));
        pages += 1;
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
        let next = last_of(&request.page_token);
        // of that origin alone
        let passed = "SELECT count(*) FROM collaborator JOIN account ON account.id = user_id
                      WHERE username = 'busy' AND project_id::text > $1 AND project_id::text <= $2";
        let passed: i64 = client.query_one(passed, &[&last, &next]).await.unwrap().get(0);
        assert!((1..=LOOKS).contains(&passed), "page {pages} looks at {passed} candidates");
        last = next;
    }
    assert_eq!(found, right);
    assert!(i64::from(pages) >= MANY / 5 / LOOKS, "{pages} pages");
}

/// Of the users that were added one in 10,000 may update it; those of the team may too, incognito.
async fn few_users(service: &Service) {
    let request = ListUsersRequest {
        project: SQUARE.to_owned(),
        action: "update_project".to_owned(),
        page_size: 50,
        ..Default::default()
    };
    let (listed, _, _) = all_users(service, &request).await.unwrap();
    assert_eq!(listed.iter().filter(|user| user.origin() == Origin::OrganizationOwner).count(), 1);
    assert!((2..=12).contains(&listed.len()), "{} users", listed.len());
}

/// What a page token comes after; before it stands what the names of the request stood for.
fn last_of(token: &str) -> String {
    let bytes = URL_SAFE_NO_PAD.decode(token).unwrap();
    let after = String::from_utf8(bytes[16..].to_vec()).unwrap();
    after.split_once(' ').unwrap().1.to_owned()
}
