//! What a check costs beside a call that does nothing, and what else is promised as a ratio: short rounds of both sides in turn.

use std::time::Duration;

use serde::Serialize;

use super::calls::Shape;
use super::load::{Load, Outcome, Target};
use super::mix::{Kind, Mix};
use super::questions::Population;
use super::ratios::Ratio;

/// Questions in a batch.
const BATCH: usize = 100;

/// Batches under way on each connection: each is the work of many checks.
const BATCHES: usize = 2;

/// The share of writes in the load that is compared with one without.
const WRITES: f64 = 0.01;

/// What is compared.
pub struct Sides<'a> {
    /// The service as it ships.
    pub service: &'a Target,
    /// The same stack with a constant answer.
    pub constant: &'a Target,
    /// The same stack with a query at every check, where that is to be compared.
    pub queried: Option<&'a Target>,
    /// Whether anything may be written.
    pub writes: bool,
}

/// How it is compared.
#[derive(Debug, Clone, Copy)]
pub struct Rounds {
    pub count: usize,
    pub duration: Duration,
    pub in_flight: usize,
    pub seed: u64,
}

/// What a ratio should be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    AtLeast(f64),
    AtMost(f64),
    Between(f64, f64),
}

impl Goal {
    pub fn is_reached(self, ratio: f64) -> bool {
        match self {
            Self::AtLeast(least) => ratio >= least,
            Self::AtMost(most) => ratio <= most,
            Self::Between(least, most) => (least..=most).contains(&ratio),
        }
    }
}

impl std::fmt::Display for Goal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AtLeast(least) => write!(formatter, "≥ {least}"),
            Self::AtMost(most) => write!(formatter, "≤ {most}"),
            Self::Between(least, most) => write!(formatter, "{least} – {most}"),
        }
    }
}

/// One comparison.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    pub compared: String,
    pub figure: &'static str,
    pub goal: Option<Goal>,
    pub reached: Option<bool>,
    #[serde(flatten)]
    pub ratio: Ratio,
}

/// What both sides of a comparison came to, round by round.
pub struct Pairs(pub Vec<(Outcome, Outcome)>);

/// What is read of an outcome.
type Figure = (&'static str, fn(&Outcome) -> Option<f64>);

const CALLS: Figure = ("calls a second", |outcome| Some(outcome.calls_per_second()));
const DECISIONS: Figure = ("decisions a second", |outcome| Some(outcome.decisions_per_second()));
const PROCESSOR: Figure = ("server's processor a call, µs", Outcome::processor_per_call);
const MEDIAN: Figure = ("latency, median, µs", |outcome| Some(outcome.record.all().quantile(0.5) as f64));
const TAIL: Figure = ("latency, p99, µs", |outcome| Some(outcome.record.all().quantile(0.99) as f64));
const PER_PROCESSOR: Figure =
    ("decisions a processor second, PostgreSQL's included", Outcome::decisions_per_processor_second);

impl Pairs {
    fn ratio(&self, figure: Figure) -> Option<Ratio> {
        let pairs = self.0.iter().map(|(one, other)| Some((figure.1(one)?, figure.1(other)?)));
        Ratio::of(&pairs.collect::<Option<Vec<_>>>()?)
    }

    /// The row of a figure, unless the system did not tell it.
    fn row(&self, compared: &str, figure: Figure, goal: Option<Goal>) -> Option<Row> {
        let ratio = self.ratio(figure)?;
        let reached = goal.map(|goal| goal.is_reached(ratio.middle));
        Some(Row { compared: compared.to_owned(), figure: figure.0, goal, reached, ratio })
    }

    /// Answers that were wrong or failed, on either side.
    fn troubles(&self) -> u64 {
        let of = |outcome: &Outcome| outcome.record.wrong + outcome.record.errors.values().sum::<u64>();
        self.0.iter().map(|(one, other)| of(one) + of(other)).sum()
    }
}

/// All rows, and how many calls on the way were wrong or failed.
#[derive(Debug, Default, Serialize)]
pub struct Baseline {
    pub rows: Vec<Row>,
    pub troubles: u64,
    /// Rounds of the service and of the call that does nothing at half of what saturates, for the chart.
    #[serde(skip)]
    pub half: Option<(Outcome, Outcome)>,
}

/// How many comparisons [`compare`] makes, for who shows progress.
pub fn steps(sides: &Sides<'_>) -> u64 {
    6 + u64::from(sides.writes) + u64::from(sides.queried.is_some())
}

/// Makes all comparisons, and tells each that is done.
pub async fn compare(sides: &Sides<'_>, population: &Population, rounds: Rounds, done: impl Fn()) -> Baseline {
    let of = |kind| population.warm(Mix::only(kind));
    let check = rounds.load(Shape::Check, rounds.in_flight);
    // a constant answer is the right one to these alone
    let mut comparison = Comparison { sides, granted: of(Kind::Direct), rounds, check, found: Baseline::default() };
    comparison.control().await;
    done();
    comparison.empty_call().await;
    done();
    comparison.denials(&of(Kind::Denied)).await;
    done();
    comparison.batches_to_the_empty_call().await;
    done();
    comparison.batches_to_checks().await;
    done();
    comparison.streams().await;
    done();
    if sides.writes {
        comparison.writes().await;
        done();
    }
    if let Some(queried) = sides.queried {
        comparison.queries(queried).await;
        done();
    }
    comparison.found
}

/// The comparisons under way. Most are of granted checks, as many in flight on both sides.
struct Comparison<'a> {
    sides: &'a Sides<'a>,
    granted: Population,
    rounds: Rounds,
    check: Load,
    found: Baseline,
}

