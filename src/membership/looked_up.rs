//! What the names of a write stand for, looked up before anything is locked: in one round trip with the beginning of its
//! transaction.
//!
//! Nothing is decided by it. It tells what to lock; what was found is compared once it is locked, and a write that finds something
//! else is run again. What was not found is looked up again once anything was locked.

use std::collections::BTreeMap;
use std::time::Instant;

use futures::future::{OptionFuture, join, try_join_all};

use super::ahead::Locks;
use crate::domain::ids::AccountId;
use crate::domain::names::{NameKey, ProjectReference, Username};
use crate::domain::records::Project;
use crate::store::{Client, StoreError, locks, projects};

/// What was looked up; empty where nothing was.
#[derive(Debug, Default)]
pub(super) struct LookedUp {
    accounts: BTreeMap<NameKey, Option<AccountId>>,
    projects: BTreeMap<String, Option<Project>>,
}

impl LookedUp {
    /// Looks up what the locks and the actor name. From here on no statement runs for long after the deadline.
    pub(super) async fn read(
        client: &Client,
        locks: &Locks<'_>,
        actor: Option<&Username>,
        deadline: Option<Instant>,
    ) -> Result<Self, StoreError> {
        let names: Vec<NameKey> = locks.account_names().chain(actor).map(Username::key).collect();
        let references: Vec<&ProjectReference> = locks.project_references().collect();
        let is_asked = !names.is_empty() || deadline.is_some();
        let (accounts, projects) = join(
            OptionFuture::from(is_asked.then(|| accounts(client, names, deadline))),
            try_join_all(references.iter().map(|reference| projects::find(client, reference))),
        )
        .await;
        let accounts = accounts.transpose()?.unwrap_or_default();
        let keys = references.iter().map(|reference| reference.key());
        Ok(Self { accounts, projects: keys.zip(projects?).collect() })
    }

    /// The account of that name: `None` where it was not looked up, `Some(None)` where there was none.
    pub(super) fn account(&self, name: &NameKey) -> Option<Option<AccountId>> {
        self.accounts.get(name).copied()
    }

    /// The same for a project.
    pub(super) fn project(&self, reference: &ProjectReference) -> Option<Option<Project>> {
        self.projects.get(&reference.key()).cloned()
    }
}

/// The ids of accounts by name.
pub(super) async fn accounts(
    client: &Client,
    names: Vec<NameKey>,
    deadline: Option<Instant>,
) -> Result<BTreeMap<NameKey, Option<AccountId>>, StoreError> {
    let texts: Vec<&str> = names.iter().map(NameKey::as_str).collect();
    let found: BTreeMap<_, _> = locks::look_up(client, &texts, deadline).await?.into_iter().collect();
    Ok(names.into_iter().map(|name| (name.clone(), found.get(&name).copied())).collect())
}
