//! `rolegate bench` as its users meet it: what it counts adds up, what it expects is what the service answers, and it says so
//! where that is not so.

use prost::Message as _;
use rolegate::bench::bare::Constant;
use rolegate::grpc::v1::ProjectRole;
use serde_json::Value;
use tokio_postgres::Config;

use crate::support::binary::{Process, run, url};
use crate::support::postgres::{connect, miscounted};
use crate::support::{Service, fresh_database};

/// A world of the smallest size, in a database of its own.
async fn prepared() -> Config {
    let database = fresh_database().await;
    let ended = run(&["bench", "--prepare", "--facts", "1k", "--database-url", &url(&database)]).await;
    assert_eq!(ended.status.code(), Some(0), "{}", String::from_utf8_lossy(&ended.stderr));
    assert_eq!(miscounted(&connect(&database).await).await, []);
    database
}

/// Runs it for a second, and returns its exit status and its report.
async fn bench(flags: &[&str]) -> (Option<i32>, Value) {
    let common = ["bench", "--facts", "1k", "--duration", "1s", "--warm-up", "100ms", "--in-flight", "8", "--json"];
    let ended = run(&[&common, flags].concat()).await;
    let report = serde_json::from_slice(&ended.stdout);
    let errors = String::from_utf8_lossy(&ended.stderr).into_owned();
    (ended.status.code(), report.unwrap_or_else(|_| panic!("no report: {errors}")))
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no number"))
}

#[tokio::test]
async fn every_kind_of_question_is_answered_as_the_world_says_while_roles_change_on_two_replicas() {
    let database = prepared().await;
    let flags = ["--database-url", &url(&database), "--replicas", "2", "--write-share", "0.05", "--writes"];
    let (status, report) = bench(&flags).await;
    let result = &report["result"];
    assert_eq!(
        (status, &result["wrong"], &result["errors"]),
        (Some(0), &0.into(), &Value::Object([].into_iter().collect()))
    );
    let kinds = ["direct", "team", "admin", "public", "denied"].map(|kind| number(&result["latency"][kind]["count"]));
    assert!(kinds.iter().all(|count| *count > 0), "{kinds:?}");
    let all = number(&result["latency"]["all"]["count"]);
    assert_eq!((kinds.iter().sum::<u64>(), number(&result["decisions"]), number(&result["calls"])), (all, all, all));
    let staleness = &result["staleness"];
    assert!(number(&staleness["writes"]) > 0, "{staleness}");
    assert_eq!((&staleness["stale_answers"], &staleness["marked_stale"]), (&0.into(), &0.into()));
    for row in ["direct", "all"].map(|kind| &result["latency"][kind]).into_iter().chain([&staleness["seen_after"]]) {
        let at = ["p50", "p90", "p99", "p99_9", "max"].map(|name| number(&row[name]));
        assert!(at.is_sorted() && at[0] > 0, "{row}");
    }
    assert!(result["service_processor_per_call"].as_f64().unwrap() > 0.0);
}

#[tokio::test]
async fn an_open_loop_tells_what_was_offered_from_what_was_answered() {
    let service = Process::start("serve", &["--database-url", &url(&prepared().await)]).await;
    let address = service.address.to_string();
    let (status, report) = bench(&["--server", &address, "--rate", "200"]).await;
    let result = &report["result"];
    assert_eq!(status, Some(0), "{result}");
    assert!((198.0..=202.0).contains(&result["offered_per_second"].as_f64().unwrap()), "{result}");
    let (calls, dropped) = (number(&result["calls"]), number(&result["dropped"]));
    assert!((198..=202).contains(&(calls + dropped)), "{result}");
    assert_eq!(result["service_processor_per_call"], Value::Null, "it was not started here");
    let (status, report) = bench(&["--server", &address, "--rpc", "batch", "--batch", "20"]).await;
    assert_eq!(status, Some(0), "{report}");
    assert_eq!(number(&report["result"]["decisions"]), 20 * number(&report["result"]["calls"]));
    let (status, report) = bench(&["--server", &address, "--rpc", "stream", "--by", "path"]).await;
    assert!(status == Some(0) && number(&report["result"]["calls"]) > 0, "{report}");
}

#[tokio::test]
async fn another_world_than_is_there_is_noticed() {
    let (status, report) = bench(&["--database-url", &url(&prepared().await), "--seed", "2"]).await;
    assert_eq!(status, Some(1));
    assert!(number(&report["result"]["wrong"]) > 0);
    let example = report["result"]["wrong_example"].as_str().unwrap();
    assert!(example.starts_with("user-") || example.starts_with("owner-"), "{example}");
}

#[tokio::test]
async fn the_service_is_compared_with_the_same_stack_without_it() {
    let database = prepared().await;
    let flags = ["--database-url", &url(&database), "--baseline", "--rounds", "2", "--round", "50ms"];
    let chart = std::env::temp_dir().join(format!("rolegate-bench-{}.svg", std::process::id()));
    let (status, report) = bench(&[&flags[..], &["--svg", chart.to_str().unwrap()]].concat()).await;
    let baseline = &report["baseline"];
    assert_eq!((status, &baseline["troubles"]), (Some(0), &0.into()), "{report}");
    let rows: Vec<&str> =
        baseline["rows"].as_array().unwrap().iter().map(|row| row["compared"].as_str().unwrap()).collect();
    for compared in ["Check to the empty call, saturated", "denied to granted", "StreamCheck to Check"] {
        assert!(rows.contains(&compared), "{rows:?}");
    }
    assert!(!rows.iter().any(|row| row.contains("writes")), "a database that was named is not written to unasked");
    assert!(std::fs::read_to_string(&chart).unwrap().contains("<polyline"));
    std::fs::remove_file(chart).unwrap();
}

#[tokio::test]
async fn nothing_is_written_beside_anything_or_unasked() {
    let database = prepared().await;
    let database = url(&database);
    let again = run(&["bench", "--prepare", "--facts", "1k", "--database-url", &database]).await;
    let said = String::from_utf8_lossy(&again.stderr);
    assert!(again.status.code() == Some(2) && said.contains("find the database empty"), "{said}");
    let unasked = run(&["bench", "--facts", "1k", "--database-url", &database, "--write-share", "0.1"]).await;
    let said = String::from_utf8_lossy(&unasked.stderr);
    assert!(unasked.status.code() == Some(2) && said.contains("add --writes"), "{said}");
}

#[tokio::test]
async fn the_empty_call_has_the_size_of_a_check() {
    let service = Service::start().await;
    service.create_users(&["ann", "bob"]).await;
    let project = service.create_project("ann/trees", true).await;
    service.add_collaborator("ann/trees", "bob", ProjectRole::Editor).await.unwrap();
    let answer = service.check("bob", &project, "read_files").await.unwrap();
    assert!(answer.allowed);
    assert_eq!(answer.encoded_len(), Constant::default().0.encoded_len());
}
