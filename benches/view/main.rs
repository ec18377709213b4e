//! What a check costs in process, as the world grows: beside three plain look-ups of the same keys, on one thread and on two; and
//! what the view takes for a fact.
//!
//! `cargo bench --bench view`; `cargo bench --bench view -- 10m` for a world of that size alone. The world is that of
//! `rolegate bench`, in a PostgreSQL that is thrown away, and the view is the real one: it follows the log and holds its
//! lease while it is measured.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark that can't go on ends"
)]

mod plain;
#[path = "../shared/mod.rs"]
#[allow(dead_code, reason = "it writes figures in a way of its own")]
mod shared;
#[path = "../../tests/integration/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "written for the tests; shared so that there is one way to a database")]
mod support;

use std::alloc::System;
use std::hint::black_box;
use std::time::{Duration, Instant};

use futures::{StreamExt as _, stream};
use rolegate::bench::{By, Facts, Kind, Mix, Population, Question, Random, Ratio, World};
use rolegate::domain::ids::ProjectId;
use rolegate::domain::names::NameKey;
use rolegate::domain::policy::{Policy, ProjectRule};
use rolegate::view::{ProjectKey, ProjectQuestion, Verdict, View, ViewError};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tokio::runtime::{Builder, Runtime};

use plain::Plain;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Questions that a round asks, each about keys at random.
const QUESTIONS: usize = 200_000;
const ROUNDS: usize = 15;
/// Questions of a batch that is measured.
const BATCHED: usize = 100;
/// Questions that bring the world into the view, in a batch, and batches at a time.
const BATCH: usize = 500;
const AT_ONCE: usize = 4;
const MEMORY: usize = 16 << 30;
const MIX: &str = "direct=1,team=1,admin=1,public=1,denied=1";

fn main() {
    let sizes = match shared::filter() {
        Some(facts) => vec![facts.parse::<Facts>().unwrap()],
        None => [1, 10, 100, 1_000].map(|thousands| Facts(thousands * 1_000)).to_vec(),
    };
    println!(
        "| facts | a check, ns | of a batch of 100, ns | three plain look-ups, ns | ratio | middle half | two threads to one | allocations a check | bytes a fact, allocated | as the view says |"
    );
    println!("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    for facts in sizes {
        let row = measure(facts);
        println!("{row}");
    }
}

/// Measures a world of that size, and returns its row.
fn measure(facts: Facts) -> String {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let policy = &Policy::built_in().unwrap();
    let population = Population::new(World::new(facts, 1), By::Id, MIX.parse::<Mix>().unwrap(), 0.0, 0.0);
    let config = runtime.block_on(support::fresh_database());
    runtime.block_on(rolegate::bench::prepare(&config.clone().into(), population.world, &|_| {})).unwrap();
    let (view, _kept) = runtime.block_on(support::views::start_view(&config, MEMORY));
    let before = allocated();
    runtime.block_on(fill(&view, policy, &population));
    let (taken, said) = (allocated() - before, view.memory());

    let rule = policy.project_actions().find(|(name, _)| *name == "read_files").unwrap().1;
    let asked = [1, 2].map(|seed| Asked::new(&population, rule, seed));
    let plain = Plain::of(&population);
    let pairs: Vec<(f64, f64)> =
        (0..ROUNDS).map(|_| (asked[0].round(&view, policy), plain.round(&asked[0].questions))).collect();
    let ratio = Ratio::of(&pairs).unwrap();
    let batches: Vec<(f64, f64)> =
        (0..ROUNDS).map(|_| (asked[0].round_of_batches(&view, policy), asked[0].round(&view, policy))).collect();
    let batches = Ratio::of(&batches).unwrap();
    let threads: Vec<(f64, f64)> = (0..ROUNDS)
        .map(|_| {
            let one = asked[0].round(&view, policy);
            let begun = Instant::now();
            std::thread::scope(|scope| {
                asked.iter().for_each(|asked| drop(scope.spawn(|| asked.round(&view, policy))));
            });
            (2.0 * one, begun.elapsed().as_nanos() as f64 / QUESTIONS as f64)
        })
        .collect();
    let threads = Ratio::of(&threads).unwrap();
    let allocations = allocations_of(|| black_box(asked[0].round(&view, policy)));
    let facts = population.world.facts() as f64;
    format!(
        "| {facts} | {:.0} | {:.0} | {:.0} | **{:.2}** | {:.2} – {:.2} | {:.2} | {:.3} | {:.1} | {:.1} |",
        ratio.one,
        batches.one,
        ratio.other,
        ratio.middle,
        ratio.low,
        ratio.high,
        threads.middle,
        allocations,
        taken as f64 / facts,
        said as f64 / facts
    )
}

