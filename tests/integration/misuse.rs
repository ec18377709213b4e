//! Questions that make no sense, through every RPC that takes one: refused by their field, never answered for another.

use rolegate::domain::actions::{AccountAction, OrganizationAction, ProjectAction};
use rolegate::domain::policy::Policy;
use rolegate::grpc::v1::{
    CheckAccountRequest, CheckItem, CheckOrganizationRequest, CheckRequest, DecisionReason, ErrorReason,
    ExplainRequest, ListActionsRequest, ListProjectsRequest, ListUsersRequest, StreamCheckRequest, check_result,
};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::support::questions::{on_account, on_organization, on_project};
use crate::support::{Service, fresh_database, reason};

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
                let answer = client.explain(ExplainRequest { user, project: object, action }).await?.into_inner();
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

#[tokio::test]
async fn an_action_that_there_is_none_of_is_refused_with_those_there_are() {
    let service = scene().await;
    let long = "x".repeat(1_000_000);
    for rpc in ALL.into_iter().filter(|rpc| rpc.takes_action()) {
        let other = if rpc == CheckOrganization { "update_account" } else { "read_members_" };
        for action in
            ["destroy", "", " ", "View_project", "view_project ", "vіew_project", "view_project\0", other, &long]
        {
            if rpc == ListUsers && action.is_empty() {
                continue; // all who hold a role
            }
            let refused = rpc.refuses(&service, ["ann", rpc.object(), action], "UNKNOWN_ACTION", "action").await;
            let (_, listed) = refused.message.rsplit_once("there are: ").expect("a list");
            assert_eq!(listed.split(", ").collect::<Vec<_>>(), rpc.actions(), "{rpc:?}");
        }
        rpc.ask(&service, "ann", rpc.object(), rpc.action()).await.unwrap();
    }
    service.stop().await;
}

/// Names that no account can have; some look like `ann`, some would become it by a careless folding.
const NO_NAMES: &[&str] = &[
    " ",
    "a",
    "an",
    "9nn",
    "-ann",
    "_ann",
    " ann",
    "ann ",
    "ann\n",
    "ann\0",
    "\0",
    "a\0nn",
    "ann/trees",
    "@acme/crew",
    "ann;--",
    "аnn",
    "ａｎｎ",
    "ann\u{301}",
    "ánn",
    "a\u{301}nn",
    "ann\u{200b}",
    "ann\u{ad}",
    "\u{feff}ann",
    "ＡＮＮ",
    "ⓐnn",
    "𝒶nn",
    "rémi",
    "re\u{301}mi",
    "remı",
    "REMİ",
    "remi\u{307}",
    "ﬁle",
    "ſtefan",
    "K\u{212a}ate",
    "nn\u{202e}a",
];

#[tokio::test]
async fn names_that_only_look_like_one_are_refused_and_never_answered_for_it() {
    let service = scene().await;
    for rpc in ALL {
        for name in NO_NAMES {
            if rpc.takes_user() {
                rpc.refuses(&service, [name, rpc.object(), rpc.action()], "INVALID_FIELD", "user").await;
            }
            let object = if rpc.object().contains('/') { format!("{name}/trees") } else { (*name).to_owned() };
            rpc.refuses(&service, ["ann", &object, rpc.action()], "INVALID_FIELD", rpc.object_field()).await;
        }
    }
    service.stop().await;
}

