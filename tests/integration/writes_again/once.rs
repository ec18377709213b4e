//! The same answer, and one write: again, at once, after a restart, for each caller its own.

use std::sync::Arc;

use futures::future::join_all;
use prost_types::FieldMask;
use rolegate::domain::names::Username;
use rolegate::domain::policy::Policy;
use rolegate::grpc::v1::{
    OrganizationRole, Plan, PlanServicePutRequest, ProjectRole, ProjectServiceCreateRequest, UpdateMemberRequest,
    UserServiceDeleteRequest,
};
use rolegate::membership::users::CreateUser;
use rolegate::membership::{RequestKey, WriteContext, Writer};
use rolegate::store::requests;

use super::{bytes, create, remembered, writes};
use crate::support::postgres::connect;
use crate::support::views::{databases, start_view};
use crate::support::{Service, fresh_database};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_again_answers_byte_for_byte_what_it_answered_and_writes_nothing() {
    let database = fresh_database().await;
    let (here, there) =
        (Service::start_on(database.clone(), &[]).await, Service::start_on(database.clone(), &[]).await);
    let client = connect(&database).await;
    here.create_users(&["ann", "bob", "gone"]).await;
    here.create_organization("acme", "ann").await;
    here.add_member("acme", "bob", OrganizationRole::Member).await.unwrap();
    here.create_project("gone/trees", true).await;
    here.add_collaborator("gone/trees", "bob", ProjectRole::Reader).await.unwrap();
    let id = |name: &str| name.to_owned();
    // one whose answer is made up by the database, one with a mask, one that takes much away, one that answers no resource
    let project = ProjectServiceCreateRequest {
        owner: id("acme"),
        name: id("parks"),
        request_id: id("project"),
        ..Default::default()
    };
    let member = UpdateMemberRequest {
        organization: id("acme"),
        user: id("bob"),
        update_mask: Some(FieldMask { paths: vec![id("role")] }),
        role: OrganizationRole::Creator.into(),
        request_id: id("member"),
        ..Default::default()
    };
    let user = UserServiceDeleteRequest { username: id("gone"), request_id: id("user"), ..Default::default() };
    let before = writes(&client).await;
    let mut first = Vec::new();
    for (turn, service) in [&here, &there, &here].into_iter().enumerate() {
        let answers = [
            bytes(service.projects().create(project.clone()).await.unwrap()),
            bytes(service.organizations().update_member(member.clone()).await.unwrap()),
            bytes(service.users().delete(user.clone()).await.unwrap()),
        ];
        if turn == 0 {
            first = answers.to_vec();
            // what is written meanwhile makes no difference
            here.create_users(&["later"]).await;
        }
        assert_eq!(first, answers, "turn {turn}");
    }
    assert_eq!(writes(&client).await, before + 4);
    let named = "SELECT array_agg(request_id ORDER BY revision) FROM change_set WHERE request_id IS NOT NULL";
    let named: Vec<String> = client.query_one(named, &[]).await.unwrap().get(0);
    assert_eq!(named, ["project", "member", "user"], "the log has them too");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_request_at_once_through_two_replicas_is_one_write() {
    let database = fresh_database().await;
    let replicas = [Service::start_on(database.clone(), &[]).await, Service::start_on(database.clone(), &[]).await];
    let client = connect(&database).await;
    for round in 0..10 {
        let before = writes(&client).await;
        let (name, id) = (format!("user-{round}"), format!("round/{round}"));
        let answers = join_all((0..12).map(|place| create(&replicas[place % 2], &name, &id))).await;
        let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
        assert!(answers.iter().all(|answer| answer == &answers[0]), "round {round}");
        assert_eq!(writes(&client).await, before + 1, "round {round}");
    }
}

#[tokio::test]
async fn it_answers_the_same_after_a_restart() {
    let database = fresh_database().await;
    let service = Service::start_on(database.clone(), &[]).await;
    let first = create(&service, "ann", "before").await.unwrap();
    service.stop().await;
    let service = Service::start_on(database.clone(), &[]).await;
    assert_eq!(create(&service, "ann", "before").await.unwrap(), first);
    assert_eq!(writes(&connect(&database).await).await, 1);
}

#[tokio::test]
async fn a_day_later_it_is_written_anew_whether_it_was_forgotten_by_then_or_not() {
    let database = fresh_database().await;
    let service = Service::start_on(database.clone(), &[]).await;
    let client = connect(&database).await;
    let put = || async {
        let plan = Some(Plan { code: "gold".to_owned(), ..Default::default() });
        let request = PlanServicePutRequest { plan, request_id: "put".to_owned(), ..Default::default() };
        service.plans().put(request).await.unwrap().into_inner().revision
    };
    let age = |by: &'static str| {
        let sql = format!("UPDATE request SET written_at = written_at - interval '{by}'");
        let client = &client;
        async move { client.batch_execute(&sql).await.unwrap() }
    };
    let first = put().await;
    age("23 hours 59 minutes").await;
    assert_eq!(put().await, first);
    age("1 minute").await;
    let second = put().await;
    assert_ne!(second, first, "it is there, and counts no more");
    assert_eq!((put().await, writes(&client).await), (second.clone(), 2));
    age("1 day").await;
    let pooled = databases(&database).main.client().await.unwrap();
    assert_eq!(requests::forget(&pooled).await.unwrap(), 1);
    assert_eq!(requests::forget(&pooled).await.unwrap(), 0);
    assert_eq!(remembered(&client).await, 0);
    assert_ne!(put().await, second);
}

#[tokio::test]
async fn each_caller_has_ids_of_its_own() {
    let database = fresh_database().await;
    let client = connect(&database).await;
    let (view, _kept) = start_view(&database, 1 << 20).await;
    let writer = Writer::new(databases(&database).main, view, Arc::new(Policy::built_in().unwrap()));
    let create = async |caller: Option<&str>, name: &str| {
        let request = Some(RequestKey { id: "one".to_owned(), digest: [0; 32] });
        let context = WriteContext { caller: caller.map(str::to_owned), request, ..Default::default() };
        let user = CreateUser { username: Username::parse_new(name).unwrap(), active: true, plan: None };
        writer.run(&context, &user, |_| ()).await.unwrap().1.unwrap().revision.0
    };
    assert_eq!(create(None, "ann").await, 1);
    assert_eq!(create(Some("portal"), "bob").await, 2);
    assert_eq!(create(Some("billing"), "cyd").await, 3);
    assert_eq!([create(None, "ann").await, create(Some("portal"), "bob").await], [1, 2]);
    let callers = "SELECT array_agg(coalesce(caller, '') ORDER BY revision) FROM change_set";
    let callers: Vec<String> = client.query_one(callers, &[]).await.unwrap().get(0);
    assert_eq!(callers, ["", "portal", "billing"]);
}
