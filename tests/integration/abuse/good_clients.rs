//! Good clients check while others misbehave in every way there is: all their checks succeed, memory stays in bounds, and all is
//! normal after. How much slower they are answered is printed as a ratio within one run:
//!
//! `cargo test --test integration -- --ignored abuse --nocapture`

use std::time::{Duration, Instant};

use futures::StreamExt as _;
use futures::future::{join_all, select_all};
use rolegate::grpc::v1::{ChangeServiceWatchRequest, StreamCheckRequest};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};

use super::{list, may, share};
use crate::support::binary::{Process, url};
use crate::support::postgres::connect;
use crate::support::questions::on_project;
use crate::support::raw::{self, RawConnection};
use crate::support::{Clients, Service, fresh_database};

const GOOD: usize = 4;

/// How the others misbehave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attack {
    /// Nobody does.
    None,
    /// They ask in streams, and read no answer.
    SlowReaders,
    /// They open streams and watches, and leave them open.
    EndlessStreams,
    /// They connect, and ask nothing.
    IdleConnections,
    /// They open calls and reset them.
    RapidResets,
    /// They ask for names that nobody has, a thousand at a time.
    UnknownNames,
    /// They ask for lists and go away.
    CancelledLists,
    /// They write where somebody holds the lock.
    HangingWrites,
}

const ALL: [Attack; 8] = [
    Attack::None,
    Attack::SlowReaders,
    Attack::EndlessStreams,
    Attack::IdleConnections,
    Attack::RapidResets,
    Attack::UnknownNames,
    Attack::CancelledLists,
    Attack::HangingWrites,
];

struct Stage {
    process: Process,
    /// Made before the others begin: they may keep PostgreSQL too busy to let anybody in.
    other: tokio_postgres::Client,
    idle: usize,
}

impl Stage {
    async fn set(idle: usize) -> Self {
        let database = fresh_database().await;
        let service = Service::start_on(database.clone(), &[]).await;
        service.create_users(&["ann", "bob"]).await;
        service.create_project("ann/trees", true).await;
        service.stop().await;
        let process = Process::start("serve", &["--database-url", &url(&database), "--view-memory", "16MiB"]).await;
        rolegate::server::until_serving(process.channel.clone()).await;
        Self { process, other: connect(&database).await, idle }
    }

    /// A connection of its own.
    async fn clients(&self) -> Clients {
        Clients::on(self.channel().await)
    }

    async fn channel(&self) -> Channel {
        Endpoint::from_shared(format!("http://{}", self.process.address)).unwrap().connect().await.unwrap()
    }

    /// Misbehaves until told to stop; nothing that the service answers to that matters.
    async fn misbehave(&self, attack: Attack, stop: &CancellationToken) {
        match attack {
            Attack::None => stop.cancelled().await,
            Attack::SlowReaders => self.read_nothing(stop).await,
            Attack::EndlessStreams => self.open_streams(stop).await,
            Attack::IdleConnections => {
                let connections = (0..self.idle).map(|_| RawConnection::open(self.process.address));
                let _open: Vec<_> = futures::stream::iter(connections).buffer_unordered(64).collect().await;
                stop.cancelled().await;
            }
            Attack::RapidResets => while_not(stop, || self.reset_calls()).await,
            Attack::UnknownNames => self.ask_for_nobody(stop).await,
            Attack::CancelledLists => while_not(stop, || self.cancel_lists()).await,
            Attack::HangingWrites => self.hang_in_writes(stop).await,
        }
    }

    async fn read_nothing(&self, stop: &CancellationToken) {
        let mut unread = Vec::new();
        for _ in 0..16 {
            let endless = futures::stream::iter((0..u64::MAX).map(question));
            unread.push(self.clients().await.authorization().stream_check(endless).await);
        }
        stop.cancelled().await;
    }

    async fn open_streams(&self, stop: &CancellationToken) {
        let mut open = Vec::new();
        for _ in 0..4 {
            let clients = self.clients().await;
            for _ in 0..150 {
                open.push(clients.changes().watch(ChangeServiceWatchRequest::default()).await);
            }
        }
        stop.cancelled().await;
    }

    async fn reset_calls(&self) {
        let mut connection = RawConnection::open(self.process.address).await;
        let path = "/rolegate.v1.AuthorizationService/ListProjects";
        let calls = (0..2_000).map(|number| number * 2 + 1);
        let _ = connection
            .send(&calls.flat_map(|id| [raw::call(id, path), raw::reset(id)].concat()).collect::<Vec<_>>())
            .await;
        connection.until_closed().await;
    }

