//! Why a write did not happen, or cannot be confirmed.

use crate::domain::change::Object;
use crate::domain::refusal::Refusal;
use crate::store::StoreError;
use crate::view::Token;

/// Why a write has no result.
#[derive(Debug, thiserror::Error)]
pub enum MembershipError {
    /// The rules forbid it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// What it is about does not exist.
    #[error("there is no {} `{name}`", object.name())]
    NotFound { object: Object, name: String },
    /// A field makes no sense.
    #[error("{field}: {problem}")]
    InvalidField { field: &'static str, problem: String },
    /// One of several operations failed, and with it all.
    #[error("carry out operation {index}: {failure}")]
    Operation { index: usize, name: &'static str, failure: Box<Self> },
    /// What was found unlocked had moved before it was locked; the write is run again.
    #[error("find the same facts twice")]
    Moved,
    /// It met another write; it is run again.
    #[error("go on beside another write")]
    Met,
    /// It met other writes again and again. Nothing was written.
    #[error("finish beside other writes; try again")]
    Conflict,
    /// The deadline passed. Nothing was written.
    #[error("finish before the deadline; nothing was written by this call")]
    DeadlineExceeded,
    /// It was being committed when the deadline passed or the connection was lost: it holds or it does not.
    #[error("learn whether the write was committed; send it again under its request_id, or read before trying again")]
    OutcomeUnknown,
    /// It is committed, and a replica that may still answer had not applied it before the deadline.
    #[error(
        "hear in time that {} applied it; the write is committed, and they will apply it, or stop answering, within their lease",
        names.join(", ")
    )]
    ReplicasBehind { token: Token, names: Vec<String> },
    /// Another request was sent under this id, and done. Nothing was written.
    #[error("take another request under the id `{0}`, which one was done under within a day")]
    RequestIdReused(String),
    /// The caller is confined to other accounts. It is not said whether there is what the write is about.
    #[error("find that within what the caller is confined to; nothing was written")]
    OutOfBounds,
    /// The database can't be reached or is overloaded. Nothing was written.
    #[error("reach the database; nothing was written")]
    Unavailable(#[source] StoreError),
    /// The database gave an answer that makes no sense: a mistake of ours. Nothing was written.
    #[error("work with the database")]
    Internal(#[source] StoreError),
}

impl MembershipError {
    /// There is nothing of that name.
    pub fn not_found(object: Object, name: impl ToString) -> Self {
        Self::NotFound { object, name: name.to_string() }
    }

    /// The same, where it is that operation's own failure: what would have met the whole stays as it is.
    pub(super) fn of_operation(self, index: usize, name: &'static str) -> Self {
        match self {
            Self::Refused(_) | Self::NotFound { .. } | Self::InvalidField { .. } => {
                Self::Operation { index, name, failure: Box::new(self) }
            }
            other => other,
        }
    }

    /// Whether running it again may help.
    pub(super) fn is_conflict(&self) -> bool {
        matches!(self, Self::Moved | Self::Met)
    }

    /// Where this is the failure of a constraint, the refusal that it stands for.
    pub(super) fn constraint(error: StoreError, name: &str, refusal: impl FnOnce() -> Refusal) -> Self {
        match error {
            StoreError::Constraint(constraint) if constraint == name => Self::Refused(refusal()),
            other => other.into(),
        }
    }
}

impl From<StoreError> for MembershipError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::OutcomeUnknown(_) => Self::OutcomeUnknown,
            StoreError::Conflict => Self::Met,
            StoreError::Unavailable(_) | StoreError::Restoring => Self::Unavailable(error),
            StoreError::Constraint(_) | StoreError::Unreadable { .. } | StoreError::Statement(_) => {
                Self::Internal(error)
            }
        }
    }
}
