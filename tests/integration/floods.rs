//! Streams of callers that misbehave, and streams while the service ends: the real binary, whose memory can be measured.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use rolegate::grpc::v1::authorization_service_client::AuthorizationServiceClient;
use rolegate::grpc::v1::{CheckRequest, StreamCheckRequest, StreamCheckResponse};
use tokio_postgres::Config;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Streaming};

use crate::support::binary::{Process, url};
use crate::support::questions::{allowed, on_project};
use crate::support::{Service, fresh_database, reason};

const QUESTION: (&str, &str, &str) = ("ann", "ann/trees", "view_project");
const FLOOD: u64 = 200_000;

/// A database in which ann owns a project.
async fn garden() -> Config {
    let database = fresh_database().await;
    let service = Service::start_on(database.clone(), &[]).await;
    service.create_users(&["ann"]).await;
    service.create_project("ann/trees", false).await;
    service.stop().await;
    database
}

/// A connection of a caller's own.
async fn connect(process: &Process) -> AuthorizationServiceClient<Channel> {
    let endpoint = Endpoint::from_shared(format!("http://{}", process.address)).unwrap();
    AuthorizationServiceClient::new(endpoint.connect().await.unwrap())
}

fn questions(count: u64) -> impl futures::Stream<Item = StreamCheckRequest> + Send + 'static {
    let (user, project, action) = QUESTION;
    let ask = move |id| StreamCheckRequest { id, check: Some(on_project(user, project, action)), consistency: None };
    futures::stream::iter((0..count).map(ask))
}

async fn check(client: &mut AuthorizationServiceClient<Channel>) -> bool {
    let (user, project, action) = QUESTION;
    let (user, project, action) = (user.to_owned(), project.to_owned(), action.to_owned());
    let check = client.check(CheckRequest { user, project, action, consistency: None });
    tokio::time::timeout(Duration::from_secs(5), check).await.expect("an answer in time").unwrap().into_inner().allowed
}

/// Waits until it answers.
async fn until_serving(process: &Process) {
    let served = async {
        let mut client = connect(process).await;
        let (user, project, action) = QUESTION;
        loop {
            let (user, project, action) = (user.to_owned(), project.to_owned(), action.to_owned());
            if client.check(CheckRequest { user, project, action, consistency: None }).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), served).await.expect("it serves");
}

/// Sends all that it can and reads nothing. Counts what was taken from it.
async fn flood(client: &mut AuthorizationServiceClient<Channel>) -> (Streaming<StreamCheckResponse>, Arc<AtomicU64>) {
    let taken = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&taken);
    let counted = questions(FLOOD).inspect(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
    });
    (client.stream_check(counted).await.unwrap().into_inner(), taken)
}