#[tokio::test]
async fn projects_are_named_by_uuid_or_by_a_path_that_can_be() {
    let service = scene().await;
    for rpc in ALL.into_iter().filter(|rpc| rpc.object_field() == "project") {
        for object in [
            "",
            "trees",
            "/",
            "/trees",
            "ann/",
            "ann//trees",
            "ann/trees/",
            "ann/trees/x",
            "ann\\trees",
            "ann/tr es",
            "ann/.trees",
            "ann/-trees",
            "ann/träes",
            "ann/tra\u{308}es",
            "ann/ｔrees",
            "ann/trees\0",
            "ann/trees\n",
            "00000000-0000-4000-8000-00000000000",
            "00000000-0000-4000-8000-0000000000000",
            "zzzzzzzz-0000-4000-8000-000000000000",
            "{00000000-0000-4000-8000-000000000000",
            "０0000000-0000-4000-8000-000000000000",
            "' OR 1=1 --",
        ] {
            rpc.refuses(&service, ["ann", object, rpc.action()], "INVALID_FIELD", "project").await;
        }
    }
    service.stop().await;
}

#[tokio::test]
async fn names_are_the_same_without_regard_to_case_and_uuids_in_every_form() {
    let service = scene().await;
    let id = service.create_project("ann/ponds", false).await;
    let simple = id.replace('-', "");
    for rpc in ALL {
        let plain = rpc.ask(&service, "ann", rpc.object(), rpc.action()).await.unwrap();
        let upper = match rpc.object() {
            "ann/trees" => "ANN/trees".to_owned(),
            name => name.to_uppercase(),
        };
        assert_eq!(rpc.ask(&service, "ANN", &upper, rpc.action()).await.unwrap(), plain, "{rpc:?}");
        if rpc.object_field() != "project" {
            continue;
        }
        let by_id = rpc.ask(&service, "aNn", &id, rpc.action()).await.unwrap();
        assert_eq!(by_id, plain, "{rpc:?}: ann owns both");
        let forms =
            [id.to_uppercase(), simple.clone(), format!("{{{id}}}"), format!("urn:uuid:{id}"), simple.to_uppercase()];
        for form in forms {
            assert_eq!(rpc.ask(&service, "ann", &form, rpc.action()).await.unwrap(), by_id, "{rpc:?} {form}");
        }
        // the name of a project is another in another case
        let shouted = rpc.ask(&service, "ann", "ann/TREES", rpc.action()).await.unwrap();
        assert!(shouted.starts_with("ProjectNotFound") || shouted == "[]", "{rpc:?}: {shouted}");
    }
    service.stop().await;
}

#[tokio::test]
async fn texts_of_absurd_length_are_refused_shortly() {
    let service = scene().await;
    let long = "a".repeat(1_000_000);
    for rpc in ALL {
        if rpc.takes_user() {
            rpc.refuses(&service, [&long, rpc.object(), rpc.action()], "INVALID_FIELD", "user").await;
        }
        for object in [long.clone(), format!("ann/{long}"), format!("{long}/trees")] {
            rpc.refuses(&service, ["ann", &object, rpc.action()], "INVALID_FIELD", rpc.object_field()).await;
        }
    }
    service.stop().await;
    let small = Service::start_on(fresh_database().await, &["--max-message-size", "2KiB"]).await;
    for rpc in ALL {
        let outcome = rpc.ask(&small, "ann", &"a".repeat(4_000), rpc.action()).await;
        let refused = outcome.expect_err("more than a message may have");
        assert!(matches!(refused.code, Code::OutOfRange | Code::ResourceExhausted), "{rpc:?}: {refused:?}");
        let _ = rpc.ask(&small, "ann", rpc.object(), rpc.action()).await.expect("and the next one is answered");
    }
    small.stop().await;
}

