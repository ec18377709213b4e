//! One run from beginning to end: the world, those who write and ask, the faults, and the judgement.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tonic_health::pb::health_check_response::ServingStatus;

use super::checkers::Checker;
use super::faults::inject;
use super::history::{Fault, History, Outcome, Write, wall_ahead};
use super::judge::{Terms, judge, last_state};
use super::moments::overlaps;
use super::replica::{LEASE, Replica};
use super::setup::{counter, create, disagreements, read_log};
use super::stage::{REPLICAS, Stage};
use super::world::{ACTIONS, PROJECTS, USERS};
use super::writers::{Domain, Writer};
use crate::agreement::Dice;
use crate::support::Matrix;
use crate::support::oracle::database_clock;
use crate::support::postgres::{connect, miscounted};

const CHECKERS: usize = 4 * REPLICAS;

/// How long until all is well again once nothing happens any more.
const MENDED: Duration = Duration::from_secs(20);

/// How long all go on writing and asking after that.
const CALM: Duration = Duration::from_secs(2);

/// What is allowed for a machine that has much to do.
const TERMS: Terms = Terms { lease: LEASE, margin: Duration::from_secs(3), recovery: Duration::from_secs(3) };

/// What a run came to.
pub struct Summary {
    pub wrong: Vec<String>,
    seed: u64,
    took: Duration,
    mended: Duration,
    answers: usize,
    checks: usize,
    unanswered: BTreeMap<String, u64>,
    writes: BTreeMap<&'static str, usize>,
    troubles: BTreeMap<String, usize>,
    slowest: Duration,
    /// What those took that no fault was near: half of them, nine in ten, all.
    undisturbed: [Duration; 3],
    faults: BTreeMap<&'static str, usize>,
    list: Vec<Fault>,
}

/// Plays it for so long, with what the seed gives.
pub async fn run(length: Duration, seed: u64) -> Summary {
    let begun = Instant::now();
    let stage = Arc::new(Stage::set().await);
    for replica in &stage.replicas {
        until_serving(replica).await;
    }
    let beliefs = create(&stage.replicas[0].clients()).await;
    let first = counter(&connect(&stage.database.config).await).await;
    let domains = (0..USERS.len()).map(Domain::User).chain((0..PROJECTS.len()).map(Domain::Project));
    let writers = domains.enumerate().map(|(number, domain)| {
        let dice = Dice::new(seed + 1 + number as u64);
        tokio::spawn(Writer::new(Arc::clone(&stage), number, domain, beliefs.clone(), dice).run())
    });
    let mut tasks: Vec<_> = writers.collect();
    let checkers =
        (0..CHECKERS).map(|number| Checker::new(Arc::clone(&stage), number, Dice::new(seed + 100 + number as u64)));
    tasks.extend(checkers.map(|checker| tokio::spawn(checker.run())));

    let mut history = History { wall_ahead: wall_ahead(), ..History::default() };
    history.add(inject(&stage, Dice::new(seed), length).await);
    let mended = all_well(&stage).await;
    tokio::time::sleep(CALM).await;
    stage.end();
    for task in tasks {
        history.add(task.await.unwrap());
    }
    history.clock = stage.clock_settings();
    for replica in &stage.replicas {
        history.nonsense.extend(replica.end("TERM", true).await);
    }
    let wrong = hold_against_the_log(&stage, &history, first).await;
    Arc::into_inner(stage).expect("all tasks have ended").database.stop().await;
    Summary::of(&history, wrong, (seed, begun.elapsed(), mended))
}

async fn hold_against_the_log(stage: &Stage, history: &History, first: i64) -> Vec<String> {
    let client = connect(&stage.database.config).await;
    let log = read_log(&client, first).await;
    let at = database_clock(&client).await;
    let mut wrong = disagreements(&last_state(&log), &Matrix::read(&client, at).await, at.as_microsecond());
    wrong
        .extend(miscounted(&client).await.iter().map(|counted| format!("LOG: members are counted wrong: {counted:?}")));
    wrong.extend(judge(history, &log, TERMS));
    wrong
}

/// Waits until every replica says that it serves, and answers with all that was written; returns how long that took.
async fn all_well(stage: &Stage) -> Duration {
    let begun = Instant::now();
    for replica in &stage.replicas {
        until_serving(replica).await;
    }
    begun.elapsed()
}

