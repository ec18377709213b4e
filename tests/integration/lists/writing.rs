//! Lists while others write: what fits all the time is listed exactly once, nothing is listed twice, and every page is right
//! at its moment.

use std::collections::BTreeSet;

use prost_types::FieldMask;
use rolegate::grpc::v1::{self, ListProjectsRequest, ListUsersRequest, OrganizationRole, ProjectRole};
use tokio_postgres::Client;

use crate::agreement::Dice;
use crate::support::oracle::{ProjectFilter, database_clock};
use crate::support::postgres::connect;
use crate::support::{Matrix, Service, fresh_database};

const PROJECTS: usize = 60;
const PEOPLE: usize = 40;

/// How often a list is walked through.
const WALKS: u64 = 4;

/// 40 people, half of them members of acme and in its team; ann owns acme, bob is the one whose projects are listed.
async fn world() -> (Service, Client) {
    let database = fresh_database().await;
    let client = connect(&database).await;
    let service = Service::start_on(database, &[]).await;
    service.create_users(&["ann", "bob"]).await;
    for organization in ["acme", "firm"] {
        service.create_organization(organization, "ann").await;
        service.add_member(organization, "bob", OrganizationRole::Member).await.unwrap();
    }
    service.create_team("@acme/crew", &["bob"]).await;
    for number in 0..PEOPLE {
        let name = person(number);
        service.create_users(&[&name]).await;
        if number % 2 == 0 {
            service.add_member("acme", &name, OrganizationRole::Member).await.unwrap();
        }
    }
    for number in 0..PROJECTS {
        let path = format!("{}/p{number}", ["acme", "firm", "bob"][number % 3]);
        service.create_project(&path, number % 7 == 0).await;
        let added = if number % 2 == 0 { "bob" } else { "@acme/crew" };
        let _ = service.add_collaborator(&path, added, ProjectRole::Editor).await;
    }
    (service, client)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn projects_that_fit_all_the_time_are_listed_once_while_others_write() {
    let (service, client) = world().await;
    let filter = ProjectFilter { include_public: true, ..Default::default() };
    let mut lasting = 0;
    for walk in 0..WALKS {
        let mut dice = Dice::new(walk);
        let mut request = ListProjectsRequest {
            user: "bob".to_owned(),
            action: "read_files".to_owned(),
            include_public: true,
            page_size: 2 + dice.below(5) as i32,
            ..Default::default()
        };
        let (mut always, mut listed): (Option<BTreeSet<String>>, _) = (None, Vec::new());
        loop {
            let page = service.authorization().list_projects(request.clone()).await.unwrap().into_inner();
            let matrix = Matrix::read(&client, database_clock(&client).await).await;
            let (right, _) = matrix.projects_of("bob", "read_files", &filter).unwrap();
            assert!(page.projects.iter().all(|project| right.contains(project)), "the page is right at its moment");
            let fits: BTreeSet<String> = right.into_iter().map(|project| project.project).collect();
            always = Some(always.map_or_else(|| fits.clone(), |always| &always & &fits));
            listed.extend(page.projects.into_iter().map(|project| project.project));
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                break;
            }
            for _ in 0..2 {
                write_to_projects(&service, &matrix, &mut dice).await;
            }
        }
        lasting += each_once(&listed, &always.unwrap());
    }
    assert!(lasting > WALKS as usize * 10, "much stayed as it was: {lasting}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_that_may_all_the_time_are_listed_once_while_others_write() {
    let (service, client) = world().await;
    let project = service.create_project("acme/square", false).await;
    for number in (0..PEOPLE).step_by(2) {
        service.add_collaborator(&project, &person(number), ProjectRole::Reporter).await.unwrap();
    }
    let mut lasting = 0;
    for walk in 0..WALKS {
        let mut dice = Dice::new(walk);
        let mut request = ListUsersRequest {
            project: project.clone(),
            action: "create_files".to_owned(),
            page_size: 1 + dice.below(3) as i32,
            ..Default::default()
        };
        // by id: a user may be renamed meanwhile
        let (mut always, mut listed): (Option<BTreeSet<String>>, _) = (None, Vec::new());
        loop {
            let page = service.authorization().list_users(request.clone()).await.unwrap().into_inner();
            let matrix = Matrix::read(&client, database_clock(&client).await).await;
            let (right, _) = matrix.users_of(&project, Some("create_files"), false).unwrap();
            assert!(page.users.iter().all(|user| right.contains(user)), "the page is right at its moment");
            let mut fits = BTreeSet::new();
            for user in &right {
                fits.insert(id_of(&client, &user.user).await);
            }
            always = Some(always.map_or_else(|| fits.clone(), |always| &always & &fits));
            for user in &page.users {
                listed.push(id_of(&client, &user.user).await);
            }
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                break;
            }
            write_to_users(&service, &project, &matrix, &mut dice).await;
        }
        lasting += each_once(&listed, &always.unwrap());
    }
    assert!(lasting > WALKS as usize * 4, "much stayed as it was: {lasting}");
}

