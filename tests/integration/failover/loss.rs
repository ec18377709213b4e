//! A failover that loses what was acknowledged: the standby had not received it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rolegate::grpc::v1::ProjectRole;
use rolegate::grpc::v1::consistency::Requirement;
use tonic::Code;
use tonic_health::pb::health_check_response::ServingStatus;

use super::{Replica, pair};
use crate::support::cluster::Node;
use crate::support::questions::{all_allowed, on_project};
use crate::support::reason;
use crate::support::scene::PROJECT;

const LEASE: Duration = Duration::from_secs(2);
const FLAGS: [&str; 4] = ["--lease", "2s", "--heartbeat", "200ms"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_failover_lost_is_noticed_and_answered_from_no_more() {
    let (primary, standby) = pair().await;
    let first = Arc::new(Replica::start(&[&primary, &standby], &FLAGS).await);
    let second = Arc::new(Replica::start(&[&primary, &standby], &FLAGS).await);
    set_scene(&first, &primary, &standby).await;
    let tokens = write_what_is_lost(&first, &standby).await;
    for replica in [&first, &second] {
        replica.until_may_edit("cyd", true).await;
    }
    let watched = [&first, &second].map(|replica| tokio::spawn(watch(Arc::clone(replica))));

    primary.kill().await;
    let promoted = Instant::now();
    standby.promote().await;
    first.until_it_writes("dan").await;
    let accepted = promoted.elapsed();
    println!("promoted, the first write was acknowledged after {accepted:?}");
    assert!(accepted >= LEASE, "who answers from what was lost is not known before: {accepted:?}");
    for watched in watched {
        watched.await.unwrap();
    }
    for replica in [&first, &second] {
        assert_eq!((replica.may_edit("bob").await.unwrap(), replica.may_edit("cyd").await.unwrap()), (true, false));
        let said = replica.until_logged(&["ERROR", "starting over"]).await;
        println!("{said}");
        refuses(replica, &tokens).await;
    }
    // the counter goes on beyond what was lost: a number is no proof
    for number in 0..tokens.len() + 2 {
        second.create_user(&format!("later-{number}")).await.unwrap();
    }
    for replica in [&first, &second] {
        refuses(replica, &tokens).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_slept_through_a_failover_with_loss_wakes_up_to_what_is_left() {
    let (primary, standby) = pair().await;
    let sleeper = Replica::start(&[&primary, &standby], &FLAGS).await;
    set_scene(&sleeper, &primary, &standby).await;
    let tokens = write_what_is_lost(&sleeper, &standby).await;
    assert!(sleeper.may_edit("cyd").await.unwrap());
    sleeper.process.signal("STOP");

    primary.kill().await;
    standby.promote().await;
    // one that knows nothing of what was lost; it counts over the same numbers, to the same number and beyond
    let other = Replica::start(&[&primary, &standby], &FLAGS).await;
    for number in 0..tokens.len() + 2 {
        other.create_user(&format!("other-{number}")).await.unwrap();
    }
    sleeper.process.signal("CONT");
    let woken = Instant::now();
    while woken.elapsed() < Duration::from_secs(3) {
        assert!(!sleeper.may_edit("cyd").await.unwrap_or(false), "it slept for more than its lease");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    sleeper.until_may_edit("bob", true).await;
    sleeper.until_logged(&["ERROR", "starting over"]).await;
    refuses(&sleeper, &tokens).await;
    other.until(ServingStatus::Serving).await;
    refuses(&other, &tokens).await;
    other.remove_collaborator(PROJECT, "bob").await.unwrap();
    assert!(!sleeper.may_edit("bob").await.unwrap(), "and hears of what is written from then on");
}

/// bob may, cyd may not, and the standby shows it.
async fn set_scene(replica: &Replica, primary: &Node, standby: &Node) {
    replica.set_scene().await;
    primary.until_shown_by(standby).await;
}

/// Turns it over, where the standby does not hear of it.
async fn write_what_is_lost(replica: &Replica, standby: &Node) -> Vec<String> {
    standby.stop_receiving().await;
    let revoked = replica.remove_collaborator(PROJECT, "bob").await.unwrap();
    let granted = replica.add_collaborator(PROJECT, "cyd", ProjectRole::Editor).await.unwrap();
    vec![revoked, granted]
}

/// Asks of both in one question, until what was lost is gone: never a mixture, and never a way back.
async fn watch(replica: Arc<Replica>) {
    let (lost, left) = ([Ok(false), Ok(true)], [Ok(true), Ok(false)]);
    let begun = Instant::now();
    let mut since = None;
    while since.is_none_or(|since: Instant| since.elapsed() < LEASE) {
        let asked = vec![on_project("bob", PROJECT, "delete_files"), on_project("cyd", PROJECT, "delete_files")];
        if let Ok(answer) = replica.batch(asked).await {
            let answers = all_allowed(&answer);
            if answers == left {
                since.get_or_insert_with(Instant::now);
            } else if answers.iter().all(Result::is_ok) {
                assert!(answers == lost && since.is_none(), "{answers:?}, what is left since {since:?}");
            }
        }
        assert!(begun.elapsed() < super::PATIENCE, "{}", replica.log_end());
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
}

async fn refuses(replica: &Replica, tokens: &[String]) {
    for token in tokens {
        let requirement = Requirement::AtLeastAsFresh(token.clone());
        let status = replica.check_at(("bob", PROJECT, "delete_files"), requirement).await.unwrap_err();
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::InvalidArgument, "INVALID_REVISION"),
            "{status:?}"
        );
    }
}
