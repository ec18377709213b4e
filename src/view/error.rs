//! Why the view has no answer.

use crate::domain::ids::Revision;

/// Why there is no answer. Never a verdict.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ViewError {
    /// The lease has ended, or has yet to begin.
    #[error(
        "be certain of an answer: this replica has no lease, as it can't reach the database or has yet to catch up"
    )]
    NotFresh,
    /// The revision asked for did not come in time.
    #[error("reach the revision {wanted} in time; the view is at {applied}")]
    RevisionNotReached { wanted: Revision, applied: Revision },
    /// The deadline passed while loading.
    #[error("load what the answer needs before the deadline")]
    DeadlineExceeded,
    /// Who asks is confined to other accounts. It is not said whether there is what was asked about.
    #[error("find that within what the caller is confined to")]
    OutOfBounds,
    /// A load failed.
    #[error(transparent)]
    Load(#[from] LoadError),
}

/// Why a load failed; shared by all who waited for it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// The database can't be reached.
    #[error("load from the database: it can't be reached")]
    Unavailable,
    /// As much is being loaded as may be; nothing was begun.
    #[error("load from the database: too much is being loaded already; try again")]
    Overloaded,
    /// A mistake of ours, which the log has.
    #[error("load from the database")]
    Internal,
}

/// Why a committed write cannot be said to hold everywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unconfirmed {
    /// These replicas had not said in time that they applied it.
    Behind { names: Vec<String> },
    /// The history that is followed now does not show it: it may have been lost with the server that took it.
    Lost,
}
