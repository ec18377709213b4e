//! Transactions. What is asked first goes out together with their beginning: one round trip for both.

use std::ops::Deref;

use futures::FutureExt as _;
use futures::future::join;

use super::database::Client;
use super::error::StoreError;

/// What a transaction is for.
#[derive(Debug, Clone, Copy)]
pub enum Purpose {
    /// To write what is found by keys: each statement sees what was committed before it, and so what a lock before it waited for.
    /// One plan is right for all keys, and to make it takes several times as long as to run it: it is kept.
    Write,
    /// To take away what is no longer wanted, up to some place: each statement is planned for what it is asked.
    Prune,
    /// To try a write out: all in one snapshot.
    Trial,
    /// To read, all in one snapshot.
    Read,
}

/// A transaction. Dropped before it is committed, it is rolled back.
pub struct Transaction<'a> {
    client: &'a Client,
    is_open: bool,
}

impl<'a> Transaction<'a> {
    /// Begins a transaction, and runs `first` in it, which must write nothing: that it has begun is known only once both are over.
    ///
    /// # Errors
    /// When it can't be begun, or what `first` failed with. It is then rolled back.
    pub async fn begin_with<T, E, F>(
        client: &'a mut Client,
        purpose: Purpose,
        first: impl FnOnce(&'a Client) -> F,
    ) -> Result<(Self, T), E>
    where
        E: From<StoreError>,
        F: Future<Output = Result<T, E>>,
    {
        let transaction = Self { client, is_open: true };
        // polled in order, and so sent in order, on one connection
        let (begun, found) = join(transaction.client.batch_execute(purpose.sql()), first(transaction.client)).await;
        begun.map_err(StoreError::from)?;
        Ok((transaction, found?))
    }

    /// Begins a transaction.
    ///
    /// # Errors
    /// When it can't be begun.
    pub async fn begin(client: &'a mut Client, purpose: Purpose) -> Result<Self, StoreError> {
        Ok(Self::begin_with(client, purpose, |_| async { Ok::<_, StoreError>(()) }).await?.0)
    }

    /// What the transaction is on: what is asked of it is asked in the transaction, as long as that lasts.
    pub fn client(&self) -> &'a Client {
        self.client
    }

    /// Commits what was done.
    ///
    /// # Errors
    /// Those of PostgreSQL, as they come: what became of it may be open.
    pub async fn commit(mut self) -> Result<(), tokio_postgres::Error> {
        self.is_open = false;
        self.client.batch_execute("COMMIT").await
    }

    /// Undoes what was done.
    ///
    /// # Errors
    /// When the database does not answer; it is undone then, too.
    pub async fn rollback(mut self) -> Result<(), StoreError> {
        self.is_open = false;
        Ok(self.client.batch_execute("ROLLBACK").await?)
    }
}

/// What is asked of the client is asked in the transaction.
impl Deref for Transaction<'_> {
    type Target = Client;

    fn deref(&self) -> &Client {
        self.client
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if self.is_open {
            // sent before whatever is asked of the client next; nobody waits for the answer
            let _ = self.client.batch_execute("ROLLBACK").now_or_never();
        }
    }
}

impl Purpose {
    fn sql(self) -> &'static str {
        match self {
            // said, as the operator may have set another default
            Self::Write => "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL plan_cache_mode = force_generic_plan",
            Self::Prune => "BEGIN ISOLATION LEVEL READ COMMITTED",
            Self::Trial => "BEGIN ISOLATION LEVEL REPEATABLE READ",
            Self::Read => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        }
    }
}
