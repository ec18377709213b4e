//! Writes of plans: for callers in their own right.

use super::ahead::Locks;
use super::cascade::missing_is_gone;
use super::error::MembershipError;
use super::scope::Scope;
use super::writer::Operation;
use crate::domain::change::{EntryKey, Object};
use crate::domain::etag::Etag;
use crate::domain::names::PlanCode;
use crate::domain::records::Plan;
use crate::domain::refusal::Refusal;
use crate::domain::rules::PlanRules;
use crate::store::plans;

/// Creates a plan, or replaces the one of that code.
#[derive(Debug)]
pub struct PutPlan {
    /// Which.
    pub code: PlanCode,
    /// What it allows.
    pub rules: PlanRules,
    /// Only where it is in this state.
    pub etag: Option<Etag>,
}

/// Deletes a plan.
#[derive(Debug)]
pub struct DeletePlan {
    /// Which.
    pub code: PlanCode,
    /// Only where it is in this state.
    pub etag: Option<Etag>,
    /// Whether it may be absent.
    pub allow_missing: bool,
}

impl Operation for PutPlan {
    const NAME: &'static str = "put_plan";
    type Output = Plan;

    fn locks(&self) -> Locks<'_> {
        Locks::default().plan(&self.code)
    }

    async fn run(&self, scope: &mut Scope<'_>) -> Result<Plan, MembershipError> {
        scope.actor.own_right_only("change plans")?;
        let code = self.code.as_str();
        let before = plans::lock_by_code(&scope.transaction, code).await?;
        if let Some(wanted) = &self.etag {
            let gone = || Refusal::EtagMismatch(code.to_owned());
            let present = before.as_ref().map(Plan::etag).ok_or_else(gone)?;
            present.must_be(Some(wanted), || code.to_owned())?;
        }
        let (id, is_new) = plans::put(&scope.transaction, code, &self.rules).await?;
        if is_new != before.is_none() {
            return Err(MembershipError::Moved);
        }
        let after = Plan { id, code: code.to_owned(), rules: self.rules.clone() };
        scope.changes.touch(EntryKey::Plan(id));
        scope.log_plan(before.as_ref(), Some(&after));
        Ok(after)
    }
}

impl Operation for DeletePlan {
    const NAME: &'static str = "delete_plan";
    type Output = ();

    fn locks(&self) -> Locks<'_> {
        Locks::default().plan(&self.code)
    }

    async fn run(&self, scope: &mut Scope<'_>) -> Result<(), MembershipError> {
        missing_is_gone(self.remove(scope).await, self.allow_missing)
    }
}

impl DeletePlan {
    async fn remove(&self, scope: &mut Scope<'_>) -> Result<(), MembershipError> {
        scope.actor.own_right_only("change plans")?;
        let code = self.code.as_str();
        let in_use = || Refusal::PlanInUse(code.to_owned());
        let plan = plans::lock_by_code(&scope.transaction, code).await?;
        let plan = plan.ok_or_else(|| MembershipError::not_found(Object::Plan, code))?;
        if code == PlanCode::DEFAULT {
            return Err(in_use().into());
        }
        plan.etag().must_be(self.etag.as_ref(), || code.to_owned())?;
        let deleted = plans::delete(&scope.transaction, plan.id).await;
        deleted.map_err(|error| MembershipError::constraint(error, "account_plan_fk", in_use))?;
        scope.changes.touch(EntryKey::Plan(plan.id));
        scope.log_plan(Some(&plan), None);
        Ok(())
    }
}
