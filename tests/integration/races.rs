//! The races that would let a revoked grant live on, each forced: with a real database, by holding its answers back.

use std::time::Duration;

use rolegate::grpc::v1::{AddTeamMemberRequest, CheckRequest, ProjectRole, RemoveTeamMemberRequest};
use tokio::time::timeout;
use tonic::{Code, Request};

use crate::support::postgres::connect;
use crate::support::proxy::Purpose;
use crate::support::scene::{PROJECT, Scene};
use crate::support::{Clients, Service, reason};

/// Long enough for any machine; nothing is measured by it.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_load_that_a_revoke_overtakes_is_not_kept() {
    let scene = Scene::set(&[]).await;
    for project in [scene.project.as_str(), PROJECT] {
        scene.proxy.hold(Purpose::Loads);
        let kept = scene.proxy.kept();
        let asked = ask_in_background(&scene.here, "bob", project);
        scene.proxy.until_kept(kept + 1).await;

        scene.here.remove_collaborator(PROJECT, "bob").await.unwrap();
        assert!(!asked.is_finished(), "the load is stopped between its read and its insert");
        scene.proxy.release(Purpose::Loads);
        assert!(!timeout(PATIENCE, asked).await.unwrap().unwrap(), "what the load read is no longer so");
        for name in [scene.project.as_str(), PROJECT] {
            assert!(!scene.here.check("bob", name, "view_project").await.unwrap().allowed);
        }
        scene.here.add_collaborator(PROJECT, "bob", ProjectRole::Editor).await.unwrap();
    }
}

#[tokio::test]
async fn a_load_of_a_user_that_a_removal_overtakes_is_not_kept() {
    let scene = Scene::set(&[]).await;
    scene.here.add_collaborator(PROJECT, "@acme/crew", ProjectRole::Manager).await.unwrap();
    scene.proxy.hold(Purpose::Loads);
    let kept = scene.proxy.kept();
    let asked = ask_in_background(&scene.here, "cyd", PROJECT);
    scene.proxy.until_kept(kept + 1).await;
    let (team, user) = ("@acme/crew".to_owned(), "cyd".to_owned());
    let request = RemoveTeamMemberRequest { team, user, ..Default::default() };
    scene.here.teams().remove_team_member(request).await.unwrap();
    scene.proxy.release(Purpose::Loads);
    assert!(!timeout(PATIENCE, asked).await.unwrap().unwrap());
    assert!(!scene.here.check("cyd", PROJECT, "view_project").await.unwrap().allowed);
}

#[tokio::test]
async fn an_old_user_is_never_joined_with_a_newer_project() {
    let scene = Scene::set(&["--lease", "2m"]).await;
    // cyd is known, in the team; the project is not known
    assert!(!scene.here.check("cyd", "acme/none", "view_project").await.unwrap().allowed);
    scene.proxy.hold(Purpose::Log);
    leave_team(&scene.elsewhere, "cyd").await;
    scene.elsewhere.unconfirmed().add_collaborator(PROJECT, "@acme/crew", ProjectRole::Manager).await.unwrap();
    for project in [scene.project.as_str(), PROJECT] {
        let status = ask_within(&scene.here, "cyd", project, Duration::from_millis(400)).await.unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded, "the project is newer than what was applied: {status:?}");
    }
    let asked = ask_in_background(&scene.here, "cyd", PROJECT);
    scene.proxy.release(Purpose::Log);
    assert!(!timeout(PATIENCE, asked).await.unwrap().unwrap(), "cyd left before the team came");
    assert!(scene.here.check("bob", PROJECT, "update_project").await.unwrap().allowed, "bob did not leave");
}

#[tokio::test]
async fn an_old_project_is_never_joined_with_a_newer_user() {
    let scene = Scene::set(&["--lease", "2m"]).await;
    leave_team(&scene.elsewhere, "cyd").await;
    scene.elsewhere.add_collaborator(PROJECT, "@acme/crew", ProjectRole::Manager).await.unwrap();
    seen(&scene.here, "bob", "update_project", true).await;
    // the project is known, with the team; cyd is not known
    scene.proxy.hold(Purpose::Log);
    scene.elsewhere.unconfirmed().remove_collaborator(PROJECT, "@acme/crew").await.unwrap();
    let (team, user) = ("@acme/crew".to_owned(), "cyd".to_owned());
    let request = AddTeamMemberRequest { team, user, wait_for_replicas: Some(false), ..Default::default() };
    scene.elsewhere.teams().add_team_member(request).await.unwrap();
    for project in [scene.project.as_str(), PROJECT] {
        let status = ask_within(&scene.here, "cyd", project, Duration::from_millis(400)).await.unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded, "the user is newer than what was applied: {status:?}");
    }
    let asked = ask_in_background(&scene.here, "cyd", PROJECT);
    scene.proxy.release(Purpose::Log);
    assert!(!timeout(PATIENCE, asked).await.unwrap().unwrap(), "the team went before cyd came");
}

