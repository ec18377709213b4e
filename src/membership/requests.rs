//! Requests that are sent again: what a write answers is kept under the id that its caller gave it, and answered again.
//!
//! What an answer looks like is not known here: it is kept as bytes. See `docs/adr/0014-chain.md`.

use tokio::time::Instant;

use super::effects::Effects;
use super::error::MembershipError;
use super::writer::WriteContext;
use crate::domain::chain::Content;
use crate::domain::change::{Change, Changes};
use crate::domain::ids::Place;
use crate::domain::names::Username;
use crate::store::log::{self, Remembered};
use crate::store::{Client, StoreError, access, requests};
use crate::view::Token;

/// What a caller calls a request of its.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestKey {
    /// The name: unique among those of the caller.
    pub id: String,
    /// A digest of all that decides what is written, so that another request is told.
    pub digest: [u8; 32],
}

/// What a write answers, but for its place in the log: as it can be kept.
pub trait Answer: Sized + Send {
    /// The answer as bytes.
    fn to_bytes(&self) -> Vec<u8>;

    /// Reads what [`to_bytes`](Self::to_bytes) wrote; `None` where that is something else.
    fn from_bytes(bytes: &[u8]) -> Option<Self>;
}

/// Nobody is there to be answered.
impl Answer for () {
    fn to_bytes(&self) -> Vec<u8> {
        Vec::new()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.is_empty().then_some(())
    }
}

/// What a write came to.
#[derive(Debug)]
pub struct Written<'a, T> {
    /// What it answers.
    pub output: T,
    /// What it changed.
    pub(super) changes: &'a Changes,
    /// What it would change of anybody's role, where it was only tried.
    pub effects: Option<Effects>,
}

impl<T> Written<'_, T> {
    /// What it took away.
    pub fn removals(&self) -> impl Iterator<Item = &Change> + Clone {
        self.changes.list.iter().filter(|change| change.after.is_none())
    }
}

/// Where a write is in the log.
#[derive(Debug, Clone, Copy)]
pub(super) struct Logged {
    /// What its caller gets.
    pub token: Token,
    /// Whoever has applied this write has applied that one.
    pub reached: Place,
}

/// What a request answered when it was done before; waits for whoever is doing it.
///
/// The write may be too old for replicas to know it by its id. The last one that the same snapshot shows is not: who has
/// applied that has applied all before it.
pub(super) async fn recall<A: Answer>(
    transaction: &Client,
    context: &WriteContext,
) -> Result<Option<(A, Logged)>, MembershipError> {
    let Some(RequestKey { id, digest }) = &context.request else { return Ok(None) };
    let caller = context.caller.as_deref().unwrap_or_default();
    let Some(found) = requests::hold(transaction, caller, id).await? else { return Ok(None) };
    if found.digest != digest {
        return Err(MembershipError::RequestIdReused(id.clone()));
    }
    let answer = A::from_bytes(&found.answer);
    let answer = answer.ok_or_else(|| StoreError::Unreadable { what: "answer of the request", value: id.clone() })?;
    Ok(Some((answer, Logged { token: Token::new(found.history, found.revision), reached: found.last })))
}

/// Appends a write to the log, and what it answers to the requests, where it has an id. One that changed nothing is in no log:
/// what it answers is true at the last write.
pub(super) async fn log(
    transaction: &Client,
    operation: &str,
    context: &WriteContext,
    changes: &Changes,
    answer: &impl Answer,
) -> Result<Logged, MembershipError> {
    let WriteContext { actor, caller, request, .. } = context;
    let content = Content {
        operation,
        actor: actor.as_ref().map(Username::as_str),
        caller: caller.as_deref(),
        request_id: request.as_ref().map(|request| request.id.as_str()),
    };
    let bytes = request.as_ref().map(|_| answer.to_bytes()).unwrap_or_default();
    let remembered = request.as_ref().map(|request| Remembered { digest: &request.digest, answer: &bytes });
    let (history, place) = if !changes.is_empty() {
        log::append(transaction, &content, changes, remembered).await?
    } else if let (Some(RequestKey { id, .. }), Some(remembered)) = (request, remembered) {
        log::remember(transaction, caller.as_deref().unwrap_or_default(), id, remembered).await?
    } else {
        access::read_moment(transaction, context.deadline.map(Instant::into_std))
            .await
            .map(|(history, place, _)| (history, place))?
    };
    Ok(Logged { token: Token::new(history, place.revision), reached: place })
}