#[tokio::test]
async fn an_empty_user_is_an_anonymous_visitor() {
    let service = scene().await;
    for rpc in ALL.into_iter().filter(|rpc| rpc.takes_user()) {
        let answer = rpc.ask(&service, "", rpc.object(), rpc.action()).await.unwrap();
        let expected = match rpc {
            ListActions => "[]",
            ListProjects => "Anonymous []",
            _ => "Anonymous",
        };
        assert_eq!(answer, expected, "{rpc:?}");
    }
    for account in ["bob", "acme"] {
        assert_eq!(CheckAccount.ask(&service, "", account, "get_status").await.unwrap(), "Granted", "{account}");
    }
    assert_eq!(CheckAccount.ask(&service, "", "nobody", "get_status").await.unwrap(), "AccountNotFound");
    let item = on_account("", "bob", "get_status");
    let (result, _) = service.ask(&item).await.unwrap();
    assert_eq!(service.batch(vec![item]).await.unwrap().results, [result]);
    let nobody = on_organization("", "nobody", "read_members");
    let answer = service.ask(&nobody).await.unwrap().0.result;
    let Some(check_result::Result::Organization(answer)) = answer else { panic!("{answer:?}") };
    assert_eq!(answer.reason(), DecisionReason::Anonymous, "who asks comes before what is asked about");
    service.stop().await;
}

#[tokio::test]
async fn the_first_field_that_is_wrong_is_named() {
    let service = scene().await;
    for rpc in ALL {
        if rpc.takes_user() {
            rpc.refuses(&service, ["b", "b", "destroy"], "INVALID_FIELD", "user").await;
        }
        if rpc != ListProjects && rpc != ListUsers {
            rpc.refuses(&service, ["ann", "b", "destroy"], "INVALID_FIELD", rpc.object_field()).await;
        }
    }
    service.stop().await;
}

#[tokio::test]
async fn lists_refuse_origins_and_sizes_that_there_are_none_of() {
    let service = scene().await;
    let projects = ListProjectsRequest { user: "ann".into(), action: "view_project".into(), ..Default::default() };
    let users = ListUsersRequest { project: "ann/trees".into(), ..Default::default() };
    let mut client = service.authorization();
    let mut refusals = Vec::new();
    for origin in [8, 99, -1, i32::MAX, i32::MIN] {
        let refused = client.list_projects(ListProjectsRequest { origin, ..projects.clone() }).await.unwrap_err();
        refusals.push((refused, "INVALID_FIELD", "origin"));
    }
    for page_size in [-1, 1_001, i32::MAX, i32::MIN] {
        let refused = client.list_projects(ListProjectsRequest { page_size, ..projects.clone() }).await.unwrap_err();
        refusals.push((refused, "INVALID_FIELD", "page_size"));
        let refused = client.list_users(ListUsersRequest { page_size, ..users.clone() }).await.unwrap_err();
        refusals.push((refused, "INVALID_FIELD", "page_size"));
    }
    for token in ["garbage", "é", "AAAA", "====", &"A".repeat(100_000)] {
        let page_token = token.to_owned();
        let refused = client.list_projects(ListProjectsRequest { page_token: page_token.clone(), ..projects.clone() });
        refusals.push((refused.await.unwrap_err(), "INVALID_PAGE_TOKEN", "page_token"));
        let refused = client.list_users(ListUsersRequest { page_token, ..users.clone() }).await.unwrap_err();
        refusals.push((refused, "INVALID_PAGE_TOKEN", "page_token"));
    }
    for (status, reason, field) in refusals {
        let refused = Refused::from(status);
        assert_eq!((refused.code, &*refused.reason, &*refused.field), (Code::InvalidArgument, reason, field));
    }
    service.stop().await;
}

#[tokio::test]
async fn the_reasons_that_items_name_are_those_of_the_contract() {
    // an item's error is an enum: a reason that it does not know would be 0
    assert_eq!(ErrorReason::try_from(0), Ok(ErrorReason::Unspecified));
    let service = scene().await;
    let policy = Policy::built_in().unwrap();
    assert_eq!(policy.project_actions().count(), Check.actions().len());
    let long = "a".repeat(200);
    for user in ["b", &long, "ünique"] {
        let refused = Batch.refuses(&service, [user, "ann/trees", "view_project"], "INVALID_FIELD", "user").await;
        let single = Check.refuses(&service, [user, "ann/trees", "view_project"], "INVALID_FIELD", "user").await;
        assert_eq!(refused.message, single.message, "an item says what a single check says");
    }
    service.stop().await;
}