/// Questions that are asked again and again, and who asks them.
struct Asked<'a> {
    questions: Vec<ProjectQuestion<'a>>,
    kinds: Vec<Kind>,
    runtime: Runtime,
}

impl<'a> Asked<'a> {
    fn new(population: &Population, rule: &'a ProjectRule, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let asked: Vec<Question> = (0..QUESTIONS).map(|_| population.next(&mut random)).collect();
        let questions = asked.iter().map(|one| question(one, rule)).collect();
        let runtime = Builder::new_current_thread().build().unwrap();
        Self { questions, kinds: asked.iter().map(|one| one.kind).collect(), runtime }
    }

    /// Nanoseconds a check.
    fn round(&self, view: &View, policy: &Policy) -> f64 {
        self.runtime.block_on(async {
            let begun = Instant::now();
            let mut right = 0;
            for (question, kind) in self.questions.iter().zip(&self.kinds) {
                let answer = view.check_project(policy, question, || None).await.unwrap().value;
                right += usize::from(answer.allowed() == (*kind != Kind::Denied));
            }
            let time = begun.elapsed();
            assert_eq!(right, QUESTIONS, "all were answered rightly");
            each(time)
        })
    }

    /// Nanoseconds a check, where they come in batches.
    fn round_of_batches(&self, view: &View, policy: &Policy) -> f64 {
        let questions: Vec<_> = self.questions.iter().cloned().map(rolegate::view::Question::Project).collect();
        self.runtime.block_on(async {
            let begun = Instant::now();
            let mut right = 0;
            for (questions, kinds) in questions.chunks(BATCHED).zip(self.kinds.chunks(BATCHED)) {
                let answers = view.check_all(policy, questions, || None).await.unwrap().value;
                right += answers.iter().zip(kinds).filter(|(answer, kind)| is_right(answer, **kind)).count();
            }
            let time = begun.elapsed();
            assert_eq!(right, QUESTIONS, "all were answered rightly");
            each(time)
        })
    }
}

fn is_right(answer: &Result<Verdict, ViewError>, kind: Kind) -> bool {
    matches!(answer, Ok(Verdict::Project(decision)) if decision.allowed() == (kind != Kind::Denied))
}

fn each(time: Duration) -> f64 {
    time.as_nanos() as f64 / QUESTIONS as f64
}

fn question<'a>(question: &Question, rule: &'a ProjectRule) -> ProjectQuestion<'a> {
    let project = ProjectKey::Id(ProjectId(question.project.parse().unwrap()));
    ProjectQuestion { user: Some(NameKey::of(&question.user)), project, rule }
}

/// Brings the whole world into the view.
async fn fill(view: &View, policy: &Policy, population: &Population) {
    let rule = policy.project_actions().next().unwrap().1;
    let batches = (0..population.warm_projects()).step_by(BATCH).map(|first| async move {
        let numbers = first..(first + BATCH as u64).min(population.warm_projects());
        let questions = numbers.flat_map(|number| population.filling(number));
        let questions: Vec<_> = questions.map(|one| rolegate::view::Question::Project(question(&one, rule))).collect();
        let answers = view.check_all(policy, &questions, || None).await.unwrap().value;
        assert!(answers.iter().all(Result::is_ok));
    });
    stream::iter(batches).buffer_unordered(AT_ONCE).collect::<()>().await;
}

fn allocated() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

/// How many allocations a check makes, the view's own doings in that time included.
fn allocations_of(round: impl FnOnce() -> f64) -> f64 {
    let before = ALLOCATOR.stats().allocations;
    round();
    (ALLOCATOR.stats().allocations - before) as f64 / QUESTIONS as f64
}
