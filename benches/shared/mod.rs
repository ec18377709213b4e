//! What benchmarks have in common: which part of them is wanted, and how they write figures.

use std::fs;

/// Which part is to be run alone, where one is. Ends here where nobody asked for a benchmark: `cargo test` runs it too.
pub fn filter() -> Option<String> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if !arguments.iter().any(|argument| argument == "--bench") {
        std::process::exit(0);
    }
    arguments.into_iter().find(|argument| !argument.starts_with('-'))
}

/// The figure that such a part of them is at most.
pub fn quantile(figures: &[f64], at: f64) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[((sorted.len() - 1) as f64 * at).round() as usize]
}

/// Three digits that count.
pub fn digits(figure: f64) -> String {
    let decimals = 2i32.saturating_sub(figure.abs().log10().floor() as i32).clamp(0, 6) as usize;
    format!("{figure:.decimals$}")
}

/// How busy the machine has been, over the last 1, 5 and 15 minutes.
pub fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}
