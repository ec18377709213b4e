//! What a run came to, for people and for programs.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use super::baseline::Baseline;
use super::load::Outcome;
use super::mix::Kind;
use super::record::Summary;

/// All of it. Latencies are in microseconds.
#[derive(Debug, Serialize)]
pub struct Report {
    pub version: &'static str,
    pub machine: Machine,
    pub world: WorldSize,
    pub asked: Asked,
    pub result: Figures,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Baseline>,
}

/// Where it was measured.
#[derive(Debug, Serialize)]
pub struct Machine {
    pub cores: usize,
    pub processor: String,
    /// Load over 1, 5 and 15 minutes, before and after.
    pub load_before: String,
    pub load_after: String,
}

#[derive(Debug, Serialize)]
pub struct WorldSize {
    pub facts: u64,
    pub seed: u64,
    pub projects: u64,
}

/// How it was asked.
#[derive(Debug, Serialize)]
pub struct Asked {
    pub call: String,
    pub mix: String,
    pub connections: usize,
    pub replicas: usize,
    pub in_flight: usize,
    pub rate: Option<f64>,
    pub zipf: f64,
    pub cold: f64,
    pub writes: f64,
}

/// What was measured.
#[derive(Debug, Serialize)]
pub struct Figures {
    pub seconds: f64,
    pub calls: u64,
    pub decisions: u64,
    pub calls_per_second: f64,
    pub decisions_per_second: f64,
    /// Of an open loop: arrivals a second that were meant to be; those that nobody had time to send; those sent late.
    pub offered_per_second: Option<f64>,
    pub dropped: Option<u64>,
    pub late: u64,
    /// Answers that are not what the world has.
    pub wrong: u64,
    pub wrong_example: Option<String>,
    pub errors: BTreeMap<String, u64>,
    pub error_example: Option<String>,
    pub latency: BTreeMap<&'static str, Summary>,
    pub staleness: Staleness,
    /// Cold questions that no project was left for.
    pub cold_missing: u64,
    /// Of servers that were started for the run: microseconds of processor a call, PostgreSQL's apart; bytes of memory.
    pub service_processor_per_call: Option<f64>,
    pub database_processor_per_call: Option<f64>,
    pub service_memory: Option<u64>,
}

/// How old answers were. A write has returned once no replica can answer without it.
#[derive(Debug, Serialize)]
pub struct Staleness {
    pub writes: u64,
    /// Questions asked when a write had returned, the next replica in turn, whose answer did not show it.
    pub stale_answers: u64,
    /// Answers that a replica marked as possibly stale.
    pub marked_stale: u64,
    pub write_latency: Summary,
    /// From a write's return to an answer that shows it: what one question takes, where the first answer does.
    pub seen_after: Summary,
}

impl Report {
    /// Whether every answer came, and was the one that the world has.
    pub fn is_right(&self) -> bool {
        let compared = self.baseline.as_ref().is_none_or(|baseline| baseline.troubles == 0);
        self.result.is_right() && compared
    }
}

impl Figures {
    pub fn new(outcome: &Outcome, cold_missing: u64, service_memory: Option<u64>) -> Self {
        let record = &outcome.record;
        let kinds = Kind::ALL.into_iter().filter(|kind| record.of(*kind).count() > 0);
        let each = kinds.map(|kind| (kind.name(), record.of(kind).summary()));
        let per_call = |used: Option<f64>| (record.calls > 0).then_some(used? * 1e6 / record.calls as f64);
        Self {
            seconds: outcome.seconds,
            calls: record.calls,
            decisions: record.decisions(),
            calls_per_second: outcome.calls_per_second(),
            decisions_per_second: outcome.decisions_per_second(),
            offered_per_second: outcome.offered.map(|(offered, _)| offered as f64 / outcome.seconds),
            dropped: outcome.offered.map(|(_, dropped)| dropped),
            late: record.late,
            wrong: record.wrong,
            wrong_example: record.wrong_example.clone(),
            errors: record.errors.clone(),
            error_example: record.error_example.clone(),
            latency: each.chain([("all", record.all().summary())]).collect(),
            staleness: Staleness {
                writes: record.writes.count(),
                stale_answers: record.stale,
                marked_stale: record.marked_stale,
                write_latency: record.writes.summary(),
                seen_after: record.seen_after.summary(),
            },
            cold_missing,
            service_processor_per_call: per_call(outcome.service),
            database_processor_per_call: per_call(outcome.database),
            service_memory,
        }
    }

    fn is_right(&self) -> bool {
        self.wrong == 0 && self.errors.is_empty() && self.staleness.stale_answers == 0
    }
}

