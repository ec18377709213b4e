//! A load: so many callers, who ask as soon as they are answered or by a schedule, for so long.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tonic::transport::Channel;

use super::calls::{Calls, Shape};
use super::pace::{Pace, Window};
use super::processor;
use super::questions::Population;
use super::random::{Random, mix};
use super::record::Record;
use super::streams;
use super::writes::Writer;

/// An arrival that is sent later than this after it was meant to be was kept waiting.
const LATE: Duration = Duration::from_millis(1);

/// What is asked: connections to one server or several, and what is known of their processes.
#[derive(Debug, Clone)]
pub struct Target {
    /// Connection i leads to replica i modulo `replicas`.
    pub channels: Vec<Channel>,
    pub replicas: usize,
    /// The processes whose processor time is the service's.
    pub service: Vec<u32>,
    /// The PostgreSQL server.
    pub database: Option<u32>,
}

impl Target {
    /// A connection to each replica.
    pub fn each_replica(&self) -> &[Channel] {
        self.channels.get(..self.replicas).unwrap_or(&self.channels)
    }

    fn database_processes(&self) -> Vec<u32> {
        self.database.map(processor::with_children).unwrap_or_default()
    }
}

/// How it is asked.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    pub shape: Shape,
    /// Calls under way at a time, over all connections; on streams, questions.
    pub in_flight: usize,
    /// Arrivals a second; without it, each caller asks again once it is answered.
    pub rate: Option<f64>,
    pub warm_up: Duration,
    pub duration: Duration,
    /// The share of calls that write.
    pub writes: f64,
    pub seed: u64,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    pub record: Record,
    /// How long calls were counted.
    pub seconds: f64,
    /// Processor time that the service used in that time, in seconds, and that PostgreSQL did.
    pub service: Option<f64>,
    pub database: Option<f64>,
    /// Arrivals that the schedule had, and those of them that were not sent.
    pub offered: Option<(u64, u64)>,
}

impl Outcome {
    pub fn calls_per_second(&self) -> f64 {
        self.record.calls as f64 / self.seconds
    }

    pub fn decisions_per_second(&self) -> f64 {
        self.record.decisions() as f64 / self.seconds
    }

    /// This one and another, as one that took as long as both.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.record.add(other.record);
        self.seconds += other.seconds;
        let sum = |one: Option<f64>, other: Option<f64>| Some(one? + other?);
        (self.service, self.database) = (sum(self.service, other.service), sum(self.database, other.database));
        self.offered = self.offered.zip(other.offered).map(|(one, more)| (one.0 + more.0, one.1 + more.1));
        self
    }

    /// Microseconds of the service's processor a call.
    pub fn processor_per_call(&self) -> Option<f64> {
        (self.record.calls > 0).then_some(self.service? * 1e6 / self.record.calls as f64)
    }

    /// Questions answered for each second of the processor, PostgreSQL's included: where its processes are ours to look at.
    pub fn decisions_per_processor_second(&self) -> Option<f64> {
        Some(self.record.decisions() as f64 / (self.service? + self.database?))
    }
}

/// What the callers share.
#[derive(Clone)]
pub struct Shared {
    pub population: Population,
    pub load: Load,
    pub window: Window,
    pub pace: Pace,
}

impl Load {
    /// Asks that target until it is over. Dropped before, the calls under way are dropped.
    pub async fn run(self, target: &Target, population: &Population) -> Outcome {
        let window = Window::after(self.warm_up, self.duration);
        let pace = Pace::begin(self.rate, window);
        let shared = Arc::new(Shared { population: population.clone(), load: self, window, pace });
        let mut callers = JoinSet::new();
        self.begin(&shared, target, &mut callers);
        let (service, database) = (target.service.clone(), target.database_processes());
        let used = || [&service, &database].map(|of| processor::used(of));
        tokio::time::sleep_until(window.from.into()).await;
        let [service_before, database_before] = used();
        tokio::time::sleep_until(window.to.into()).await;
        let [service_after, database_after] = used();
        let mut record = Record::default();
        while let Some(noted) = callers.join_next().await {
            // a panic was printed where it happened
            record.add(noted.unwrap_or_default());
        }
        let spent = |before: &[_], after: &[_]| processor::between(before, after).map(|used| used.as_secs_f64());
        let (service, database) = (spent(&service_before, &service_after), spent(&database_before, &database_after));
        let seconds = self.duration.as_secs_f64();
        Outcome { record, seconds, service, database, offered: shared.pace.offered(window) }
    }

    fn begin(self, shared: &Arc<Shared>, target: &Target, callers: &mut JoinSet<Record>) {
        let channels = target.channels.iter().cloned();
        if self.shape == Shape::Stream {
            let window = (self.in_flight / target.channels.len().max(1)).max(1);
            for (number, channel) in (0..).zip(channels) {
                callers.spawn(streams::ask(Arc::clone(shared), number, channel, window));
            }
            return;
        }
        for (number, channel) in (0..).zip(channels.cycle().take(self.in_flight)) {
            let writer = Writer::new(&shared.population, number, target.each_replica(), channel.clone());
            callers.spawn(ask(Arc::clone(shared), number, channel, writer));
        }
    }
}

/// One caller, until there is nothing more to ask.
async fn ask(shared: Arc<Shared>, number: u64, channel: Channel, mut writer: Writer) -> Record {
    let Shared { population, load, window, pace } = &*shared;
    let (mut record, mut random) = (Record::default(), Random::new(mix(load.seed, number)));
    let mut calls = Calls::new(channel, load.shape);
    while let Some(intended) = pace.next(*window).await {
        let counts = window.contains(intended);
        record.late += u64::from(counts && intended.elapsed() > LATE);
        let failed = if load.writes > 0.0 && random.unit() < load.writes {
            writer.write(&mut record, counts).await.err()
        } else {
            let asked = (0..load.shape.size()).map(|_| population.next(&mut random)).collect();
            let answers = calls.ask(asked).await;
            let answered = Instant::now();
            // calls answered after the end would make the rate too high
            if counts && (answered < window.to || load.rate.is_some()) {
                let at = answered.saturating_duration_since(window.from);
                answers.and_then(|answers| answers.note(at, answered - intended, &mut record)).err()
            } else {
                answers.err()
            }
        };
        if let Some(status) = failed {
            record.failed(&status);
            // whoever refuses at once must not be asked as fast as it refuses
            tokio::time::sleep(LATE).await;
        }
    }
    record
}
