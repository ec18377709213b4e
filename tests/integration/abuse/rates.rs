//! One caller may send so much a second, where that is set.

use std::time::Duration;

use rolegate::grpc::v1::write_operation::Operation;
use rolegate::grpc::v1::{StreamCheckRequest, UserServiceCreateRequest, WriteOperation, WriteRequest};
use tonic::Code;

use super::{garden, list, may, says_when, until};
use crate::support::questions::{allowed, on_project};

/// A rate so low that no slow machine waits for what it allows.
const FLAGS: &[&str] = &["--caller-rate", "1", "--caller-burst", "40"];

#[tokio::test]
async fn a_caller_that_sends_too_much_is_told_how_long_to_wait_and_may_then_go_on() {
    let service = garden(FLAGS).await;
    let mut refused = None;
    for _ in 0..200 {
        match service.check("ann", "ann/trees", "view_project").await {
            Ok(answer) => assert!(answer.allowed),
            Err(status) => refused = Some(status),
        }
    }
    says_when(&refused.expect("200 are more than 40"), "CALLER_RATE");
    says_when(&list(&service, None).await.unwrap_err(), "CALLER_RATE");
    says_when(&service.create_user("late").await.unwrap_err(), "CALLER_RATE");
    assert_eq!(service.health().await, tonic_health::pb::health_check_response::ServingStatus::Serving);
    until(async || service.check("ann", "ann/trees", "view_project").await.is_ok()).await;
}

#[tokio::test]
async fn the_checks_of_a_batch_and_of_a_stream_count_one_by_one() {
    let service = garden(FLAGS).await;
    let many = |count: usize| vec![on_project("ann", "ann/trees", "view_project"); count];
    assert_eq!(service.batch(many(20)).await.unwrap().results.len(), 20);
    says_when(&service.batch(many(30)).await.unwrap_err(), "CALLER_RATE");
    let ask = move |id| StreamCheckRequest { id, check: Some(many(1).remove(0)), consistency: None };
    let questions = futures::stream::iter((0..200).map(ask));
    let mut answers = service.authorization().stream_check(questions).await.unwrap().into_inner();
    let (mut answered, mut refused) = (0, 0);
    while let Some(answer) = answers.message().await.unwrap() {
        match allowed(&answer.result.unwrap()) {
            Ok(allowed) => answered += usize::from(allowed),
            Err((code, _)) => refused += usize::from(code == Code::ResourceExhausted),
        }
    }
    assert!(answered < 100 && answered + refused == 200, "{answered} answered, {refused} refused");
}

#[tokio::test]
async fn the_operations_of_a_list_count_one_by_one() {
    let service = garden(FLAGS).await;
    let list = |prefix: &str| {
        let user = |number| UserServiceCreateRequest { username: format!("{prefix}{number}"), ..Default::default() };
        let operation = |number| WriteOperation { operation: Some(Operation::CreateUser(user(number))) };
        WriteRequest { operations: (0..30).map(operation).collect(), ..Default::default() }
    };
    let written = service.writes().write(list("first")).await.unwrap().into_inner();
    assert_eq!(written.results.len(), 30);
    says_when(&service.writes().write(list("second")).await.unwrap_err(), "CALLER_RATE");
}

#[tokio::test]
async fn nobody_is_limited_unless_that_is_set() {
    let service = garden(&[]).await;
    for _ in 0..500 {
        assert!(may(&service).await);
    }
    tokio::time::timeout(Duration::from_secs(30), service.stop()).await.unwrap();
}
