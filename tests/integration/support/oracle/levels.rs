//! What checks about organizations and accounts must answer.

use rolegate::grpc::v1::{
    AccountLevel, CheckAccountResponse, CheckOrganizationResponse, DecisionReason, OrganizationLevel,
};

use super::{ACCOUNT_ACTIONS, Matrix, ORGANIZATION_ACTIONS};

impl Matrix {
    /// What a check of one of [`ORGANIZATION_ACTIONS`] must answer, but for its revision.
    pub fn of_organization(&self, user: &str, organization: &str, action: &str) -> CheckOrganizationResponse {
        let (_, required) = ORGANIZATION_ACTIONS.into_iter().find(|rule| rule.0 == action).unwrap();
        let (user, organization) = (user.to_lowercase(), organization.to_lowercase());
        let there = self.accounts.get(&organization).is_some_and(|(is_user, _)| !is_user);
        let level = self.organization_levels.get(&(user.clone(), organization)).map(|name| organization_level(name));
        let reason = match (self.nobody(&user), level) {
            (Some(nobody), _) => nobody,
            (None, _) if !there => DecisionReason::OrganizationNotFound,
            (None, Some(level)) if i32::from(level) >= i32::from(required) => DecisionReason::Granted,
            (None, _) => DecisionReason::RoleTooLow,
        };
        CheckOrganizationResponse {
            allowed: reason == DecisionReason::Granted,
            level: level.unwrap_or_default().into(),
            required_level: required.into(),
            reason: reason.into(),
            revision: String::new(),
            stale: false,
        }
    }

    /// What a check of one of [`ACCOUNT_ACTIONS`] must answer, but for its revision.
    pub fn of_account(&self, user: &str, account: &str, action: &str) -> CheckAccountResponse {
        let (_, required) = ACCOUNT_ACTIONS.into_iter().find(|rule| rule.0 == action).unwrap();
        let (user, account) = (user.to_lowercase(), account.to_lowercase());
        let there = self.accounts.contains_key(&account);
        let open = required == AccountLevel::Anyone;
        let level = match self.account_levels.get(&(user.clone(), account)) {
            Some(name) => account_level(name),
            None if open && there => AccountLevel::Anyone,
            None => AccountLevel::Unspecified,
        };
        let reason = match self.nobody(&user) {
            Some(nobody) if !open => nobody,
            _ if !there => DecisionReason::AccountNotFound,
            _ if i32::from(level) >= i32::from(required) => DecisionReason::Granted,
            _ => DecisionReason::RoleTooLow,
        };
        CheckAccountResponse {
            allowed: reason == DecisionReason::Granted,
            level: level.into(),
            required_level: required.into(),
            reason: reason.into(),
            revision: String::new(),
            stale: false,
        }
    }

    /// Why a name stands for nobody who can hold anything.
    pub(super) fn nobody(&self, user: &str) -> Option<DecisionReason> {
        match self.accounts.get(&user.to_lowercase()) {
            _ if user.is_empty() => Some(DecisionReason::Anonymous),
            None | Some((false, _)) => Some(DecisionReason::UserNotFound),
            Some((true, false)) => Some(DecisionReason::UserInactive),
            Some((true, true)) => None,
        }
    }
}

fn organization_level(name: &str) -> OrganizationLevel {
    OrganizationLevel::from_str_name(&format!("ORGANIZATION_LEVEL_{}", name.to_uppercase())).unwrap()
}

fn account_level(name: &str) -> AccountLevel {
    AccountLevel::from_str_name(&format!("ACCOUNT_LEVEL_{}", name.to_uppercase())).unwrap()
}