impl Machine {
    /// This machine, at the beginning of a run.
    pub fn before() -> Self {
        let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let name = text.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
        Self {
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            processor: name.trim_start_matches(['\t', ' ', ':']).to_owned(),
            load_before: load(),
            load_after: String::new(),
        }
    }

    /// The same at its end.
    #[must_use]
    pub fn after(self) -> Self {
        Self { load_after: load(), ..self }
    }
}

fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { machine, world, asked, .. } = self;
        let loop_ = asked.rate.map_or("closed loop".to_owned(), |rate| format!("open loop, {rate} calls a second"));
        writeln!(
            formatter,
            "{} ({loop_}), {} in flight on {} connections, {} replicas; mix {}; {} facts, seed {}",
            asked.call, asked.in_flight, asked.connections, asked.replicas, asked.mix, world.facts, world.seed
        )?;
        writeln!(formatter, "{}", self.result.latencies())?;
        writeln!(formatter, "{}", self.result)?;
        if let Some(baseline) = &self.baseline {
            writeln!(formatter, "\n{}", baseline.table())?;
            writeln!(formatter, "{} calls of the comparisons failed or were answered wrongly", baseline.troubles)?;
        }
        let Machine { cores, processor, load_before, load_after } = machine;
        write!(formatter, "{cores} cores, {processor}; load {load_before} before, {load_after} after")
    }
}

impl Figures {
    fn latencies(&self) -> Table {
        let mut table = table(&["µs", "answers", "p50", "p90", "p99", "p99.9", "max"]);
        let staleness = &self.staleness;
        let names = Kind::ALL.map(Kind::name).into_iter().chain(["all"]);
        let named = names.filter_map(|name| self.latency.get(name).map(|summary| (name, summary)));
        let writes = [("write", &staleness.write_latency), ("seen after a write", &staleness.seen_after)];
        for (name, summary) in named.chain(writes.into_iter().filter(|(_, summary)| summary.count > 0)) {
            let Summary { count, p50, p90, p99, p99_9, max } = summary;
            let figures = [count, p50, p90, p99, p99_9, max].map(ToString::to_string);
            table.add_row(std::iter::once(name.to_owned()).chain(figures));
        }
        table
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { calls_per_second, decisions_per_second, wrong, .. } = self;
        write!(formatter, "{calls_per_second:.0} calls and {decisions_per_second:.0} decisions a second")?;
        if let (Some(offered), Some(dropped)) = (self.offered_per_second, self.dropped) {
            write!(formatter, "; {offered:.0} offered, {} late, {dropped} dropped", self.late)?;
        }
        if let Some(used) = self.service_processor_per_call {
            write!(formatter, "; {used:.1} µs of the server's processor a call")?;
        }
        if let Some(used) = self.database_processor_per_call {
            write!(formatter, ", {used:.1} of PostgreSQL's")?;
        }
        if let Some(memory) = self.service_memory {
            write!(formatter, "; {} MiB of memory", memory >> 20)?;
        }
        let failed: u64 = self.errors.values().sum();
        write!(formatter, "\n{wrong} wrong answers, {failed} failures")?;
        let Staleness { writes, stale_answers, marked_stale, .. } = &self.staleness;
        write!(formatter, "; {writes} writes, after whose return {stale_answers} answers were stale")?;
        write!(formatter, "; {marked_stale} answers marked as possibly stale")?;
        for example in [&self.wrong_example, &self.error_example].into_iter().flatten() {
            write!(formatter, "\n  for example: {example}")?;
        }
        if self.cold_missing > 0 {
            write!(formatter, "\n{} cold questions found no project left: take more facts", self.cold_missing)?;
        }
        Ok(())
    }
}

impl Baseline {
    fn table(&self) -> Table {
        let mut table = table(&["compared", "figure", "ratio", "middle half", "medians", "goal", ""]);
        for row in &self.rows {
            let ratio = &row.ratio;
            let reached = row.reached.map_or("", |reached| if reached { "reached" } else { "missed" });
            table.add_row([
                row.compared.clone(),
                row.figure.to_owned(),
                format!("{:.2}", ratio.middle),
                format!("{:.2} – {:.2}", ratio.low, ratio.high),
                format!("{} : {}", digits(ratio.one), digits(ratio.other)),
                row.goal.map(|goal| goal.to_string()).unwrap_or_default(),
                reached.to_owned(),
            ]);
        }
        table
    }
}

/// An empty table: what it is about on the left, figures on the right.
fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(header.iter().copied());
    table.column_iter_mut().skip(1).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    table
}

/// Three digits that count.
fn digits(figure: f64) -> String {
    let decimals = (2.0 - figure.abs().max(1e-6).log10().floor()).clamp(0.0, 6.0) as usize;
    format!("{figure:.decimals$}")
}
