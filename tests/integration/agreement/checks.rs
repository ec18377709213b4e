//! Checks of all three kinds, alone and in a batch, and all actions of a user on a project.

use rolegate::grpc::v1::check_item::Object;
use rolegate::grpc::v1::check_result::Result as Kind;
use rolegate::grpc::v1::{
    BatchCheckRequest, BatchCheckResponse, CheckAccountRequest, CheckAccountResponse, CheckItem,
    CheckOrganizationRequest, CheckOrganizationResponse, CheckResult, DecisionReason, ErrorReason, ListActionsRequest,
    ListActionsResponse,
};
use tonic::Code;

use super::{Agreement, Dice, Names, same};
use crate::support::oracle::{ACCOUNT_ACTIONS, ACTIONS, ORGANIZATION_ACTIONS};
use crate::support::{Matrix, Verdict};

impl Agreement<'_> {
    /// A batch of all kinds, with some that are asked twice and some that can't be asked.
    pub async fn on_a_batch(self, names: &Names, dice: &mut Dice, size: usize) -> Result<(), String> {
        let mut checks: Vec<CheckItem> = Vec::new();
        while checks.len() < size {
            let again = if checks.is_empty() || !dice.once_in(8) { None } else { Some(dice.one(&checks)) };
            let item = again.unwrap_or_else(|| draw(names, dice));
            checks.push(item);
        }
        let ask = async {
            let request = BatchCheckRequest { checks: checks.clone(), consistency: None };
            self.service.authorization().batch_check(request).await.unwrap().into_inner()
        };
        self.at_one_moment(ask, |matrix, answer| judge_batch(matrix, &checks, answer)).await
    }

    /// A check of an organization and one of an account.
    pub async fn on_levels(self, names: &Names, dice: &mut Dice) -> Result<(), String> {
        let (user, object) = (dice.one(&names.accounts), dice.one(&names.accounts));
        let (of_organization, of_account) = (dice.one(&ORGANIZATION_ACTIONS).0, dice.one(&ACCOUNT_ACTIONS).0);
        if object.is_empty() {
            return Ok(());
        }
        let asked = (&user, &object, of_organization, of_account);
        let ask = async {
            let (user, object) = (user.clone(), object.clone());
            let mut client = self.service.authorization();
            let organization = CheckOrganizationRequest {
                user: user.clone(),
                organization: object.clone(),
                action: of_organization.to_owned(),
                consistency: None,
            };
            let account =
                CheckAccountRequest { user, account: object, action: of_account.to_owned(), consistency: None };
            let organization = client.check_organization(organization).await.unwrap().into_inner();
            (organization, client.check_account(account).await.unwrap().into_inner())
        };
        let judge = |matrix: &Matrix, (organization, account): &(CheckOrganizationResponse, CheckAccountResponse)| {
            let (mut organization, mut account) = (organization.clone(), account.clone());
            let revision = std::mem::take(&mut organization.revision);
            same(asked, &revision, &std::mem::take(&mut account.revision))?;
            same(asked, &organization, &matrix.of_organization(&user, &object, of_organization))?;
            same(asked, &account, &matrix.of_account(&user, &object, of_account))
        };
        self.at_one_moment(ask, judge).await
    }

    /// All that a user may do on a project.
    pub async fn on_actions(self, names: &Names, dice: &mut Dice) -> Result<(), String> {
        let (user, project) = (dice.one(&names.accounts), dice.one(&names.projects));
        let ask = async {
            let request = ListActionsRequest { user: user.clone(), project: project.clone(), consistency: None };
            self.service.authorization().list_actions(request).await.unwrap().into_inner()
        };
        let judge = |matrix: &Matrix, answer: &ListActionsResponse| {
            let any = matrix.verdict(&user, &project, "read_files");
            let without_role = any.role == Default::default();
            let reason = if without_role { any.reason } else { DecisionReason::Unspecified };
            let right = (any.role, any.origin, reason, any.over_limit, any.expires_at.map(super::lists::on_the_wire));
            let answered = (answer.role(), answer.origin(), answer.reason(), answer.over_limit, answer.expires_at);
            same(("actions", &user, &project), &answered, &right)?;
            let actions: Vec<&str> = answer.actions.iter().map(String::as_str).collect();
            same(("actions", &user, &project), &actions, &matrix.actions(&user, &project))
        };
        self.at_one_moment(ask, judge).await
    }
}

fn draw(names: &Names, dice: &mut Dice) -> CheckItem {
    let (user, action, object) = match dice.below(12) {
        0..6 => (dice.one(&names.accounts), dice.one(&ACTIONS).0, Some(Object::Project(dice.one(&names.projects)))),
        6..8 => {
            let object = Some(Object::Organization(dice.one(&names.accounts)));
            (dice.one(&names.accounts), dice.one(&ORGANIZATION_ACTIONS).0, object)
        }
        8..10 => {
            let object = Some(Object::Account(dice.one(&names.accounts)));
            (dice.one(&names.accounts), dice.one(&ACCOUNT_ACTIONS).0, object)
        }
        10 => (dice.one(&names.accounts), "transfer_organization", Some(Object::Project(dice.one(&names.projects)))),
        _ => (dice.one(&names.accounts), dice.one(&ACTIONS).0, None),
    };
    CheckItem { user, action: action.to_owned(), object }
}

fn judge_batch(matrix: &Matrix, checks: &[CheckItem], answer: &BatchCheckResponse) -> Result<(), String> {
    same("results of the batch", &answer.results.len(), &checks.len())?;
    if answer.revision.is_empty() {
        return Err("a batch without a revision".to_owned());
    }
    checks.iter().zip(&answer.results).try_for_each(|(check, result)| judge(matrix, check, result))
}

fn judge(matrix: &Matrix, check: &CheckItem, result: &CheckResult) -> Result<(), String> {
    let CheckItem { user, action, object } = check;
    let fails = |wanted: ErrorReason| match &result.result {
        Some(Kind::Error(error)) => {
            same(check, &(error.code, error.reason()), &(i32::from(Code::InvalidArgument), wanted))
        }
        other => Err(format!("{check:?}\n answered {other:?}\n right is {wanted:?}")),
    };
    match (object, &result.result) {
        (None, _) => fails(ErrorReason::InvalidField),
        (Some(Object::Organization(name) | Object::Account(name)), _) if name.is_empty() => {
            fails(ErrorReason::InvalidField).or_else(|_| fails(ErrorReason::UsernameInvalid))
        }
        (Some(Object::Project(_)), _) if !ACTIONS.iter().any(|rule| rule.0 == action) => {
            fails(ErrorReason::UnknownAction)
        }
        (Some(Object::Project(project)), Some(Kind::Project(answered))) => {
            same(check, &answered.revision, &String::new())?;
            same(check, &Verdict::from(answered), &matrix.verdict(user, project, action))
        }
        (Some(Object::Organization(name)), Some(Kind::Organization(answered))) => {
            same(check, answered, &matrix.of_organization(user, name, action))
        }
        (Some(Object::Account(name)), Some(Kind::Account(answered))) => {
            same(check, answered, &matrix.of_account(user, name, action))
        }
        (_, other) => Err(format!("{check:?}\n answered {other:?}")),
    }
}
