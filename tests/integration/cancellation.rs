//! Callers that go away at any moment leave the view and the database right.

use std::time::Duration;

use futures::future::join_all;
use rolegate::grpc::v1::{
    CheckRequest, CollaboratorServiceAddRequest, CollaboratorServiceRemoveRequest, ListProjectsRequest, ProjectRole,
};
use tokio_postgres::Client;
use tonic::{Code, Request, Status};

use crate::support::oracle::{ACTIONS, database_clock};
use crate::support::postgres::connect;
use crate::support::proxy::Purpose;
use crate::support::scene::{PROJECT, Scene};
use crate::support::{Matrix, Service, Verdict, reason};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn checks_that_are_dropped_at_any_moment_leave_the_view_right() {
    let scene = Scene::set(&[]).await;
    let client = connect(&scene.elsewhere.database).await;
    for round in 0..150u64 {
        let micros = |place: u64| (round * 37 + place * 331) % 4_000;
        let dropped = join_all((0..12).map(|place| {
            let check = scene.here.check("bob", if place % 2 == 0 { PROJECT } else { &scene.project }, "delete_files");
            tokio::time::timeout(Duration::from_micros(micros(place)), check)
        }));
        // a write at the same time, so that entries go and are loaded anew
        let role = if round % 2 == 0 { ProjectRole::Reader } else { ProjectRole::Manager };
        let written = async {
            scene.here.remove_collaborator(PROJECT, "bob").await?;
            scene.here.add_collaborator(PROJECT, "bob", role).await
        };
        let (_, written) = tokio::join!(dropped, written);
        written.unwrap();
        if round % 15 == 0 {
            right(&scene.here, &client, &scene.project).await;
        }
    }
    right(&scene.here, &client, &scene.project).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_whose_callers_have_all_gone_is_finished_and_right() {
    let scene = Scene::set(&[]).await;
    scene.proxy.hold(Purpose::Loads);
    let kept = scene.proxy.kept();
    for _ in 0..3 {
        let check = scene.here.check("bob", PROJECT, "delete_files");
        assert!(tokio::time::timeout(Duration::from_millis(100), check).await.is_err());
    }
    scene.proxy.until_kept(kept + 1).await;
    scene.here.remove_collaborator(PROJECT, "bob").await.unwrap();
    scene.proxy.release(Purpose::Loads);
    assert!(!scene.here.check("bob", PROJECT, "view_project").await.unwrap().allowed);
    let client = connect(&scene.elsewhere.database).await;
    right(&scene.here, &client, &scene.project).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_that_are_dropped_or_late_are_done_whole_or_not_at_all() {
    let scene = Scene::set(&[]).await;
    let client = connect(&scene.elsewhere.database).await;
    let usual = usual_duration(&scene.here).await;
    let (mut done, mut not_done) = (0, 0);
    for round in 0..150u32 {
        let before = counter(&client).await;
        // from hardly anything to more than enough for one that needs a new connection, as the one before was dropped
        let limit = usual * (1 + round * 29 % 100) / 10;
        let is_there = holds(&client, "bob").await;
        let outcome = if round % 2 == 0 {
            toggle(&scene.here, is_there, Some(limit)).await
        } else {
            match tokio::time::timeout(limit, toggle(&scene.here, is_there, None)).await {
                Ok(ended) => ended,
                Err(_) => Err(Status::cancelled("dropped by the test")),
            }
        };
        settled(&client).await;
        let written = counter(&client).await - before;
        assert_eq!(written, i64::from(holds(&client, "bob").await != is_there), "the row and its revision, or neither");
        assert_eq!(entries(&client).await, counter(&client).await, "every revision is in the log");
        match outcome {
            Ok(_) => assert_eq!(written, 1, "an acknowledged write is there"),
            Err(status) => explained(&status, written),
        }
        if written == 1 {
            done += 1
        } else {
            not_done += 1
        }
        if round % 15 == 0 {
            right(&scene.here, &client, &scene.project).await;
        }
    }
    right(&scene.here, &client, &scene.project).await;
    println!("{done} writes done, {not_done} not");
    assert!(done > 0 && not_done > 0, "{done} done, {not_done} not: the moments were badly chosen");
}

#[tokio::test]
async fn a_write_that_is_committed_and_not_yet_applied_at_its_deadline_says_so() {
    let scene = Scene::set(&["--lease", "2m"]).await;
    assert!(scene.here.check("bob", PROJECT, "delete_files").await.unwrap().allowed);
    scene.proxy.hold(Purpose::Log);
    let (project, collaborator) = (PROJECT.to_owned(), "bob".to_owned());
    let mut request = Request::new(CollaboratorServiceRemoveRequest { project, collaborator, ..Default::default() });
    request.set_timeout(Duration::from_millis(500));
    let status = scene.here.collaborators().remove(request).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::DeadlineExceeded, "REPLICAS_BEHIND"));
    let info = tonic_types::StatusExt::get_details_error_info(&status).unwrap();
    let token = info.metadata["revision"].clone();
    scene.proxy.release(Purpose::Log);
    let requirement = rolegate::grpc::v1::consistency::Requirement::AtLeastAsFresh(token.clone());
    let answer = scene.here.check_at(("bob", PROJECT, "delete_files"), requirement).await.unwrap();
    assert_eq!((answer.allowed, answer.revision), (false, token));
}

