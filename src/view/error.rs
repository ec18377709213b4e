//! Why the view has no answer.

use crate::domain::ids::Revision;

/// Why there is no answer. Never a verdict.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ViewError {
    /// The log of changes has not been followed for longer than the lease allows.
    #[error("be certain of an answer: the log of changes can't be followed")]
    NotFresh,
    /// The revision asked for did not come in time.
    #[error("reach the revision {wanted} in time; the view is at {applied}")]
    RevisionNotReached { wanted: Revision, applied: Revision },
    /// The deadline passed while loading.
    #[error("load what the answer needs before the deadline")]
    DeadlineExceeded,
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
    /// A mistake of ours, which the log has.
    #[error("load from the database")]
    Internal,
}

/// Who had not applied a write in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("hear in time that {} applied it", names.join(", "))]
pub struct ReplicasBehind {
    /// What they are called.
    pub names: Vec<String>,
}
