//! Writers and checkers on several replicas at once, while something fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rolegate::grpc::v1::{UserServiceCreateRequest, UserServiceGetRequest};
use tokio::task::JoinHandle;
use tonic::{Code, Status};

use super::{Replica, within};
use crate::support::cluster::Node;
use crate::support::reason;
use crate::support::scene::PROJECT;

/// Writers on each replica.
const WRITERS: usize = 3;

/// A write that was acknowledged.
pub struct Acknowledged {
    pub username: String,
    pub begun: Instant,
    pub ended: Instant,
}

/// What was answered to checks that should all have been granted.
#[derive(Default)]
pub struct Answers {
    pub granted: u64,
    /// Those among them that said they may be old.
    pub stale: u64,
    pub refused: Vec<Status>,
    /// The longest time between two answers.
    pub gap: Duration,
}

/// Writers and a checker on each replica.
pub struct Load {
    over: Arc<AtomicBool>,
    writers: Vec<JoinHandle<Vec<Acknowledged>>>,
    checkers: Vec<JoinHandle<Answers>>,
}

impl Load {
    pub fn start(replicas: &[Arc<Replica>]) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let mut load = Self { over: Arc::clone(&over), writers: Vec::new(), checkers: Vec::new() };
        for (place, replica) in replicas.iter().enumerate() {
            for writer in 0..WRITERS {
                let name = format!("load-{place}-{writer}");
                load.writers.push(tokio::spawn(write(Arc::clone(replica), name, Arc::clone(&over))));
            }
            load.checkers.push(tokio::spawn(check(Arc::clone(replica), Arc::clone(&over))));
        }
        load
    }

    /// Ends it, and returns what was acknowledged, and what each replica answered.
    pub async fn stop(self) -> (Vec<Acknowledged>, Vec<Answers>) {
        self.over.store(true, Ordering::SeqCst);
        let written = futures::future::join_all(self.writers).await;
        let answered = futures::future::join_all(self.checkers).await;
        (written.into_iter().flat_map(Result::unwrap).collect(), answered.into_iter().map(Result::unwrap).collect())
    }
}

/// Creates users, one after another.
async fn write(replica: Arc<Replica>, name: String, over: Arc<AtomicBool>) -> Vec<Acknowledged> {
    let mut acknowledged = Vec::new();
    for number in 0.. {
        if over.load(Ordering::SeqCst) {
            break;
        }
        let (username, begun) = (format!("{name}-{number}"), Instant::now());
        let request = UserServiceCreateRequest { username: username.clone(), ..Default::default() };
        match replica.users().create(within(Duration::from_secs(20), request)).await {
            Ok(_) => acknowledged.push(Acknowledged { username, begun, ended: Instant::now() }),
            Err(status) => not_acknowledged(&status),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    acknowledged
}

/// What a write may be refused with while its server fails.
fn not_acknowledged(status: &Status) {
    let reason = reason(status);
    let expected = match status.code() {
        Code::Unavailable => ["DATABASE_UNAVAILABLE", "OUTCOME_UNKNOWN", "VIEW_NOT_FRESH"].contains(&reason.as_str()),
        Code::DeadlineExceeded => ["REPLICAS_BEHIND", "DEADLINE_EXCEEDED", ""].contains(&reason.as_str()),
        Code::Cancelled => reason.is_empty(),
        _ => false,
    };
    assert!(expected, "{status:?}");
}

/// Asks what is granted all the time.
async fn check(replica: Arc<Replica>, over: Arc<AtomicBool>) -> Answers {
    let (mut answers, mut last) = (Answers::default(), Instant::now());
    while !over.load(Ordering::SeqCst) {
        match replica.check("bob", PROJECT, "delete_files").await {
            Ok(answer) => {
                assert!(answer.allowed, "an outage is no denial: {answer:?}");
                answers.granted += 1;
                answers.stale += u64::from(answer.stale);
                answers.gap = answers.gap.max(last.elapsed());
                last = Instant::now();
            }
            Err(status) => answers.refused.push(status),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    answers
}

/// Finds every write that was acknowledged, through the API and in the log, and the log whole.
pub async fn all_there(replica: &Replica, node: &Node, acknowledged: &[Acknowledged]) {
    let client = node.client().await;
    let logged = "SELECT name FROM change WHERE object = 'user' AND before IS NULL";
    let logged: Vec<String> = client.query(logged, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    for Acknowledged { username, .. } in acknowledged {
        let found = replica.users().get(UserServiceGetRequest { username: username.clone() }).await;
        assert!(found.is_ok(), "{username} was acknowledged and is lost: {found:?}");
        assert!(logged.contains(username), "{username} is not in the log");
    }
    let whole = "SELECT number = (SELECT count(*) FROM change_set) AND number = (SELECT max(revision) FROM change_set)
                 FROM revision";
    assert!(client.query_one(whole, &[]).await.unwrap().get::<_, bool>(0), "the log has every number");
}
