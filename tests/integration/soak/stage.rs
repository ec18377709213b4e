//! What a run is played on: a database, replicas, and what those who write and ask share.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::database::Database;
use super::history::{ClockSetting, now, wall_ahead};
use super::replica::Replica;
use super::world::Fact;
use crate::agreement::Dice;

/// How many replicas there are.
pub const REPLICAS: usize = 3;

/// A write that was acknowledged, as its writer would tell others of it.
#[derive(Debug, Clone)]
pub struct Written {
    pub token: String,
    pub fact: Fact,
}

pub struct Stage {
    pub database: Database,
    pub replicas: Vec<Replica>,
    over: AtomicBool,
    /// How far the database's clock is set ahead of this machine's.
    ahead: AtomicI64,
    settings: Mutex<Vec<ClockSetting>>,
    /// The last write that was acknowledged.
    written: Mutex<Option<Written>>,
    /// The last revision that somebody was told of by an answer.
    told: Mutex<Option<String>>,
}

impl Stage {
    pub async fn set() -> Self {
        let database = Database::start().await;
        let mut replicas = Vec::new();
        for number in 0..REPLICAS {
            replicas.push(Replica::start(number, &database.config, &database.preload).await);
        }
        Self {
            database,
            replicas,
            over: AtomicBool::new(false),
            ahead: AtomicI64::new(0),
            settings: Mutex::default(),
            written: Mutex::default(),
            told: Mutex::default(),
        }
    }

    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    pub fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
    }

    /// Mostly the replica that somebody is at home at, whatever is the matter with it, and seldom another one: else one that
    /// does not answer would soon keep everybody waiting.
    pub fn replica(&self, home: usize, dice: &mut Dice) -> usize {
        if dice.once_in(40) { dice.below(REPLICAS) } else { home % REPLICAS }
    }

    /// Sets the database's clock.
    pub fn set_clock(&self, ahead: i64) {
        let mut settings = self.settings.lock().unwrap_or_else(PoisonError::into_inner);
        settings.push(ClockSetting { at: now(), ahead });
        self.database.clock.set_ahead(ahead);
        self.ahead.store(ahead, Ordering::SeqCst);
    }

    /// How it was set.
    pub fn clock_settings(&self) -> Vec<ClockSetting> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// That long from now, by the database's clock.
    pub fn after(&self, time: Duration) -> i64 {
        now() + wall_ahead() + self.ahead.load(Ordering::SeqCst) + i64::try_from(time.as_micros()).unwrap_or(0)
    }

    /// Tells others of a write.
    pub fn hand_on_written(&self, written: Written) {
        *self.written.lock().unwrap_or_else(PoisonError::into_inner) = Some(written);
    }

    /// The write that others were told of last.
    pub fn written(&self) -> Option<Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells others of the revision of an answer.
    pub fn hand_on_told(&self, token: String) {
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = Some(token);
    }

    /// The revision that others were told of last.
    pub fn told(&self) -> Option<String> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
