//! What lies outside of a confined caller's bounds is neither told of nor held up.

use rolegate::grpc::v1::write_operation::Operation;
use rolegate::grpc::v1::*;

use super::confinement::{World, assert_out};
use crate::support::postgres::{connect, until_waiting};

/// A list whose first operation is within `acme`, and the others are not.
fn list() -> WriteRequest {
    let member = |organization: &str, user: &str| {
        let (organization, user) = (organization.to_owned(), user.to_owned());
        Operation::AddMember(AddMemberRequest {
            organization,
            user,
            role: OrganizationRole::Member.into(),
            ..Default::default()
        })
    };
    let grant = CollaboratorServiceAddRequest {
        project: "other/secret".to_owned(),
        collaborator: "ann".to_owned(),
        role: ProjectRole::Reader.into(),
        ..Default::default()
    };
    let (owner, name) = ("other".to_owned(), "new".to_owned());
    let project = ProjectServiceCreateRequest { owner, name, ..Default::default() };
    let operations = [
        member("acme", "bob"),
        member("other", "ann"),
        Operation::AddCollaborator(grant),
        Operation::CreateProject(project),
    ];
    let operations = operations.map(|operation| WriteOperation { operation: Some(operation) }).to_vec();
    WriteRequest { operations, ..Default::default() }
}

/// What a list has locked when it comes to its first operation: accounts by name, whether a project of `other`, how many names.
async fn locked_by_list(world: &World, caller: &str) -> (Vec<String>, bool, i64) {
    let service = &world.house.service;
    let (holder, watcher) = (connect(&service.database).await, connect(&service.database).await);
    // which nobody needs before that
    holder.batch_execute("BEGIN; LOCK TABLE member IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let (mut writes, request) = (service.writes(), world.house.by(caller, list()));
    let sent = tokio::spawn(async move { writes.write(request).await });
    until_waiting(&watcher, 1).await;
    let accounts = "SELECT username FROM pg_locks JOIN pg_database ON pg_database.oid = database JOIN account ON id = objid::bigint
                    WHERE locktype = 'advisory' AND objsubid = 1 AND classid = 0 AND granted AND datname = current_database()
                    ORDER BY username";
    let accounts = watcher.query(accounts, &[]).await.unwrap();
    let names = "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database
                 WHERE locktype = 'advisory' AND objsubid = 1 AND classid <> 0 AND granted AND datname = current_database()";
    let names: i64 = watcher.query_one(names, &[]).await.unwrap().get(0);
    let project = "SELECT FROM project WHERE name = 'secret' FOR UPDATE SKIP LOCKED";
    let is_locked = watcher.query(project, &[]).await.unwrap().is_empty();
    holder.batch_execute("COMMIT").await.unwrap();
    let ended = sent.await.unwrap();
    if caller == "root" {
        ended.unwrap();
    } else {
        assert_out(ended, "its second operation");
    }
    (accounts.iter().map(|row| row.get(0)).collect(), is_locked, names)
}

#[tokio::test]
async fn a_list_locks_nothing_ahead_that_lies_outside() {
    let world = World::new().await;
    // bob by its first operation, whose turn it is
    let own = ["acme", "bob"].map(str::to_owned).to_vec();
    assert_eq!(locked_by_list(&world, "acme-app").await, (own, false, 0));
    let all = ["acme", "ann", "bob", "other"].map(str::to_owned).to_vec();
    assert_eq!(locked_by_list(&world, "root").await, (all, true, 1), "who is not confined locks what it names");
}

#[tokio::test]
async fn a_team_outside_is_not_told_from_none_whatever_is_done_with_it() {
    let world = World::new().await;
    let project = || "acme/trees".to_owned();
    let role = ProjectRole::Reader.into();
    let mask = Some(prost_types::FieldMask { paths: vec!["role".to_owned()] });
    for team in ["@other/crew", "@other/none", "@nobody/none"] {
        let collaborator = team.to_owned();
        let by = |upsert| {
            let (project, collaborator) = (project(), collaborator.clone());
            let add = CollaboratorServiceAddRequest { project, collaborator, role, upsert, ..Default::default() };
            world.house.by("acme-app", add)
        };
        let mut collaborators = world.house.service.collaborators();
        assert_out(collaborators.add(by(false)).await, team);
        assert_out(collaborators.add(by(true)).await, team);
        let get = CollaboratorServiceGetRequest { project: project(), collaborator: collaborator.clone() };
        assert_out(collaborators.get(world.house.by("acme-app", get)).await, team);
        let (update_mask, project, collaborator) = (mask.clone(), project(), collaborator);
        let update = CollaboratorServiceUpdateRequest {
            project: project.clone(),
            collaborator: collaborator.clone(),
            role,
            update_mask,
            ..Default::default()
        };
        assert_out(collaborators.update(world.house.by("acme-app", update)).await, team);
        for allow_missing in [false, true] {
            let (project, collaborator) = (project.clone(), collaborator.clone());
            let remove =
                CollaboratorServiceRemoveRequest { project, collaborator, allow_missing, ..Default::default() };
            assert_out(collaborators.remove(world.house.by("acme-app", remove)).await, team);
        }
    }
}

#[tokio::test]
async fn who_is_confined_waits_for_nothing_outside_and_holds_up_nobody_there() {
    let world = World::new().await;
    let holder = connect(&world.house.service.database).await;
    let held = "BEGIN; SELECT pg_advisory_xact_lock(id) FROM account WHERE username = 'other'";
    holder.batch_execute(held).await.unwrap();
    let organization = || "other".to_owned();
    let (user, role) = ("ann".to_owned(), OrganizationRole::Member.into());
    let member = AddMemberRequest { organization: organization(), user: user.clone(), role, ..Default::default() };
    let team = TeamServiceCreateRequest { team: "@other/more".to_owned(), ..Default::default() };
    let project = ProjectServiceCreateRequest { owner: organization(), name: "more".to_owned(), ..Default::default() };
    let grant = CollaboratorServiceAddRequest {
        project: "other/secret".to_owned(),
        collaborator: user,
        role: ProjectRole::Reader.into(),
        ..Default::default()
    };
    let (trees, new_owner) = ("acme/trees".to_owned(), organization());
    let transfer = ProjectServiceTransferRequest { project: trees, new_owner, ..Default::default() };
    let deletion = OrganizationServiceDeleteRequest { username: organization(), ..Default::default() };
    let (house, service) = (&world.house, &world.house.service);
    assert_out(service.organizations().add_member(house.by("acme-app", member)).await, "a member");
    assert_out(service.teams().create(house.by("acme-app", team)).await, "a team");
    assert_out(service.projects().create(house.by("acme-app", project)).await, "a project");
    assert_out(service.collaborators().add(house.by("acme-app", grant)).await, "a collaborator");
    assert_out(service.projects().transfer(house.by("acme-app", transfer)).await, "a transfer");
    assert_out(service.organizations().delete(house.by("acme-app", deletion)).await, "a deletion");
    holder.batch_execute("COMMIT").await.unwrap();
}
