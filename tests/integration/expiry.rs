//! Grants that end: by the database's clock, on the spot, with nothing written.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use prost_types::FieldMask;
use rolegate::grpc::v1::{
    CollaboratorServiceAddRequest, CollaboratorServiceUpdateRequest, DecisionReason, Origin, ProjectRole,
};
use tonic::Status;

use crate::support::Service;
use crate::support::oracle::database_clock;
use crate::support::postgres::connect;
use crate::support::scene::{PROJECT, Scene};

#[tokio::test]
async fn a_grant_of_50_ms_gives_nothing_after_its_end() {
    let scene = Scene::set(&[]).await;
    ends_on_time(&scene, &[&scene.here]).await;
}

#[tokio::test]
async fn a_grant_of_50_ms_gives_nothing_after_its_end_through_another_replica_either() {
    let scene = Scene::set(&["--lease", "2s", "--heartbeat", "50ms"]).await;
    ends_on_time(&scene, &[&scene.elsewhere, &scene.here]).await;
}

/// Gives short grants through the first of them, and asks all of them in turn.
async fn ends_on_time(scene: &Scene, services: &[&Service]) {
    let client = connect(&scene.elsewhere.database).await;
    let mut granted = vec![0; services.len()];
    for _ in 0..30 {
        let end = database_clock(&client).await + SignedDuration::from_millis(50);
        if end_grant(services[0], "bob", Some(end)).await.is_err() {
            // on a busy machine the end may be past before it is asked for
            continue;
        }
        for place in (0..services.len()).cycle() {
            let before = database_clock(&client).await;
            let answer = services[place].check("bob", PROJECT, "delete_files").await.unwrap();
            if answer.allowed {
                assert!(before < end, "asked at {before}, granted although the grant ended at {end}");
                assert_eq!(answer.expires_at.map(moment), Some(end));
                granted[place] += 1;
            } else {
                assert_eq!((answer.reason(), answer.expires_at), (DecisionReason::NoRole, None));
            }
            if before > end {
                break;
            }
        }
    }
    assert!(granted.iter().all(|granted| *granted > 0), "the grants were there before their end: {granted:?}");
}

#[tokio::test]
async fn a_grant_ends_with_nothing_written_and_the_next_role_takes_its_place() {
    let scene = Scene::set(&[]).await;
    let client = connect(&scene.elsewhere.database).await;
    let end = database_clock(&client).await + SignedDuration::from_millis(1_500);
    scene.here.add_collaborator(PROJECT, "@acme/crew", ProjectRole::Reader).await.unwrap();
    end_grant(&scene.here, "bob", Some(end)).await.unwrap();
    // nobody can record the end meanwhile
    let holder = connect(&scene.elsewhere.database).await;
    holder.batch_execute("BEGIN; SELECT FROM project FOR UPDATE").await.unwrap();
    let before = scene.here.check("bob", PROJECT, "delete_files").await.unwrap();
    assert_eq!(
        (before.allowed, before.origin(), before.expires_at.map(moment)),
        (true, Origin::Collaborator, Some(end))
    );

    while database_clock(&client).await <= end {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let after = scene.here.check("bob", PROJECT, "delete_files").await.unwrap();
    assert_eq!(
        (after.reason(), after.role(), after.origin()),
        (DecisionReason::RoleTooLow, ProjectRole::Reader, Origin::TeamMember)
    );
    assert_eq!((after.expires_at, &after.revision), (None, &before.revision), "nothing was written in between");
    holder.batch_execute("ROLLBACK").await.unwrap();

    end_grant(&scene.here, "bob", None).await.unwrap();
    let again = scene.here.check("bob", PROJECT, "delete_files").await.unwrap();
    assert_eq!((again.allowed, again.expires_at), (true, None), "a grant that had ended lasts again");
}

#[tokio::test]
async fn a_grant_that_ended_before_it_was_given_gives_nothing() {
    let scene = Scene::set(&[]).await;
    let client = connect(&scene.elsewhere.database).await;
    let end = database_clock(&client).await - SignedDuration::from_secs(1);
    let request = CollaboratorServiceAddRequest {
        project: PROJECT.to_owned(),
        collaborator: "@acme/crew".to_owned(),
        role: ProjectRole::Admin.into(),
        expires_at: Some(timestamp(end)),
        ..Default::default()
    };
    let _ = scene.here.collaborators().add(request).await;
    let answer = scene.here.check("cyd", PROJECT, "view_project").await.unwrap();
    assert_eq!(answer.reason(), DecisionReason::NoRole);
}

async fn end_grant(service: &Service, who: &str, end: Option<Timestamp>) -> Result<(), Status> {
    let request = CollaboratorServiceUpdateRequest {
        project: PROJECT.to_owned(),
        collaborator: who.to_owned(),
        update_mask: Some(FieldMask { paths: vec!["expires_at".to_owned()] }),
        expires_at: end.map(timestamp),
        ..Default::default()
    };
    service.collaborators().update(request).await.map(drop)
}

fn timestamp(time: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: time.as_second(), nanos: time.subsec_nanosecond() }
}

fn moment(time: prost_types::Timestamp) -> Timestamp {
    Timestamp::new(time.seconds, time.nanos).unwrap()
}