async fn until_serving(replica: &Replica) {
    let served = async {
        while replica.health().await != Some(ServingStatus::Serving) || !answers(replica).await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(MENDED, served).await.expect("a replica serves again once nothing is wrong any more");
}

async fn answers(replica: &Replica) -> bool {
    let request = rolegate::grpc::v1::CheckRequest {
        user: USERS[0].to_owned(),
        project: PROJECTS[0].to_owned(),
        action: ACTIONS[0].to_owned(),
        consistency: Some(rolegate::grpc::v1::Consistency {
            requirement: Some(rolegate::grpc::v1::consistency::Requirement::FullyConsistent(true)),
        }),
    };
    replica.clients().authorization().check(request).await.is_ok()
}

impl Summary {
    /// The first so many of each kind of wrong.
    pub fn some_of_each_kind(&self, count: usize) -> impl Iterator<Item = &str> {
        let mut told: BTreeMap<&str, usize> = BTreeMap::new();
        self.wrong.iter().map(String::as_str).filter(move |wrong| {
            let told = told.entry(kind(wrong)).or_default();
            *told += 1;
            *told <= count
        })
    }

    fn of(history: &History, wrong: Vec<String>, (seed, took, mended): (u64, Duration, Duration)) -> Self {
        let mut writes = BTreeMap::new();
        for write in &history.writes {
            *writes.entry(outcome_name(&write.outcome)).or_default() += 1;
        }
        let mut troubles = BTreeMap::new();
        for trouble in history.writes.iter().filter_map(trouble) {
            *troubles.entry(trouble.to_owned()).or_default() += 1;
        }
        let mut faults = BTreeMap::new();
        for fault in &history.faults {
            *faults.entry(fault.kind).or_default() += 1;
        }
        let done = history.writes.iter().filter(|write| matches!(write.outcome, Outcome::Done(_)));
        let slowest = done.map(|write| write.answered - write.asked).max().unwrap_or(0);
        Self {
            wrong,
            seed,
            took,
            mended,
            answers: history.checks.iter().map(|check| check.answers.len()).sum(),
            checks: history.checks.len(),
            unanswered: history.unanswered.clone(),
            writes,
            troubles,
            undisturbed: undisturbed(history),
            slowest: Duration::from_micros(slowest.unsigned_abs()),
            faults,
            list: history.faults.clone(),
        }
    }
}

fn undisturbed(history: &History) -> [Duration; 3] {
    let far = |write: &&Write| {
        !history.faults.iter().any(|fault| overlaps(fault, TERMS.recovery, write.asked, write.answered))
            && matches!(write.outcome, Outcome::Done(_))
    };
    let mut took: Vec<_> = history.writes.iter().filter(far).map(|write| write.answered - write.asked).collect();
    took.sort_unstable();
    let last = took.len().saturating_sub(1);
    [last / 2, last * 9 / 10, last]
        .map(|place| Duration::from_micros(took.get(place).map_or(0, |took| took.unsigned_abs())))
}

/// What kind of wrong it is.
fn kind(wrong: &str) -> &str {
    wrong.split(':').next().unwrap_or_default()
}

fn outcome_name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Done(_) => "acknowledged",
        Outcome::Committed(_) => "committed",
        Outcome::Refused(_) => "refused by the rules",
        Outcome::Failed(_) => "failed",
        Outcome::Unknown(_) => "unknown",
    }
}

/// Why a write was not acknowledged.
fn trouble(write: &Write) -> Option<&str> {
    match &write.outcome {
        Outcome::Done(_) => None,
        Outcome::Committed(_) => write.order.waits.is_none().then_some("REPLICAS_BEHIND"),
        Outcome::Refused(reason) | Outcome::Failed(reason) | Outcome::Unknown(reason) => Some(reason),
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            wrong,
            seed,
            took,
            mended,
            answers,
            checks,
            unanswered,
            writes,
            troubles,
            slowest,
            undisturbed,
            faults,
            list,
        } = self;
        let many: usize = faults.values().sum();
        writeln!(formatter, "soak: seed {seed}, {took:.0?}, all well {mended:.1?} after the last fault")?;
        writeln!(formatter, "  {answers} answers to {checks} checks; not answered: {unanswered:?}")?;
        writeln!(
            formatter,
            "  writes: {writes:?}; the slowest acknowledged in {slowest:.2?}, undisturbed ones in {undisturbed:.3?}"
        )?;
        writeln!(formatter, "  why not: {troubles:?}")?;
        writeln!(formatter, "  {many} faults: {faults:?}")?;
        let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
        for one in wrong {
            *kinds.entry(kind(one)).or_default() += 1;
        }
        write!(formatter, "  {} violations: {kinds:?}", wrong.len())?;
        for fault in list.iter().filter(|_| !wrong.is_empty()) {
            let Fault { kind, replica, began, ended, .. } = fault;
            write!(formatter, "\n    {began} to {ended}: {kind}, {replica:?}")?;
        }
        Ok(())
    }
}
