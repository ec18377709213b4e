//! When a role ends: nobody who holds it makes that later for itself, and what has ended is given anew or not at all.

use prost_types::FieldMask;
use rolegate::grpc::v1::{
    CollaboratorServiceAddRequest, CollaboratorServiceUpdateRequest, OrganizationRole, Origin, ProjectRole,
};
use tonic::Code::FailedPrecondition;

use super::calls::{self, add, add_until};
use super::world::{World, soon};
use crate::support::{Service, fresh_database, reason};

#[tokio::test]
async fn nobody_makes_its_own_role_last_longer_by_another_way_to_it() {
    let service = Service::start_on(fresh_database().await, &[]).await;
    service.create_users(&["boss", "mia", "tom"]).await;
    service.create_organization("acme", "boss").await;
    for user in ["mia", "tom"] {
        service.add_member("acme", user, OrganizationRole::Member).await.unwrap();
    }
    service.create_team("@acme/crew", &["mia"]).await;
    service.create_team("@acme/others", &["tom"]).await;
    service.create_team("@acme/new", &["mia"]).await;
    service.create_project("acme/trees", false).await;
    let grant = |actor: &str, who: &str, expires_at| CollaboratorServiceAddRequest {
        actor: actor.to_owned(),
        project: "acme/trees".to_owned(),
        collaborator: who.to_owned(),
        role: ProjectRole::Manager.into(),
        expires_at,
        ..Default::default()
    };
    let add = async |request| service.collaborators().add(request).await.map_err(|status| reason(&status)).map(drop);
    add(grant("", "@acme/crew", Some(soon(60)))).await.unwrap();
    let refused = Err("ROLE_ABOVE_OWN".to_owned());
    assert_eq!(
        add(grant("mia", "mia", None)).await,
        refused,
        "herself, who is a manager through the crew for a minute"
    );
    assert_eq!(add(grant("mia", "@acme/new", Some(soon(120)))).await, refused, "another team of hers");
    let longer = CollaboratorServiceUpdateRequest {
        actor: "mia".to_owned(),
        project: "acme/trees".to_owned(),
        collaborator: "@acme/crew".to_owned(),
        update_mask: Some(FieldMask { paths: vec!["expires_at".to_owned()] }),
        ..Default::default()
    };
    let updated = service.collaborators().update(longer).await.map_err(|status| reason(&status)).map(drop);
    assert_eq!(updated, refused, "the crew itself");
    add(grant("mia", "mia", Some(soon(30)))).await.unwrap();
    add(grant("mia", "@acme/others", None)).await.unwrap();
}

/// Has all grants of a project end a minute ago, as the log has it.
async fn end_grants(world: &World, project: &str) {
    let end = "UPDATE collaborator SET expires_at = now() - interval '1 minute', expiry_logged = true
               WHERE project_id = (SELECT id FROM project WHERE name = $1)";
    assert!(world.database.execute(end, &[&project]).await.unwrap() > 0);
}

#[tokio::test]
async fn what_has_ended_is_extended_only_where_it_could_be_given_anew() {
    let world = World::acme().await;
    let project = "pia/garden";
    world.send(add(project, "pam", ProjectRole::Editor)).await;
    end_grants(&world, "garden").await;
    world.send(calls::set_user_plan("pam", "default")).await;
    let ways = [
        calls::set_expiry(project, "pam", None),
        calls::set_expiry(project, "pam", Some(soon(3600))),
        calls::set_expiry(project, "pam", None).by("pia"),
        add(project, "pam", ProjectRole::Editor).or_update(),
        add_until(project, "pam", ProjectRole::Reader, soon(3600)).or_update(),
    ];
    world.refused_all(FailedPrecondition, "PREMIUM_REQUIRED", ways).await;
    // what gives nothing may become another nothing
    world.send(calls::set_role(project, "pam", ProjectRole::Manager)).await;
    world.send(calls::set_user_plan("pam", "premium")).await;
    world.send(calls::set_expiry(project, "pam", None)).await;
    assert_eq!(world.role("pam", project).await, Some((ProjectRole::Manager, Origin::Collaborator)));
    // what goes on stays, whatever is so now
    world.send(calls::set_user_plan("pam", "default")).await;
    world.send(calls::set_expiry(project, "pam", Some(soon(3600)))).await;
}

#[tokio::test]
async fn what_has_ended_takes_no_place_that_the_plan_has_not() {
    let world = World::acme().await;
    end_grants(&world, "trees").await;
    world.send(calls::put_plan("few", false, 4, -1)).await;
    world.send(calls::set_organization_plan("acme", "few")).await;
    let extended = calls::set_expiry("acme/trees", "rita", None);
    // five are counted: the others alone are four
    world.refused(extended.clone(), FailedPrecondition, "COLLABORATOR_LIMIT_REACHED").await;
    world.send(calls::remove("acme/trees", "rolf")).await;
    world.send(extended).await;
}