impl Comparison<'_> {
    /// How far from 1 the method itself is.
    async fn control(&mut self) {
        let side = (self.sides.constant, self.check, &self.granted);
        let pairs = self.rounds.pairs(side, side).await;
        self.found.add(&pairs, "control: the empty call to itself", &[(CALLS, None), (PROCESSOR, None)]);
    }

    /// Saturated, and at half of what saturates the slower side.
    async fn empty_call(&mut self) {
        let pairs = self.beside_the_empty_call(self.check).await;
        let goals = [(CALLS, Some(Goal::AtLeast(0.95))), (PROCESSOR, Some(Goal::AtMost(1.05))), (TAIL, None)];
        self.found.add(&pairs, "Check to the empty call, saturated", &goals);
        let saturating = pairs.ratio(CALLS).map_or(1_000.0, |ratio| ratio.one.min(ratio.other));
        let half = Load { rate: Some(saturating / 2.0), ..self.check };
        let mut pairs = self.beside_the_empty_call(half).await;
        let goals = [(TAIL, Some(Goal::AtMost(1.1))), (MEDIAN, None), (PROCESSOR, None)];
        self.found.add(&pairs, "Check to the empty call, half the load", &goals);
        self.found.half = pairs.0.drain(..).reduce(|whole, more| (whole.0.and(more.0), whole.1.and(more.1)));
    }

    async fn denials(&mut self, denied: &Population) {
        let service = self.sides.service;
        let pairs = self.rounds.pairs((service, self.check, denied), (service, self.check, &self.granted)).await;
        let alike = Some(Goal::Between(0.95, 1.05));
        self.found.add(&pairs, "denied to granted", &[(CALLS, alike), (PROCESSOR, alike)]);
    }

    async fn batches_to_the_empty_call(&mut self) {
        let pairs = self.beside_the_empty_call(self.batches()).await;
        let goals = [(CALLS, Some(Goal::AtLeast(0.8))), (PROCESSOR, None)];
        self.found.add(&pairs, "BatchCheck of 100 to the empty call of its size", &goals);
    }

    async fn batches_to_checks(&mut self) {
        let pairs = self.beside_checks(self.batches()).await;
        let goals = [(PER_PROCESSOR, Some(Goal::AtLeast(20.0))), (DECISIONS, None)];
        self.found.add(&pairs, "BatchCheck of 100 to Check", &goals);
    }

    async fn streams(&mut self) {
        let pairs = self.beside_checks(self.rounds.load(Shape::Stream, self.rounds.in_flight)).await;
        let goals = [(DECISIONS, Some(Goal::AtLeast(3.0))), (PER_PROCESSOR, None)];
        self.found.add(&pairs, "StreamCheck to Check", &goals);
    }

    async fn writes(&mut self) {
        let pairs = self.beside_checks(Load { writes: WRITES, ..self.check }).await;
        self.found.add(
            &pairs,
            "1 % writes to none",
            &[(CALLS, Some(Goal::AtLeast(0.9))), (PROCESSOR, None), (TAIL, None)],
        );
    }

    async fn queries(&mut self, queried: &Target) {
        let (service, check) = (self.sides.service, self.check);
        let pairs = self.rounds.pairs((service, check, &self.granted), (queried, check, &self.granted)).await;
        let goals = [(PER_PROCESSOR, Some(Goal::AtLeast(5.0))), (CALLS, None)];
        self.found.add(&pairs, "Check to a query at every check", &goals);
    }

    /// A load on the service and on the server with a constant answer.
    async fn beside_the_empty_call(&self, load: Load) -> Pairs {
        let Sides { service, constant, .. } = *self.sides;
        self.rounds.pairs((service, load, &self.granted), (constant, load, &self.granted)).await
    }

    /// A load on the service, and single checks on it.
    async fn beside_checks(&self, load: Load) -> Pairs {
        let service = self.sides.service;
        self.rounds.pairs((service, load, &self.granted), (service, self.check, &self.granted)).await
    }

    /// Fewer in flight: each is the work of many checks.
    fn batches(&self) -> Load {
        self.rounds.load(Shape::Batch(BATCH), self.sides.service.channels.len() * BATCHES)
    }
}