/// Returns how many fitted all the time.
fn each_once(listed: &[String], always: &BTreeSet<String>) -> usize {
    let once: BTreeSet<String> = listed.iter().cloned().collect();
    assert_eq!(once.len(), listed.len(), "something is listed twice: {listed:?}");
    assert!(always.is_subset(&once), "not listed: {:?}", always - &once);
    always.len()
}

/// One write that may move projects into the list or out of it, or is refused.
async fn write_to_projects(service: &Service, matrix: &Matrix, dice: &mut Dice) {
    let project = dice.one(&matrix.project_ids()).to_owned();
    let owner = dice.one(&["acme", "firm", "bob"]).to_owned();
    let name = format!("p{}", dice.below(1_000));
    let who = dice.one(&["bob", "@acme/crew"]).to_owned();
    match dice.below(8) {
        0 | 1 => {
            let public = dice.once_in(4);
            let request = v1::ProjectServiceCreateRequest { owner, name, public, ..Default::default() };
            let _ = service.projects().create(request).await;
        }
        2 => {
            let _ = service.projects().delete(v1::ProjectServiceDeleteRequest { project, ..Default::default() }).await;
        }
        3 => {
            let request = v1::ProjectServiceTransferRequest { project, new_owner: owner, ..Default::default() };
            let _ = service.projects().transfer(request).await;
        }
        4 => {
            let update_mask = Some(FieldMask { paths: vec!["name".to_owned(), "public".to_owned()] });
            let public = dice.once_in(3);
            let request = v1::ProjectServiceUpdateRequest { project, update_mask, name, public, ..Default::default() };
            let _ = service.projects().update(request).await;
        }
        5 => drop(service.remove_collaborator(&project, &who).await),
        _ => drop(service.add_collaborator(&project, &who, ProjectRole::Reader).await),
    }
}

/// One write that may move users into the list or out of it, or is refused.
async fn write_to_users(service: &Service, project: &str, matrix: &Matrix, dice: &mut Dice) {
    let users: Vec<&str> = matrix.users().filter(|user| *user != "ann").collect();
    let username = dice.one(&users).to_owned();
    match dice.below(8) {
        0 => {
            let _ = service.users().delete(v1::UserServiceDeleteRequest { username, ..Default::default() }).await;
        }
        1 => {
            let update_mask = Some(FieldMask { paths: vec!["new_username".to_owned()] });
            let new_username = format!("renamed{}", dice.below(1_000));
            let request = v1::UserServiceUpdateRequest { username, update_mask, new_username, ..Default::default() };
            let _ = service.users().update(request).await;
        }
        2 => service.create_users(&[&format!("late{}", users.len() * 1_000 + dice.below(1_000))]).await,
        3 => drop(service.add_member("acme", &username, OrganizationRole::Member).await),
        4 => drop(service.remove_collaborator(project, &username).await),
        5 => drop(service.remove_collaborator(project, "@acme/crew").await),
        6 => drop(service.add_collaborator(project, "@acme/crew", ProjectRole::Manager).await),
        _ => drop(service.add_collaborator(project, &username, ProjectRole::Editor).await),
    }
}

async fn id_of(client: &Client, user: &str) -> String {
    let sql = "SELECT id::text FROM account WHERE username = $1";
    client.query_one(sql, &[&user]).await.unwrap().get(0)
}

fn person(number: usize) -> String {
    format!("person{number}")
}
