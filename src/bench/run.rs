//! One run from its beginning to its end: a stage, a world in the views, the load, and the comparisons after it.

use std::path::PathBuf;

use bytesize::ByteSize;

use super::BenchError;
use super::baseline::{self, Baseline, Rounds, Sides};
use super::calls::Shape;
use super::fill::fill;
use super::load::{Load, Outcome, Target};
use super::mix::Mix;
use super::questions::{By, Population};
use super::report::{Asked, Figures, Machine, Report, WorldSize};
use super::stage::{self, PrivateDatabase, Stage};
use super::world::{Facts, World};
use super::{chart, processor};
use crate::store::DatabaseAddress;

/// Which service is asked.
#[derive(Debug, Clone)]
pub enum Place {
    /// One that runs, at one address or several.
    Remote(Vec<String>),
    /// One of our own, on a database with the world in it: its URL.
    Database(String),
    /// One of our own, on a private server with a new world; where its programs are, if they are not to be looked for.
    Private(Option<PathBuf>),
}

/// What is asked, and how.
#[derive(Debug, Clone)]
pub struct Settings {
    pub place: Place,
    pub facts: Facts,
    pub seed: u64,
    pub mix: Mix,
    pub by: By,
    pub zipf: f64,
    pub cold: f64,
    /// How many replicas of our own, and connections to all of them.
    pub replicas: usize,
    pub connections: usize,
    pub view_memory: ByteSize,
    pub load: Load,
    /// Whether the world is brought into the views first.
    pub fill: bool,
    /// Whether the service is compared with a call that does nothing, and how.
    pub baseline: Option<Rounds>,
}

/// What is being done, and how far it is.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    /// This begins, and takes so many steps. 0: nobody knows.
    Phase(&'static str, u64),
    /// So many of them are done.
    Done(u64),
}

/// Measures, and draws what was measured.
///
/// # Errors
/// When something that it needs can't be started or reached. Wrong answers are no errors: the report says so.
pub async fn run(settings: &Settings, progress: &(dyn Fn(Step) + Sync)) -> Result<(Report, String), BenchError> {
    match &settings.place {
        Place::Remote(addresses) => {
            progress(Step::Phase("connecting", 0));
            let target = stage::remote(addresses, settings.connections).await?;
            Run { settings, progress, target: &target }.measure(None).await
        }
        Place::Database(url) => on_own(settings, progress, (url, None)).await,
        Place::Private(binaries) => {
            progress(Step::Phase("starting PostgreSQL", 0));
            let database = PrivateDatabase::start(binaries.clone()).await?;
            prepare(&database.address(), settings.world(), progress).await?;
            let found = on_own(settings, progress, (&database.url(), database.process())).await;
            database.stop().await?;
            found
        }
    }
}

/// Writes the world into an empty database.
///
/// # Errors
/// When the database is not empty, or can't be reached.
pub async fn prepare(
    address: &DatabaseAddress,
    world: World,
    progress: &(dyn Fn(Step) + Sync),
) -> Result<(), BenchError> {
    progress(Step::Phase("writing the world", world.blocks * stage::PARTS));
    stage::prepare(address, world, |_| progress(Step::Done(1))).await
}

impl Settings {
    pub fn world(&self) -> World {
        World::new(self.facts, self.seed)
    }

    fn population(&self) -> Population {
        Population::new(self.world(), self.by, self.mix, self.zipf, self.cold)
    }
}

async fn on_own(
    settings: &Settings,
    progress: &(dyn Fn(Step) + Sync),
    database: (&str, Option<u32>),
) -> Result<(Report, String), BenchError> {
    progress(Step::Phase("starting the service", 0));
    let memory = format!("{}B", settings.view_memory.as_u64());
    // the schema of a database that was named is its owner's to change
    let arguments = ["serve", "--no-migrate", "--view-memory", &memory];
    let stage = Stage::start(&arguments, database, settings.replicas, settings.connections).await?;
    let found = Run { settings, progress, target: &stage.target }.measure(Some(database)).await;
    stage.end().await?;
    found
}

struct Run<'a> {
    settings: &'a Settings,
    progress: &'a (dyn Fn(Step) + Sync),
    target: &'a Target,
}

impl Run<'_> {
    async fn measure(&self, database: Option<(&str, Option<u32>)>) -> Result<(Report, String), BenchError> {
        let (settings, machine) = (self.settings, Machine::before());
        let population = settings.population();
        if settings.fill {
            (self.progress)(Step::Phase("filling the view", population.warm_projects() * self.target.replicas as u64));
            fill(self.target, &population, |projects| (self.progress)(Step::Done(projects))).await?;
        }
        (self.progress)(Step::Phase("asking", 0));
        let outcome = settings.load.run(self.target, &population).await;
        let memory = self.target.service.first().and_then(|process| processor::memory(*process));
        let baseline = match (settings.baseline, database) {
            (Some(rounds), Some(database)) => Some(self.compare(rounds, database, &population).await?),
            _ => None,
        };
        let chart = draw(&outcome, baseline.as_ref());
        let result = Figures::new(&outcome, population.cold_missing(), memory);
        let (world, asked) = (settings.size(), settings.asked());
        let version = env!("CARGO_PKG_VERSION");
        Ok((Report { version, machine: machine.after(), world, asked, result, baseline }, chart))
    }

    /// Starts what the service is compared with, compares, and ends it.
    async fn compare(
        &self,
        rounds: Rounds,
        database: (&str, Option<u32>),
        population: &Population,
    ) -> Result<Baseline, BenchError> {
        // as many of each as of the service
        let Settings { replicas, connections, .. } = *self.settings;
        let start = |answers: &'static str| async move {
            Stage::start(&["bench-server", "--answers", answers], database, replicas, connections).await
        };
        let (constant, queried) = (start("constant").await?, start("query").await?);
        let sides = Sides {
            service: self.target,
            constant: &constant.target,
            queried: Some(&queried.target),
            // a database that was named is not written to unasked
            writes: matches!(self.settings.place, Place::Private(_)) || self.settings.load.writes > 0.0,
        };
        (self.progress)(Step::Phase("comparing", baseline::steps(&sides)));
        let found = baseline::compare(&sides, population, rounds, || (self.progress)(Step::Done(1))).await;
        constant.end().await?;
        queried.end().await?;
        Ok(found)
    }
}

impl Settings {
    fn size(&self) -> WorldSize {
        let world = self.world();
        WorldSize { facts: world.facts(), seed: self.seed, projects: world.projects() }
    }

    fn asked(&self) -> Asked {
        let replicas = match &self.place {
            Place::Remote(addresses) => addresses.len(),
            Place::Database(_) | Place::Private(_) => self.replicas,
        };
        Asked {
            call: self.load.shape.name(),
            mix: self.mix.to_string(),
            connections: self.connections.max(replicas),
            replicas,
            in_flight: self.load.in_flight,
            rate: self.load.rate,
            zipf: self.zipf,
            cold: self.cold,
            writes: self.load.writes,
        }
    }
}

/// The comparison at half the load, where there is one; else the run itself.
fn draw(outcome: &Outcome, baseline: Option<&Baseline>) -> String {
    match baseline.and_then(|baseline| baseline.half.as_ref()) {
        Some((service, constant)) => {
            chart::svg("half the saturating load", &[(&Shape::Check.name(), service), ("an empty call", constant)])
        }
        None => chart::svg("rolegate bench", &[("answers", outcome)]),
    }
}
