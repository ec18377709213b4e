//! Standbys: servers that may be behind the primary, or gone, without anybody having to wait for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::timeout;

use super::database::{Database, PooledClient};

/// How long a standby may take to let us in.
const PATIENCE: Duration = Duration::from_millis(500);

/// How long one that failed is left alone.
const REST: Duration = Duration::from_secs(1);

/// A pool of connections to standbys. Cheap to clone.
#[derive(Clone)]
pub struct Standbys {
    pub(super) database: Database,
    resting: Arc<AtomicBool>,
}

impl Standbys {
    /// Standbys behind that pool.
    pub fn new(database: Database) -> Self {
        Self { database, resting: Arc::new(AtomicBool::new(false)) }
    }

    /// A connection; `None` where there is none to be had now.
    pub async fn client(&self) -> Option<PooledClient> {
        if self.resting.load(Ordering::Relaxed) {
            return None;
        }
        match timeout(PATIENCE, self.database.client()).await {
            Ok(Ok(client)) => Some(client),
            _ => {
                self.rest();
                None
            }
        }
    }

    /// Leaves them alone for a while: they failed.
    pub fn rest(&self) {
        if !self.resting.swap(true, Ordering::Relaxed) {
            tracing::warn!("the standbys of --read-url fail; the primary is asked instead");
            let resting = Arc::clone(&self.resting);
            Handle::current().spawn(async move {
                tokio::time::sleep(REST).await;
                resting.store(false, Ordering::Relaxed);
            });
        }
    }
}
