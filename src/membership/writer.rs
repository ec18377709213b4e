//! Runs writes: one named transaction each, run again when it meets another, confirmed once it holds everywhere.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join;
use tokio::time::{Instant, timeout_at};
use tracing::debug;

use super::ahead::Locks;
use super::error::MembershipError;
use super::looked_up::LookedUp;
use super::requests::{self, Answer, Logged, RequestKey, Written};
use super::scope::Scope;
use super::trial::{as_conflict, try_out};
use crate::domain::bounds::Bounds;
use crate::domain::ids::Revision;
use crate::domain::names::Username;
use crate::domain::policy::Policy;
use crate::store::{self, Database, PooledClient, Purpose, StoreError, Transaction, access, trial};
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

    /// Whom and what it will lock, as far as it names it: looked up ahead, and locked ahead where it is one of several.
    fn locks(&self) -> Locks<'_>;

    /// Does it, within a transaction that the caller ends. May be run several times; only the last one counts.
    ///
    /// # Errors
    /// Any [`MembershipError`]; the transaction is then rolled back.
    fn run(&self, scope: &mut Scope<'_>) -> impl Future<Output = Result<Self::Output, MembershipError>> + Send;
}

/// How a write is asked for.
#[derive(Debug, Clone, Default)]
pub struct WriteContext {
    /// On whose behalf; `None`: the caller acts in its own right.
    pub actor: Option<Username>,
    /// The service that asks; `None`: callers are not told apart, or it is the clock.
    pub caller: Option<String>,
    /// What the caller calls its request, so that it can be sent again; nothing is kept of a write that is only tried.
    pub request: Option<RequestKey>,
    /// What the caller is confined to, where it is.
    pub bounds: Option<Bounds>,
    /// Find out what would happen, and whose roles would change; write nothing.
    pub validate_only: bool,
    /// Answer only once no replica can answer without it.
    pub wait_for_replicas: bool,
    /// When the caller stops waiting.
    pub deadline: Option<Instant>,
}

/// A write whose transaction has ended.
struct Ended<A> {
    answer: A,
    /// Where it is in the log, or the last write where there was nothing to change; `None` where it was only tried.
    logged: Option<Logged>,
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

