//! Several replicas that nothing spares, and a history of all that they were asked, answered and told to write, held against
//! what was promised.
//!
//! The replicas are processes of the real binary on one PostgreSQL of the run's own. They are killed, paused, cut off and
//! started again, PostgreSQL is crashed, and clocks are set (`faults`), while some write (`writers`) and others ask
//! (`checkers`). What all of them saw (`history`) is judged in the end (`judge`) by the database's log (`timeline`).
//!
//! `ROLEGATE_SOAK` says for how long (`10m`; 25 seconds unless set), `ROLEGATE_SOAK_SEED` with which choices: the same seed
//! makes the same ones, though time and the machine do the rest. See `docs/RELIABILITY.md`.

mod checkers;
mod clock;
mod database;
mod faults;
mod history;
mod judge;
mod moments;
mod replica;
mod requests;
mod run;
mod setup;
mod stage;
mod timeline;
mod world;
mod writers;

use std::time::Duration;

/// How much is told of each kind of wrong.
const TOLD: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_fault_makes_any_replica_answer_what_is_not_true_or_no_longer() {
    let length = std::env::var("ROLEGATE_SOAK").map_or(Duration::from_secs(25), |length| {
        humantime::parse_duration(&length).expect("ROLEGATE_SOAK is a time, such as 10m")
    });
    let seed = std::env::var("ROLEGATE_SOAK_SEED").map_or_else(
        |_| u64::from(uuid::Uuid::new_v4().as_fields().0),
        |seed| seed.parse().expect("ROLEGATE_SOAK_SEED is a number"),
    );
    println!("ROLEGATE_SOAK_SEED={seed}");
    let summary = run::run(length, seed).await;
    println!("{summary}");
    for wrong in summary.some_of_each_kind(TOLD) {
        println!("{wrong}");
    }
    assert!(summary.wrong.is_empty(), "{} violations; ROLEGATE_SOAK_SEED={seed}", summary.wrong.len());
}
