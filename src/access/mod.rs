//! Questions about many at once, or about the why of one: answered from the database, all in one snapshot.
//!
//! Whoever and whatever may be meant is read from indexes in the order of ids; the domain then decides each one, as it
//! decides a check. So these answers are those of `Check`, one by one, at the revision that they name.

mod changes;
mod explain;
mod page;
mod projects;
mod users;

use std::sync::Arc;

use crate::domain::facts::Time;
use crate::domain::policy::Policy;
use crate::store::{Database, GenericClient, StoreError, access};
use crate::view::Token;

pub use changes::{ChangesPage, ChangesQuestion};
pub use explain::{ExplainQuestion, Explained};
pub use page::Page;
pub use projects::{ListedProject, ProjectsPage, ProjectsQuestion};
pub use users::{ListedUser, UsersPage, UsersQuestion};

/// Answers them. Cheap to clone.
#[derive(Clone)]
pub struct Access {
    database: Database,
    policy: Arc<Policy>,
}

/// What a snapshot shows, and when.
struct Moment {
    token: Token,
    now: Time,
}

impl Access {
    /// Answers by that policy, from that database.
    pub fn new(database: Database, policy: Arc<Policy>) -> Self {
        Self { database, policy }
    }
}

impl Moment {
    async fn read(client: &impl GenericClient) -> Result<Self, StoreError> {
        let (history, revision, now) = access::read_moment(client).await?;
        Ok(Self { token: Token::new(history, revision), now })
    }
}
