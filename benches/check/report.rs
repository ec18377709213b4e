//! The table of ratios that a benchmark ends with, in Markdown as `docs/PERFORMANCE.md` shows it.

use std::fs;
use std::process::Command;

use crate::rounds::Comparison;

/// The comparisons made so far.
pub struct Report {
    /// What the medians are called: with their unit, where all figures have one.
    medians: &'static str,
    rows: Vec<(&'static str, &'static str, Comparison)>,
    load_at_start: String,
}

impl Report {
    /// A report that knows how busy the machine was before.
    pub fn new(medians: &'static str) -> Self {
        Self { medians, rows: Vec::new(), load_at_start: load() }
    }

    /// Adds a row: what was compared to what, and what of it.
    pub fn add(&mut self, compared: &'static str, figure: &'static str, comparison: Comparison) {
        eprintln!("{compared}, {figure}: {:.2}", comparison.ratios[1]);
        self.rows.push((compared, figure, comparison));
    }

    /// Prints the table.
    pub fn print(&self) {
        println!("\nCommit: {}", commit());
        println!("Machine: {} cores, {}", cores(), processor());
        println!("Load (1, 5, 15 minutes): {} before, {} after\n", self.load_at_start, load());
        println!("| compared | figure | ratio | middle half of the rounds | {} | rounds |", self.medians);
        println!("| --- | --- | ---: | ---: | ---: | ---: |");
        for (compared, figure, comparison) in &self.rows {
            let Comparison { one, other, ratios: [low, ratio, high], rounds } = comparison;
            let medians = format!("{} : {}", digits(*one), digits(*other));
            // a notification may come before the answer: then there is no ratio
            let (ratio, spread) = if *other > 0.0 {
                (format!("**{ratio:.2}**"), format!("{low:.2} – {high:.2}"))
            } else {
                ("none".to_owned(), "none".to_owned())
            };
            println!("| {compared} | {figure} | {ratio} | {spread} | {medians} | {rounds} |");
        }
    }
}

/// Three digits that count.
fn digits(figure: f64) -> String {
    let decimals = 2i32.saturating_sub(figure.abs().log10().floor() as i32).clamp(0, 6) as usize;
    format!("{figure:.decimals$}")
}

fn commit() -> String {
    let output = Command::new("git").args(["describe", "--always", "--dirty"]).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}

fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(0, usize::from)
}

fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("model name"));
    line.unwrap_or_default().trim_start_matches(['\t', ' ', ':']).to_owned()
}
