//! What callers can ask of an answer, and what every request may count on: revisions, deadlines, limits, reflection.

use std::time::Duration;

use rolegate::grpc::v1::consistency::Requirement;
use rolegate::grpc::v1::{CheckRequest, Consistency, ProjectRole, UserServiceCreateRequest};
use tonic::{Code, Request, Status};
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use crate::support::proxy::Purpose;
use crate::support::scene::{PROJECT, Scene};
use crate::support::{Service, reason};

const QUESTION: (&str, &str, &str) = ("bob", PROJECT, "delete_files");

#[tokio::test]
async fn an_answer_at_least_as_fresh_as_a_write_elsewhere_shows_it() {
    let scene = Scene::set(&[]).await;
    for turn in 0..20 {
        assert!(scene.here.check_at(QUESTION, Requirement::FullyConsistent(true)).await.unwrap().allowed);
        let token = scene.elsewhere.remove_collaborator(PROJECT, "bob").await.unwrap();
        let requirement =
            if turn % 2 == 0 { Requirement::AtLeastAsFresh(token.clone()) } else { Requirement::FullyConsistent(true) };
        let answer = scene.here.check_at(QUESTION, requirement).await.unwrap();
        assert!(!answer.allowed, "turn {turn}");
        assert_eq!(answer.revision, token, "nothing was written since");
        scene.elsewhere.add_collaborator(PROJECT, "bob", ProjectRole::Editor).await.unwrap();
    }
}

#[tokio::test]
async fn a_revision_that_is_not_reached_in_time_is_refused_with_its_reason() {
    let scene = Scene::set(&["--lease", "2m"]).await;
    assert!(scene.here.check(QUESTION.0, QUESTION.1, QUESTION.2).await.unwrap().allowed);
    scene.proxy.hold(Purpose::Log);
    let token = scene.elsewhere.unconfirmed().remove_collaborator(PROJECT, "bob").await.unwrap();
    for requirement in [Requirement::AtLeastAsFresh(token.clone()), Requirement::FullyConsistent(true)] {
        let status = check_within(&scene.here, requirement, Duration::from_millis(300)).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "REVISION_NOT_REACHED"));
    }
    let old = scene.here.check(QUESTION.0, QUESTION.1, QUESTION.2).await.unwrap();
    assert!(old.allowed && old.revision != token, "who asks for nothing gets what the view has");
    scene.proxy.release(Purpose::Log);
    assert!(!scene.here.check_at(QUESTION, Requirement::AtLeastAsFresh(token)).await.unwrap().allowed);
}

#[tokio::test]
async fn a_revision_of_another_database_and_no_revision_at_all_are_refused() {
    let (service, other) = (Service::start().await, Service::start().await);
    let foreign = other.check("", "ann/trees", "view_project").await.unwrap().revision;
    let own = service.check("", "ann/trees", "view_project").await.unwrap().revision;
    let mut slip = own.clone();
    slip.replace_range(4..5, if &own[4..5] == "A" { "B" } else { "A" });
    let long = "A".repeat(10_000);
    for text in [foreign.as_str(), &slip, "", "0", "garbage", "ünïcode", "====", &long] {
        let requirement = Requirement::AtLeastAsFresh(text.to_owned());
        let status = service.check_at(("ann", "ann/trees", "view_project"), requirement).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "INVALID_REVISION"), "{text}");
    }
    service.check_at(("ann", "ann/trees", "view_project"), Requirement::AtLeastAsFresh(own)).await.unwrap();
    other.stop().await;
    service.stop().await;
}

#[tokio::test]
async fn a_message_above_the_limit_is_refused_and_one_below_is_read() {
    let service = Service::start_on(crate::support::fresh_database().await, &["--max-message-size", "2KiB"]).await;
    let create = |length: usize| UserServiceCreateRequest { username: "a".repeat(length), ..Default::default() };
    let above = service.users().create(create(4_000)).await.unwrap_err();
    assert!(matches!(above.code(), Code::OutOfRange | Code::ResourceExhausted), "{above:?}");
    let below = service.users().create(create(1_000)).await.unwrap_err();
    assert_eq!(reason(&below), "USERNAME_INVALID", "it was read");
    service.create_users(&["ann"]).await;
    service.stop().await;
}

#[tokio::test]
async fn deadlines_of_callers_and_of_the_service_are_honoured() {
    let scene = Scene::set(&["--request-timeout", "400ms", "--lease", "2m"]).await;
    scene.proxy.hold(Purpose::Loads);
    for limit in [Duration::from_millis(200), Duration::from_secs(300)] {
        let begun = std::time::Instant::now();
        let status = check_within(&scene.here, Requirement::FullyConsistent(false), limit).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"));
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "the service's own limit holds for who wants to wait longer"
        );
    }
    scene.proxy.release(Purpose::Loads);
    assert!(scene.here.check(QUESTION.0, QUESTION.1, QUESTION.2).await.unwrap().allowed);
}

#[tokio::test]
async fn reflection_lists_every_service() {
    let service = Service::start().await;
    let ask = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut client = ServerReflectionClient::new(service.channel.clone());
    let mut answers = client.server_reflection_info(futures::stream::iter([ask])).await.unwrap().into_inner();
    let answer = answers.message().await.unwrap().unwrap().message_response.unwrap();
    let MessageResponse::ListServicesResponse(list) = answer else { panic!("{answer:?}") };
    let listed: Vec<String> = list.service.into_iter().map(|service| service.name).collect();
    for name in ["Authorization", "User", "Organization", "Team", "Project", "Collaborator", "Plan"] {
        assert!(listed.contains(&format!("rolegate.v1.{name}Service")), "{name} in {listed:?}");
    }
    assert!(listed.contains(&"grpc.health.v1.Health".to_owned()), "{listed:?}");
    drop(answers);
    service.stop().await;
}

#[tokio::test]
async fn a_request_id_comes_back_and_one_is_made_up_where_there_is_none() {
    let service = Service::start().await;
    let mut named = Request::new(question(None));
    named.metadata_mut().insert("x-request-id", "my-own-id".parse().unwrap());
    let answer = service.authorization().check(named).await.unwrap();
    assert_eq!(answer.metadata().get("x-request-id").unwrap(), "my-own-id");
    let mut refused = Request::new(CheckRequest { action: "no_action".to_owned(), ..question(None) });
    refused.metadata_mut().insert("x-request-id", "another".parse().unwrap());
    let status = service.authorization().check(refused).await.unwrap_err();
    assert_eq!(status.metadata().get("x-request-id").unwrap(), "another", "a refusal has it as well");
    let anonymous = service.authorization().check(question(None)).await.unwrap();
    assert!(!anonymous.metadata().get("x-request-id").unwrap().is_empty());
    service.stop().await;
}

fn question(requirement: Option<Requirement>) -> CheckRequest {
    let consistency = requirement.map(|requirement| Consistency { requirement: Some(requirement) });
    let (user, project, action) = (QUESTION.0.to_owned(), QUESTION.1.to_owned(), QUESTION.2.to_owned());
    CheckRequest { user, project, action, consistency }
}

async fn check_within(service: &Service, requirement: Requirement, limit: Duration) -> Result<bool, Status> {
    let mut request = Request::new(question(Some(requirement)));
    request.set_timeout(limit);
    service.authorization().check(request).await.map(|answer| answer.into_inner().allowed)
}
