//! The write that says that a grant has reached its end. Checks do not depend on it: they judge by the clock.

use super::ahead::Locks;
use super::error::MembershipError;
use super::scope::{Scope, Who};
use super::writer::Operation;
use crate::domain::change::{EXPIRY, Object};
use crate::domain::ids::ProjectId;
use crate::domain::names::ProjectReference;
use crate::domain::records::Subject;
use crate::store::locks::Strength;
use crate::store::{collaborators, expiries};

/// Records that a collaborator's grant has reached its end, once.
#[derive(Debug)]
pub struct ExpireCollaborator {
    /// On which project.
    pub project: ProjectId,
    /// Whose.
    pub subject: Subject,
}

impl Operation for ExpireCollaborator {
    const NAME: &'static str = EXPIRY;
    type Output = ();

    fn locks(&self) -> Locks<'_> {
        // never one of several, and nobody waits for it
        Locks::default()
    }

    /// NOT_FOUND where there is no such end to record, or no longer: it is recorded, or was moved, or the grant is gone.
    async fn run(&self, scope: &mut Scope<'_>) -> Result<(), MembershipError> {
        // the names in the log hold until the commit
        let holder: &[_] = match self.subject {
            Subject::User(user) => &[(Who::Id(user), Strength::Shared)],
            Subject::Team(_) => &[],
        };
        scope.lock_project(&ProjectReference::Id(self.project), holder).await?;
        let missing = || MembershipError::not_found(Object::Collaborator, self.project);
        if !expiries::note(&scope.transaction, self.project, self.subject).await? {
            return Err(missing());
        }
        let row = collaborators::get(&scope.transaction, self.project, self.subject).await?.ok_or_else(missing)?;
        scope.log_collaborator(Some(&row), Some(&row));
        Ok(())
    }
}
