//! Who asked, and under which id, is told with each change; and what an actor was refused is in the log of the process.

use rolegate::grpc::v1::change_service_watch_response::Message;
use rolegate::grpc::v1::write_operation::Operation;
use rolegate::grpc::v1::{
    ChangeFilter, ChangeServiceListRequest, ChangeServiceWatchRequest, CollaboratorServiceAddRequest, ListedChange,
    ProjectRole, TeamServiceCreateRequest, WriteOperation, WriteRequest,
};

use super::world;
use crate::support::binary::{Process, url};
use crate::support::postgres::connect;
use crate::support::{Clients, Service, fresh_database};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_and_watches_tell_the_caller_and_the_request_and_are_filtered_by_the_caller() {
    let database = world().await;
    let client = connect(&database).await;
    client.batch_execute("UPDATE change_set SET caller = 'Portal' WHERE revision >= 9").await.unwrap();
    let service = Service::start_on(database, &[]).await;
    let list = async |caller: &str| -> Vec<ListedChange> {
        let filter = Some(ChangeFilter { caller: caller.to_owned(), ..Default::default() });
        let request = ChangeServiceListRequest { filter, page_size: 1_000, oldest_first: true, ..Default::default() };
        service.changes().list(request).await.unwrap().into_inner().changes
    };
    let all = list("").await;
    let by_portal: Vec<_> = all.iter().filter(|change| change.caller == "Portal").cloned().collect();
    assert!(by_portal.len() >= 2 && by_portal.len() < all.len(), "{all:?}");
    assert_eq!(list("Portal").await, by_portal);
    assert_eq!(list("portal").await, [], "callers are called what they are called");
    let requests: Vec<_> = by_portal.iter().map(|change| change.request_id.as_str()).collect();
    assert!(requests[0].is_empty() && requests[1..].iter().all(|id| *id == "off/1"), "{requests:?}");

    let filter = Some(ChangeFilter { caller: "Portal".to_owned(), ..Default::default() });
    let after = all[0].revision.clone();
    let watch = ChangeServiceWatchRequest { after, filter, ..Default::default() };
    let mut stream = service.changes().watch(watch).await.unwrap().into_inner();
    let mut told = Vec::new();
    while told.len() < 2 {
        let next = tokio::time::timeout(std::time::Duration::from_secs(30), stream.message()).await.unwrap();
        if let Some(Message::Event(event)) = next.unwrap().unwrap().message {
            told.push((event.operation, event.caller, event.request_id));
        }
    }
    let expected = [("remove_collaborator", ""), ("remove_member", "off/1")];
    let expected = expected.map(|(operation, id)| (operation.to_owned(), "Portal".to_owned(), id.to_owned()));
    assert_eq!(told, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_an_actor_was_refused_is_in_the_structured_log_once() {
    let database = fresh_database().await;
    let process = Process::start("serve", &["--database-url", &url(&database)]).await;
    rolegate::server::until_serving(process.channel.clone()).await;
    let service = Clients::on(process.channel.clone());
    service.create_users(&["ann", "bob"]).await;
    service.create_project("ann/trees", false).await;
    let request = CollaboratorServiceAddRequest {
        actor: "bob".to_owned(),
        request_id: "grab".to_owned(),
        project: "ann/trees".to_owned(),
        collaborator: "bob".to_owned(),
        role: ProjectRole::Admin.into(),
        ..Default::default()
    };
    service.collaborators().add(request.clone()).await.unwrap_err();
    let refused = refused_writes(&process, 1).await;
    let expected = [
        ("operation", "add_collaborator"),
        ("actor", "bob"),
        ("object", "ann/trees"),
        ("reason", "PERMISSION_DENIED"),
        ("request_id", "grab"),
    ];
    for (field, value) in expected {
        assert_eq!(refused[0][field], value, "{}", refused[0]);
    }

    // a list of operations is one write, of the same actor
    let own = TeamServiceCreateRequest { team: "@nobody/crew".to_owned(), ..Default::default() };
    let grab = CollaboratorServiceAddRequest { actor: String::new(), request_id: String::new(), ..request };
    let operations = [Operation::AddCollaborator(grab), Operation::CreateTeam(own)];
    let operations = operations.map(|operation| WriteOperation { operation: Some(operation) }).to_vec();
    let (actor, request_id) = ("bob".to_owned(), "list".to_owned());
    let list = WriteRequest { actor, request_id, operations, ..Default::default() };
    service.writes().write(list).await.unwrap_err();
    let refused = refused_writes(&process, 2).await;
    let expected = [("operation", "write"), ("actor", "bob"), ("reason", "PERMISSION_DENIED"), ("request_id", "list")];
    for (field, value) in expected {
        assert_eq!(refused[1][field], value, "{}", refused[1]);
    }
    assert!(refused[1]["why"].as_str().unwrap().starts_with("operations[0]: "), "{}", refused[1]);
}

/// What the process logged of writes that were refused, once there are so many; there must be no more.
async fn refused_writes(process: &Process, count: usize) -> Vec<serde_json::Value> {
    let begun = std::time::Instant::now();
    loop {
        // it is read by another thread
        let log = process.errors();
        let lines = log.lines().filter(|line| line.contains("refused a write"));
        let refused: Vec<serde_json::Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
        if refused.len() >= count {
            assert_eq!(refused.len(), count, "{log}");
            return refused;
        }
        assert!(begun.elapsed() < std::time::Duration::from_secs(30), "{log}");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}