impl Baseline {
    fn add(&mut self, pairs: &Pairs, compared: &str, figures: &[(Figure, Option<Goal>)]) {
        self.troubles += pairs.troubles();
        self.rows.extend(figures.iter().filter_map(|(figure, goal)| pairs.row(compared, *figure, *goal)));
    }
}

impl Rounds {
    fn load(&self, shape: Shape, in_flight: usize) -> Load {
        Load {
            shape,
            in_flight,
            rate: None,
            // what a side has cold after the other's round is not what is compared
            warm_up: self.duration / 5,
            duration: self.duration,
            writes: 0.0,
            seed: self.seed,
        }
    }

    /// Rounds of both in turn, each pair in the other order than the one before.
    async fn pairs(&self, one: Side<'_>, other: Side<'_>) -> Pairs {
        let run = |(target, load, population): Side<'_>, round: usize| {
            // other questions in each round, the same on both sides
            let load = Load { seed: load.seed.wrapping_add(round as u64), ..load };
            let (target, population) = (target.clone(), population.clone());
            async move { load.run(&target, &population).await }
        };
        let mut pairs = Vec::new();
        // what is slow only once
        let _ = (run(one, 0).await, run(other, 0).await);
        for round in 1..=self.count {
            pairs.push(if round % 2 == 0 {
                let first = run(one, round).await;
                (first, run(other, round).await)
            } else {
                let first = run(other, round).await;
                (run(one, round).await, first)
            });
        }
        Pairs(pairs)
    }
}

/// Who is asked, how, and what.
type Side<'a> = (&'a Target, Load, &'a Population);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_says_what_reaches_it() {
        assert!(Goal::AtLeast(0.95).is_reached(0.95) && !Goal::AtLeast(0.95).is_reached(0.94));
        assert!(Goal::AtMost(1.05).is_reached(1.0) && !Goal::AtMost(1.05).is_reached(1.06));
        assert!(Goal::Between(0.95, 1.05).is_reached(1.0) && !Goal::Between(0.95, 1.05).is_reached(1.1));
    }
}
