//! Those who write: each sets facts that nobody else does, through any replica, and remembers what became of it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::history::{History, Outcome, Write, now};
use super::requests::{outcome, send};
use super::stage::{Stage, Written};
use super::world::{Fact, HIGHEST, Holder, Kind, Order, PROJECTS, Project, TEAMS, User, Value, is_of_organization};
use crate::agreement::Dice;

/// How long a writer waits for an answer: longer than a write may take.
const PATIENCE: Duration = Duration::from_secs(6);

/// How many milliseconds, at the most, until a write is tried again: a storm of them would keep a database from starting.
const AFTER_A_FAILURE: usize = 200;

/// What a writer may set.
#[derive(Debug, Clone, Copy)]
pub enum Domain {
    /// All that is about a user.
    User(User),
    /// What a project is, and which teams have roles there.
    Project(Project),
}

/// One that writes.
pub struct Writer {
    stage: Arc<Stage>,
    domain: Domain,
    home: usize,
    dice: Dice,
    /// What it takes each fact to be; one that it does not know it takes for what it was before.
    beliefs: HashMap<Fact, Value>,
    history: History,
}

impl Writer {
    /// One that takes the world for what it is at the beginning.
    pub fn new(stage: Arc<Stage>, home: usize, domain: Domain, beliefs: HashMap<Fact, Value>, dice: Dice) -> Self {
        Self { stage, home, domain, dice, beliefs, history: History::default() }
    }

    /// Writes until the run is over.
    pub async fn run(mut self) -> History {
        while !self.stage.is_over() {
            let mut order = self.choose();
            order.waits = if self.dice.once_in(10) { Some(false) } else { None };
            self.write(order).await;
            let done = self
                .history
                .writes
                .last()
                .is_some_and(|write| matches!(write.outcome, Outcome::Done(_) | Outcome::Committed(_)));
            let longest = if done { 15 } else { AFTER_A_FAILURE };
            tokio::time::sleep(Duration::from_millis(self.dice.below(longest) as u64)).await;
        }
        self.history
    }

    async fn write(&mut self, order: Order) {
        let stage = Arc::clone(&self.stage);
        let replica = stage.replica(self.home, &mut self.dice);
        let (clients, asked) = (stage.replicas[replica].clients(), now());
        let late = || tonic::Status::unknown("no answer at all");
        // the request names a limit, and a process that is stopped does not keep to it
        let answer = tokio::time::timeout(PATIENCE, send(&clients, &order, PATIENCE)).await;
        let answer = answer.unwrap_or_else(|_| Err(late()));
        let answered = now();
        let token = answer.as_ref().ok().cloned();
        match outcome(&order, answer) {
            Ok(outcome) => {
                self.believe(order, &outcome);
                if let (Outcome::Done(_) | Outcome::Committed(_), Some(token)) = (&outcome, token) {
                    self.stage.hand_on_written(Written { token, fact: order.fact });
                }
                self.history.writes.push(Write { order, replica, asked, answered, outcome });
            }
            Err(nonsense) => {
                self.history.nonsense.push(format!("{order:?} at replica {replica}: {nonsense}"));
                let outcome = Outcome::Unknown(nonsense);
                self.history.writes.push(Write { order, replica, asked, answered, outcome });
            }
        }
    }

    fn believe(&mut self, order: Order, outcome: &Outcome) {
        match outcome {
            Outcome::Done(_) | Outcome::Committed(_) => {
                self.beliefs.insert(order.fact, order.value);
                if let (Fact::Member(user), Kind::Remove) = (order.fact, order.kind) {
                    self.forget_places(user);
                }
            }
            Outcome::Refused(reason) => match (reason.as_str(), order.fact) {
                ("NOT_ORGANIZATION_MEMBER", Fact::Grant(_, Holder::User(user)) | Fact::Place(_, user)) => {
                    self.beliefs.insert(Fact::Member(user), Value::default());
                    self.forget_places(user);
                }
                ("NOT_FOUND", fact) => {
                    self.beliefs.insert(fact, Value::default());
                }
                ("INVALID_FIELD", _) => {}
                (_, fact) => {
                    self.beliefs.insert(fact, Value::lasting(1));
                }
            },
            Outcome::Failed(_) | Outcome::Unknown(_) => {}
        }
    }

    /// Who leaves an organization leaves its teams, and its projects.
    fn forget_places(&mut self, user: User) {
        let places = (0..TEAMS.len()).map(|team| Fact::Place(team, user));
        let of_organization = (0..PROJECTS.len()).filter(|project| is_of_organization(*project));
        for fact in places.chain(of_organization.map(|project| Fact::Grant(project, Holder::User(user)))) {
            self.beliefs.insert(fact, Value::default());
        }
    }

    fn choose(&mut self) -> Order {
        match self.domain {
            Domain::User(user) => self.about_user(user),
            Domain::Project(project) if is_of_organization(project) && !self.dice.once_in(4) => {
                let team = self.dice.below(TEAMS.len());
                self.about_grant(Fact::Grant(project, Holder::Team(team)))
            }
            Domain::Project(project) => self.turn(Fact::Public(project), 1),
        }
    }

    fn about_user(&mut self, user: User) -> Order {
        let belongs = self.belief(Fact::Member(user)).role > 0;
        if !belongs && !self.dice.once_in(4) {
            return Order::new(Kind::Add, Fact::Member(user), Value::lasting(1));
        }
        match self.dice.below(12) {
            0 => self.turn(Fact::Active(user), HIGHEST),
            1 | 2 if belongs => self.about_membership(Fact::Member(user)),
            3..=5 if belongs => {
                let fact = Fact::Place(self.dice.below(TEAMS.len()), user);
                if self.belief(fact).role > 0 {
                    return Order::new(Kind::Remove, fact, Value::default());
                }
                Order::new(Kind::Add, fact, Value::lasting(HIGHEST))
            }
            _ => {
                let project = if belongs { self.dice.below(PROJECTS.len()) } else { PROJECTS.len() - 1 };
                self.about_grant(Fact::Grant(project, Holder::User(user)))
            }
        }
    }

    fn about_membership(&mut self, fact: Fact) -> Order {
        if self.dice.once_in(2) {
            return Order::new(Kind::Remove, fact, Value::default());
        }
        let value = Value::lasting(if self.belief(fact).role == HIGHEST { 1 } else { HIGHEST });
        Order::new(Kind::Update, fact, value)
    }

    fn about_grant(&mut self, fact: Fact) -> Order {
        let there = self.belief(fact).role > 0;
        if there && !self.dice.once_in(3) {
            return Order::new(Kind::Remove, fact, Value::default());
        }
        let role = 1 + u8::try_from(self.dice.below(usize::from(HIGHEST))).unwrap_or(0);
        let lasts = Duration::from_millis(300 + self.dice.below(8_000) as u64);
        let ends = self.dice.once_in(4).then(|| self.stage.after(lasts));
        Order::new(if there { Kind::Update } else { Kind::Add }, fact, Value { role, ends })
    }

    /// Sets what is always there to what it is not.
    fn turn(&self, fact: Fact, role: u8) -> Order {
        let role = if self.belief(fact).role > 0 { 0 } else { role };
        Order::new(Kind::Update, fact, Value::lasting(role))
    }

    fn belief(&self, fact: Fact) -> Value {
        self.beliefs.get(&fact).copied().unwrap_or_default()
    }
}
