//! Checks in this process: warm ones, and cold ones beside the statements that they wait for.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::Criterion;
use rolegate::domain::names::NameKey;
use rolegate::domain::policy::Policy;
use rolegate::store::{Client, Database, loads};
use rolegate::view::{ProjectKey, ProjectQuestion, View};
use tokio::runtime::Runtime;
use tokio_postgres::Config;
use tokio_util::task::AbortOnDropHandle;

use crate::decision;
use crate::report::Report;
use crate::rounds::{self, median};
use crate::support::views::{databases, start_view};
use crate::world::{By, Distance, World};

const CALLS: usize = 20_000;
const ROUNDS: usize = 30;
const COLD_ROUNDS: usize = 20;
/// Of a round's checks, those that prepare the connection.
const FIRST: usize = 4;

/// A view of this process's own, and what keeps it.
pub struct Local<'a> {
    pub view: View,
    runtime: &'a Runtime,
    policy: &'a Policy,
    _kept: AbortOnDropHandle<()>,
}

impl<'a> Local<'a> {
    /// A view with nothing in it, once it may answer.
    pub fn start(runtime: &'a Runtime, policy: &'a Policy, database: &Config) -> Self {
        let (view, _kept) = runtime.block_on(start_view(database, 256 << 20));
        Self { view, runtime, policy, _kept }
    }

    /// How long that many checks take, one after another.
    async fn time(&self, questions: &[ProjectQuestion<'_>], calls: u64) -> Duration {
        let begun = Instant::now();
        for question in questions.iter().cycle().take(calls as usize) {
            black_box(self.ask(black_box(question)).await);
        }
        begun.elapsed()
    }

    async fn ask(&self, question: &ProjectQuestion<'_>) -> bool {
        self.view.check_project(self.policy, question, || None).await.unwrap().value.allowed()
    }

    /// Microseconds a check.
    fn round(&self, questions: &[ProjectQuestion<'_>]) -> [f64; 1] {
        let time = self.runtime.block_on(self.time(questions, CALLS as u64));
        [time.as_secs_f64() * 1e6 / CALLS as f64]
    }
}

/// Measures each kind of warm check by itself.
pub fn measure(criterion: &mut Criterion, local: &Local<'_>, world: &World) {
    let kinds = [
        ("direct, by id", Distance::Direct, By::Id),
        ("direct, by owner/name", Distance::Direct, By::Path),
        ("team, by id", Distance::Team, By::Id),
        ("denied, by id", Distance::Denied, By::Id),
    ];
    let mut group = criterion.benchmark_group("warm check in process");
    for (name, distance, by) in kinds {
        let questions = &world.questions(local.policy, distance, by);
        let allowed = !matches!(distance, Distance::Denied);
        assert!(questions.iter().all(|question| local.runtime.block_on(local.ask(question)) == allowed), "{name}");
        group.bench_function(name, |bencher| {
            bencher.to_async(local.runtime).iter_custom(|calls| local.time(questions, calls));
        });
    }
    group.finish();
}

/// Compares warm checks to one another and to the decision alone.
pub fn compare(report: &mut Report, local: &Local<'_>, world: &World) {
    let [_, alone, ..] = decision::cases(local.policy);
    let direct = world.questions(local.policy, Distance::Direct, By::Id);
    let by_path = world.questions(local.policy, Distance::Direct, By::Path);
    let denied = world.questions(local.policy, Distance::Denied, By::Id);
    let [time] = rounds::interleave(ROUNDS, || local.round(&direct), || alone.round(local.policy));
    report.add("in process: warm Check to the decision alone", "time a call", time);
    let [time] = rounds::interleave(ROUNDS, || local.round(&by_path), || local.round(&direct));
    report.add("in process: warm Check by `owner/name` to by id", "time a call", time);
    let [time] = rounds::interleave(ROUNDS, || local.round(&denied), || local.round(&direct));
    report.add("in process: denied to granted", "time a call", time);
}

/// Compares a check that finds nothing in the view to the statements that it waits for, run alone.
pub fn compare_cold(report: &mut Report, runtime: &Runtime, policy: &Policy, config: &Config, world: &World) {
    let questions = world.questions(policy, Distance::Direct, By::Id);
    let database = &databases(config).loads;
    let pairs: Vec<_> = (0..COLD_ROUNDS)
        .map(|_| {
            let local = Local::start(runtime, policy, config);
            let (cold, alone) = runtime.block_on(cold_round(&local, database, &questions));
            ([median(&cold)], [median(&alone)])
        })
        .collect();
    let [latency] = rounds::compare(&pairs);
    report.add("cold Check to its two statements alone", "latency of a single call", latency);
}

/// One check and one run of the statements in turn, for every user and project once.
async fn cold_round(local: &Local<'_>, database: &Database, questions: &[ProjectQuestion<'_>]) -> (Vec<f64>, Vec<f64>) {
    let (mut cold, mut alone) = (Vec::new(), Vec::new());
    for question in questions {
        let (before, begun) = (local.view.len(), Instant::now());
        assert!(local.ask(question).await);
        cold.push(begun.elapsed().as_secs_f64() * 1e6);
        assert!(local.view.len() >= before + 2, "neither the user nor the project was there");
        let begun = Instant::now();
        load_alone(database, question).await;
        alone.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    (cold.split_off(FIRST), alone.split_off(FIRST))
}

/// What the view does with the database for a cold check: both statements at once on a connection of the pool.
async fn load_alone(database: &Database, question: &ProjectQuestion<'_>) {
    let (Some(user), ProjectKey::Id(project)) = (&question.user, &question.project) else { unreachable!() };
    let lease = database.client().await.unwrap();
    let client: &Client = &lease;
    let (names, projects): (&[NameKey], _) = (std::slice::from_ref(user), std::slice::from_ref(project));
    let read = tokio::join!(loads::load_names(client, names), loads::load_projects(client, projects));
    lease.give_back();
    assert!(black_box(read.0.unwrap().entries[0].1.is_some() && read.1.unwrap().entries[0].1.is_some()));
}
