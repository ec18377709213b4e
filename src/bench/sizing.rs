//! What a deployment needs, on paper: computed from what one check, one load, one write and one fact were measured to cost.
//!
//! Nothing here is measured, and no number stands in here: who has others computes again.

use std::fmt;

use comfy_table::{CellAlignment, Table, presets};

/// What was measured. Times are in microseconds of a processor, but for `write`, which is time that passes.
#[derive(Debug, Clone, Copy)]
pub struct Measured {
    /// The service's processor for a check that it has in memory.
    pub check: f64,
    /// The service's and PostgreSQL's for one that it has not.
    pub cold: f64,
    pub cold_database: f64,
    /// The service's for a write that it applies.
    pub apply: f64,
    /// How long a write keeps the counter from the next.
    pub write: f64,
    /// Bytes of the view for a fact, everything included.
    pub fact: f64,
}

/// What is wanted, and what there is for it.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    pub facts: f64,
    pub projects: f64,
    /// A second.
    pub checks: f64,
    pub writes: f64,
    /// How unevenly projects are asked about.
    pub zipf: f64,
    /// Processors of a replica and of PostgreSQL, and how much of them is to be used.
    pub cores: f64,
    pub database_cores: f64,
    pub utilization: f64,
}

/// What it takes where each replica holds such a part of the world.
#[derive(Debug, Clone, Copy)]
pub struct Need {
    /// The part of the projects that are asked about most that a view holds.
    pub held: f64,
    /// The part of the checks that is answered from memory: at most, as if a view knew what will be asked.
    pub warm: f64,
    pub memory: f64,
    pub replicas: f64,
    /// Loads a second, of what is not held and of what writes took out of the views.
    pub loads: f64,
    /// The part of the processors that PostgreSQL may use that it uses, and the part of the time that a write holds the counter.
    pub database: f64,
    pub counter: f64,
}

impl Measured {
    /// What is needed where a view holds such a part of the world.
    pub fn need(&self, wanted: &Wanted, held: f64) -> Need {
        let warm = coverage(wanted, held);
        let cold = wanted.checks * (1.0 - warm);
        let budget = wanted.cores * wanted.utilization * 1e6;
        // each replica applies every write
        let left = (budget - wanted.writes * self.apply).max(1.0);
        let replicas = ((wanted.checks * warm * self.check + cold * self.cold) / left).ceil().max(1.0);
        // each replica loads again what a write took out of its view, if it is asked about
        let loads = cold + wanted.writes * replicas * warm;
        let database = loads * self.cold_database / (wanted.database_cores * wanted.utilization * 1e6);
        let counter = wanted.writes * self.write / 1e6;
        Need { held, warm, memory: wanted.facts * held * self.fact, replicas, loads, database, counter }
    }
}

impl Need {
    /// What stands in the way first, and what moves it.
    pub fn limit(&self) -> &'static str {
        match () {
            () if self.counter > 1.0 && self.counter >= self.database => "the counter of writes: a faster commit",
            () if self.database > 1.0 => "PostgreSQL's processors: larger views, or standbys (--read-url)",
            () => "none: memory of a replica, then its processors",
        }
    }
}

/// The part of the checks that is about the projects asked about most, where such a part of all is held.
fn coverage(wanted: &Wanted, held: f64) -> f64 {
    let weight = |ranks: f64| harmonic(ranks, wanted.zipf);
    if held >= 1.0 { 1.0 } else { weight(wanted.projects * held) / weight(wanted.projects) }
}

/// The sum of rank^-exponent: the first ranks one by one, the others by the area under the curve.
fn harmonic(ranks: f64, exponent: f64) -> f64 {
    const EXACT: u32 = 1_000;
    let first: f64 = (1..=EXACT).map(f64::from).filter(|rank| *rank <= ranks).map(|rank| rank.powf(-exponent)).sum();
    let (from, to) = (f64::from(EXACT) + 0.5, ranks + 0.5);
    let power = 1.0 - exponent;
    let area = if power.abs() < 1e-9 { (to / from).ln() } else { (to.powf(power) - from.powf(power)) / power };
    first + area.max(0.0)
}

/// The needs of views of several sizes, as a table.
pub struct Sizing(pub Vec<Need>);

impl fmt::Display for Sizing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new();
        table.load_style(presets::ASCII_MARKDOWN);
        table.set_header([
            "held",
            "of a view, GiB",
            "from memory",
            "loads a second",
            "replicas",
            "PostgreSQL",
            "counter",
            "the first limit",
        ]);
        table.column_iter_mut().take(7).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
        for need in &self.0 {
            let percent = |part: f64| format!("{:.1} %", part * 100.0);
            table.add_row([
                percent(need.held),
                format!("{:.1}", need.memory / f64::from(1 << 30)),
                percent(need.warm),
                format!("{:.0}", need.loads),
                format!("{:.0}", need.replicas),
                percent(need.database),
                percent(need.counter),
                need.limit().to_owned(),
            ]);
        }
        write!(formatter, "{table}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEASURED: Measured =
        Measured { check: 20.0, cold: 100.0, cold_database: 300.0, apply: 200.0, write: 2_000.0, fact: 64.0 };
    const WANTED: Wanted = Wanted {
        facts: 1e9,
        projects: 1e8,
        checks: 1e6,
        writes: 100.0,
        zipf: 1.1,
        cores: 8.0,
        database_cores: 16.0,
        utilization: 0.5,
    };

    #[test]
    fn a_view_of_the_whole_world_asks_the_database_for_what_was_written_alone() {
        let need = MEASURED.need(&WANTED, 1.0);
        // 20 seconds of processor a second, of 4 less what 100 writes take
        assert_eq!(need.replicas, (20.0_f64 / 3.98).ceil());
        assert_eq!((need.warm, need.memory, need.loads), (1.0, 64e9, 100.0 * need.replicas));
        assert!(need.limit().starts_with("none"), "{need:?}");
    }

    #[test]
    fn a_smaller_view_moves_the_limit_to_the_database_and_many_writes_to_the_counter() {
        let small = MEASURED.need(&WANTED, 0.001);
        assert!(small.warm < 0.95 && small.warm > 0.5, "{small:?}");
        assert!(small.limit().starts_with("PostgreSQL"), "{small:?}");
        let written = MEASURED.need(&Wanted { writes: 600.0, ..WANTED }, 1.0);
        assert!(written.limit().starts_with("the counter"), "{written:?}");
    }

    #[test]
    fn the_sum_of_weights_is_the_sum() {
        for exponent in [0.0, 0.5, 1.0, 1.1, 2.0] {
            let sum: f64 = (1..=100_000).map(|rank| f64::from(rank).powf(-exponent)).sum();
            assert!((harmonic(100_000.0, exponent) / sum - 1.0).abs() < 1e-4, "{exponent}");
        }
        assert!((harmonic(3.0, 1.0) - (1.0 + 0.5 + 1.0 / 3.0)).abs() < 1e-9);
    }
}
