//! Each class of work has its bound: what is full refuses quickly, the others go on, and all is normal after.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use rolegate::grpc::v1::{ChangeServiceWatchRequest, ErrorReason, StreamCheckRequest};
use tonic::Code;

use super::{garden, list, may, says_when, share, until, until_refused};
use crate::support::postgres::{connect, until_waiting};
use crate::support::proxy::Purpose;
use crate::support::questions::on_project;
use crate::support::scene::{PROJECT, Scene};
use crate::support::{Service, reason};

const A_MOMENT: Duration = Duration::from_millis(300);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_that_hang_are_bounded_and_keep_neither_checks_nor_writes_waiting() {
    let service = Arc::new(garden(&["--max-reads", "6", "--database-connections", "4"]).await);
    let (other, watching) = (connect(&service.database).await, connect(&service.database).await);
    other.batch_execute("BEGIN; LOCK TABLE project IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let lists = (0..6).map(|_| {
        let service = Arc::clone(&service);
        tokio::spawn(async move { list(&service, None).await })
    });
    let lists: Vec<_> = lists.collect();
    // three of four connections, so that one is left for others
    until_waiting(&watching, 3).await;
    let refused = until_refused(|| list(&service, Some(A_MOMENT)).boxed()).await;
    says_when(&refused, "OVERLOADED");
    assert!(refused.message().contains("reads"), "{refused:?}");
    for _ in 0..20 {
        assert!(may(&service).await);
    }
    assert_eq!(tonic_health::pb::health_check_response::ServingStatus::Serving, service.health().await);
    service.create_user("cleo").await.unwrap();
    other.batch_execute("ROLLBACK").await.unwrap();
    for listed in lists {
        assert_eq!(listed.await.unwrap().unwrap(), 1, "what was let in is answered");
    }
    assert_eq!(list(&service, None).await.unwrap(), 1, "and so is the next one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_that_hang_are_bounded_and_keep_neither_checks_nor_lists_waiting() {
    let service = Arc::new(garden(&["--max-writes", "5", "--database-connections", "4"]).await);
    service.create_users(&["user1", "user2", "user3", "user4", "user5"]).await;
    let (other, watching) = (connect(&service.database).await, connect(&service.database).await);
    other.batch_execute("BEGIN; SELECT FROM project FOR UPDATE").await.unwrap();
    let writes = (1..=5).map(|number| {
        let service = Arc::clone(&service);
        tokio::spawn(async move { share(&service, &format!("user{number}")).await })
    });
    let writes: Vec<_> = writes.collect();
    until_waiting(&watching, 3).await;
    let refused = until_refused(|| service.create_user("user1").boxed()).await;
    says_when(&refused, "OVERLOADED");
    assert!(refused.message().contains("writes"), "{refused:?}");
    assert!(may(&service).await);
    assert_eq!(list(&service, None).await.unwrap(), 1);
    other.batch_execute("ROLLBACK").await.unwrap();
    for written in writes {
        written.await.unwrap().unwrap();
    }
    service.create_user("late").await.unwrap();
}

