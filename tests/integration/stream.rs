//! `StreamCheck`: every question answered once under its own id, whatever becomes of the others, of the database, of other
//! callers, or of the service.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::channel::mpsc::{UnboundedSender, unbounded};
use rolegate::grpc::v1::authorization_service_client::AuthorizationServiceClient;
use rolegate::grpc::v1::check_result::Result as Answer;
use rolegate::grpc::v1::consistency::Requirement;
use rolegate::grpc::v1::{CheckItem, ErrorReason as Reason, ProjectRole, StreamCheckRequest, StreamCheckResponse};
use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};

use crate::support::proxy::Purpose;
use crate::support::questions::{allowed, consistency, on_account, on_nothing, on_organization, on_project};
use crate::support::scene::{PROJECT, Scene};

type Error = (Code, Reason);

/// A stream with both its ends.
struct Conversation {
    questions: UnboundedSender<StreamCheckRequest>,
    answers: Streaming<StreamCheckResponse>,
}

impl Conversation {
    async fn open(mut client: AuthorizationServiceClient<Channel>) -> Self {
        let (questions, asked) = unbounded();
        Self { questions, answers: client.stream_check(asked).await.unwrap().into_inner() }
    }

    fn ask(&self, id: u64, check: CheckItem) {
        self.ask_at(id, check, None);
    }

    fn ask_at(&self, id: u64, check: CheckItem, requirement: Option<Requirement>) {
        let request = StreamCheckRequest { id, check: Some(check), consistency: consistency(requirement) };
        self.questions.unbounded_send(request).unwrap();
    }

    async fn next(&mut self) -> Result<Option<StreamCheckResponse>, Status> {
        tokio::time::timeout(Duration::from_secs(30), self.answers.message()).await.expect("it goes on")
    }

    /// The next answer, which must be there.
    async fn answer(&mut self) -> (u64, Result<bool, Error>) {
        let answer = self.next().await.unwrap().expect("an answer");
        (answer.id, allowed(&answer.result.unwrap()))
    }

    /// Closes this side, and takes what is still answered, by id; each id may come once.
    async fn finish(mut self) -> BTreeMap<u64, StreamCheckResponse> {
        self.questions.close_channel();
        let mut all = BTreeMap::new();
        while let Some(answer) = self.next().await.expect("it ends with OK") {
            let id = answer.id;
            assert!(all.insert(id, answer).is_none(), "{id} is answered twice");
        }
        all
    }
}