    /// Runs a write, and answers what `answer` makes of it, with the place of the write in the log: `None` where nothing was
    /// written. When it returns, and was to wait for the replicas, every check that begins sees it, whichever is asked.
    ///
    /// One that was done before under the same request is not done again: it answers as it did then, and waits as it did then.
    ///
    /// Dropped before it returns, it has been committed whole or not at all.
    ///
    /// # Errors
    /// Any [`MembershipError`]. Nothing was written but in the two cases that say so.
    pub async fn run<O: Operation, A: Answer>(
        &self,
        context: &WriteContext,
        operation: &O,
        answer: impl Fn(Written<'_, O::Output>) -> A + Sync,
    ) -> Result<(A, Option<Token>), MembershipError> {
        if context.wait_for_replicas {
            self.view.until_followed(FOLLOWED_SOON).await;
        }
        let Ended { answer, logged } = self.commit(context, operation, &answer).await?;
        let Some(Logged { token, reached }) = logged else { return Ok((answer, None)) };
        let actor = context.actor.as_ref().map(Username::as_str);
        debug!(operation = O::NAME, actor, caller = context.caller, revision = token.revision.0, "committed");
        if context.wait_for_replicas {
            self.view.wait_for_replicas(reached, context.deadline).await.map_err(|unconfirmed| match unconfirmed {
                Unconfirmed::Behind { names } => MembershipError::ReplicasBehind { token, names },
                Unconfirmed::Lost => MembershipError::OutcomeUnknown,
            })?;
        }
        Ok((answer, Some(token)))
    }

    async fn commit<O: Operation, A: Answer>(
        &self,
        context: &WriteContext,
        operation: &O,
        answer: &(impl Fn(Written<'_, O::Output>) -> A + Sync),
    ) -> Result<Ended<A>, MembershipError> {
        for attempt in 1..=ATTEMPTS {
            match self.attempt(context, operation, answer).await {
                Err(error) if error.is_conflict() => {
                    debug!(operation = O::NAME, attempt, "met another write; running again");
                    tokio::time::sleep(Duration::from_millis(u64::from(attempt * attempt))).await;
                }
                ended => return ended,
            }
        }
        Err(MembershipError::Conflict)
    }

    async fn attempt<O: Operation, A: Answer>(
        &self,
        context: &WriteContext,
        operation: &O,
        answer: &(impl Fn(Written<'_, O::Output>) -> A + Sync),
    ) -> Result<Ended<A>, MembershipError> {
        let connected = self.database.client();
        let mut client = before(context.deadline, MembershipError::DeadlineExceeded, connected).await?;
        let ended = self.transact(&mut client, context, operation, answer).await;
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

    async fn transact<O: Operation, A: Answer>(
        &self,
        pooled: &mut PooledClient,
        context: &WriteContext,
        operation: &O,
        answer: &(impl Fn(Written<'_, O::Output>) -> A + Sync),
    ) -> Result<Ended<A>, MembershipError> {
        if context.validate_only {
            let tried = self.try_out(pooled, context, operation, answer);
            return before(context.deadline, MembershipError::DeadlineExceeded, tried).await;
        }
        let least = self.view.token();
        let (client, is_committing) = pooled.parts();
        let prepared = before(context.deadline, MembershipError::DeadlineExceeded, async {
            if context.request.is_some() {
                // it is held before anything is looked up
                store::requests::prepare(client).await?;
            }
            let (locks, deadline) = (operation.locks(), context.deadline.map(Instant::into_std));
            let first = async |client| {
                let look_up = LookedUp::read(client, &locks, context.actor.as_ref(), deadline);
                let (recalled, looked_up) = join(requests::recall(client, context), look_up).await;
                Ok::<_, MembershipError>((recalled?, looked_up?))
            };
            let (transaction, (recalled, looked_up)) = Transaction::begin_with(client, Purpose::Write, first).await?;
            if let Some((answer, logged)) = recalled {
                return Ok((transaction, Ended { answer, logged: Some(logged) }, false));
            }
            let mut scope = self.scope(transaction, context, looked_up);
            let output = scope.carry_out(operation).await?;
            let (transaction, changes) = scope.finish();
            let answer = answer(Written { output, changes: &changes, effects: None });
            let logged = requests::log(&transaction, O::NAME, context, &changes, &answer).await?;
            if changes.is_empty() {
                self.vouch_for(logged.token, least)?;
            }
            let commits = !changes.is_empty() || context.request.is_some();
            Ok::<_, MembershipError>((transaction, Ended { answer, logged: Some(logged) }, commits))
        });
        let (transaction, ended, commits) = prepared.await?;
        *is_committing = commits;
        if commits {
            let end = async { transaction.commit().await.map_err(StoreError::while_committing) };
            before(context.deadline, MembershipError::OutcomeUnknown, end).await?;
        } else {
            // what was found is so, however this ends
            let end = async { transaction.rollback().await };
            let _ = before(context.deadline, MembershipError::DeadlineExceeded, end).await;
        }
        Ok(ended)
    }

    /// Refuses what was read from a database that does not have what this process has seen applied: a primary of the past, whose
    /// word that there is nothing to change is worth nothing. A write there would be found out by its id.
    fn vouch_for(&self, read: Token, least: Token) -> Result<(), MembershipError> {
        let is_followed = least.revision > Revision(0);
        if is_followed && (read.history != least.history || read.revision < least.revision) {
            self.database.renew_connections();
            return Err(MembershipError::Met);
        }
        Ok(())
    }

    /// Finds out what a write would do, and leaves nothing of it.
    async fn try_out<O: Operation, A: Answer>(
        &self,
        client: &mut PooledClient,
        context: &WriteContext,
        operation: &O,
        answer: &(impl Fn(Written<'_, O::Output>) -> A + Sync),
    ) -> Result<Ended<A>, MembershipError> {
        let least = self.view.token();
        let transaction = trial::begin(client).await?;
        let (history, place, _) = access::read_moment(&transaction, context.deadline.map(Instant::into_std)).await?;
        self.vouch_for(Token::new(history, place.revision), least)?;
        let mut scope = self.scope(transaction, context, LookedUp::default());
        let (output, changes, effects) = try_out(&mut scope, operation).await.map_err(as_conflict)?;
        let (transaction, _) = scope.finish();
        transaction.rollback().await?;
        Ok(Ended { answer: answer(Written { output, changes: &changes, effects: Some(effects) }), logged: None })
    }

    fn scope<'a>(&'a self, transaction: Transaction<'a>, context: &'a WriteContext, looked_up: LookedUp) -> Scope<'a> {
        let limits = (context.bounds.as_ref(), context.deadline.map(Instant::into_std));
        Scope::new(transaction, &self.policy, context.actor.as_ref(), limits, looked_up)
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
