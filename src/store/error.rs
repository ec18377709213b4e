//! What can go wrong between the service and its database, told apart by what a caller can do about it.

use deadpool_postgres::PoolError;
use tokio_postgres::error::SqlState;

use super::tls;

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database is not there, is shutting down, or has no connection to spare. Nothing was written.
    #[error("reach the database")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The connection was lost during the commit: the write holds or it does not.
    #[error("learn whether the write was committed")]
    OutcomeUnknown(#[source] tokio_postgres::Error),
    /// The transaction met another one. Nothing was written; trying again helps.
    #[error("finish beside other writes")]
    Conflict,
    /// A constraint, by name, refused the write.
    #[error("keep the constraint `{0}`")]
    Constraint(String),
    /// The database holds something that the code does not know.
    #[error("understand the stored {what} `{value}`")]
    Unreadable { what: &'static str, value: String },
    /// The tables are there and not whole.
    #[error("find the foreign keys; a dump is being restored, or was restored without them")]
    Restoring,
    /// Any other answer of the database: a mistake in this code.
    #[error("run a statement")]
    Statement(#[source] tokio_postgres::Error),
}

impl StoreError {
    /// A stored value that no variant stands for.
    pub(super) fn unreadable(what: &'static str, value: &str) -> Self {
        Self::Unreadable { what, value: value.to_owned() }
    }

    /// The same failure, met while committing: a connection that is lost, or a server that goes away, then leaves the
    /// outcome open.
    pub fn while_committing(error: tokio_postgres::Error) -> Self {
        let answered = error.as_db_error().is_some_and(|answer| !["08", "57"].contains(&class(answer.code())));
        if answered { error.into() } else { Self::OutcomeUnknown(error) }
    }
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        if let Some(refusal) = tls::explain(&error) {
            return Self::Unavailable(Box::new(refusal));
        }
        let Some(answer) = error.as_db_error() else {
            return Self::Unavailable(Box::new(error));
        };
        let state = answer.code();
        // a serialization failure, a deadlock, or a lock that was not granted in time; or one of several that were sent together, of
        // which another failed before it and says why when it is run again
        let conflicts = [
            SqlState::T_R_SERIALIZATION_FAILURE,
            SqlState::T_R_DEADLOCK_DETECTED,
            SqlState::LOCK_NOT_AVAILABLE,
            SqlState::IN_FAILED_SQL_TRANSACTION,
        ];
        if conflicts.contains(state) {
            return Self::Conflict;
        }
        if let (Some(constraint), "23") = (answer.constraint(), class(state)) {
            return Self::Constraint(constraint.to_owned());
        }
        let away = [SqlState::READ_ONLY_SQL_TRANSACTION, SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT];
        // connection exceptions, insufficient resources, operator intervention (shutdown, cancel)
        if ["08", "53", "57"].contains(&class(state)) || away.contains(state) {
            return Self::Unavailable(Box::new(error));
        }
        Self::Statement(error)
    }
}

impl From<PoolError> for StoreError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => error.into(),
            other => Self::Unavailable(Box::new(other)),
        }
    }
}

fn class(state: &SqlState) -> &str {
    state.code().get(..2).unwrap_or_default()
}
