//! Decisions as they go on the wire.

use super::v1::{self, CheckAccountResponse, CheckOrganizationResponse, CheckResponse, DecisionReason};
use super::{resources, revision};
use crate::domain::decision::{Decision, LevelDecision, Reason};
use crate::domain::facts::Time;
use crate::domain::roles::{AccountLevel, OrganizationLevel};
use crate::view::Answer;

/// What a decision is true at, as callers are told. Nothing where a batch says it once for all.
#[derive(Default)]
pub(crate) struct At {
    pub revision: String,
    pub stale: bool,
}

impl At {
    /// What an answer of the view is true at.
    pub(super) fn of<T>(answer: &Answer<T>) -> Self {
        Self { revision: revision::encode(answer.token), stale: answer.stale }
    }
}

/// A decision about a project.
pub(crate) fn project(decision: &Decision, at: At) -> CheckResponse {
    let held = decision.held;
    CheckResponse {
        allowed: decision.allowed(),
        role: held.map(|held| resources::project_role(held.role)).unwrap_or_default().into(),
        origin: held.map(|held| resources::origin(held.origin)).unwrap_or_default().into(),
        required_role: decision.required.map(resources::project_level).unwrap_or_default().into(),
        reason: reason(decision.reason).into(),
        over_limit: decision.over_limit,
        expires_at: held.and_then(|held| end(held.ends_at)),
        revision: at.revision,
        stale: at.stale,
    }
}

/// A decision about an organization.
pub(super) fn organization(decision: &LevelDecision<OrganizationLevel>, at: At) -> CheckOrganizationResponse {
    CheckOrganizationResponse {
        allowed: decision.allowed(),
        level: decision.level.map(organization_level).unwrap_or_default().into(),
        required_level: organization_level(decision.required).into(),
        reason: reason(decision.reason).into(),
        revision: at.revision,
        stale: at.stale,
    }
}

/// A decision about an account.
pub(super) fn account(decision: &LevelDecision<AccountLevel>, at: At) -> CheckAccountResponse {
    CheckAccountResponse {
        allowed: decision.allowed(),
        level: decision.level.map(account_level).unwrap_or_default().into(),
        required_level: account_level(decision.required).into(),
        reason: reason(decision.reason).into(),
        revision: at.revision,
        stale: at.stale,
    }
}

pub(super) fn reason(reason: Reason) -> DecisionReason {
    match reason {
        Reason::Granted => DecisionReason::Granted,
        Reason::Anonymous => DecisionReason::Anonymous,
        Reason::UserNotFound => DecisionReason::UserNotFound,
        Reason::UserInactive => DecisionReason::UserInactive,
        Reason::ProjectNotFound => DecisionReason::ProjectNotFound,
        Reason::OrganizationNotFound => DecisionReason::OrganizationNotFound,
        Reason::AccountNotFound => DecisionReason::AccountNotFound,
        Reason::NoRole => DecisionReason::NoRole,
        Reason::RoleTooLow => DecisionReason::RoleTooLow,
        Reason::TemplateProject => DecisionReason::TemplateProject,
        Reason::RestrictedProjectFiles => DecisionReason::RestrictedProjectFiles,
        Reason::OverLimit => DecisionReason::OverLimit,
    }
}

/// When a grant ends; absent where it does not.
pub(super) fn end(time: Time) -> Option<prost_types::Timestamp> {
    let nanos = i32::try_from(time.0.rem_euclid(1_000_000) * 1_000).unwrap_or_default();
    (time != Time::NEVER).then(|| prost_types::Timestamp { seconds: time.0.div_euclid(1_000_000), nanos })
}

fn organization_level(level: OrganizationLevel) -> v1::OrganizationLevel {
    match level {
        OrganizationLevel::Registered => v1::OrganizationLevel::Registered,
        OrganizationLevel::Member => v1::OrganizationLevel::Member,
        OrganizationLevel::Creator => v1::OrganizationLevel::Creator,
        OrganizationLevel::Admin => v1::OrganizationLevel::Admin,
        OrganizationLevel::Owner => v1::OrganizationLevel::Owner,
    }
}

fn account_level(level: AccountLevel) -> v1::AccountLevel {
    match level {
        AccountLevel::Anyone => v1::AccountLevel::Anyone,
        AccountLevel::Registered => v1::AccountLevel::Registered,
        AccountLevel::OrganizationAdmin => v1::AccountLevel::OrganizationAdmin,
        AccountLevel::OneSelf => v1::AccountLevel::Self_,
    }
}
