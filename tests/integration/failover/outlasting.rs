//! What is answered while there is no primary: within the lease, and beyond it where that is allowed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use rolegate::grpc::v1::consistency::Requirement;
use rolegate::grpc::v1::{CollaboratorServiceAddRequest, DecisionReason, ProjectRole};
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::load::{Load, all_there};
use super::{PATIENCE, Replica, pair};
use crate::support::reason;
use crate::support::scene::PROJECT;

const SHORT: [&str; 4] = ["--lease", "1s", "--heartbeat", "100ms"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_it_is_allowed_answers_go_on_beyond_the_lease_and_say_so() {
    let (primary, standby) = pair().await;
    let flags = [&SHORT[..], &["--serve-stale-for", "1m"]].concat();
    let first = Arc::new(Replica::start(&[&primary, &standby], &flags).await);
    let second = Arc::new(Replica::start(&[&primary, &standby], &flags).await);
    first.set_scene().await;
    primary.wait_for_standby(&standby).await;
    for replica in [&first, &second] {
        replica.until_may_edit("bob", true).await;
        until_stale(replica, false).await;
    }
    let load = Load::start(&[Arc::clone(&first), Arc::clone(&second)]);
    tokio::time::sleep(Duration::from_millis(500)).await;

    primary.kill().await;
    for replica in [&first, &second] {
        until_stale(replica, true).await;
        assert_eq!(replica.health().await, ServingStatus::Serving, "it answers");
        assert_eq!(freshness(replica).await, ServingStatus::NotServing, "and says what of");
        replica.until_logged(&["ERROR", "beyond the lease"]).await;
        let within = Duration::from_millis(500);
        let asked = replica.check_at(("bob", PROJECT, "delete_files"), Requirement::FullyConsistent(true));
        let answered = tokio::time::timeout(within, asked).await;
        assert!(!answered.is_ok_and(|answer| answer.is_ok()), "no answer is called fresh that may not be");
    }
    standby.promote().await;
    for replica in [&first, &second] {
        until_stale(replica, false).await;
        assert_eq!(freshness(replica).await, ServingStatus::Serving);
    }
    first.until_it_writes("after").await;
    let (acknowledged, answers) = load.stop().await;
    all_there(&first, &standby, &acknowledged).await;
    for answers in answers {
        assert!(answers.refused.is_empty(), "{:?}", answers.refused);
        assert!(answers.stale > 0 && answers.granted > answers.stale);
        println!("{} answers, {} of them marked; the longest pause {:?}", answers.granted, answers.stale, answers.gap);
    }
    first.remove_collaborator(PROJECT, "bob").await.unwrap();
    assert!(!second.may_edit("bob").await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_it_is_not_allowed_answers_end_with_the_lease() {
    let (primary, standby) = pair().await;
    let replica = Replica::start(&[&primary, &standby], &SHORT).await;
    replica.set_scene().await;
    primary.until_shown_by(&standby).await;
    assert!(replica.may_edit("bob").await.unwrap());
    primary.kill().await;
    let killed = Instant::now();
    while let Ok(may) = replica.may_edit("bob").await {
        assert!(may, "an outage is no denial");
        // a renewal that was asked for before the kill may have been the last
        assert!(killed.elapsed() < Duration::from_secs(2), "the lease is 1 s");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    replica.until(ServingStatus::NotServing).await;
    let status = replica.may_edit("bob").await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "VIEW_NOT_FRESH"));
    standby.promote().await;
    replica.until(ServingStatus::Serving).await;
    assert!(replica.may_edit("bob").await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grant_ends_on_time_while_there_is_no_primary() {
    let (primary, _standby) = pair().await;
    let lasting = Replica::start(&[&primary], &["--lease", "20s", "--heartbeat", "200ms"]).await;
    let stale = Replica::start(&[&primary], &[&SHORT[..], &["--serve-stale-for", "1m"]].concat()).await;
    lasting.set_scene().await;
    // both servers and this process go by one clock
    let end = Timestamp::now() + SignedDuration::from_secs(4);
    let request = CollaboratorServiceAddRequest {
        project: PROJECT.to_owned(),
        collaborator: "cyd".to_owned(),
        role: ProjectRole::Editor.into(),
        expires_at: Some(prost_types::Timestamp { seconds: end.as_second(), nanos: end.subsec_nanosecond() }),
        ..Default::default()
    };
    lasting.collaborators().add(request).await.unwrap();
    for replica in [&lasting, &stale] {
        assert!(replica.may_edit("cyd").await.unwrap() && replica.may_edit("bob").await.unwrap());
    }
    primary.kill().await;
    let mut granted = [0, 0];
    loop {
        for (place, replica) in [&lasting, &stale].into_iter().enumerate() {
            let before = Timestamp::now();
            let answer = replica.check("cyd", PROJECT, "delete_files").await.unwrap();
            assert!(!answer.allowed || before < end, "asked at {before}, granted although the grant ended at {end}");
            assert!(answer.allowed || answer.reason() == DecisionReason::NoRole, "{answer:?}");
            granted[place] += u32::from(answer.allowed);
        }
        if Timestamp::now() > end + SignedDuration::from_millis(200) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert!(granted.iter().all(|granted| *granted > 0), "{granted:?}");
    assert!(lasting.may_edit("bob").await.unwrap(), "the lease still runs");
}

async fn until_stale(replica: &Replica, wanted: bool) {
    let marked = async {
        while !replica.check("bob", PROJECT, "delete_files").await.is_ok_and(|answer| answer.stale == wanted) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, marked).await.unwrap_or_else(|_| panic!("{}", replica.log_end()));
}

/// Whether its answers are fresh, as its health tells.
async fn freshness(replica: &Replica) -> ServingStatus {
    let service = "rolegate.fresh".to_owned();
    let mut client = HealthClient::new(replica.channel.clone());
    client.check(HealthCheckRequest { service }).await.unwrap().into_inner().status()
}
