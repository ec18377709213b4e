//! Loads: one for all who wait, absent names remembered, memory bounded.

use std::time::Duration;

use futures::future::join_all;
use rolegate::domain::actions::ProjectAction;
use rolegate::domain::ids::ProjectId;
use rolegate::domain::names::Username;
use rolegate::domain::policy::Policy;
use rolegate::view::{ProjectKey, ProjectQuestion};
use tonic::{Code, Request};
use uuid::Uuid;

use crate::support::proxy::{Proxy, Purpose};
use crate::support::scene::{PROJECT, Scene};
use crate::support::views::start_view;
use crate::support::{Service, fresh_database, reason};

const LOADS: [&str; 5] = ["load_names", "load_projects", "load_paths", "load_accounts", "load_plans"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_cold_checks_of_one_project_are_one_load() {
    let scene = Scene::set(&[]).await;
    let before = loads(&scene.proxy);
    scene.proxy.hold(Purpose::Loads);
    let checks = join_all((0..1_000).map(|_| scene.here.check("bob", &scene.project, "delete_files")));
    let release = async {
        scene.proxy.until_executed("load_projects", before[1] + 1).await;
        // what else would be asked for is asked for meanwhile
        tokio::time::sleep(Duration::from_millis(300)).await;
        scene.proxy.release(Purpose::Loads);
    };
    let (answers, ()) = tokio::join!(checks, release);
    assert!(answers.into_iter().all(|answer| answer.unwrap().allowed));
    let after = loads(&scene.proxy);
    let ran: Vec<u64> = after.iter().zip(before).map(|(after, before)| after - before).collect();
    assert_eq!(ran, [1, 1, 0, 0, 0], "one of the user, one of the project with its owner and plan");
}

#[tokio::test]
async fn a_caller_in_a_hurry_and_one_without_share_a_load_and_keep_their_deadlines() {
    let scene = Scene::set(&[]).await;
    let before = loads(&scene.proxy);
    scene.proxy.hold(Purpose::Loads);
    for hurried_first in [true, false] {
        let hurried = async {
            if !hurried_first {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            let mut request = Request::new(rolegate::grpc::v1::CheckRequest {
                user: "bob".to_owned(),
                project: scene.project.clone(),
                action: "delete_files".to_owned(),
                consistency: None,
            });
            request.set_timeout(Duration::from_millis(1));
            scene.here.authorization().check(request).await
        };
        let patient = async {
            if hurried_first {
                tokio::time::sleep(Duration::from_millis(50)).await;
            } else {
                scene.proxy.hold(Purpose::Loads);
            }
            let release = async {
                tokio::time::sleep(Duration::from_millis(200)).await;
                scene.proxy.release(Purpose::Loads);
            };
            tokio::join!(scene.here.check("bob", &scene.project, "delete_files"), release).0
        };
        let (hurried, patient) = tokio::join!(hurried, patient);
        let late = hurried.unwrap_err().code();
        assert!(matches!(late, Code::DeadlineExceeded | Code::Cancelled), "{late:?}");
        assert!(patient.unwrap().allowed, "the one without a deadline gets its answer");
        let ran: Vec<u64> = loads(&scene.proxy).iter().zip(before).map(|(after, before)| after - before).collect();
        if hurried_first {
            assert!(ran[0] <= 1 && ran[1] <= 1, "they shared the load: {ran:?}");
            // the project must be asked for again
            scene.here.add_collaborator(PROJECT, "cyd", rolegate::grpc::v1::ProjectRole::Reader).await.unwrap();
        }
    }
}

#[tokio::test]
async fn what_does_not_exist_is_asked_for_once() {
    let scene = Scene::set(&[]).await;
    let before = loads(&scene.proxy);
    for _ in 0..20 {
        let absent = Uuid::from_u128(7).to_string();
        for project in [absent.as_str(), "acme/absent", "absent/absent"] {
            assert!(!scene.here.check("absent", project, "view_project").await.unwrap().allowed);
        }
    }
    let ran: Vec<u64> = loads(&scene.proxy).iter().zip(before).map(|(after, before)| after - before).collect();
    assert_eq!(ran, [1, 1, 2, 0, 0], "a user, a project, two paths, each once");
}

#[tokio::test]
async fn what_did_not_exist_is_seen_as_soon_as_it_does() {
    let service = Service::start().await;
    assert!(!service.check("zoe", "zoe/late", "view_project").await.unwrap().allowed);
    service.create_users(&["zoe"]).await;
    assert!(!service.check("zoe", "zoe/late", "view_project").await.unwrap().allowed);
    service.create_project("zoe/late", false).await;
    assert!(service.check("zoe", "zoe/late", "transfer_project").await.unwrap().allowed);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_unknown_names_stays_within_the_memory_of_the_view() {
    const MEMORY: usize = 200_000;
    let database = fresh_database().await;
    let service = Service::start_on(database.clone(), &[]).await;
    service.create_users(&["ann"]).await;
    let trees = service.create_project("ann/trees", false).await.parse().map(ProjectId).unwrap();
    let (view, _kept) = start_view(&database, MEMORY).await;
    let policy = Policy::built_in().unwrap();
    let ask = async |user: String, project: ProjectId| {
        let question = ProjectQuestion {
            user: Some(Username::parse(&user).unwrap().key()),
            project: ProjectKey::Id(project),
            rule: policy.project(ProjectAction::ViewProject),
        };
        view.check_project(&policy, &question, || None).await.unwrap().value.allowed()
    };
    let mut most = 0;
    for round in 0..60u128 {
        let unknown =
            |place: u128| (format!("stranger-{round}-{place}"), ProjectId(Uuid::from_u128(round << 32 | place)));
        let asked = join_all((0..100).map(unknown).map(|(user, project)| ask(user, project))).await;
        assert!(asked.iter().all(|allowed| !allowed));
        assert!(ask("ann".to_owned(), trees).await, "who is known is still answered for");
        most = most.max(view.memory());
    }
    // one round may stand above the bound until its loads have ended
    assert!(most < 2 * MEMORY, "{most} bytes");
    let settled = async {
        while view.memory() > MEMORY {
            ask("ann".to_owned(), ProjectId(Uuid::new_v4())).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), settled).await.expect("room is made");
    assert!(view.len() < 6_000, "{} of 12000 names are still known", view.len());
}

#[tokio::test]
async fn a_check_that_can_not_load_says_so_and_never_denies() {
    let scene = Scene::set(&["--lease", "2m"]).await;
    scene.proxy.sever();
    let status = scene.here.check("bob", PROJECT, "delete_files").await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "DATABASE_UNAVAILABLE"), "{status:?}");
    scene.proxy.mend();
    let mended = async {
        while !scene.here.check("bob", PROJECT, "delete_files").await.is_ok_and(|answer| answer.allowed) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), mended).await.expect("it loads again");
}

/// How often each load has run.
fn loads(proxy: &Proxy) -> [u64; 5] {
    LOADS.map(|name| proxy.executions(name))
}
