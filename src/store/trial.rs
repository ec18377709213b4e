//! Transactions that try something out: all in one snapshot, and undone, so that before and after are of the same moment.

use super::database::Client;
use super::error::StoreError;
use super::transaction::{Purpose, Transaction};

/// Begins to try. Whatever others commit meanwhile is not seen; what can't be changed for that fails as a conflict.
pub async fn begin(client: &mut Client) -> Result<Transaction<'_>, StoreError> {
    Transaction::begin(client, Purpose::Trial).await
}

/// Marks where [`undo`] goes back to.
pub async fn mark(client: &Client) -> Result<(), StoreError> {
    Ok(client.batch_execute("SAVEPOINT untried").await?)
}

/// Takes back all that was done since [`mark`], locks too. May be done again and again.
pub async fn undo(client: &Client) -> Result<(), StoreError> {
    Ok(client.batch_execute("ROLLBACK TO SAVEPOINT untried").await?)
}
