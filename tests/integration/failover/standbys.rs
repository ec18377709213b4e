//! Standbys that are read from: for what they show, never for what they do not show yet.

use rolegate::grpc::v1::consistency::Requirement;
use rolegate::grpc::v1::{Consistency, ExplainRequest, ListProjectsRequest, ListUsersRequest, ProjectRole};
use tonic::Status;

use super::{Replica, pair};
use crate::support::cluster::{Node, url};
use crate::support::scene::PROJECT;

/// A replica that reads from these standbys.
async fn reader(primary: &Node, standbys: &[&Node]) -> Replica {
    Replica::start(&[primary], &["--lease", "10s", "--heartbeat", "200ms", "--read-url", &url(standbys)]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_answered_from_a_standby_that_is_behind() {
    let (primary, standby) = pair().await;
    let writer = reader(&primary, &[&standby]).await;
    writer.set_scene().await;
    primary.until_shown_by(&standby).await;
    standby.pause_replay().await;
    let other = reader(&primary, &[&standby]).await;
    let revoked = writer.remove_collaborator(PROJECT, "bob").await.unwrap();

    let fresh = reader(&primary, &[&standby]).await;
    for replica in [&writer, &other, &fresh] {
        assert!(!replica.may_edit("bob").await.unwrap(), "a view with nothing in it loads what holds");
        for asked in [Asked::Now, Asked::AtLeast(revoked.clone()), Asked::Fully] {
            assert_eq!(everyone_who_edits(replica, asked.clone()).await.unwrap(), ["ann"], "{asked:?}");
            assert!(projects_of_bob(replica, asked.clone()).await.unwrap().is_empty(), "{asked:?}");
            assert!(!explained(replica, asked.clone()).await.unwrap(), "{asked:?}");
        }
        let token = Requirement::AtLeastAsFresh(revoked.clone());
        assert!(!replica.check_at(("bob", PROJECT, "delete_files"), token).await.unwrap().allowed);
    }
    assert!(standby.log(0).0.contains("-- load_names"), "it was asked");
    // what the replica has not heard of yet is no excuse either where it is asked for
    let granted = writer.add_collaborator(PROJECT, "bob", ProjectRole::Editor).await.unwrap();
    for replica in [&other, &fresh] {
        let asked = Asked::AtLeast(granted.clone());
        assert!(everyone_who_edits(replica, asked).await.unwrap().contains(&"bob".to_owned()));
        assert!(explained(replica, Asked::Fully).await.unwrap());
    }
    standby.resume_replay().await;
    primary.until_shown_by(&standby).await;
    assert!(projects_of_bob(&fresh, Asked::AtLeast(granted)).await.unwrap().contains(&"trees".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_that_has_caught_up_takes_loads_and_lists_off_the_primary() {
    let (primary, standby) = pair().await;
    let writer = Replica::start(&[&primary], &["--lease", "10s", "--heartbeat", "200ms"]).await;
    writer.set_scene().await;
    let replica = reader(&primary, &[&standby]).await;
    primary.until_shown_by(&standby).await;
    let ((_, from_primary), (_, from_standby)) = (primary.log(0), standby.log(0));

    assert!(replica.may_edit("bob").await.unwrap());
    assert_eq!(everyone_who_edits(&replica, Asked::Now).await.unwrap(), ["ann", "bob"]);
    assert_eq!(projects_of_bob(&replica, Asked::Now).await.unwrap(), ["trees"]);
    assert!(explained(&replica, Asked::Now).await.unwrap());
    let ((at_primary, _), (at_standby, _)) = (primary.log(from_primary), standby.log(from_standby));
    for statement in ["-- load_names", "-- load_paths", "-- candidate_users", "-- candidate_projects", "-- name_teams"]
    {
        assert!(at_standby.contains(statement), "the standby was not asked for {statement}");
        assert!(!at_primary.contains(statement), "the primary was asked for {statement}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_standby_a_replica_reads_from_the_primary() {
    let (primary, standby) = pair().await;
    let replica = reader(&primary, &[&standby]).await;
    replica.set_scene().await;
    primary.until_shown_by(&standby).await;
    assert_eq!(everyone_who_edits(&replica, Asked::Now).await.unwrap(), ["ann", "bob"]);

    standby.freeze();
    assert!(!replica.may_edit("cyd").await.unwrap(), "one that hangs is not waited for");
    assert_eq!(everyone_who_edits(&replica, Asked::Now).await.unwrap(), ["ann", "bob"]);
    standby.kill().await;
    assert!(!replica.may_edit("dan").await.unwrap());
    assert_eq!(projects_of_bob(&replica, Asked::Now).await.unwrap(), ["trees"]);
    assert!(explained(&replica, Asked::Now).await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_that_went_its_own_way_puts_nothing_into_the_view() {
    let (primary, standby) = pair().await;
    let writer = Replica::start(&[&primary], &["--lease", "2s", "--heartbeat", "200ms"]).await;
    writer.set_scene().await;
    primary.until_shown_by(&standby).await;
    // promoted by mistake: it counts on by itself, over the same numbers
    standby.promote().await;
    let rogue = Replica::start(&[&standby], &["--lease", "2s", "--heartbeat", "200ms"]).await;
    rogue.add_collaborator(PROJECT, "cyd", ProjectRole::Editor).await.unwrap();
    rogue.remove_collaborator(PROJECT, "bob").await.unwrap();
    writer.create_users(&["dan", "eve"]).await;

    let (_, from_standby) = standby.log(0);
    let replica = reader(&primary, &[&standby]).await;
    for turn in 0..3 {
        for (user, may) in [("bob", true), ("cyd", false)] {
            assert_eq!(replica.may_edit(user).await.unwrap(), may, "{user}");
        }
        assert_eq!(everyone_who_edits(&replica, Asked::Now).await.unwrap(), ["ann", "bob"]);
        assert_eq!(projects_of_bob(&replica, Asked::Fully).await.unwrap(), ["trees"]);
        assert!(explained(&replica, Asked::Now).await.unwrap());
        // and further on, where it has numbers that the primary does not have yet
        rogue.create_user(&format!("rogue-{turn}")).await.unwrap();
        writer.create_user(&format!("right-{turn}")).await.unwrap();
    }
    assert!(standby.log(from_standby).0.contains("-- load_names"), "it was asked");
}

/// How fresh an answer is asked for.
#[derive(Debug, Clone)]
pub enum Asked {
    Now,
    AtLeast(String),
    Fully,
}

impl Asked {
    fn consistency(self) -> Option<Consistency> {
        let requirement = match self {
            Self::Now => return None,
            Self::AtLeast(token) => Requirement::AtLeastAsFresh(token),
            Self::Fully => Requirement::FullyConsistent(true),
        };
        Some(Consistency { requirement: Some(requirement) })
    }
}

/// Everyone who may edit the project, by `ListUsers`.
pub async fn everyone_who_edits(replica: &Replica, asked: Asked) -> Result<Vec<String>, Status> {
    let (project, action) = (PROJECT.to_owned(), "delete_files".to_owned());
    let request = ListUsersRequest { project, action, consistency: asked.consistency(), ..Default::default() };
    let listed = replica.authorization().list_users(request).await?.into_inner();
    Ok(listed.users.into_iter().map(|listed| listed.user).collect())
}

/// The projects that bob may edit, by `ListProjects`.
async fn projects_of_bob(replica: &Replica, asked: Asked) -> Result<Vec<String>, Status> {
    let (user, action) = ("bob".to_owned(), "delete_files".to_owned());
    let request = ListProjectsRequest { user, action, consistency: asked.consistency(), ..Default::default() };
    let listed = replica.authorization().list_projects(request).await?.into_inner();
    Ok(listed.projects.into_iter().map(|listed| listed.name).collect())
}

/// Whether bob may edit the project, by `Explain`.
async fn explained(replica: &Replica, asked: Asked) -> Result<bool, Status> {
    let (user, project, action) = ("bob".to_owned(), PROJECT.to_owned(), "delete_files".to_owned());
    let request = ExplainRequest { user, project, action, consistency: asked.consistency() };
    Ok(replica.authorization().explain(request).await?.into_inner().allowed)
}