#[tokio::test]
async fn of_three_overlapping_transactions_none_is_missed() {
    let scene = Scene::set(&[]).await;
    scene.here.add_collaborator(PROJECT, "cyd", ProjectRole::Reader).await.unwrap();
    let other = scene.here.create_project("acme/parks", false).await;
    for (user, project, action) in
        [("bob", PROJECT, "view_project"), ("cyd", PROJECT, "view_project"), ("bob", &other, "view_project")]
    {
        scene.here.check(user, project, action).await.unwrap();
    }
    // one takes its revision, and stays open while two others come and would like to commit before it
    let mut outside = connect(&scene.elsewhere.database).await;
    let first = outside.transaction().await.unwrap();
    let revoked = "DELETE FROM collaborator WHERE project_id = $1::text::uuid
                   AND user_id = (SELECT id FROM account WHERE username = 'bob')";
    assert_eq!(first.execute(revoked, &[&scene.project]).await.unwrap(), 1);
    let logged = "WITH next AS (
                      UPDATE revision SET number = number + 1, change_id = gen_random_uuid() RETURNING number, change_id
                  )
                  INSERT INTO change_set
                      (revision, id, operation, names, projects, path_owners, path_names, accounts, plans)
                  SELECT number, change_id, 'test', '{}', ARRAY[$1::text::uuid], '{}', '{}', '{}', '{}' FROM next";
    first.execute(logged, &[&scene.project]).await.unwrap();
    let second = scene.here.add_collaborator("acme/parks", "bob", ProjectRole::Editor);
    let third = scene.elsewhere.add_collaborator("acme/parks", "cyd", ProjectRole::Editor);
    let end = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        first.commit().await
    };
    let (second, third, end) = tokio::join!(second, third, end);
    second.and(third).unwrap();
    end.unwrap();
    outside.batch_execute("NOTIFY rolegate").await.unwrap();
    seen(&scene.here, "bob", "view_project", false).await;
    assert!(scene.here.check("cyd", PROJECT, "view_project").await.unwrap().allowed);
    assert!(scene.here.check("bob", &other, "delete_files").await.unwrap().allowed);
    assert!(scene.here.check("cyd", "acme/parks", "delete_files").await.unwrap().allowed);
}

#[tokio::test]
async fn what_another_process_writes_is_seen() {
    // no heartbeat comes in the time of the test: it is the doorbell that tells
    let scene = Scene::set(&["--heartbeat", "1m", "--lease", "5m"]).await;
    for _ in 0..5 {
        seen(&scene.here, "bob", "delete_files", true).await;
        scene.elsewhere.remove_collaborator(PROJECT, "bob").await.unwrap();
        seen(&scene.here, "bob", "delete_files", false).await;
        scene.elsewhere.add_collaborator(PROJECT, "bob", ProjectRole::Editor).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_written_while_the_listener_is_cut_off_is_seen() {
    let scene = Scene::set(&["--heartbeat", "1m", "--lease", "5m"]).await;
    let outside = connect(&scene.elsewhere.database).await;
    for turn in 0..6 {
        seen(&scene.here, "bob", "delete_files", true).await;
        if turn % 2 == 0 {
            let listener = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                            WHERE datname = current_database() AND query LIKE '%follow_log%'
                                  AND pid <> pg_backend_pid()";
            assert!(!outside.query(listener, &[]).await.unwrap().is_empty(), "there is a listener");
        } else {
            scene.proxy.cut(Purpose::Log);
        }
        // the writer may have lost its own listener as well: it answers once that is back
        scene.elsewhere.remove_collaborator(PROJECT, "bob").await.unwrap();
        seen(&scene.here, "bob", "delete_files", false).await;
        scene.elsewhere.add_collaborator(PROJECT, "bob", ProjectRole::Editor).await.unwrap();
    }
}

#[tokio::test]
async fn a_lost_doorbell_costs_no_more_than_a_heartbeat() {
    let scene = Scene::set(&["--heartbeat", "100ms"]).await;
    seen(&scene.here, "bob", "delete_files", true).await;
    let outside = connect(&scene.elsewhere.database).await;
    let silent = format!(
        "BEGIN;
         UPDATE collaborator SET role = 'reader' WHERE project_id = '{0}';
         UPDATE revision SET number = number + 1, change_id = gen_random_uuid();
         INSERT INTO change_set (revision, id, operation, names, projects, path_owners, path_names, accounts, plans)
         SELECT number, change_id, 'test', '{{}}', ARRAY['{0}'::uuid], '{{}}', '{{}}', '{{}}', '{{}}' FROM revision;
         COMMIT",
        scene.project
    );
    outside.batch_execute(&silent).await.unwrap();
    seen(&scene.here, "bob", "delete_files", false).await;
}

fn ask_in_background(service: &Service, user: &str, project: &str) -> tokio::task::JoinHandle<bool> {
    let (mut client, request) = (service.authorization(), question(user, project, "view_project"));
    tokio::spawn(async move { client.check(request).await.unwrap().into_inner().allowed })
}

async fn ask_within(service: &Service, user: &str, project: &str, limit: Duration) -> Result<bool, tonic::Status> {
    let mut request = Request::new(question(user, project, "view_project"));
    request.set_timeout(limit);
    let answer = service.authorization().check(request).await.map(|answer| answer.into_inner().allowed);
    if let Err(status) = &answer {
        // no reason where the client looked at its clock first
        assert!(["", "DEADLINE_EXCEEDED"].contains(&reason(status).as_str()), "{status:?}");
    }
    answer
}

fn question(user: &str, project: &str, action: &str) -> CheckRequest {
    let (user, project, action) = (user.to_owned(), project.to_owned(), action.to_owned());
    CheckRequest { user, project, action, consistency: None }
}

async fn leave_team(service: &Clients, user: &str) {
    let (team, user) = ("@acme/crew".to_owned(), user.to_owned());
    let request = RemoveTeamMemberRequest { team, user, wait_for_replicas: Some(false), ..Default::default() };
    service.teams().remove_team_member(request).await.unwrap();
}

/// Asks until the answer is that, which it must become soon.
async fn seen(service: &Service, user: &str, action: &str, allowed: bool) {
    let answered = async {
        while service.check(user, PROJECT, action).await.unwrap().allowed != allowed {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(15), answered).await.expect("seen soon");
}
