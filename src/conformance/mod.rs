//! The comparison with decisions of the real system: worlds are loaded into services of our own through the public API, asked
//! everything that the real system was asked, and every difference is either a ruling or a disagreement.
//!
//! What is expected comes from the data alone ([`world`], `decided`); where rolegate must decide otherwise stands in one table
//! ([`rulings`]), and what each function of the real system is to rolegate in another ([`mappings`]).

mod accounts;
mod align;
mod api;
mod asker;
mod decided;
#[cfg(fuzzing)]
pub mod fuzzing;
mod limits;
mod listings;
mod load;
pub mod mappings;
mod projects;
mod question;
mod read_back;
mod replay;
pub mod report;
mod rows;
mod rules;
pub mod rulings;
mod service;
pub mod tally;
mod validation;
pub mod world;

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;

use crate::domain::policy_file::PolicyError;
use crate::server::ServeError;
use crate::store::StoreError;
use crate::store::scratch::ScratchDatabases;

use accounts::Accounts;
use api::Api;
use asker::Asker;
use limits::Limits;
use projects::Projects;
use question::Known;
use report::Report;
use rows::Rows;
use service::Database;
use tally::Tally;
use validation::{NewMembers, Validation};
use world::{World, WorldError};

/// How one role is picked of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// The highest; a project over its limit is reported.
    Highest,
    /// That of the first origin; a project over its limit is hidden.
    FirstOrigin,
}