fn question() -> CheckItem {
    on_project("bob", PROJECT, "delete_files")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_questions_are_each_answered_once_under_their_own_id() {
    let scene = Scene::set(&[]).await;
    let conversation = Conversation::open(scene.here.authorization()).await;
    let kinds = [
        question(),
        on_project("cyd", &scene.project, "view_project"),
        on_organization("bob", "acme", "read_teams"),
        on_organization("nobody", "acme", "read_teams"),
        on_account("ann", "cyd", "read_details"),
        on_project("bob", PROJECT, "destroy"),
        on_nothing("bob", "view_project"),
    ];
    let mut expected = Vec::new();
    for kind in &kinds[..5] {
        expected.push(Some(scene.elsewhere.ask(kind).await.unwrap()));
    }
    // ids in no order, the outermost among them
    let id = |place: u64| place.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_sub(1);
    for place in 0..7_000 {
        conversation.ask(id(place), kinds[place as usize % kinds.len()].clone());
    }
    let mut answers = conversation.finish().await;
    assert_eq!(answers.len(), 7_000);
    for place in 0..7_000 {
        let answer = answers.remove(&id(place)).expect("its id").result.unwrap();
        match expected.get(place as usize % kinds.len()) {
            Some(Some((single, revision))) => assert_eq!(without_revision(answer, revision), single.result.clone()),
            _ => assert_eq!(allowed(&answer).unwrap_err().0, Code::InvalidArgument),
        }
    }
}

/// The answer with its revision, which must be that, taken out.
fn without_revision(answer: rolegate::grpc::v1::CheckResult, revision: &str) -> Option<Answer> {
    let mut answer = answer.result?;
    let its_own = match &mut answer {
        Answer::Project(answer) => &mut answer.revision,
        Answer::Organization(answer) => &mut answer.revision,
        Answer::Account(answer) => &mut answer.revision,
        Answer::Error(_) => return Some(answer),
    };
    assert_eq!(std::mem::take(its_own), revision);
    Some(answer)
}

#[tokio::test]
async fn a_question_that_must_wait_holds_up_none_behind_it() {
    let scene = Scene::set(&["--lease", "2m"]).await;
    assert!(scene.here.check("bob", PROJECT, "delete_files").await.unwrap().allowed);
    scene.proxy.hold(Purpose::Loads);
    let mut conversation = Conversation::open(scene.here.authorization()).await;
    // one place of the 64 is left
    for id in 0..63 {
        conversation.ask(id, on_project(&format!("cold-{id}"), PROJECT, "view_project"));
    }
    for id in 1_000..2_000 {
        conversation.ask(id, question());
        assert_eq!(conversation.answer().await, (id, Ok(true)));
    }
    scene.proxy.release(Purpose::Loads);
    let late = conversation.finish().await;
    assert_eq!(late.keys().copied().collect::<Vec<_>>(), (0..63).collect::<Vec<_>>());
    assert!(late.into_values().all(|answer| allowed(&answer.result.unwrap()) == Ok(false)));
}

#[tokio::test]
async fn malformed_questions_are_answered_as_errors_and_the_stream_goes_on() {
    let scene = Scene::set(&[]).await;
    let mut conversation = Conversation::open(scene.here.authorization()).await;
    let invalid = Err((Code::InvalidArgument, Reason::InvalidField));
    for (item, expected) in [
        (None, invalid),
        (Some(CheckItem::default()), invalid),
        (Some(on_nothing("bob", "view_project")), invalid),
        (Some(on_project("b", PROJECT, "view_project")), invalid),
        (Some(on_project("bob", "trees", "view_project")), invalid),
        (Some(on_organization("bob", "", "read_teams")), invalid),
        (Some(on_account("bob", "bob", "view_project")), Err((Code::InvalidArgument, Reason::UnknownAction))),
        (Some(on_project("", PROJECT, "view_project")), Ok(false)),
    ] {
        let request = StreamCheckRequest { id: 7, check: item, consistency: None };
        conversation.questions.unbounded_send(request.clone()).unwrap();
        assert_eq!(conversation.answer().await, (7, expected), "{request:?}");
        conversation.ask(8, question());
        assert_eq!(conversation.answer().await, (8, Ok(true)));
    }
    assert!(conversation.finish().await.is_empty());
}

#[tokio::test]
async fn a_stream_that_asks_nothing_ends_with_ok() {
    let scene = Scene::set(&[]).await;
    let conversation = Conversation::open(scene.here.authorization()).await;
    assert!(conversation.finish().await.is_empty());
    let asked = scene.here.authorization().stream_check(futures::stream::empty()).await.unwrap();
    assert_eq!(asked.into_inner().message().await.unwrap(), None);
}

#[tokio::test]
async fn each_question_is_answered_as_fresh_as_it_asks() {
    let scene = Scene::set(&["--lease", "2m"]).await;
    let mut conversation = Conversation::open(scene.here.authorization()).await;
    conversation.ask_at(0, question(), Some(Requirement::FullyConsistent(true)));
    assert_eq!(conversation.answer().await, (0, Ok(true)));
    scene.proxy.hold(Purpose::Log);
    let token = scene.elsewhere.unconfirmed().remove_collaborator(PROJECT, "bob").await.unwrap();
    conversation.ask_at(1, question(), Some(Requirement::AtLeastAsFresh(token.clone())));
    conversation.ask_at(2, question(), Some(Requirement::AtLeastAsFresh("garbage".to_owned())));
    assert_eq!(conversation.answer().await, (2, Err((Code::InvalidArgument, Reason::InvalidRevision))));
    conversation.ask(3, question());
    assert_eq!(conversation.answer().await, (3, Ok(true)), "who asks for nothing gets what the view has");
    scene.proxy.release(Purpose::Log);
    let fresh = conversation.next().await.unwrap().unwrap();
    let Some(Answer::Project(answer)) = fresh.result.unwrap().result else { panic!("no decision") };
    assert_eq!((fresh.id, answer.allowed, answer.revision), (1, false, token));
}

#[tokio::test]
async fn a_question_has_its_own_deadline_and_a_stream_has_none() {
    let scene = Scene::set(&["--request-timeout", "300ms", "--lease", "2m"]).await;
    let mut conversation = Conversation::open(scene.here.authorization()).await;
    scene.proxy.hold(Purpose::Loads);
    for id in 0..3 {
        conversation.ask(id, question());
        assert_eq!(conversation.answer().await, (id, Err((Code::DeadlineExceeded, Reason::DeadlineExceeded))));
    }
    scene.proxy.release(Purpose::Loads);
    conversation.ask(4, question());
    assert_eq!(conversation.answer().await, (4, Ok(true)), "after more than a request may take");
}

#[tokio::test]
async fn without_the_database_questions_fail_and_the_stream_does_not() {
    let scene = Scene::set(&["--lease", "1s", "--heartbeat", "100ms"]).await;
    let mut conversation = Conversation::open(scene.here.authorization()).await;
    conversation.ask(1, question());
    assert_eq!(conversation.answer().await, (1, Ok(true)));
    scene.proxy.sever();
    conversation.ask(2, on_project("ann", PROJECT, "view_project"));
    let (_, failed) = conversation.answer().await;
    assert_eq!(failed, Err((Code::Unavailable, Reason::DatabaseUnavailable)));
    let (mut id, away) = (3, Err((Code::Unavailable, Reason::ViewNotFresh)));
    loop {
        conversation.ask(id, question());
        let (answered, outcome) = conversation.answer().await;
        assert!(answered == id && (outcome == Ok(true) || outcome == away), "{outcome:?}");
        if outcome == away {
            break;
        }
        id += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    scene.elsewhere.remove_collaborator(PROJECT, "bob").await.unwrap();
    scene.proxy.mend();
    loop {
        conversation.ask(id, question());
        match conversation.answer().await.1 {
            Ok(allowed) => break assert!(!allowed, "what was revoked meanwhile is not granted"),
            Err((code, _)) => assert_eq!(code, Code::Unavailable),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(conversation.finish().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_that_are_dropped_at_any_moment_leave_the_view_right() {
    let scene = Scene::set(&[]).await;
    for round in 0..100u64 {
        let micros = round * 131 % 5_000;
        let spoken = async {
            let mut conversation = Conversation::open(scene.here.authorization()).await;
            for id in 0.. {
                let project = if id % 2 == 0 { PROJECT } else { &scene.project };
                conversation.ask(id, on_project("bob", project, "delete_files"));
                conversation.ask(id, on_project(&format!("cold-{round}-{id}"), project, "delete_files"));
                if id % 3 == 0 {
                    conversation.next().await.unwrap();
                }
            }
        };
        let role = if round % 2 == 0 { ProjectRole::Editor } else { ProjectRole::Reader };
        let written = async {
            scene.here.remove_collaborator(PROJECT, "bob").await?;
            scene.here.add_collaborator(PROJECT, "bob", role).await
        };
        let (_, written) = tokio::join!(tokio::time::timeout(Duration::from_micros(micros), spoken), written);
        written.unwrap();
        let mut conversation = Conversation::open(scene.here.authorization()).await;
        conversation.ask(round, question());
        assert_eq!(conversation.answer().await, (round, Ok(role == ProjectRole::Editor)));
    }
}