    async fn ask_for_nobody(&self, stop: &CancellationToken) {
        let floods = join_all((0..4).map(|caller| async move {
            let (clients, mut wave) = (self.clients().await, 0);
            loop {
                let name = |number| format!("nobody{caller}_{wave}_{number}");
                let unknown = (0..1_000).map(|number| on_project(&name(number), "ann/trees", "view_project"));
                let _ = clients.batch(unknown.collect()).await;
                wave += 1;
            }
        }));
        tokio::select! {
            _ = floods => {}
            () = stop.cancelled() => {}
        }
    }

    async fn cancel_lists(&self) {
        let clients = self.clients().await;
        let lists =
            (0..1_000u64).map(|place| tokio::time::timeout(Duration::from_micros(place * 20), list(&clients, None)));
        join_all(lists).await;
    }

    async fn hang_in_writes(&self, stop: &CancellationToken) {
        self.other.batch_execute("BEGIN; SELECT FROM project FOR UPDATE").await.unwrap();
        let clients = self.clients().await;
        let writes = select_all((0..100).map(|_| {
            Box::pin(async {
                loop {
                    let _ = share(&clients, "bob").await;
                }
            })
        }));
        tokio::select! {
            _ = writes => {}
            () = stop.cancelled() => {}
        }
        self.other.batch_execute("ROLLBACK").await.unwrap();
    }

    /// How long the good clients' checks took, one after the other; each must be answered.
    async fn check_for(&self, turn: Duration) -> Vec<Duration> {
        let of_each = join_all((0..GOOD).map(|_| async {
            let (clients, begun, mut took) = (self.clients().await, Instant::now(), Vec::new());
            while begun.elapsed() < turn {
                let asked = Instant::now();
                assert!(may(&clients).await);
                took.push(asked.elapsed());
            }
            took
        }));
        let mut took = of_each.await.concat();
        took.sort_unstable();
        took
    }
}

async fn while_not<F: Future<Output = ()>>(stop: &CancellationToken, mut act: impl FnMut() -> F) {
    while stop.run_until_cancelled(act()).await.is_some() {}
}

fn question(id: u64) -> StreamCheckRequest {
    StreamCheckRequest { id, check: Some(on_project("ann", "ann/trees", "view_project")), consistency: None }
}

/// Runs every attack for so long, with so many idle connections.
async fn withstand(turn: Duration, idle: usize) {
    let stage = Stage::set(idle).await;
    let quiet = stage.process.memory();
    let mut before: Option<(Duration, Duration)> = None;
    for attack in ALL {
        let stop = CancellationToken::new();
        let good = async {
            // the others are at it before it counts
            tokio::time::sleep(turn / 4).await;
            let took = stage.check_for(turn).await;
            let memory = stage.process.memory();
            stop.cancel();
            (took, memory)
        };
        let (_, (took, memory)) = tokio::join!(stage.misbehave(attack, &stop), good);
        let (half, most) = (took[took.len() / 2], took[took.len() * 99 / 100]);
        let (half_quiet, most_quiet) = *before.get_or_insert((half, most));
        let ratio = |now: Duration, quiet: Duration| now.as_secs_f64() / quiet.as_secs_f64();
        println!(
            "{attack:?}: {} checks, half within {half:?} ({:.1} times), 99 of 100 within {most:?} ({:.1} times), {} MiB",
            took.len(),
            ratio(half, half_quiet),
            ratio(most, most_quiet),
            memory / 1024
        );
        let bound = quiet + 128 * 1024 + 64 * u64::try_from(idle).unwrap();
        assert!(memory < bound, "{attack:?}: {quiet} KiB became {memory} KiB");
    }
    is_normal(&stage).await;
}

/// All of it works as if nothing had been.
async fn is_normal(stage: &Stage) {
    let clients = stage.clients().await;
    assert!(may(&clients).await);
    let well = async {
        while list(&clients, None).await.is_err() || clients.create_user("late").await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(super::PATIENCE, well).await.expect("lists and writes go on");
    let answers = clients.authorization().stream_check(futures::stream::iter((0..1_000).map(question))).await;
    assert_eq!(answers.unwrap().into_inner().count().await, 1_000);
    assert!(!stage.process.errors().contains("panicked"), "{}", stage.process.errors());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn good_clients_are_answered_whatever_others_do() {
    withstand(Duration::from_millis(700), 200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes three minutes, and ten thousand open files"]
async fn good_clients_beside_ten_thousand_idle_connections_and_all_the_rest() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
    withstand(Duration::from_secs(8), 9_900).await;
}
