//! Questions that make no sense, through every RPC that takes one: refused by their field, never answered for another.

mod names;
mod nonsense;

use rolegate::domain::actions::{AccountAction, OrganizationAction, ProjectAction};
use rolegate::grpc::v1::{
    CheckAccountRequest, CheckItem, CheckOrganizationRequest, CheckRequest, ExplainRequest, ListActionsRequest,
    ListProjectsRequest, ListUsersRequest, StreamCheckRequest, check_result,
};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::support::questions::on_project;
use crate::support::{Service, reason};

/// The ways to ask. Each takes a user, an object and an action, as far as it has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rpc {
    Check,
    CheckOrganization,
    CheckAccount,
    Explain,
    ListActions,
    ListProjects,
    ListUsers,
    Batch,
    Stream,
}

use Rpc::*;

const ALL: [Rpc; 9] =
    [Check, CheckOrganization, CheckAccount, Explain, ListActions, ListProjects, ListUsers, Batch, Stream];

/// How a question was refused: code, reason, field, message. The items of batches and streams name their field in the
/// message only.
#[derive(Debug)]
struct Refused {
    code: Code,
    reason: String,
    field: String,
    message: String,
}

impl Rpc {
    /// An object that there is.
    fn object(self) -> &'static str {
        match self {
            CheckOrganization => "acme",
            CheckAccount => "bob",
            ListProjects => "ann",
            _ => "ann/trees",
        }
    }

    fn object_field(self) -> &'static str {
        match self {
            CheckOrganization => "organization",
            CheckAccount => "account",
            ListProjects => "owner",
            _ => "project",
        }
    }

    fn action(self) -> &'static str {
        match self {
            CheckOrganization => "read_members",
            CheckAccount => "read_public_profile",
            _ => "view_project",
        }
    }

    fn takes_user(self) -> bool {
        self != ListUsers
    }

    fn takes_action(self) -> bool {
        self != ListActions
    }

    /// The names of the actions of its kind.
    fn actions(self) -> Vec<&'static str> {
        match self {
            CheckOrganization => OrganizationAction::ALL.iter().map(|action| action.name()).collect(),
            CheckAccount => AccountAction::ALL.iter().map(|action| action.name()).collect(),
            _ => ProjectAction::ALL.iter().map(|action| action.name()).collect(),
        }
    }

    /// What it answers, in short, or how it refuses.
    async fn ask(self, service: &Service, user: &str, object: &str, action: &str) -> Result<String, Refused> {
        let mut client = service.authorization().max_decoding_message_size(64 << 20);
        let (user, object, action) = (user.to_owned(), object.to_owned(), action.to_owned());
        match self {
            Check => {
                let request = CheckRequest { user, project: object, action, consistency: None };
                Ok(format!("{:?}", client.check(request).await?.into_inner().reason()))
            }
            CheckOrganization => {
                let request = CheckOrganizationRequest { user, organization: object, action, consistency: None };
                Ok(format!("{:?}", client.check_organization(request).await?.into_inner().reason()))
            }
            CheckAccount => {
                let request = CheckAccountRequest { user, account: object, action, consistency: None };
                Ok(format!("{:?}", client.check_account(request).await?.into_inner().reason()))
            }
            Explain => {
                let answer = client
                    .explain(ExplainRequest { user, project: object, action, consistency: None })
                    .await?
                    .into_inner();
                Ok(format!("{:?}", answer.reason()))
            }
            ListActions => {
                let request = ListActionsRequest { user, project: object, consistency: None };
                Ok(format!("{:?}", client.list_actions(request).await?.into_inner().actions))
            }
            ListProjects => {
                let request = ListProjectsRequest { user, owner: object, action, ..Default::default() };
                let answer = client.list_projects(request).await?.into_inner();
                Ok(format!("{:?} {:?}", answer.reason(), answer.projects))
            }
            ListUsers => {
                let request = ListUsersRequest { project: object, action, ..Default::default() };
                let answer = client.list_users(request).await?.into_inner();
                Ok(format!("{:?} {:?}", answer.reason(), answer.users))
            }
            Batch => {
                let answer = service.batch(vec![on_project(&user, &object, &action)]).await?;
                of_item(answer.results.into_iter().next().unwrap().result.unwrap())
            }
            Stream => {
                let check: Option<CheckItem> = Some(on_project(&user, &object, &action));
                let question = StreamCheckRequest { id: 1, check, consistency: None };
                let mut answers = client.stream_check(futures::stream::iter([question])).await?.into_inner();
                of_item(answers.message().await?.unwrap().result.unwrap().result.unwrap())
            }
        }
    }

    /// Refused by that field for that reason, and with nothing else.
    async fn refuses(self, service: &Service, asked: [&str; 3], reason: &str, field: &str) -> Refused {
        let [user, object, action] = asked;
        let shown: Vec<String> = asked.iter().map(|text| text.chars().take(60).collect()).collect();
        let outcome = self.ask(service, user, object, action).await;
        let refused = outcome.expect_err(&format!("{self:?} answered {shown:?}"));
        assert_eq!(
            (refused.code, refused.reason.as_str(), refused.field.as_str()),
            (Code::InvalidArgument, reason, field),
            "{self:?} {shown:?}: {refused:?}"
        );
        assert!(refused.message.len() < 2_000, "{self:?} {shown:?}: {} bytes of message", refused.message.len());
        refused
    }
}

impl From<Status> for Refused {
    fn from(status: Status) -> Self {
        let request = status.get_details_bad_request();
        let field = request.map(|request| request.field_violations[0].field.clone()).unwrap_or_default();
        Self { code: status.code(), reason: reason(&status), field, message: status.message().to_owned() }
    }
}

fn of_item(result: check_result::Result) -> Result<String, Refused> {
    match result {
        check_result::Result::Project(answer) => Ok(format!("{:?}", answer.reason())),
        check_result::Result::Error(error) => {
            let name = error.reason().as_str_name().trim_start_matches("ERROR_REASON_").to_owned();
            let field = error.message.split(':').next().unwrap().to_owned();
            Err(Refused { code: Code::from_i32(error.code), reason: name, field, message: error.message })
        }
        other => panic!("{other:?}"),
    }
}

/// ann owns ann/trees and acme; bob is there.
async fn scene() -> Service {
    let service = Service::start().await;
    service.create_users(&["ann", "bob", "remi"]).await;
    service.create_organization("acme", "ann").await;
    service.create_project("ann/trees", false).await;
    service
}
