//! Runs writes: one named transaction each, run again when it meets another, confirmed once it holds everywhere.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use tracing::debug;
use uuid::Uuid;

use super::error::MembershipError;
use super::scope::Scope;
use crate::domain::bounds::Bounds;
use crate::domain::change::{Change, Changes};
use crate::domain::ids::Place;
use crate::domain::names::Username;
use crate::domain::policy::Policy;
use crate::store::{Database, PooledClient, StoreError, log};
use crate::view::{Token, Unconfirmed, View};

/// How often a write that meets others is run in all.
const ATTEMPTS: u32 = 10;

/// How long a write waits for the log to be followed, in a process that has only just begun: whether a write that was committed
/// before that was lost can't be known.
const FOLLOWED_SOON: Duration = Duration::from_secs(1);

/// A write that can be asked for.
pub trait Operation: Send + Sync {
    /// What it is called in the log.
    const NAME: &'static str;

    /// Whether all that it may change hangs off the accounts that it locks as what it is about: then a caller that is confined to
    /// these may have it done. Unless a write says so, and the scope has seen such an account, it is refused to who is confined.
    const IS_BOUNDED: bool = false;

    /// What it answers.
    type Output: Send;

    /// Does it, within a transaction that the caller ends. May be run several times; only the last one counts.
    ///
    /// # Errors
    /// Any [`MembershipError`]; the transaction is then rolled back.
    fn run(&self, scope: &mut Scope<'_>) -> impl Future<Output = Result<Self::Output, MembershipError>> + Send;
}

/// How a write is asked for.
#[derive(Debug, Clone)]
pub struct WriteContext {
    /// On whose behalf; `None`: the caller acts in its own right.
    pub actor: Option<Username>,
    /// What the caller is confined to, where it is.
    pub bounds: Option<Bounds>,
    /// Find out what would happen, and write nothing.
    pub validate_only: bool,
    /// Answer only once no replica can answer without it.
    pub wait_for_replicas: bool,
    /// When the caller stops waiting.
    pub deadline: Option<Instant>,
}

/// What a write came to.
#[derive(Debug)]
pub struct Written<T> {
    /// What it answers.
    pub output: T,
    /// What it took away.
    pub removals: Vec<Change>,
    /// Where in the log it is; `None` where nothing was written.
    pub token: Option<Token>,
}

/// A write whose transaction has ended.
struct Committed<T> {
    output: T,
    changes: Changes,
    /// Which write it is, and in which history; `None` where nothing was written.
    logged: Option<(Uuid, Place)>,
}

/// Runs writes. Cheap to clone.
#[derive(Clone)]
pub struct Writer {
    database: Database,
    view: View,
    policy: Arc<Policy>,
}

impl Writer {
    /// A writer whose writes are confirmed through that view.
    pub fn new(database: Database, view: View, policy: Arc<Policy>) -> Self {
        Self { database, view, policy }
    }

    /// Runs a write. When it returns, and was to wait for the replicas, every check that begins sees it, whichever is asked.
    ///
    /// Dropped before it returns, it has been committed whole or not at all.
    ///
    /// # Errors
    /// Any [`MembershipError`]. Nothing was written but in the two cases that say so.
    pub async fn run<O: Operation>(
        &self,
        context: &WriteContext,
        operation: &O,
    ) -> Result<Written<O::Output>, MembershipError> {
        if context.wait_for_replicas {
            self.view.until_followed(FOLLOWED_SOON).await;
        }
        let Committed { output, changes, logged } = self.commit(context, operation).await?;
        let removals = changes.into_removals();
        let Some((history, place)) = logged else {
            return Ok(Written { output, removals, token: None });
        };
        let token = Token::new(history, place.revision);
        let actor = context.actor.as_ref().map(Username::as_str);
        debug!(operation = O::NAME, actor, revision = token.revision.0, "committed");
        if context.wait_for_replicas {
            self.view.wait_for_replicas(place, context.deadline).await.map_err(|unconfirmed| match unconfirmed {
                Unconfirmed::Behind { names } => MembershipError::ReplicasBehind { token, names },
                Unconfirmed::Lost => MembershipError::OutcomeUnknown,
            })?;
        }
        Ok(Written { output, removals, token: Some(token) })
    }

    async fn commit<O: Operation>(
        &self,
        context: &WriteContext,
        operation: &O,
    ) -> Result<Committed<O::Output>, MembershipError> {
        for attempt in 1..=ATTEMPTS {
            match self.attempt(context, operation).await {
                Err(error) if error.is_conflict() => {
                    debug!(operation = O::NAME, attempt, "met another write; running again");
                    tokio::time::sleep(Duration::from_millis(u64::from(attempt * attempt))).await;
                }
                ended => return ended,
            }
        }
        Err(MembershipError::Conflict)
    }

    async fn attempt<O: Operation>(
        &self,
        context: &WriteContext,
        operation: &O,
    ) -> Result<Committed<O::Output>, MembershipError> {
        let connected = self.database.client();
        let mut client = before(context.deadline, MembershipError::DeadlineExceeded, connected).await?;
        let ended = self.transact(&mut client, context, operation).await;
        match &ended {
            // something may still hang on it, or it leads to a server that takes no writes any more
            Err(
                MembershipError::DeadlineExceeded | MembershipError::OutcomeUnknown | MembershipError::Unavailable(_),
            ) => {
                drop(client);
            }
            _ => client.give_back(),
        }
        ended
    }

    async fn transact<O: Operation>(
        &self,
        pooled: &mut PooledClient,
        context: &WriteContext,
        operation: &O,
    ) -> Result<Committed<O::Output>, MembershipError> {
        let (client, is_committing) = pooled.parts();
        let actor = context.actor.as_ref().map(Username::as_str);
        let prepared = before(context.deadline, MembershipError::DeadlineExceeded, async {
            let transaction = client.transaction().await.map_err(StoreError::from)?;
            let mut scope = Scope::new(transaction, &self.policy, context.actor.as_ref(), context.bounds.as_ref());
            scope.begin_within_bounds(O::IS_BOUNDED)?;
            let output = operation.run(&mut scope).await?;
            scope.end_within_bounds()?;
            let (transaction, changes) = scope.finish();
            if context.validate_only {
                return Ok((transaction, output, changes, None));
            }
            let logged = log::append(&transaction, O::NAME, actor, &changes).await?;
            Ok::<_, MembershipError>((transaction, output, changes, Some(logged)))
        });
        let (transaction, output, changes, logged) = prepared.await?;
        *is_committing = logged.is_some();
        let end = async {
            match logged {
                Some(_) => transaction.commit().await.map_err(StoreError::while_committing),
                None => transaction.rollback().await.map_err(StoreError::from),
            }
        };
        let late = if logged.is_some() { MembershipError::OutcomeUnknown } else { MembershipError::DeadlineExceeded };
        before(context.deadline, late, end).await?;
        Ok(Committed { output, changes, logged })
    }
}

/// Runs a future until the deadline, and fails with `late` where that comes first.
async fn before<T, E: Into<MembershipError>>(
    deadline: Option<Instant>,
    late: MembershipError,
    future: impl Future<Output = Result<T, E>>,
) -> Result<T, MembershipError> {
    match deadline {
        Some(deadline) => timeout_at(deadline, future).await.map_err(|_| late)?.map_err(Into::into),
        None => future.await.map_err(Into::into),
    }
}
