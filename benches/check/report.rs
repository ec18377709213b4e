//! The table of ratios that a benchmark ends with, in Markdown as `docs/PERFORMANCE.md` shows it.

use std::fs;
use std::process::Command;

use rolegate::bench::Ratio;

use crate::shared::{digits, load};

/// The comparisons made so far.
pub struct Report {
    /// What the medians are called: with their unit, where all figures have one.
    medians: &'static str,
    rows: Vec<(&'static str, &'static str, Option<Ratio>)>,
    load_at_start: String,
}

impl Report {
    /// A report that knows how busy the machine was before.
    pub fn new(medians: &'static str) -> Self {
        Self { medians, rows: Vec::new(), load_at_start: load() }
    }

    /// Adds a row: what was compared to what, and what of it.
    pub fn add(&mut self, compared: &'static str, figure: &'static str, ratio: Option<Ratio>) {
        eprintln!("{compared}, {figure}: {:.2}", ratio.map_or(f64::NAN, |ratio| ratio.middle));
        self.rows.push((compared, figure, ratio));
    }

    /// Prints the table.
    pub fn print(&self) {
        println!("\nCommit: {}", commit());
        println!("Machine: {} cores, {}", cores(), processor());
        println!("Load (1, 5, 15 minutes): {} before, {} after\n", self.load_at_start, load());
        println!("| compared | figure | ratio | middle half of the rounds | {} | rounds |", self.medians);
        println!("| --- | --- | ---: | ---: | ---: | ---: |");
        for (compared, figure, ratio) in &self.rows {
            // a notification may come before the answer: then there is no ratio
            let Some(Ratio { one, other, low, middle, high, rounds }) = ratio.filter(|ratio| ratio.other > 0.0) else {
                println!("| {compared} | {figure} | none | | | |");
                continue;
            };
            let medians = format!("{} : {}", digits(one), digits(other));
            println!("| {compared} | {figure} | **{middle:.2}** | {low:.2} – {high:.2} | {medians} | {rounds} |");
        }
    }
}

fn commit() -> String {
    let output = Command::new("git").args(["describe", "--always", "--dirty"]).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(0, usize::from)
}

fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("model name"));
    line.unwrap_or_default().trim_start_matches(['\t', ' ', ':']).to_owned()
}
