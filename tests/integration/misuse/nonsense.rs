//! Actions, origins, sizes and tokens that there are none of; who is nobody; which of several mistakes is named.

use rolegate::grpc::v1::{DecisionReason, ListProjectsRequest, ListUsersRequest, check_result};
use tonic::Code;

use super::Rpc::*;
use super::{ALL, Refused, scene};
use crate::support::questions::{on_account, on_organization};

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
async fn an_item_is_refused_in_the_words_of_a_single_check() {
    let service = scene().await;
    for [user, object, action] in
        [["b", "ann/trees", "view_project"], ["ann", "trees", "view_project"], ["ünique", "ann/trees", "view_project"]]
    {
        let field = if user == "ann" { "project" } else { "user" };
        let single = Check.refuses(&service, [user, object, action], "INVALID_FIELD", field).await;
        for rpc in [Batch, Stream] {
            let item = rpc.refuses(&service, [user, object, action], "INVALID_FIELD", field).await;
            assert_eq!(item.message, single.message);
        }
    }
    service.stop().await;
}
