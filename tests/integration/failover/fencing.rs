//! An old primary that goes on running after another has taken its place, and servers that are no primary at all.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rolegate::grpc::v1::{CollaboratorServiceRemoveRequest, UserServiceCreateRequest, UserServiceGetRequest};
use tonic::Code;
use tonic_health::pb::health_check_response::ServingStatus;

use super::standbys::{Asked, everyone_who_edits};
use super::{PATIENCE, Replica, pair, within};
use crate::support::reason;
use crate::support::scene::PROJECT;

const FLAGS: [&str; 4] = ["--lease", "2s", "--heartbeat", "200ms"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_left_on_a_primary_that_was_cut_off_refuses_before_a_write_on_the_new_one_returns() {
    let (primary, standby) = pair().await;
    let left_behind = Arc::new(Replica::start(&[&primary], &FLAGS).await);
    left_behind.set_scene().await;
    primary.wait_for_standby(&standby).await;
    left_behind.until_may_edit("bob", true).await;
    let moved_on = Replica::launch(&[&standby], &FLAGS).await;

    // the old primary goes on running, and its replica with it
    standby.promote().await;
    moved_on.until(ServingStatus::Serving).await;
    let (asking, asked) = (Arc::clone(&left_behind), Instant::now());
    let answers = tokio::spawn(async move {
        let mut granted = Vec::new();
        while asked.elapsed() < Duration::from_secs(8) {
            let begun = Instant::now();
            if asking.may_edit("bob").await.unwrap_or(false) {
                granted.push(begun);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        granted
    });
    moved_on.until_accepted(async |replica| replica.remove_collaborator(PROJECT, "bob").await).await;
    let revoked = Instant::now();
    assert!(!moved_on.may_edit("bob").await.unwrap());
    let status = left_behind.may_edit("bob").await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "VIEW_NOT_FRESH"));
    let request = UserServiceCreateRequest { username: "late".to_owned(), ..Default::default() };
    let written = left_behind.users().create(within(Duration::from_secs(1), request)).await;
    assert!(written.is_err(), "the old primary has no standby any more: {written:?}");
    let granted = answers.await.unwrap();
    assert!(!granted.is_empty() && granted.iter().all(|begun| *begun < revoked), "the lease was lived, and no more");
    println!("the last grant was asked for {:?} before the revoke returned", revoked - *granted.last().unwrap());
    assert_eq!(left_behind.health().await, ServingStatus::NotServing);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_hangs_is_left_and_answers_nothing_when_it_wakes_up() {
    let (primary, standby) = pair().await;
    let replica = Replica::start(&[&primary, &standby], &FLAGS).await;
    replica.set_scene().await;
    primary.wait_for_standby(&standby).await;
    // so that it has many connections to the one that will hang
    futures::future::join_all((0..12).map(|_| everyone_who_edits(&replica, Asked::Now))).await;

    primary.freeze();
    let frozen = Instant::now();
    standby.promote().await;
    replica.until_accepted(async |replica| revoke_within(replica, Duration::from_secs(8)).await).await;
    println!("a write was accepted {:?} after the old primary hung", frozen.elapsed());
    primary.thaw();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(2) {
        let editors = futures::future::join_all((0..12).map(|_| everyone_who_edits(&replica, Asked::Now))).await;
        assert!(editors.iter().flatten().all(|editors| !editors.contains(&"bob".to_owned())), "{editors:?}");
        assert!(!replica.may_edit("bob").await.unwrap());
    }
    assert!(!everyone_who_edits(&replica, Asked::Now).await.unwrap().contains(&"bob".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_primary_that_is_started_again_is_not_gone_back_to() {
    let (primary, standby) = pair().await;
    let replica = Replica::start(&[&primary, &standby], &FLAGS).await;
    replica.set_scene().await;
    primary.wait_for_standby(&standby).await;
    primary.kill().await;
    standby.promote().await;
    replica.until_accepted(async |replica| revoke_within(replica, Duration::from_secs(8)).await).await;

    // by something that starts what has ended, and knows of no other
    primary.start().await;
    let fresh = Replica::launch(&[&primary, &standby], &FLAGS).await;
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(4) {
        for replica in [&replica, &fresh] {
            assert!(!replica.may_edit("bob").await.unwrap_or(false), "{}", replica.log_end());
            let editors = everyone_who_edits(replica, Asked::Now).await.unwrap_or_default();
            assert!(!editors.contains(&"bob".to_owned()), "{}", replica.log_end());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // all that it may have of the old one is asked for at once
    let users: Vec<String> = (0..12).map(|number| format!("unknown-{number}")).collect();
    let checks = users.iter().map(|user| replica.may_edit(user));
    let answers = futures::future::join_all(checks).await;
    assert!(answers.iter().all(|answer| matches!(answer, Ok(false))), "{answers:?}");
    replica.create_user("dan").await.unwrap();
    println!("one that was started beside it is {:?}", fresh.health().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_only_an_old_primary_took_is_never_acknowledged() {
    // without a synchronous standby an old primary goes on taking writes
    let (primary, standby) = pair().await;
    let replica = Arc::new(Replica::start(&[&primary, &standby], &FLAGS).await);
    replica.set_scene().await;
    primary.until_shown_by(&standby).await;
    futures::future::join_all((0..12).map(|number| create(&replica, format!("before-{number}")))).await;
    primary.until_shown_by(&standby).await;

    primary.freeze();
    standby.promote().await;
    replica.until_accepted(async |replica| revoke_within(replica, Duration::from_secs(8)).await).await;
    primary.thaw();
    let writes = (0..24).map(|number| create(&replica, format!("after-{number}")));
    let acknowledged: Vec<String> = futures::future::join_all(writes).await.into_iter().flatten().collect();
    let client = standby.client().await;
    for username in &acknowledged {
        let found = client.query("SELECT FROM account WHERE username = $1", &[username]).await.unwrap();
        assert_eq!(found.len(), 1, "{username} was acknowledged, and the primary does not have it");
    }
    let settled = replica.until_it_writes("settled").await;
    assert_eq!(client.query("SELECT FROM account WHERE username = $1", &[&settled]).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_the_standby_does_not_have_is_not_shown_to_anybody() {
    let (primary, standby) = pair().await;
    let replica = Replica::start(&[&primary, &standby], &["--lease", "2m", "--heartbeat", "200ms"]).await;
    replica.set_scene().await;
    primary.wait_for_standby(&standby).await;
    standby.freeze();
    let (project, collaborator) = (PROJECT.to_owned(), "bob".to_owned());
    let request = CollaboratorServiceRemoveRequest { project, collaborator, ..Default::default() };
    let removed = replica.collaborators().remove(within(Duration::from_secs(1), request)).await;
    assert!(removed.is_err(), "nobody but the primary has it: {removed:?}");
    let request = UserServiceCreateRequest { username: "dan".to_owned(), ..Default::default() };
    let created = replica.users().create(within(Duration::from_secs(1), request)).await;
    assert!(created.is_err(), "nobody but the primary has it: {created:?}");
    // a cancellation that is on its way would have come by then
    tokio::time::sleep(Duration::from_secs(1)).await;
    let editors = everyone_who_edits(&replica, Asked::Now).await.unwrap();
    assert!(editors.contains(&"bob".to_owned()), "what a failover would undo is not shown: {editors:?}");
    let found = replica.users().get(UserServiceGetRequest { username: "dan".to_owned() }).await;
    assert_eq!(found.unwrap_err().code(), Code::NotFound);
    standby.thaw();
    replica.until_it_writes("eve").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_url_that_names_no_primary_serves_nothing_and_says_what_to_do() {
    let (primary, standby) = pair().await;
    let first = Replica::start(&[&primary], &FLAGS).await;
    first.set_scene().await;
    primary.until_shown_by(&standby).await;
    let replica = Replica::launch(&[&standby], &FLAGS).await;
    let said = replica.until_logged(&["--database-url", "promote"]).await;
    println!("{said}");
    let status = replica.may_edit("bob").await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "VIEW_NOT_FRESH"));
    let status = replica.create_user("dan").await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "DATABASE_UNAVAILABLE"), "{status:?}");
    assert_eq!(replica.health().await, ServingStatus::NotServing);
    drop(first);
    primary.stop().await;
    standby.promote().await;
    tokio::time::timeout(PATIENCE, replica.until(ServingStatus::Serving)).await.unwrap();
    assert!(replica.may_edit("bob").await.unwrap(), "once it is the primary it is all right");
}

async fn revoke_within(replica: &Replica, limit: Duration) -> Result<(), tonic::Status> {
    let (project, collaborator) = (PROJECT.to_owned(), "bob".to_owned());
    let request = CollaboratorServiceRemoveRequest { project, collaborator, ..Default::default() };
    let removed = replica.collaborators().remove(within(limit, request)).await;
    match removed {
        // one whose outcome was unknown was done
        Err(status) if status.code() == Code::NotFound => Ok(()),
        other => other.map(drop),
    }
}

async fn create(replica: &Replica, username: String) -> Option<String> {
    let request = UserServiceCreateRequest { username: username.clone(), ..Default::default() };
    let created = replica.users().create(within(Duration::from_secs(6), request)).await;
    created.is_ok().then_some(username)
}