/// Waits until nothing more is taken.
async fn until_stalled(taken: &AtomicU64) -> u64 {
    loop {
        let before = taken.load(Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(400)).await;
        if before > 0 && taken.load(Ordering::SeqCst) == before {
            return before;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_that_do_not_read_are_stalled_and_cost_others_nothing() {
    const CALLERS: usize = 8;
    let database = garden().await;
    let process = Process::start("serve", &["--database-url", &url(&database)]).await;
    until_serving(&process).await;
    let mut other = connect(&process).await;
    let read_all = other.stream_check(questions(20_000)).await.unwrap().into_inner().count().await;
    assert_eq!(read_all, 20_000);
    let quiet = process.memory();
    let mut floods = Vec::new();
    for _ in 0..CALLERS {
        let mut client = connect(&process).await;
        let flood = flood(&mut client).await;
        floods.push((client, flood));
    }
    let mut all = Vec::new();
    for (_, (_, taken)) in &floods {
        all.push(until_stalled(taken).await);
    }
    let flooded = process.memory();
    println!("taken from each of {CALLERS}: {all:?}; memory {quiet} KiB before, {flooded} KiB flooded");
    assert!(all.iter().all(|taken| *taken < FLOOD / 2), "back-pressure: {all:?}");
    assert!(flooded < quiet + 64 * 1024, "{quiet} KiB became {flooded} KiB");
    let begun = Instant::now();
    for _ in 0..50 {
        assert!(check(&mut other).await);
    }
    let answers = other.stream_check(questions(5_000)).await.unwrap().into_inner();
    let answered = answers.map(|answer| allowed(&answer.unwrap().result.unwrap())).collect::<Vec<_>>();
    assert_eq!(tokio::time::timeout(Duration::from_secs(30), answered).await.unwrap(), [Ok(true)].repeat(5_000));
    println!("50 checks and 5,000 in a stream beside them took {:?}", begun.elapsed());
    // the stalled ones still get everything, once they read
    let (_client, (answers, _)) = floods.pop().unwrap();
    assert_eq!(tokio::time::timeout(Duration::from_secs(60), answers.count()).await.unwrap() as u64, FLOOD);
    drop(floods);
    assert!(check(&mut other).await);
    process.signal("TERM");
    assert_eq!(process.end(Duration::from_secs(20)).await.code(), Some(0), "those that were dropped hold up nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stalled_stream_leaves_the_other_calls_of_its_connection_alone() {
    let database = garden().await;
    let process = Process::start("serve", &["--database-url", &url(&database)]).await;
    until_serving(&process).await;
    let mut client = connect(&process).await;
    let mut stalled = Vec::new();
    for _ in 0..2 {
        let (answers, taken) = flood(&mut client).await;
        until_stalled(&taken).await;
        stalled.push(answers);
    }
    for _ in 0..20 {
        assert!(check(&mut client).await);
    }
    let answers = client.stream_check(questions(5_000)).await.unwrap().into_inner();
    assert_eq!(tokio::time::timeout(Duration::from_secs(30), answers.count()).await.unwrap(), 5_000);
}

#[tokio::test]
async fn open_streams_are_told_of_the_shutdown_and_do_not_hold_it_up() {
    let database = garden().await;
    let process = Process::start("serve", &["--database-url", &url(&database), "--shutdown-timeout", "5m"]).await;
    until_serving(&process).await;
    let mut client = connect(&process).await;
    let (questions, asked) = futures::channel::mpsc::unbounded();
    let mut idle = client.stream_check(asked).await.unwrap().into_inner();
    let (user, project, action) = QUESTION;
    let check = Some(on_project(user, project, action));
    questions.unbounded_send(StreamCheckRequest { id: 1, check, consistency: None }).unwrap();
    assert_eq!(idle.message().await.unwrap().unwrap().id, 1);
    let begun = Instant::now();
    process.signal("TERM");
    let (status, told) = tokio::join!(process.end(Duration::from_secs(20)), idle.message());
    let told = told.unwrap_err();
    assert_eq!(status.code(), Some(0));
    assert_eq!((told.code(), reason(&told).as_str()), (Code::Unavailable, "SHUTTING_DOWN"), "{told:?}");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_busy_stream_is_told_of_the_shutdown_and_what_it_was_answered_is_right() {
    let service = Service::start_on(garden().await, &["--shutdown-timeout", "5m"]).await;
    while !service.check(QUESTION.0, QUESTION.1, QUESTION.2).await.unwrap().allowed {}
    let mut answers = service.authorization().stream_check(questions(u64::MAX)).await.unwrap().into_inner();
    assert!(answers.message().await.unwrap().is_some());
    let heard = async {
        loop {
            match answers.message().await {
                Ok(answer) => assert_eq!(allowed(&answer.expect("no early OK").result.unwrap()), Ok(true)),
                Err(status) => return status,
            }
        }
    };
    let stopped = tokio::time::timeout(Duration::from_secs(20), service.stop());
    let (stopped, told) = tokio::join!(stopped, heard);
    stopped.expect("promptly");
    assert_eq!((told.code(), reason(&told).as_str()), (Code::Unavailable, "SHUTTING_DOWN"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stalled_stream_holds_up_the_shutdown_no_longer_than_it_may() {
    let database = garden().await;
    let process = Process::start("serve", &["--database-url", &url(&database), "--shutdown-timeout", "2s"]).await;
    until_serving(&process).await;
    let mut client = connect(&process).await;
    let (_answers, taken) = flood(&mut client).await;
    until_stalled(&taken).await;
    let begun = Instant::now();
    process.signal("TERM");
    assert_eq!(process.end(Duration::from_secs(20)).await.code(), Some(0));
    println!("with a stalled stream it ended after {:?}", begun.elapsed());
    assert!(begun.elapsed() < Duration::from_secs(8));
}
