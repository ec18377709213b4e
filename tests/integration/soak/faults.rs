//! What is done to the replicas, the database and the clocks, in an order that a seed gives: two faults at a time, each to
//! something that nothing else is being done to.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tonic_health::pb::health_check_response::ServingStatus;

use super::history::{Fault, History, now};
use super::replica::{LEASE, PURPOSES, Replica};
use super::stage::{REPLICAS, Stage};
use super::world::{ACTIONS, PROJECTS, USERS};
use crate::agreement::Dice;

/// How many faults there are at a time: fewer than replicas, so that somebody answers.
const LANES: usize = REPLICAS - 1;

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `kill -9`, and another process in its place after a while.
    Kill,
    /// SIGTERM, which must end well, and another process in its place at once.
    Restart,
    /// SIGSTOP, and SIGCONT after a while.
    Pause,
    /// Every connection to the database is cut, and none made, for a while.
    Sever,
    /// What the database answers does not arrive for a while; what it is asked does.
    Hold,
    /// The connections of one purpose are cut, and may be made again at once.
    Cut,
    /// PostgreSQL is stopped at once, and started after a while.
    Crash,
    /// PostgreSQL's clock on the wall is set forward or back, and stays so.
    DatabaseClock,
    /// The same with a replica's.
    ReplicaClock,
}

impl Kind {
    pub const ALL: [Self; 9] = [
        Self::Kill,
        Self::Restart,
        Self::Pause,
        Self::Sever,
        Self::Hold,
        Self::Cut,
        Self::Crash,
        Self::DatabaseClock,
        Self::ReplicaClock,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill -9",
            Self::Restart => "SIGTERM",
            Self::Pause => "SIGSTOP",
            Self::Sever => "cut off",
            Self::Hold => "answers held",
            Self::Cut => "connection cut",
            Self::Crash => "database crashed",
            Self::DatabaseClock => "database clock set",
            Self::ReplicaClock => "replica clock set",
        }
    }

    fn is_of_the_database(self) -> bool {
        matches!(self, Self::Crash | Self::DatabaseClock)
    }
}

/// What the lanes share.
struct Plan {
    /// What comes next, the last first.
    next: Vec<Kind>,
    dice: Dice,
    /// What something is being done to; `None` is the database.
    busy: HashSet<Option<usize>>,
}

/// Does one thing after the other until the time is over and every kind was done, and mends all of it.
pub async fn inject(stage: &Arc<Stage>, dice: Dice, length: Duration) -> History {
    let plan = Arc::new(Mutex::new(Plan { next: Vec::new(), dice, busy: HashSet::new() }));
    plan.lock().unwrap_or_else(PoisonError::into_inner).shuffle();
    let until = tokio::time::Instant::now() + length;
    let lanes: Vec<_> = (0..LANES).map(|_| tokio::spawn(lane(Arc::clone(stage), Arc::clone(&plan), until))).collect();
    let mut history = History::default();
    for lane in lanes {
        history.add(lane.await.unwrap());
    }
    let done: HashSet<&str> = history.faults.iter().map(|fault| fault.kind).collect();
    assert_eq!(done.len(), Kind::ALL.len(), "every kind of fault was there: {done:?}");
    history
}

async fn lane(stage: Arc<Stage>, plan: Arc<Mutex<Plan>>, until: tokio::time::Instant) -> History {
    let mut history = History::default();
    let mut first_round = true;
    while first_round || tokio::time::Instant::now() < until {
        // the first round shall be over soon; later ones leave time for what goes well
        let longest = if first_round { 1_200 } else { 4_000 };
        let (chosen, rest, mut dice) = {
            let mut plan = plan.lock().unwrap_or_else(PoisonError::into_inner);
            (plan.choose(first_round), plan.dice.below(longest) as u64, Dice::new(plan.dice.below(usize::MAX) as u64))
        };
        match chosen {
            Choice::Do(kind, replica) => {
                let began = now();
                let wrong = one(&stage, kind, replica, &mut dice).await;
                history.nonsense.extend(wrong.into_iter().map(|wrong| format!("{}: {wrong}", kind.name())));
                let (name, interrupts) = (kind.name(), kind != Kind::ReplicaClock);
                history.faults.push(Fault { kind: name, interrupts, replica, began, ended: now() });
                plan.lock().unwrap_or_else(PoisonError::into_inner).busy.remove(&replica);
            }
            Choice::Wait => {}
            Choice::RoundOver => first_round = false,
        }
        tokio::time::sleep(Duration::from_millis(100 + rest)).await;
    }
    history
}

