//! Trying a write out: the operation itself is run, and what it would change of anybody's role is decided by what decides checks.
//!
//! It runs twice, in one snapshot: first to learn what it touches, and so whom to look at before and after it; then to look at
//! them after it, and once it is undone, before it. No other write comes between, and nothing stays.

use super::effects::{Effects, Looks};
use super::error::MembershipError;
use super::scope::Scope;
use super::writer::Operation;
use crate::domain::change::Changes;
use crate::store::{StoreError, locks, trial};

/// What kept an operation from being tried. A row that keeps another out, and which the snapshot does not show, was committed
/// since: it is tried again.
pub(super) fn as_conflict(failure: MembershipError) -> MembershipError {
    match failure {
        MembershipError::Internal(StoreError::Constraint(_)) => MembershipError::Met,
        other => other,
    }
}

/// Runs an operation and undoes it; returns what it would have answered, what it would have changed, and what roles.
pub(super) async fn try_out<O: Operation>(
    scope: &mut Scope<'_>,
    operation: &O,
) -> Result<(O::Output, Changes, Effects), MembershipError> {
    let now = locks::now(&scope.transaction).await?;
    trial::mark(&scope.transaction).await?;
    let mut looks = Looks::new(now);
    let output = scope.carry_out(operation).await?;
    let changes = scope.begin_anew();
    looks.remember(scope, &changes).await?;
    trial::undo(&scope.transaction).await?;
    if changes.touched.is_empty() {
        return Ok((output, changes, Effects::none()));
    }
    looks.gather(scope, &changes).await?;
    let output = scope.carry_out(operation).await?;
    let changes = scope.begin_anew();
    looks.gather(scope, &changes).await?;
    let after = looks.decide(scope).await?;
    trial::undo(&scope.transaction).await?;
    let before = looks.decide(scope).await?;
    Ok((output, changes, looks.compare(before, &after)))
}