#[tokio::test]
async fn open_streams_are_bounded_and_one_that_ends_makes_room() {
    let service = garden(&["--max-streams", "2"]).await;
    let watch = || async { service.changes().watch(ChangeServiceWatchRequest::default()).await };
    let first = watch().await.unwrap();
    let (questions, asked) = futures::channel::mpsc::unbounded();
    let mut answers = service.authorization().stream_check(asked).await.unwrap().into_inner();
    says_when(&watch().await.unwrap_err(), "OVERLOADED");
    let empty = futures::stream::empty::<StreamCheckRequest>();
    says_when(&service.authorization().stream_check(empty).await.unwrap_err(), "OVERLOADED");
    // those that are open, and all else, go on
    let check = Some(on_project("ann", "ann/trees", "view_project"));
    questions.unbounded_send(StreamCheckRequest { id: 7, check, consistency: None }).unwrap();
    assert_eq!(answers.message().await.unwrap().unwrap().id, 7);
    assert!(may(&service).await);
    drop(first);
    until(async || watch().await.is_ok()).await;
    drop(questions);
    assert!(answers.message().await.unwrap().is_none());
    until(async || watch().await.is_ok()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_that_wait_to_be_loaded_are_bounded_and_what_is_in_memory_is_answered() {
    let scene = Scene::set(&["--max-loading", "8", "--lease", "1m"]).await;
    assert!(scene.here.check("bob", PROJECT, "view_project").await.unwrap().allowed);
    scene.proxy.hold(Purpose::Loads);
    let here = Arc::new(scene.here);
    // callers who go away leave their loads behind, which count on
    for number in 0..4 {
        let (user, project) = (format!("unknown{number}"), format!("unknown{number}/trees"));
        let gone = tokio::time::timeout(A_MOMENT, here.check(&user, &project, "view_project")).await;
        assert!(gone.is_err(), "{gone:?}");
    }
    says_when(&here.check("unknown9", PROJECT, "view_project").await.unwrap_err(), "OVERLOADED");
    let batch =
        here.batch(vec![on_project("bob", PROJECT, "view_project"), on_project("zoe", PROJECT, "view_project")]);
    let answers: Vec<_> = batch.await.unwrap().results.iter().map(crate::support::questions::allowed).collect();
    assert_eq!(answers[0], Ok(true), "one item of a batch takes no other with it");
    assert_eq!(answers[1].unwrap_err().0, Code::ResourceExhausted);
    for _ in 0..20 {
        assert!(here.check("bob", PROJECT, "view_project").await.unwrap().allowed);
    }
    scene.proxy.release(Purpose::Loads);
    until(async || match here.check("unknown9", PROJECT, "view_project").await {
        Ok(answer) => !answer.allowed,
        Err(status) => {
            assert_eq!(reason(&status), "OVERLOADED");
            false
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_being_loaded_already_is_waited_for_however_much_is() {
    let scene = Scene::set(&["--max-loading", "8", "--lease", "1m"]).await;
    assert!(scene.here.check("bob", PROJECT, "view_project").await.unwrap().allowed);
    scene.proxy.hold(Purpose::Loads);
    let here = Arc::new(scene.here);
    let ask = |user: &'static str| {
        let here = Arc::clone(&here);
        tokio::spawn(async move { here.check(user, PROJECT, "view_project").await })
    };
    let first = ask("unknown0");
    for number in 1..8 {
        let user = format!("unknown{number}");
        let gone = tokio::time::timeout(A_MOMENT, here.check(&user, PROJECT, "view_project")).await;
        assert!(gone.is_err(), "{gone:?}");
    }
    says_when(&here.check("unknown9", PROJECT, "view_project").await.unwrap_err(), "OVERLOADED");
    let second = ask("unknown0");
    let gone = tokio::time::timeout(A_MOMENT, here.check("unknown0", PROJECT, "view_project")).await;
    assert!(gone.is_err(), "it waits, and is not refused: {gone:?}");
    scene.proxy.release(Purpose::Loads);
    for joined in [first, second] {
        assert!(!joined.await.unwrap().unwrap().allowed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_leave_half_of_the_loads_to_single_checks() {
    let scene = Scene::set(&["--max-loading", "8", "--lease", "1m"]).await;
    scene.proxy.hold(Purpose::Loads);
    let here = Arc::new(scene.here);
    let unknown = (0..20).map(|number| on_project(&format!("unknown{number}"), PROJECT, "view_project")).collect();
    let flood = tokio::spawn({
        let here: Arc<Service> = Arc::clone(&here);
        async move { here.batch(unknown).await }
    });
    let kept = scene.proxy.kept();
    scene.proxy.until_kept(kept + 1).await;
    let single = tokio::spawn({
        let here: Arc<Service> = Arc::clone(&here);
        async move { here.check("bob", "ann/none", "view_project").await }
    });
    tokio::time::sleep(A_MOMENT).await;
    assert!(!single.is_finished(), "it waits for its load");
    scene.proxy.release(Purpose::Loads);
    assert!(!single.await.unwrap().unwrap().allowed);
    let answers: Vec<_> =
        flood.await.unwrap().unwrap().results.iter().map(crate::support::questions::allowed).collect();
    let overloaded = Err((Code::ResourceExhausted, ErrorReason::Overloaded));
    assert!(answers.iter().all(|answer| [Ok(false), overloaded].contains(answer)), "{answers:?}");
    // how many are answered depends on when each load makes room for the next
    assert!(answers.contains(&Ok(false)), "{answers:?}");
}
