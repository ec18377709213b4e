//! Another request under an id that is taken, and ids that are none; and what is not remembered: refusals, and what was only
//! tried.

use rolegate::grpc::v1::{
    OrganizationRole, OrganizationServiceDeleteRequest, UserServiceCreateRequest, UserServiceDeleteRequest,
};
use tonic::Code;

use super::{bytes, create, remembered, user, writes};
use crate::support::postgres::connect;
use crate::support::{Service, fresh_database, reason};

#[tokio::test]
async fn another_request_under_the_same_id_is_refused_whatever_is_other_about_it() {
    let database = fresh_database().await;
    let service = Service::start_on(database.clone(), &[]).await;
    let client = connect(&database).await;
    let first = user("ann", "one");
    let answer = bytes(service.users().create(first.clone()).await.unwrap());
    for other in [
        user("bob", "one"),
        UserServiceCreateRequest { inactive: true, ..first.clone() },
        UserServiceCreateRequest { actor: "ann".to_owned(), ..first.clone() },
    ] {
        let status = service.users().create(other).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::FailedPrecondition, "REQUEST_ID_REUSED"));
    }
    // fields of the same numbers, of another RPC
    let (username, request_id) = ("ann".to_owned(), "one".to_owned());
    let deletion = UserServiceDeleteRequest { username, request_id, ..Default::default() };
    assert_eq!(reason(&service.users().delete(deletion).await.unwrap_err()), "REQUEST_ID_REUSED");
    assert_eq!(writes(&client).await, 1);
    // whom it waits for is no part of what it is
    let patient = UserServiceCreateRequest { wait_for_replicas: Some(false), ..first };
    assert_eq!(bytes(service.users().create(patient).await.unwrap()), answer);
}

#[tokio::test]
async fn a_refusal_is_not_remembered_and_may_be_none_the_next_time() {
    let database = fresh_database().await;
    let service = Service::start_on(database.clone(), &[]).await;
    let client = connect(&database).await;
    service.create_users(&["ann"]).await;
    service.create_organization("acme", "ann").await;
    let add = || async {
        let request = rolegate::grpc::v1::AddMemberRequest {
            organization: "acme".to_owned(),
            user: "bob".to_owned(),
            role: OrganizationRole::Member.into(),
            request_id: "add".to_owned(),
            ..Default::default()
        };
        service.organizations().add_member(request).await
    };
    assert_eq!(add().await.unwrap_err().code(), Code::NotFound);
    assert_eq!(remembered(&client).await, 0);
    service.create_users(&["bob"]).await;
    let added = add().await.unwrap().into_inner();
    assert_eq!(add().await.unwrap().into_inner(), added);
}

#[tokio::test]
async fn what_is_only_tried_is_neither_remembered_nor_answered_from_memory() {
    let database = fresh_database().await;
    let service = Service::start_on(database.clone(), &[]).await;
    let client = connect(&database).await;
    let tried = UserServiceCreateRequest { validate_only: true, ..user("ann", "one") };
    assert_eq!(service.users().create(tried.clone()).await.unwrap().into_inner().revision, "");
    assert_eq!((remembered(&client).await, writes(&client).await), (0, 0));
    create(&service, "ann", "one").await.unwrap();
    assert_eq!(reason(&service.users().create(tried).await.unwrap_err()), "USERNAME_TAKEN");
    // without an id nothing is remembered at all
    service.create_users(&["bob"]).await;
    assert_eq!((remembered(&client).await, writes(&client).await), (1, 2));
}

#[tokio::test]
async fn an_id_is_short_and_plain() {
    let service = Service::start().await;
    for wrong in [" ", "a b", "ä", "a\n", "a\0", "'", &"a".repeat(129)] {
        let request_id = wrong.to_owned();
        let request =
            OrganizationServiceDeleteRequest { username: "acme".to_owned(), request_id, ..Default::default() };
        let status = service.organizations().delete(request).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "INVALID_FIELD"), "{wrong:?}");
    }
    for (number, right) in ["a", "0-_.:/+=Z", &"a".repeat(128)].into_iter().enumerate() {
        create(&service, &format!("user-{number}"), right).await.unwrap();
    }
}
