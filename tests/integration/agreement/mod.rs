//! Every question of `AuthorizationService`, held against the SQL oracle at the moments at which it may have been answered.

mod checks;
mod explained;
pub mod lists;
mod remedies;
pub mod worlds;

use std::fmt::Debug;

use jiff::SignedDuration;
use tokio_postgres::Client;

use crate::support::oracle::{database_clock, ends_between};
use crate::support::{Matrix, Rules, Service};

/// How far the service's idea of the time may be ahead.
const AHEAD: SignedDuration = SignedDuration::from_secs(1);

/// A service, its database, and the rules that it decides by.
#[derive(Clone, Copy)]
pub struct Agreement<'a> {
    pub service: &'a Service,
    pub client: &'a Client,
    pub rules: Rules,
    /// What the rows say, where nothing is written and nothing ends while questions are asked.
    pub standing: Option<&'a Matrix>,
}

/// What can be asked about.
#[derive(Debug, Clone)]
pub struct Names {
    /// Users and others.
    pub accounts: Vec<String>,
    /// Projects, by id and by path.
    pub projects: Vec<String>,
}

/// Numbers that look random and are the same in every run.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Agreement<'_> {
    /// Asks some questions of every kind.
    pub async fn on_some(self, names: &Names, dice: &mut Dice) -> Result<(), String> {
        match dice.below(6) {
            0 => self.on_a_batch(names, dice, 40).await,
            1 => self.on_levels(names, dice).await,
            2 => self.on_actions(names, dice).await,
            3 => self.on_projects(names, dice).await,
            4 => self.on_users(names, dice).await,
            _ => self.on_an_explanation(names, dice).await,
        }
    }

    /// Asks, and finds one moment from before the question until after the answer at which all of it is right: grants may
    /// end meanwhile.
    async fn at_one_moment<T: Debug>(
        self,
        ask: impl Future<Output = T>,
        judge: impl Fn(&Matrix, &T) -> Result<(), String>,
    ) -> Result<(), String> {
        if let Some(matrix) = self.standing {
            return judge(matrix, &ask.await);
        }
        let before = database_clock(self.client).await;
        let answer = ask.await;
        let after = database_clock(self.client).await;
        let mut problem = String::new();
        for moment in [vec![before], ends_between(self.client, before, after + AHEAD).await].concat() {
            let matrix = Matrix::read_by(self.rules, self.client, moment).await;
            match judge(&matrix, &answer) {
                Ok(()) => return Ok(()),
                Err(wrong) if problem.is_empty() => problem = wrong,
                Err(_) => {}
            }
        }
        Err(problem)
    }

    /// The same where the answer is of several moments: it is asked for again until no grant has ended meanwhile.
    async fn while_nothing_ends<T: Debug, F: Future<Output = T>>(
        self,
        ask: impl Fn() -> F,
        judge: impl Fn(&Matrix, &T) -> Result<(), String>,
    ) -> Result<(), String> {
        if let Some(matrix) = self.standing {
            return judge(matrix, &ask().await);
        }
        loop {
            let before = database_clock(self.client).await;
            let answer = ask().await;
            let after = database_clock(self.client).await;
            if ends_between(self.client, before, after).await.is_empty() {
                return judge(&Matrix::read_by(self.rules, self.client, before).await, &answer);
            }
        }
    }
}

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below that one.
    pub fn below(&mut self, bound: usize) -> usize {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }

    /// Yes, once in so many times.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }
}

fn same<T: PartialEq + Debug>(asked: impl Debug, answered: &T, right: &T) -> Result<(), String> {
    if answered == right {
        return Ok(());
    }
    Err(format!("{asked:?}\n answered {answered:?}\n right is {right:?}"))
}

/// A number that the environment may set.
pub fn setting(name: &str, default: u32) -> u32 {
    std::env::var(name).map_or(default, |value| value.parse().expect(name))
}
