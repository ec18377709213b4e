//! What the log says of a request: its id and its RPC with whatever is said of it; and nothing of a check that is answered, unless
//! somebody looks closely.

use std::time::{Duration, Instant};

use serde_json::Value;
use tonic::{Code, Request};

use super::{Files, caller, keys_line, new_key, question, with};
use crate::support::binary::{Process, url};
use crate::support::{Clients, fresh_database};

/// Long enough for a log to be read by another thread.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn who_is_refused_a_check_is_logged_with_the_request_although_checks_are_not() {
    let (files, known, stranger) = (Files::new(), new_key(), new_key());
    let callers = files.write("callers.toml", caller("map", &["read"], &keys_line(&[&known])));
    let database = url(&fresh_database().await);
    let process = Process::start("serve", &["--database-url", &database, "--callers", &callers]).await;
    for (key, code) in [(&known, Code::PermissionDenied), (&stranger, Code::Unauthenticated)] {
        let request = called(with(&key.reveal(), question()), "the-one");
        let mut client = Clients::on(process.channel.clone()).authorization();
        assert_eq!(client.check(request).await.unwrap_err().code(), code);
    }
    for said in ["refused a caller that lacks a scope", "refused a caller that is not known"] {
        let line = logged(&process, said).await;
        assert_eq!(line["span"]["id"], "the-one", "{line}");
        assert_eq!(line["span"]["rpc"], "rolegate.v1.AuthorizationService/Check", "{line}");
    }
}

#[tokio::test]
async fn a_check_is_logged_for_who_looks_closely_and_for_nobody_else() {
    let database = url(&fresh_database().await);
    for (filter, is_logged) in [("rolegate=debug", true), ("info", false)] {
        let process = Process::start("serve", &["--database-url", &database, "--log", filter]).await;
        rolegate::server::until_serving(process.channel.clone()).await;
        let mut client = Clients::on(process.channel.clone()).authorization();
        client.check(called(Request::new(question()), "the-one")).await.unwrap();
        let malformed = rolegate::grpc::v1::CheckRequest { action: "no_action".to_owned(), ..question() };
        client.check(called(Request::new(malformed), "the-other")).await.unwrap_err();
        process.signal("TERM");
        let log = process.errors_at_the_end(PATIENCE).await;
        let answered: Vec<Value> = lines(&log).filter(|line| line["message"] == "answered").collect();
        let of = |id: &str| answered.iter().find(|line| line["span"]["id"] == id).cloned();
        assert_eq!(of("the-one").is_some(), is_logged, "{log}");
        assert_eq!(of("the-other").map(|line| line["code"] == "3"), is_logged.then_some(true), "{log}");
    }
}

/// A request that its caller calls something.
fn called<T>(mut request: Request<T>, id: &str) -> Request<T> {
    request.metadata_mut().insert("x-request-id", id.parse().unwrap());
    request
}

/// The line of the log that says this, once there is one.
async fn logged(process: &Process, said: &str) -> Value {
    let begun = Instant::now();
    loop {
        let log = process.errors();
        if let Some(line) = lines(&log).find(|line| line["message"] == said) {
            return line;
        }
        assert!(begun.elapsed() < PATIENCE, "{log}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn lines(log: &str) -> impl Iterator<Item = Value> {
    // the last one may not be whole yet
    log.lines().filter_map(|line| serde_json::from_str(line).ok())
}