enum Choice {
    Do(Kind, Option<usize>),
    Wait,
    RoundOver,
}

impl Plan {
    /// What to do next, and to whom. Who asks for the first round is told when all of it was begun.
    fn choose(&mut self, first_round: bool) -> Choice {
        if self.next.is_empty() {
            if first_round {
                return Choice::RoundOver;
            }
            self.shuffle();
        }
        let Some(kind) = self.next.pop() else { return Choice::Wait };
        let replica = self.dice.below(REPLICAS);
        let target = if kind.is_of_the_database() { None } else { Some(replica) };
        if self.busy.insert(target) {
            return Choice::Do(kind, target);
        }
        // to be done before the others, but not now
        self.next.push(kind);
        Choice::Wait
    }

    fn shuffle(&mut self) {
        let mut kinds = Kind::ALL.to_vec();
        while !kinds.is_empty() {
            let place = self.dice.below(kinds.len());
            self.next.push(kinds.swap_remove(place));
        }
    }
}

/// Does one thing and mends it. Returns what should not have been.
async fn one(stage: &Stage, kind: Kind, replica: Option<usize>, dice: &mut Dice) -> Vec<String> {
    // mostly less than a lease and a half, sometimes more than two
    let longest = if dice.once_in(4) { 350 } else { 150 };
    let lasts = LEASE.mul_f64((10 + dice.below(longest)) as f64 / 100.0);
    let Some(number) = replica else {
        match kind {
            // nobody writes meanwhile, so not for long
            Kind::Crash => stage.database.crash(lasts.min(LEASE)).await,
            _ => stage.set_clock(distance(dice)),
        }
        return Vec::new();
    };
    on_replica(&stage.replicas[number], kind, lasts, dice).await
}

async fn on_replica(replica: &Replica, kind: Kind, lasts: Duration, dice: &mut Dice) -> Vec<String> {
    match kind {
        Kind::Kill => {
            let wrong = replica.end("KILL", false).await;
            tokio::time::sleep(lasts).await;
            replica.begin_again().await;
            return wrong;
        }
        Kind::Restart => {
            let wrong = replica.end("TERM", true).await;
            replica.begin_again().await;
            return wrong;
        }
        Kind::Pause => {
            replica.signal("STOP").await;
            tokio::time::sleep(lasts).await;
            replica.signal("CONT").await;
        }
        Kind::Sever => {
            replica.proxy.sever();
            tokio::time::sleep(lasts).await;
            let wrong = refuses(replica, lasts).await;
            replica.proxy.mend();
            return wrong;
        }
        Kind::Hold => {
            PURPOSES.iter().for_each(|purpose| replica.proxy.hold(*purpose));
            tokio::time::sleep(lasts).await;
            let wrong = refuses(replica, lasts).await;
            PURPOSES.iter().for_each(|purpose| replica.proxy.release(*purpose));
            return wrong;
        }
        Kind::Cut => replica.proxy.cut(PURPOSES[dice.below(PURPOSES.len())]),
        Kind::ReplicaClock => replica.clock.set_ahead(distance(dice)),
        Kind::Crash | Kind::DatabaseClock => {}
    }
    Vec::new()
}

/// Whether a replica that has not heard from the database for longer than its lease says so, and answers nothing.
async fn refuses(replica: &Replica, lasted: Duration) -> Vec<String> {
    if lasted < LEASE.mul_f64(1.3) {
        return Vec::new();
    }
    let mut wrong = Vec::new();
    if let Some(health @ (ServingStatus::Serving | ServingStatus::Unknown)) = replica.health().await {
        wrong.push(format!("cut off for {lasted:?}, it says that it is {health:?}"));
    }
    let request = rolegate::grpc::v1::CheckRequest {
        user: USERS[0].to_owned(),
        project: PROJECTS[0].to_owned(),
        action: ACTIONS[0].to_owned(),
        consistency: None,
    };
    let mut asking = replica.clients().authorization();
    match tokio::time::timeout(LEASE, asking.check(request)).await {
        Ok(Ok(answer)) => wrong.push(format!("cut off for {lasted:?}, it answers {answer:?}")),
        Ok(Err(status)) if status.code() != tonic::Code::Unavailable => {
            wrong.push(format!("cut off for {lasted:?}, it refuses with {status:?}"));
        }
        Ok(Err(_)) | Err(_) => {}
    }
    wrong
}

/// From a tenth of a second to some hours, ahead or behind, in microseconds.
fn distance(dice: &mut Dice) -> i64 {
    let size = 100_000_i64 << dice.below(18);
    if dice.once_in(2) { size } else { -size }
}
