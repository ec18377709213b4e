//! Questions of every kind in short, as items of a batch or a stream, and what their answers say.

use rolegate::grpc::v1::check_item::Object;
use rolegate::grpc::v1::check_result::Result as Answer;
use rolegate::grpc::v1::{
    BatchCheckRequest, BatchCheckResponse, CheckAccountRequest, CheckItem, CheckOrganizationRequest, CheckResult,
    Consistency, ErrorReason, consistency::Requirement,
};
use tonic::{Code, Request, Status};

use super::Clients;

/// May the user do this on the project?
pub fn on_project(user: &str, project: &str, action: &str) -> CheckItem {
    item(user, Some(Object::Project(project.to_owned())), action)
}

/// May the user do this on the organization?
pub fn on_organization(user: &str, organization: &str, action: &str) -> CheckItem {
    item(user, Some(Object::Organization(organization.to_owned())), action)
}

/// May the user do this on the account?
pub fn on_account(user: &str, account: &str, action: &str) -> CheckItem {
    item(user, Some(Object::Account(account.to_owned())), action)
}

/// A question about nothing.
pub fn on_nothing(user: &str, action: &str) -> CheckItem {
    item(user, None, action)
}

/// Whether an item was allowed, or the code and reason of its error.
pub fn allowed(result: &CheckResult) -> Result<bool, (Code, ErrorReason)> {
    match result.result.as_ref().unwrap() {
        Answer::Project(answer) => Ok(answer.allowed),
        Answer::Organization(answer) => Ok(answer.allowed),
        Answer::Account(answer) => Ok(answer.allowed),
        Answer::Error(error) => {
            assert!(!error.message.is_empty(), "an error says what is wrong");
            Err((Code::from_i32(error.code), error.reason()))
        }
    }
}

/// The same of every item of a batch.
pub fn all_allowed(response: &BatchCheckResponse) -> Vec<Result<bool, (Code, ErrorReason)>> {
    response.results.iter().map(allowed).collect()
}

/// That fresh, or no message at all.
pub fn consistency(requirement: Option<Requirement>) -> Option<Consistency> {
    requirement.map(|requirement| Consistency { requirement: Some(requirement) })
}

impl Clients {
    /// Asks a batch.
    pub async fn batch(&self, checks: Vec<CheckItem>) -> Result<BatchCheckResponse, Status> {
        self.batch_with(BatchCheckRequest { checks, consistency: None }).await
    }

    /// Asks a batch, with what else there is to say about it.
    pub async fn batch_with(
        &self,
        request: impl tonic::IntoRequest<BatchCheckRequest>,
    ) -> Result<BatchCheckResponse, Status> {
        let mut client = self.authorization().max_decoding_message_size(64 << 20);
        client.batch_check(request).await.map(tonic::Response::into_inner)
    }

    /// Asks one question by its own RPC. The revision is taken out, as an item of a batch has none, and given beside it.
    pub async fn ask(&self, item: &CheckItem) -> Result<(CheckResult, String), Status> {
        let (user, action) = (item.user.clone(), item.action.clone());
        let mut client = self.authorization();
        let (answer, revision) = match item.object.clone().unwrap() {
            Object::Project(project) => {
                let request = rolegate::grpc::v1::CheckRequest { user, project, action, consistency: None };
                let mut answer = client.check(request).await?.into_inner();
                let revision = std::mem::take(&mut answer.revision);
                (Answer::Project(answer), revision)
            }
            Object::Organization(organization) => {
                let request = CheckOrganizationRequest { user, organization, action, consistency: None };
                let mut answer = client.check_organization(request).await?.into_inner();
                let revision = std::mem::take(&mut answer.revision);
                (Answer::Organization(answer), revision)
            }
            Object::Account(account) => {
                let request = CheckAccountRequest { user, account, action, consistency: None };
                let mut answer = client.check_account(Request::new(request)).await?.into_inner();
                let revision = std::mem::take(&mut answer.revision);
                (Answer::Account(answer), revision)
            }
        };
        Ok((CheckResult { result: Some(answer) }, revision))
    }
}

fn item(user: &str, object: Option<Object>, action: &str) -> CheckItem {
    CheckItem { user: user.to_owned(), object, action: action.to_owned() }
}
