//! What makes no sense is refused by the field's name; a token of elsewhere, or of another request, leads nowhere.

use prost_types::{Duration, Timestamp};
use rolegate::grpc::v1::{
    ChangeFilter, ChangeServiceListRequest, ChangeServiceWatchRequest, Consistency, ObjectKind,
    consistency::Requirement,
};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::{Watcher, append};
use crate::support::postgres::connect;
use crate::support::{Service, reason};

fn refused(status: &Status, field: &str, why: &str) {
    assert_eq!((status.code(), reason(status).as_str()), (Code::InvalidArgument, why), "{status:?}");
    let violations = status.get_details_bad_request().unwrap().field_violations;
    assert_eq!(violations[0].field, field, "{status:?}");
}

async fn refused_watch(service: &Service, request: ChangeServiceWatchRequest, field: &str, why: &str) {
    refused(&service.changes().watch(request).await.err().unwrap(), field, why);
}

async fn refused_list(service: &Service, request: ChangeServiceListRequest, field: &str, why: &str) {
    refused(&service.changes().list(request).await.unwrap_err(), field, why);
}

fn senseless() -> Vec<(ChangeFilter, &'static str)> {
    let owned = str::to_owned;
    vec![
        (ChangeFilter { object: 99, ..Default::default() }, "filter.object"),
        (ChangeFilter { object: -1, ..Default::default() }, "filter.object"),
        (ChangeFilter { name: owned("a b"), ..Default::default() }, "filter.name"),
        (ChangeFilter { name: owned("ann\0"), ..Default::default() }, "filter.name"),
        (ChangeFilter { name: owned("Änn"), ..Default::default() }, "filter.name"),
        (ChangeFilter { name: "x".repeat(411), ..Default::default() }, "filter.name"),
        (ChangeFilter { subject: owned("9lives"), ..Default::default() }, "filter.subject"),
        (ChangeFilter { subject: owned("@acme"), ..Default::default() }, "filter.subject"),
        (ChangeFilter { actor: owned("@acme/crew"), ..Default::default() }, "filter.actor"),
        (ChangeFilter { actor: owned("a"), ..Default::default() }, "filter.actor"),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filters_that_nothing_can_match_are_refused_in_lists_and_watches() {
    let service = Service::start().await;
    for (filter, field) in senseless() {
        let watch = ChangeServiceWatchRequest { filter: Some(filter.clone()), ..Default::default() };
        refused_watch(&service, watch, field, "INVALID_FIELD").await;
        let list = ChangeServiceListRequest { filter: Some(filter), ..Default::default() };
        refused_list(&service, list, field, "INVALID_FIELD").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_begins_only_after_a_revision_of_its_own_history() {
    let (service, other) = tokio::join!(Service::start(), Service::start());
    let elsewhere = Watcher::from_now(&other).await.position;
    for after in [elsewhere.as_str(), "7", "?", "Ldk-5uTMQDoAAAAAAAAAHvQOIQI"] {
        let request = ChangeServiceWatchRequest { after: after.to_owned(), ..Default::default() };
        refused_watch(&service, request, "after", "INVALID_REVISION").await;
    }
    for (seconds, nanos) in [(0, 0), (0, 999_999_999), (3_600, 1), (-1, 0), (i64::MAX, 0)] {
        let heartbeat = Some(Duration { seconds, nanos });
        let request = ChangeServiceWatchRequest { heartbeat, ..Default::default() };
        refused_watch(&service, request, "heartbeat", "INVALID_FIELD").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_after_a_revision_that_is_still_to_come_waits_for_it_until_the_deadline() {
    let service = Service::start().await;
    let client = connect(&service.database).await;
    let mut watcher = Watcher::from_now(&service).await;
    append(&client, "put_plan", 1).await;
    append(&client, "put_plan", 1).await;
    watcher.write().await.unwrap();
    let ahead = watcher.write().await.unwrap().revision;
    // a copy of the database from before
    client
        .batch_execute(
            "BEGIN; UPDATE revision SET number = 1, change_id = (SELECT id FROM change_set WHERE revision = 1);
             DELETE FROM change WHERE revision = 2; DELETE FROM change_set WHERE revision = 2; COMMIT",
        )
        .await
        .unwrap();
    let late = Service::start_on(service.database.clone(), &["--request-timeout", "300ms"]).await;
    let request = ChangeServiceWatchRequest { after: ahead, ..Default::default() };
    let mut status = late.changes().watch(request.clone()).await.err().unwrap();
    while reason(&status) == "VIEW_NOT_FRESH" {
        // it starts over, as the other one has given the history another name
        status = late.changes().watch(request.clone()).await.err().unwrap();
    }
    assert!(["REVISION_NOT_REACHED", "INVALID_REVISION"].contains(&reason(&status).as_str()), "{status:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_refuse_times_that_leave_nothing_and_pages_that_are_none() {
    let service = Service::start().await;
    let at = |seconds| Some(Timestamp { seconds, nanos: 0 });
    let list = ChangeServiceListRequest::default;
    for (from, until) in [(at(5), at(5)), (at(6), at(5))] {
        refused_list(&service, ChangeServiceListRequest { from, until, ..list() }, "until", "INVALID_FIELD").await;
    }
    refused_list(&service, ChangeServiceListRequest { from: at(i64::MAX), ..list() }, "from", "INVALID_FIELD").await;
    for page_size in [-1, 1_001] {
        refused_list(&service, ChangeServiceListRequest { page_size, ..list() }, "page_size", "INVALID_FIELD").await;
    }
    let requirement = Some(Requirement::AtLeastAsFresh("7".to_owned()));
    let consistency = Some(Consistency { requirement });
    let field = "consistency.at_least_as_fresh";
    refused_list(&service, ChangeServiceListRequest { consistency, ..list() }, field, "INVALID_REVISION").await;
    for (from, until) in [(at(-62_135_596_800), None), (None, at(253_402_200_000)), (at(-1), at(1))] {
        let answer = service.changes().list(ChangeServiceListRequest { from, until, ..list() }).await;
        assert_eq!(answer.unwrap().into_inner().changes.len(), 0, "the outermost times are times");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_token_leads_on_in_its_own_list_only() {
    let (service, other) = tokio::join!(Service::start(), Service::start());
    for service in [&service, &other] {
        append(&connect(&service.database).await, "put_plan", 5).await;
    }
    let request = ChangeServiceListRequest { page_size: 2, ..Default::default() };
    let first = service.changes().list(request.clone()).await.unwrap().into_inner();
    let asked = ChangeServiceListRequest { page_token: first.next_page_token, ..request };
    let next = service.changes().list(asked.clone()).await.unwrap().into_inner();
    assert_eq!(next.changes.len(), 2);
    let filter = |filter| Some(ChangeFilter { ..filter });
    let owned = str::to_owned;
    let time = Some(Timestamp { seconds: 1, nanos: 0 });
    for changed in [
        ChangeServiceListRequest { oldest_first: true, ..asked.clone() },
        ChangeServiceListRequest { from: time, ..asked.clone() },
        ChangeServiceListRequest { until: Some(Timestamp { seconds: 9_999_999_999, nanos: 0 }), ..asked.clone() },
        ChangeServiceListRequest {
            filter: filter(ChangeFilter { object: ObjectKind::Plan.into(), ..Default::default() }),
            ..asked.clone()
        },
        ChangeServiceListRequest {
            filter: filter(ChangeFilter { name: owned("plan-1"), ..Default::default() }),
            ..asked.clone()
        },
        ChangeServiceListRequest {
            filter: filter(ChangeFilter { subject: owned("bob"), ..Default::default() }),
            ..asked.clone()
        },
        ChangeServiceListRequest {
            filter: filter(ChangeFilter { actor: owned("bob"), ..Default::default() }),
            ..asked.clone()
        },
    ] {
        refused_list(&service, changed, "page_token", "INVALID_PAGE_TOKEN").await;
    }
    refused_list(&other, asked.clone(), "page_token", "INVALID_PAGE_TOKEN").await;
    let larger = ChangeServiceListRequest { page_size: 1_000, ..asked };
    assert_eq!(service.changes().list(larger).await.unwrap().into_inner().changes.len(), 3, "pages may differ in size");
}