/// How long a write takes here and now.
async fn usual_duration(service: &Service) -> Duration {
    let begun = std::time::Instant::now();
    for turn in 0..10 {
        toggle(service, turn % 2 == 0, None).await.unwrap();
    }
    begun.elapsed() / 10
}

/// What a write that failed may say, given whether it was done.
fn explained(status: &Status, written: i64) {
    match (status.code(), reason(status).as_str()) {
        (Code::DeadlineExceeded, "DEADLINE_EXCEEDED") => assert_eq!(written, 0, "it says that nothing was written"),
        (Code::DeadlineExceeded, "REPLICAS_BEHIND") => assert_eq!(written, 1, "it says that it was written"),
        (Code::Unavailable, "OUTCOME_UNKNOWN") => {}
        // the caller's own end of the deadline came first
        (Code::Cancelled | Code::DeadlineExceeded, "") => {}
        _ => panic!("{status:?}"),
    }
}

/// Adds bob where he is not, and removes him where he is.
async fn toggle(service: &Service, is_there: bool, limit: Option<Duration>) -> Result<(), Status> {
    let (project, collaborator) = (PROJECT.to_owned(), "bob".to_owned());
    if is_there {
        let mut request =
            Request::new(CollaboratorServiceRemoveRequest { project, collaborator, ..Default::default() });
        limit.into_iter().for_each(|limit| request.set_timeout(limit));
        service.collaborators().remove(request).await.map(drop)
    } else {
        let role = ProjectRole::Editor.into();
        let message = CollaboratorServiceAddRequest { project, collaborator, role, ..Default::default() };
        let mut request = Request::new(message);
        limit.into_iter().for_each(|limit| request.set_timeout(limit));
        service.collaborators().add(request).await.map(drop)
    }
}

/// Waits until no transaction of the service is open.
async fn settled(client: &Client) {
    let open = "SELECT count(*) FROM pg_stat_activity
                WHERE datname = current_database() AND application_name = 'rolegate' AND xact_start IS NOT NULL";
    let ended = async {
        // a commit that was sent may be read only now: twice quiet is quiet
        let mut quiet = 0;
        while quiet < 2 {
            let count: i64 = client.query_one(open, &[]).await.unwrap().get(0);
            quiet = if count == 0 { quiet + 1 } else { 0 };
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), ended).await.expect("no transaction stays open");
}

async fn holds(client: &Client, user: &str) -> bool {
    let sql = "SELECT EXISTS (SELECT FROM collaborator JOIN account ON account.id = user_id WHERE username = $1)";
    client.query_one(sql, &[&user]).await.unwrap().get(0)
}

async fn counter(client: &Client) -> i64 {
    client.query_one("SELECT number FROM revision", &[]).await.unwrap().get(0)
}

async fn entries(client: &Client) -> i64 {
    client.query_one("SELECT count(*) FROM change_set", &[]).await.unwrap().get(0)
}

/// Asks everything, as fresh as can be, and holds it against the oracle.
async fn right(service: &Service, client: &Client, project: &str) {
    let matrix = Matrix::read(client, database_clock(client).await).await;
    for user in ["ann", "bob", "cyd", "nobody", ""] {
        for project in [project, PROJECT, "acme/none"] {
            for (action, ..) in ACTIONS {
                let (user, project, action) = (user.to_owned(), project.to_owned(), action.to_owned());
                let request = CheckRequest {
                    user: user.clone(),
                    project: project.clone(),
                    action: action.clone(),
                    consistency: None,
                };
                // a write whose caller had gone may be applied a moment later
                let mut answer = service.authorization().check(request).await.unwrap().into_inner();
                if Verdict::from(&answer) != matrix.verdict(&user, &project, &action) {
                    let requirement = rolegate::grpc::v1::consistency::Requirement::FullyConsistent(true);
                    answer = service.check_at((&user, &project, &action), requirement).await.unwrap();
                }
                assert_eq!(
                    Verdict::from(&answer),
                    matrix.verdict(&user, &project, &action),
                    "{user} {project} {action}"
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_lists_that_are_dropped_cost_the_next_caller_nothing() {
    let scene = Scene::set(&["--database-connections", "4"]).await;
    let client = connect(&scene.elsewhere.database).await;
    let request = ListProjectsRequest {
        user: "bob".to_owned(),
        action: "view_project".to_owned(),
        include_public: true,
        ..Default::default()
    };
    // while the rows are held, every list that has a connection waits in PostgreSQL
    client.batch_execute("BEGIN; LOCK TABLE project IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let lists = (0..1_000u64).map(|place| {
        let (mut client, request) = (scene.here.authorization(), request.clone());
        let limit = Duration::from_millis(100 + place % 200);
        async move { tokio::time::timeout(limit, client.list_projects(request)).await }
    });
    let dropped = join_all(lists).await;
    // HTTP/2 ends a connection on which so much is dropped at once, and with it what has not been dropped yet
    let answered = dropped.into_iter().filter_map(Result::ok).filter(Result::is_ok);
    assert_eq!(answered.count(), 0, "none could be answered");
    client.batch_execute("ROLLBACK").await.unwrap();
    let begun = std::time::Instant::now();
    assert!(scene.here.check("bob", PROJECT, "delete_files").await.unwrap().allowed);
    let listed = scene.here.authorization().list_projects(request).await.unwrap().into_inner();
    assert_eq!(listed.projects.len(), 1);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    settled(&client).await;
    right(&scene.here, &client, &scene.project).await;
}
