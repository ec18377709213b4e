//! Answers from entries that are all of one revision: glance after glance, until one finds everything.

use std::collections::HashSet;

use tokio::time::Instant;

use super::error::ViewError;
use super::glance::{Blanks, Failures, Glance, Pins, Wait};
use super::table::Joined;
use super::{Answer, View, until};
use crate::domain::change::EntryKey;

/// Whether a question is asked alone. Batches and streams ask for much at once, and may not take all there is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Crowd {
    One,
    Many,
}

/// What a glance came to.
enum Seen<T> {
    /// It found everything, and all of it at one position.
    All(Answer<T>),
    /// Another one is needed.
    Blanks(Blanks),
}

impl View {
    /// Makes an answer from entries that are all of one revision, loading what is missing; `answer` says `None` where
    /// something is. `deadline` is asked once something is waited for. Cancel-safe: a load that was begun goes on for others.
    ///
    /// # Errors
    /// When the view may not answer, or the deadline passes.
    pub(super) async fn consistently<T>(
        &self,
        deadline: impl FnOnce() -> Option<Instant>,
        crowd: Crowd,
        mut answer: impl FnMut(&mut Glance<'_>) -> Option<T>,
    ) -> Result<Answer<T>, ViewError> {
        let most_loading = match crowd {
            Crowd::One => self.inner.settings.loading,
            Crowd::Many => self.inner.settings.loading.div_ceil(2),
        };
        match self.look(most_loading, &Failures::new(), None, &mut answer)? {
            Seen::All(answer) => Ok(answer),
            // in a place of its own: what is answered from memory needs no room to wait in
            Seen::Blanks(blanks) => Box::pin(self.look_again(deadline(), most_loading, blanks, answer)).await,
        }
    }

    /// Takes one glance.
    fn look<T>(
        &self,
        most_loading: usize,
        failures: &Failures,
        pins: Option<Pins>,
        answer: &mut impl FnMut(&mut Glance<'_>) -> Option<T>,
    ) -> Result<Seen<T>, ViewError> {
        let progress = &self.inner.progress;
        let at = progress.position();
        let now = progress.now()?;
        let mut glance = Glance::new(self, (at, now.time), failures, most_loading, pins);
        let answer = answer(&mut glance);
        Ok(match answer {
            Some(value) if progress.position() == at => {
                Seen::All(Answer { value, token: progress.token(at), stale: now.stale })
            }
            // something is missing; or a write was applied meanwhile, and the entries may be of two moments
            _ => Seen::Blanks(glance.blanks()),
        })
    }

    /// Waits for what a glance missed, and takes another, until one finds everything.
    async fn look_again<T>(
        &self,
        deadline: Option<Instant>,
        most_loading: usize,
        mut blanks: Blanks,
        mut answer: impl FnMut(&mut Glance<'_>) -> Option<T>,
    ) -> Result<Answer<T>, ViewError> {
        let mut failures = Failures::new();
        loop {
            // what the glance before found is held until the next one has found it again
            let Blanks { mut waits, unloaded, pins: _held } = blanks;
            self.load(unloaded, &mut waits);
            let waited = until(deadline, self.wait_all(waits, &mut failures)).await;
            waited.ok_or(ViewError::DeadlineExceeded)?;
            blanks = match self.look(most_loading, &failures, Some(Pins::new(self)), &mut answer)? {
                Seen::All(answer) => return Ok(answer),
                Seen::Blanks(blanks) => blanks,
            };
        }
    }

    /// Joins the loads of these keys, and begins those that nobody else has begun meanwhile. Whatever becomes of who asked:
    /// others may join them.
    fn load(&self, keys: HashSet<EntryKey>, waits: &mut Vec<Wait>) {
        let mut begun = Vec::new();
        for key in keys {
            match self.inner.entries.write().join_or_begin(key.clone()) {
                Joined::There => {}
                Joined::Waits(waiter) => waits.push((key, waiter)),
                Joined::Begins(waiter) => {
                    begun.push(key.clone());
                    waits.push((key, waiter));
                }
            }
        }
        self.queue(begun);
    }

    /// Waits for what a glance missed. Ends too where the view may not answer any more: the next glance says so.
    pub(super) async fn wait_all(&self, waits: Vec<Wait>, failures: &mut Failures) {
        if waits.is_empty() {
            tokio::task::yield_now().await;
        }
        for (key, mut waiter) in waits {
            let ended = tokio::select! {
                ended = waiter.wait_for(Option::is_some) => ended.map(|result| result.clone()),
                () = self.silent() => return,
            };
            // a sender that is gone without a word: the cell was replaced, and the next glance looks again
            if let Ok(Some(Err(error))) = ended {
                failures.insert(key, error);
            }
        }
    }
}