/// Why the comparison could not be finished.
#[derive(Debug, thiserror::Error)]
pub enum ConformanceError {
    /// A world could not be read.
    #[error(transparent)]
    World(#[from] WorldError),
    /// A world says something that the format does not.
    #[error("make sense of the world: {0}")]
    Data(String),
    /// A write that nothing should refuse was refused.
    #[error("write {what}: {reason}: {message}")]
    Refused { what: String, reason: String, message: String },
    /// The service holds something else than what was written.
    #[error("find the world in the service; these rows differ: {0}")]
    Astray(String),
    /// The databases could not be made or dropped.
    #[error("prepare a database")]
    Store(#[from] StoreError),
    /// The service could not run.
    #[error("run the service")]
    Serve(#[from] ServeError),
    /// The port could not be taken.
    #[error("listen")]
    Listen(#[from] std::io::Error),
    /// The address of the service is none.
    #[error("reach the service")]
    Reach(#[from] tonic::transport::Error),
    /// The service does not serve.
    #[error("see the service serve within {} s", .0.as_secs())]
    NotServing(Duration),
    /// The service failed to answer.
    #[error("ask the service: {}: {}", .0.code(), .0.message())]
    Call(#[from] tonic::Status),
    /// The policy of a resolution is none.
    #[error("read the policy")]
    Policy(#[from] PolicyError),
    /// One of the worlds.
    #[error("compare {path}")]
    In { path: PathBuf, source: Box<ConformanceError> },
}

/// What to compare.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Under which policies.
    pub resolutions: Vec<Resolution>,
    /// How many worlds at a time.
    pub jobs: usize,
}

impl Resolution {
    /// What the policy file calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Highest => "highest",
            Self::FirstOrigin => "first_origin",
        }
    }
}

impl Settings {
    /// How often the progress is told for so many worlds.
    pub fn steps(&self, worlds: usize) -> usize {
        worlds * (2 + self.resolutions.len())
    }
}

impl ConformanceError {
    fn unknown(what: impl std::fmt::Display) -> Self {
        Self::Data(format!("{what} is not known"))
    }
}

/// Compares the worlds, each in databases of its own; `progress` is told the world of every step that is done.
///
/// # Errors
/// When it cannot be finished. What was made of databases is left for [`ScratchDatabases::clear`].
pub async fn run(
    databases: &ScratchDatabases,
    worlds: &[PathBuf],
    settings: &Settings,
    progress: impl Fn(&str),
) -> Result<Report, ConformanceError> {
    let progress = &progress;
    let tallies = stream::iter(worlds).map(|path| async move {
        let name = name_of(path);
        let compared = compare(databases, path, &name, settings, &|| progress(&name)).await;
        let with_path = |source| ConformanceError::In { path: path.clone(), source: Box::new(source) };
        compared.map_err(with_path)
    });
    let tallies: Vec<Tally> = tallies.buffered(settings.jobs.max(1)).try_collect().await?;
    Ok(Report::new(worlds.len(), tallies))
}

async fn compare(
    databases: &ScratchDatabases,
    path: &Path,
    name: &str,
    settings: &Settings,
    progress: &impl Fn(),
) -> Result<Tally, ConformanceError> {
    let world = World::read(path)?;
    let mut tally = Tally::new(name);
    let database = Database::create(databases).await?;
    decisions(&database, &world, settings, &mut tally, progress).await?;
    database.drop_it().await?;
    let database = Database::create(databases).await?;
    let service = database.serve(Resolution::Highest).await?;
    let mut api = Api::new(service.channel.clone());
    load::load(&mut api, &world, &world.world_initial).await?;
    replay::replay(&api, &world, &mut tally).await?;
    service.end().await?;
    database.drop_it().await?;
    progress();
    Ok(tally)
}

/// Everything about the world as it is after the events.
async fn decisions(
    database: &Database<'_>,
    world: &World,
    settings: &Settings,
    tally: &mut Tally,
    progress: &impl Fn(),
) -> Result<(), ConformanceError> {
    let mut service = database.serve(Resolution::Highest).await?;
    let mut api = Api::new(service.channel.clone());
    let left_out = load::load(&mut api, world, &world.world).await?;
    tally.rows_left_out += left_out.len() as u64;
    let rows = rows::rows(&world.world);
    let written: Rows = rows.difference(&left_out).cloned().collect();
    load::verify(&api, &written).await?;
    let known = Known::new(world, &rows);
    let limits = Limits { world, left_out: &left_out };
    let validation = Validation { world, api: &api, known: &known, limits };
    let new_members = validation.ask(tally).await?;
    let mut asker = Asker::new(api.channel(), Resolution::Highest, tally);
    listings::ask(world, &api, &left_out, &world.world.inactive(), &mut asker).await?;
    asker.finish().await?;
    progress();
    for resolution in &settings.resolutions {
        if *resolution != Resolution::Highest {
            service.end().await?;
            service = database.serve(*resolution).await?;
        }
        let api = api.through(service.channel.clone());
        let asking = Asking { world, api: &api, left_out: &left_out, known: &known, new_members: &new_members };
        asking.ask(*resolution, tally).await?;
        progress();
    }
    service.end().await
}

/// What everything is asked with.
struct Asking<'a> {
    world: &'a World,
    api: &'a Api,
    left_out: &'a Rows,
    known: &'a Known<'a>,
    new_members: &'a NewMembers<'a>,
}

impl Asking<'_> {
    async fn ask(&self, resolution: Resolution, tally: &mut Tally) -> Result<(), ConformanceError> {
        let Self { world, api, left_out, known, new_members } = *self;
        let inactive = &world.world.inactive();
        let mut asker = Asker::new(api.channel(), resolution, tally);
        Projects { world, api, left_out, inactive, resolution }.ask(&mut asker).await?;
        Accounts { world, api, inactive, known, new_members }.ask(&mut asker).await?;
        asker.finish().await
    }
}

/// The name at a position that a row of the format gives.
fn at(names: &[String], index: usize) -> Result<&str, ConformanceError> {
    names.get(index).map(String::as_str).ok_or_else(|| ConformanceError::unknown(format!("position {index}")))
}

/// A world by its folder and its file.
fn name_of(path: &Path) -> String {
    let folder = path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    format!("{folder}/{}", file.trim_end_matches(".gz").trim_end_matches(".json"))
}
