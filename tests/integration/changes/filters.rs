//! A watch that asks for some changes only: what does not match is skipped, and the chain is not broken by it.

use prost_types::Duration;
use rolegate::grpc::v1::{
    ChangeFilter, ChangeServiceWatchRequest, CollaboratorServiceAddRequest, CollaboratorServiceRemoveRequest,
    ObjectKind, OrganizationRole, ProjectRole,
};

use super::{Watcher, append};
use crate::support::Service;
use crate::support::postgres::connect;

async fn watch(service: &Service, after: &str, filter: ChangeFilter) -> Watcher {
    let heartbeat = Some(Duration { seconds: 1, nanos: 0 });
    let request = ChangeServiceWatchRequest { after: after.to_owned(), filter: Some(filter), heartbeat };
    Watcher::open(service, request).await.unwrap()
}

/// Goes on until everything up to that revision has been told; what was told is `object name subject`.
async fn told(mut watcher: Watcher, last: &str) -> Vec<String> {
    let mut told = Vec::new();
    while watcher.position != last {
        if let rolegate::grpc::v1::change_service_watch_response::Message::Event(event) = watcher.next().await.unwrap()
        {
            let line = |change: &rolegate::grpc::v1::Change| {
                format!("{} {} {} {}", event.operation, change.object().as_str_name(), change.name, change.subject)
                    .replace("OBJECT_KIND_", "")
            };
            told.extend(event.changes.iter().map(line));
        }
    }
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_matches_every_filter_is_told_and_everything_else_is_accounted_for() {
    let service = Service::start().await;
    let start = Watcher::from_now(&service).await.position;
    service.create_users(&["Ann", "bob", "cyd"]).await;
    service.create_organization("Acme", "ann").await;
    for user in ["bob", "cyd"] {
        service.add_member("acme", user, OrganizationRole::Member).await.unwrap();
    }
    service.create_team("@acme/crew", &["bob"]).await;
    service.create_project("acme/trees", false).await;
    for (actor, who) in [("ann", "bob"), ("", "cyd")] {
        let request = CollaboratorServiceAddRequest {
            actor: actor.to_owned(),
            project: "acme/trees".to_owned(),
            collaborator: who.to_owned(),
            role: ProjectRole::Reader.into(),
            ..Default::default()
        };
        service.collaborators().add(request).await.unwrap();
    }
    let request = CollaboratorServiceRemoveRequest {
        actor: "ANN".to_owned(),
        project: "acme/trees".to_owned(),
        collaborator: "bob".to_owned(),
        ..Default::default()
    };
    let last = service.collaborators().remove(request).await.unwrap().into_inner().revision;

    let owned = str::to_owned;
    let of_bob = ["add_member MEMBER Acme bob", "add_team_member TEAM_MEMBER @Acme/crew bob"];
    let of_project =
        ["add_collaborator COLLABORATOR Acme/trees bob", "remove_collaborator COLLABORATOR Acme/trees bob"];
    for (filter, expected) in [
        (ChangeFilter { subject: owned("BOB"), ..Default::default() }, [of_bob, of_project].concat()),
        (
            ChangeFilter { name: owned("ACME/trees"), object: ObjectKind::Project.into(), ..Default::default() },
            vec!["create_project PROJECT Acme/trees "],
        ),
        (ChangeFilter { actor: owned("ann"), ..Default::default() }, of_project.to_vec()),
        (ChangeFilter { object: ObjectKind::Team.into(), ..Default::default() }, vec!["create_team TEAM @Acme/crew "]),
        (ChangeFilter { actor: owned("ann"), subject: owned("cyd"), ..Default::default() }, vec![]),
    ] {
        assert_eq!(told(watch(&service, &start, filter.clone()).await, &last).await, expected, "{filter:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_heartbeat_says_how_far_nothing_matched_and_comes_as_often_as_asked() {
    let service = Service::start().await;
    let client = connect(&service.database).await;
    let filter = ChangeFilter { subject: "nobody".to_owned(), ..Default::default() };
    let mut watcher = watch(&service, "", filter.clone()).await;
    let start = watcher.position.clone();
    let idle = watcher.heartbeat().await;
    assert_eq!((&idle.previous_revision, &idle.revision), (&start, &start), "nothing was written");

    for _ in 0..3 {
        append(&client, "put_plan", 700).await;
    }
    let mut reached = watcher.heartbeat().await.revision;
    while Watcher::from_now(&service).await.position != reached {
        reached = watcher.heartbeat().await.revision;
    }
    assert_ne!(reached, start);
    let resumed = watch(&service, &reached, filter).await;
    assert_eq!(resumed.position, reached, "what a heartbeat names is where to go on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heartbeats_go_on_while_much_is_written_that_does_not_match() {
    let service = Service::start().await;
    let client = connect(&service.database).await;
    let filter = ChangeFilter { subject: "nobody".to_owned(), ..Default::default() };
    let mut watcher = watch(&service, "", filter).await;
    let writing = async {
        loop {
            append(&client, "put_plan", 20).await;
        }
    };
    let listening = async {
        for _ in 0..3 {
            let heartbeat = watcher.heartbeat().await;
            assert_ne!(heartbeat.previous_revision, heartbeat.revision, "it moves on with what is written");
        }
    };
    tokio::select! { () = writing => {}, () = listening => {} }
}
