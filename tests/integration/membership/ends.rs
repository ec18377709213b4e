//! When a role ends: nobody who holds it makes that later for itself.

use prost_types::FieldMask;
use rolegate::grpc::v1::{
    CollaboratorServiceAddRequest, CollaboratorServiceUpdateRequest, OrganizationRole, ProjectRole,
};

use super::world::soon;
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
