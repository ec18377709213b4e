//! The table that the benchmark ends with, in Markdown as `docs/PERFORMANCE.md` shows it.

use rolegate::bench::Ratio;

use crate::shared::{digits, load, quantile};

/// The comparisons made so far.
pub struct Report {
    rows: Vec<String>,
    load_at_start: String,
}

impl Report {
    /// A report that knows how busy the machine was before.
    pub fn new() -> Self {
        Self { rows: Vec::new(), load_at_start: load() }
    }

    /// Adds a row: what was compared to what, what of it, and what the ratio should be at most, where that is said.
    pub fn compare(&mut self, compared: &str, figure: &str, pairs: &[(f64, f64)], aim: Option<f64>) {
        let Ratio { one, other, low, middle, high, rounds } = Ratio::of(pairs).unwrap();
        let aim = aim.map_or_else(String::new, |most| format!("≤ {most}"));
        self.add(format!(
            "| {compared} | {figure} | **{middle:.2}** | {aim} | {low:.2} – {high:.2} | {} : {} | {rounds} |",
            digits(one),
            digits(other)
        ));
    }

    /// Adds a row of a figure that stands beside nothing: the median of some.
    pub fn note(&mut self, what: &str, figure: &str, figures: &[f64]) {
        self.add(format!("| {what} | {figure} | | | | {} | {} |", digits(quantile(figures, 0.5)), figures.len()));
    }

    fn add(&mut self, row: String) {
        eprintln!("{row}");
        self.rows.push(row);
    }

    /// Prints the table.
    pub fn print(&self) {
        println!("\nLoad (1, 5, 15 minutes): {} before, {} after\n", self.load_at_start, load());
        println!("| compared | figure | ratio | aim | middle half of the rounds | medians | rounds |");
        println!("| --- | --- | ---: | ---: | ---: | ---: | ---: |");
        self.rows.iter().for_each(|row| println!("{row}"));
    }
}
