//! A way in for the fuzz targets, and for nobody else: built with `--cfg fuzzing` only.

use std::path::Path;

use super::rows::{self, Row};
use super::world::World;

/// What a world says, as rows.
pub struct WorldRows {
    /// All that it holds before its events and after them.
    pub held: Vec<String>,
    /// Those of them that rolegate does not let exist.
    pub left_out: Vec<String>,
    /// What its events say that they took out and put in: any text.
    pub effects: Vec<String>,
}

/// Reads a world.
///
/// # Errors
/// When it is none.
pub fn read_world(bytes: &[u8]) -> Result<WorldRows, String> {
    let world = World::parse(Path::new("fuzz"), bytes).map_err(|error| error.to_string())?;
    let held = [&world.world_initial, &world.world].map(rows::rows);
    let texts = |rows: &rows::Rows| rows.iter().map(Row::to_string).collect::<Vec<_>>();
    let left_out = held.iter().flat_map(|rows| texts(&rows::left_out(rows))).collect();
    let effects = world.events.into_iter().flat_map(|event| event.removed.into_iter().chain(event.added)).collect();
    Ok(WorldRows { held: held.iter().flat_map(texts).collect(), left_out, effects })
}

/// What was taken as a row, written again.
pub fn reread_row(text: &str) -> Option<String> {
    Row::parse(text).ok().map(|row| row.to_string())
}
