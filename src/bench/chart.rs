//! Charts as SVG, written by hand: latency by percentile, and throughput over time. They need nothing but a browser.

use std::fmt::Write as _;

use super::load::Outcome;
use super::record::{Latencies, SLICE};

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 40.0;
const COLOURS: [&str; 4] = ["#1f5fa8", "#c2571a", "#3f7f3f", "#7a4a9e"];

/// A line of a chart: what it is called, and its points, each coordinate from 0 to 1.
struct Line {
    name: String,
    points: Vec<(f64, f64)>,
}

/// Latency by percentile, and calls a second over time, of one or several runs.
pub fn svg(title: &str, runs: &[(&str, &Outcome)]) -> String {
    let mut text = String::new();
    let height = 2.0 * (HEIGHT + TOP);
    let _ = writeln!(
        text,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">"#
    );
    let _ = writeln!(text, r#"<rect width="100%" height="100%" fill="white"/>"#);
    latency(&mut text, &format!("{title}: latency by percentile"), runs);
    let _ = writeln!(text, r#"<g transform="translate(0 {})">"#, HEIGHT + TOP);
    throughput(&mut text, &format!("{title}: calls a second"), runs);
    text.push_str("</g>\n</svg>\n");
    text
}

/// Percentiles lie as far apart as their tails are small; latencies by their logarithm.
fn latency(text: &mut String, title: &str, runs: &[(&str, &Outcome)]) {
    const PERCENTILES: [(f64, &str); 5] = [(0.0, "0"), (0.9, "90"), (0.99, "99"), (0.999, "99.9"), (0.9999, "99.99")];
    const POINTS: u32 = 80;
    let all: Vec<(&str, Latencies)> = runs.iter().map(|(name, run)| (*name, run.record.all())).collect();
    let (least, most) = all.iter().fold((f64::MAX, 1.0_f64), |(least, most), (_, one)| {
        (least.min(one.quantile(0.0) as f64), most.max(one.quantile(0.9999) as f64))
    });
    let (low, high) = (least.max(1.0).log10().floor(), most.log10().ceil());
    let height = |micros: f64| (micros.max(1.0).log10() - low) / (high - low).max(1.0);
    let at = |quantile: f64| -(1.0 - quantile).log10() / 4.0;
    let lines = all.iter().map(|(name, latencies)| {
        let points = (0..=POINTS).map(|step| {
            let place = f64::from(step) / f64::from(POINTS);
            (place, height(latencies.quantile(1.0 - 10_f64.powf(-4.0 * place)) as f64))
        });
        Line { name: (*name).to_owned(), points: points.collect() }
    });
    let decades = (low as i32..=high as i32).map(|decade| 10_f64.powi(decade));
    let ticks: Vec<(f64, String)> = decades.map(|micros| (height(micros), micros_named(micros))).collect();
    let below: Vec<(f64, String)> = PERCENTILES.map(|(quantile, name)| (at(quantile), name.to_owned())).to_vec();
    frame(text, title, &below, &ticks);
    draw(text, &lines.collect::<Vec<_>>());
}

fn throughput(text: &mut String, title: &str, runs: &[(&str, &Outcome)]) {
    let a_second = |count: &u64| *count as f64 / SLICE.as_secs_f64();
    let slices = runs.iter().map(|(_, run)| run.record.timeline.len()).max().unwrap_or(0).max(2);
    let most = runs.iter().flat_map(|(_, run)| run.record.timeline.iter().map(a_second)).fold(1.0_f64, f64::max);
    let most = round_up(most);
    let lines = runs.iter().map(|(name, run)| {
        let points = run.record.timeline.iter().enumerate();
        let points = points.map(|(slice, count)| (slice as f64 / (slices - 1) as f64, a_second(count) / most));
        Line { name: (*name).to_owned(), points: points.collect() }
    });
    let ticks: Vec<(f64, String)> =
        (0..=4).map(|step| f64::from(step) / 4.0).map(|at| (at, count(most * at))).collect();
    let end = slices as f64 * SLICE.as_secs_f64();
    let below: Vec<(f64, String)> =
        (0..=4).map(|step| f64::from(step) / 4.0).map(|at| (at, format!("{:.1} s", end * at))).collect();
    frame(text, title, &below, &ticks);
    draw(text, &lines.collect::<Vec<_>>());
}

/// The axes, with their ticks and the lines that lead from them.
fn frame(text: &mut String, title: &str, below: &[(f64, String)], beside: &[(f64, String)]) {
    let _ = writeln!(text, r#"<text x="{LEFT}" y="20" font-weight="bold">{}</text>"#, escaped(title));
    for (place, name) in beside {
        let (_, y) = placed((0.0, *place));
        let end = WIDTH - RIGHT;
        let _ = writeln!(text, r##"<line x1="{LEFT}" y1="{y:.1}" x2="{end}" y2="{y:.1}" stroke="#ddd"/>"##);
        let _ = writeln!(text, r#"<text x="{}" y="{:.1}" text-anchor="end">{name}</text>"#, LEFT - 6.0, y + 4.0);
    }
    for (place, name) in below {
        let (x, _) = placed((*place, 0.0));
        let _ = writeln!(text, r#"<text x="{x:.1}" y="{}" text-anchor="middle">{name}</text>"#, HEIGHT - BOTTOM + 18.0);
    }
}

/// The lines, and what each is called.
fn draw(text: &mut String, lines: &[Line]) {
    for ((number, line), colour) in (0..).map(f64::from).zip(lines).zip(COLOURS.into_iter().cycle()) {
        let points: Vec<String> =
            line.points.iter().map(|point| placed(*point)).map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let points = points.join(" ");
        let _ = writeln!(text, r#"<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>"#);
        let (x, y, name) = (LEFT + 10.0 + 180.0 * number, TOP - 6.0, escaped(&line.name));
        let _ = writeln!(text, r#"<text x="{x}" y="{y}" fill="{colour}">{name}</text>"#);
    }
}

/// Where a point lies on the page.
fn placed((x, y): (f64, f64)) -> (f64, f64) {
    let (x, y) = (x.clamp(0.0, 1.0), y.clamp(0.0, 1.0));
    (LEFT + x * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - y * (HEIGHT - TOP - BOTTOM))
}

fn micros_named(micros: f64) -> String {
    match micros {
        micros if micros < 1e3 => format!("{micros:.0} µs"),
        micros if micros < 1e6 => format!("{:.0} ms", micros / 1e3),
        micros => format!("{:.0} s", micros / 1e6),
    }
}

fn count(number: f64) -> String {
    if number >= 10_000.0 { format!("{:.0}k", number / 1e3) } else { format!("{number:.0}") }
}

/// The next number of one digit that counts.
fn round_up(number: f64) -> f64 {
    let unit = 10_f64.powf(number.log10().floor());
    (number / unit).ceil() * unit
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::bench::mix::Kind;

    #[test]
    fn a_chart_has_a_line_for_each_run_and_stays_on_the_page() {
        let mut outcome = Outcome::default();
        for step in 1..=1_000 {
            outcome.record.answered(Duration::from_millis(step), Duration::from_micros(step * 7), [Kind::Direct]);
        }
        let text = svg("a <b> & c", &[("Check", &outcome), ("empty", &Outcome::default())]);
        assert!(text.starts_with("<svg") && text.ends_with("</svg>\n"));
        assert!(text.contains("a &lt;b&gt; &amp; c") && !text.contains("NaN") && !text.contains("inf"), "{text}");
        let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("<polyline")).collect();
        assert_eq!(lines.len(), 4);
        for point in lines.iter().flat_map(|line| line.split('"').nth(1).unwrap().split_whitespace()) {
            let (x, y) = point.split_once(',').unwrap();
            assert!((0.0..=WIDTH).contains(&x.parse().unwrap()) && (0.0..=HEIGHT).contains(&y.parse().unwrap()));
        }
    }
}
