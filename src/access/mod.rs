//! Questions about many at once, or about the why of one: answered from the database, all in one snapshot.
//!
//! Whoever and whatever may be meant is read from indexes in the order of ids; the domain then decides each one, as it
//! decides a check. So these answers are those of `Check`, one by one, at the revision that they name.

mod changes;
mod explain;
mod page;
mod projects;
mod users;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use crate::domain::bounds::Bounds;
use crate::domain::facts::Time;
use crate::domain::ids::Revision;
use crate::domain::names::NameKey;
use crate::domain::policy::Policy;
use crate::membership::MembershipError;
use crate::store::{Client, Databases, PooledClient, access};
use crate::view::{Standing, Token, View};

pub use changes::{ChangesPage, ChangesQuestion};
pub use explain::{ExplainQuestion, Explained};
pub use page::Page;
pub use projects::{ListedProject, ProjectsPage, ProjectsQuestion};
pub use users::{ListedUser, UsersPage, UsersQuestion};

/// Answers them. Cheap to clone.
#[derive(Clone)]
pub struct Access {
    databases: Databases,
    view: View,
    policy: Arc<Policy>,
    /// When who asks stops waiting.
    deadline: Option<Instant>,
    /// What this clone answers of and no more.
    bounds: Option<Bounds>,
}

/// What a snapshot shows, and when.
struct Moment {
    token: Token,
    now: Time,
}

/// What a snapshot must show, and until when it is read.
struct Demand<'a> {
    /// What the view had applied when it was asked: a primary has all of that, unless it is one of the past.
    least: Revision,
    /// Of the very history that this view follows.
    of: Option<&'a View>,
    deadline: Option<Instant>,
}

/// Reads in one snapshot: of a standby, where there is one that has what this replica has applied, else of the primary.
macro_rules! in_snapshot {
    ($access:ident, |$client:ident, $demand:ident| $read:expr) => {{
        'read: {
            let mut is_second = false;
            let least = $access.view.token().revision;
            if let Some(mut pooled) = $access.standby().await {
                let ($client, $demand): (&mut Client, _) = (&mut pooled, &$access.demand(least, Some(&$access.view)));
                match $read.await {
                    Err(MembershipError::Unavailable(_)) => $access.rest_standbys(),
                    Err(MembershipError::Met) => pooled.give_back(),
                    read => {
                        pooled.give_back();
                        break 'read read;
                    }
                }
            }
            loop {
                let least = $access.view.token().revision;
                let mut pooled = $access.databases.main.client().await?;
                let ($client, $demand): (&mut Client, _) = (&mut pooled, &$access.demand(least, None));
                let read = $read.await;
                pooled.give_back();
                if !matches!(read, Err(MembershipError::Met)) || is_second {
                    break 'read read;
                }
                is_second = true;
                $access.databases.main.renew_connections();
            }
        }
    }};
}
use in_snapshot;

impl Access {
    /// Answers by that policy, from those databases, and never from before what that view has applied.
    pub fn new(databases: Databases, view: View, policy: Arc<Policy>) -> Self {
        Self { databases, view, policy, deadline: None, bounds: None }
    }

    /// The same for somebody who is confined to these accounts: what does not hang off them is refused.
    pub fn within(&self, bounds: Option<&Bounds>) -> Cow<'_, Self> {
        match bounds {
            None => Cow::Borrowed(self),
            Some(bounds) => Cow::Owned(Self { bounds: Some(bounds.clone()), ..self.clone() }),
        }
    }

    /// The same for somebody who stops waiting then: PostgreSQL stops by itself.
    #[must_use]
    pub fn until(&self, deadline: Instant) -> Self {
        Self { deadline: Some(deadline), ..self.clone() }
    }

    fn demand<'a>(&self, least: Revision, of: Option<&'a View>) -> Demand<'a> {
        Demand { least, of, deadline: self.deadline }
    }

    /// A standby, where it can be known whether it is new enough.
    async fn standby(&self) -> Option<PooledClient> {
        let standbys = self.databases.standbys.as_ref().filter(|_| self.view.standing() == Standing::Fresh)?;
        standbys.client().await
    }

    fn rest_standbys(&self) {
        if let Some(standbys) = &self.databases.standbys {
            standbys.rest();
        }
    }
}

/// Refuses, to who is confined, what is about no account, or about another one. Whether there is any such thing is not said.
fn must_be_within(bounds: Option<&Bounds>, account: Option<&NameKey>) -> Result<(), MembershipError> {
    let is_out = |bounds: &Bounds| account.is_none_or(|account| !bounds.contains(account));
    if bounds.is_some_and(is_out) { Err(MembershipError::OutOfBounds) } else { Ok(()) }
}

impl Moment {
    /// What the snapshot shows; [`MembershipError::Met`] where that is not what is demanded.
    async fn read(client: &Client, demand: &Demand<'_>) -> Result<Self, MembershipError> {
        let (history, place, now) = access::read_moment(client, demand.deadline).await?;
        let is_known = match demand.of {
            None => true,
            Some(view) => view.vouches_for(place).await,
        };
        if place.revision < demand.least || !is_known {
            return Err(MembershipError::Met);
        }
        Ok(Self { token: Token::new(history, place.revision), now })
    }
}
