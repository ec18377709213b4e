//! The log as it goes on: told to those who watch it, with the ends of grants in it, and its oldest rows forgotten.

mod expiries;
mod parts;
mod requests;
mod retention;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::membership::Writer;
use crate::store::Database;
use crate::view::View;

pub use parts::{EVENT_CHANGES, Event};
pub use watch::{Told, Watch, WatchError};

/// The log. Cheap to clone.
#[derive(Clone)]
pub struct Log {
    database: Database,
    view: View,
    /// Who may read for a watch: so few at a time that other reads and writes find connections.
    readers: Arc<Semaphore>,
}

/// What keeps the log.
#[derive(Debug, Clone, Copy)]
pub struct Keeping {
    /// How long it is kept; `None`: for ever.
    pub retention: Option<Duration>,
}

impl Log {
    /// The log of that database, as far as the view has come. A quarter of so many connections is for watches.
    pub fn new(database: Database, view: View, connections: usize) -> Self {
        let readers = Arc::new(Semaphore::new((connections / 4).max(1)));
        Self { database, view, readers }
    }

    /// Records ends of grants as they come, and forgets what is old: requests after a day, the log if asked to; for ever.
    pub async fn keep(self, writer: Writer, keeping: Keeping) {
        let forget = async {
            match keeping.retention {
                Some(age) => retention::run(&self, age).await,
                None => std::future::pending().await,
            }
        };
        tokio::join!(expiries::run(&self, &writer), requests::run(&self), forget);
    }
}
