//! A primary with a synchronous standby is lost under load: no acknowledged write with it, and no answer meanwhile.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::load::{Load, all_there};
use super::{Replica, pair};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_killed_under_load_costs_no_acknowledged_write_and_no_answer_within_the_lease() {
    let (primary, standby) = pair().await;
    let flags = ["--lease", "6s", "--heartbeat", "200ms"];
    let first = Arc::new(Replica::start(&[&primary, &standby], &flags).await);
    let second = Arc::new(Replica::start(&[&primary, &standby], &flags).await);
    first.set_scene().await;
    primary.wait_for_standby(&standby).await;
    first.until_may_edit("bob", true).await;
    second.until_may_edit("bob", true).await;
    let load = Load::start(&[Arc::clone(&first), Arc::clone(&second)]);
    tokio::time::sleep(Duration::from_secs(1)).await;

    let before = Instant::now();
    primary.kill().await;
    let killed = Instant::now();
    standby.promote().await;
    let promoted = killed.elapsed();
    first.until_it_writes("after").await;
    second.until_it_writes("after-too").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let (acknowledged, answers) = load.stop().await;

    all_there(&first, &standby, &acknowledged).await;
    let before = acknowledged.iter().filter(|write| write.ended < before).count();
    let after = acknowledged.iter().filter(|write| write.begun > killed).map(|write| write.ended).min();
    let after = after.expect("writes go on").duration_since(killed);
    let answered: Vec<_> = answers.iter().map(|answers| (answers.granted, answers.gap)).collect();
    println!(
        "acknowledged before the kill: {before}, in all: {}; promoted after {promoted:?}; next accepted write after \
         {after:?}; checks answered, and the longest pause: {answered:?}",
        acknowledged.len()
    );
    assert!(before > 0, "it was killed under load");
    for answers in answers {
        assert!(answers.refused.is_empty(), "within the lease: {:?}", answers.refused);
    }
}
