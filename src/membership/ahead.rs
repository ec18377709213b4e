//! Locks that several operations of one write take ahead, all at once and in the one order that all writes keep: accounts by
//! their ids, then projects by theirs. Two lists of operations then never wait for one another, whatever order theirs is.
//!
//! Nothing is decided by them: each operation takes its own locks, most of which it then finds held. What could not be named
//! ahead (an account that another operation creates, the organizations of a user that goes) is locked only then; should two
//! writes come to wait for one another by that, PostgreSQL ends it, and one is run again.

use futures::future::try_join_all;

use super::error::MembershipError;
use super::scope::{Scope, Who, strongest};
use crate::domain::ids::ProjectId;
use crate::domain::names::{NameKey, ProjectReference, Username};
use crate::domain::records::Project;
use crate::store::locks::{self, Strength};
use crate::store::projects;

/// Whom and what operations will lock, as far as they name it.
#[derive(Debug, Default)]
pub struct Locks<'a> {
    accounts: Vec<(Who<'a>, Strength)>,
    projects: Vec<&'a ProjectReference>,
}

impl<'a> Locks<'a> {
    /// Also an account whose facts must stay.
    pub(super) fn shared(self, account: &'a Username) -> Self {
        self.account(account, Strength::Shared)
    }

    /// Also an account that changes, or whose people do.
    pub(super) fn exclusive(self, account: &'a Username) -> Self {
        self.account(account, Strength::Exclusive)
    }

    /// Also a project, with its owner.
    pub(super) fn project(mut self, project: &'a ProjectReference) -> Self {
        self.projects.push(project);
        self
    }

    /// All of these, too.
    pub(super) fn and(mut self, others: Self) -> Self {
        self.accounts.extend(others.accounts);
        self.projects.extend(others.projects);
        self
    }

    fn account(mut self, account: &'a Username, strength: Strength) -> Self {
        self.accounts.push((Who::Name(account), strength));
        self
    }
}

impl Scope<'_> {
    /// Takes locks ahead; what there is none of is left out.
    pub(super) async fn lock_ahead(&mut self, locks: Locks<'_>) -> Result<(), MembershipError> {
        let projects = try_join_all(locks.projects.iter().map(|one| projects::find(&self.transaction, one))).await?;
        let mut projects: Vec<Project> = projects.into_iter().flatten().collect();
        let (actor, mut wanted) = (self.actor.name().cloned(), locks.accounts);
        if let Some(bounds) = self.bounds() {
            // who is confined holds up nobody else: what lies outside is refused when its turn comes
            projects.retain(|project| bounds.contains(&NameKey::from_stored(&project.owner_name.to_ascii_lowercase())));
            wanted.retain(|(who, _)| matches!(who, Who::Name(name) if bounds.contains(&name.key())));
        }
        wanted.extend(projects.iter().map(|project| (Who::Id(project.owner), Strength::Shared)));
        wanted.extend(actor.as_ref().map(|name| (Who::Name(name), Strength::Shared)));
        let ids = self.resolve(&wanted).await?;
        self.hold(strongest(ids.iter().zip(&wanted).filter_map(|(id, (_, strength))| Some(((*id)?, *strength)))))
            .await?;
        let projects: Vec<ProjectId> = projects.iter().map(|project| project.id).collect();
        Ok(locks::lock_projects(&self.transaction, &projects).await?)
    }
}
