//! Where the policy takes the first origin, a row may hide a higher role: nobody uses that to raise itself, to raise others
//! above its own role, or to bring down somebody above it.

use rolegate::domain::policy::Policy;
use rolegate::grpc::v1::{
    CollaboratorServiceAddRequest, CollaboratorServiceRemoveRequest, OrganizationRole,
    OrganizationServiceCreateRequest, ProjectRole, RemoveTeamMemberRequest,
};
use tonic::Status;

use crate::support::{Service, fresh_database, reason};

/// An organization with an admin team and a reader team on its project: `mia` manages the project, `tom` is in the admin
/// team, `ann` too and was added as a reader, `rob` is in the reader team. Members are editors by default.
async fn world(policy: Policy) -> Service {
    let service = Service::start_by(policy, fresh_database().await).await;
    service.create_users(&["boss", "mia", "tom", "ann", "rob", "eve"]).await;
    let request = OrganizationServiceCreateRequest {
        username: "acme".to_owned(),
        owner: "boss".to_owned(),
        default_project_role: ProjectRole::Editor.into(),
        ..Default::default()
    };
    service.organizations().create(request).await.unwrap();
    for user in ["mia", "tom", "ann", "rob", "eve"] {
        service.add_member("acme", user, OrganizationRole::Member).await.unwrap();
    }
    service.create_team("@acme/admins", &["tom", "ann"]).await;
    service.create_team("@acme/readers", &["rob"]).await;
    service.create_project("acme/trees", false).await;
    for (who, role) in [
        ("mia", ProjectRole::Manager),
        ("ann", ProjectRole::Reader),
        ("@acme/admins", ProjectRole::Admin),
        ("@acme/readers", ProjectRole::Reader),
    ] {
        service.add_collaborator("acme/trees", who, role).await.unwrap();
    }
    service
}

fn first_origin() -> Policy {
    let text = include_str!("../../../policy/default.toml");
    Policy::parse(&text.replace("resolution = \"highest\"", "resolution = \"first_origin\"")).unwrap()
}

async fn remove(service: &Service, actor: &str, who: &str) -> Result<(), Status> {
    let (actor, project, collaborator) = (actor.to_owned(), "acme/trees".to_owned(), who.to_owned());
    let request = CollaboratorServiceRemoveRequest { actor, project, collaborator, ..Default::default() };
    service.collaborators().remove(request).await.map(drop)
}

async fn add(service: &Service, actor: &str, who: &str, role: ProjectRole) -> Result<(), Status> {
    let (actor, project, collaborator) = (actor.to_owned(), "acme/trees".to_owned(), who.to_owned());
    let request =
        CollaboratorServiceAddRequest { actor, project, collaborator, role: role.into(), ..Default::default() };
    service.collaborators().add(request).await.map(drop)
}

async fn leave(service: &Service, user: &str, team: &str) -> Result<(), Status> {
    let (actor, team, user) = (user.to_owned(), team.to_owned(), user.to_owned());
    let request = RemoveTeamMemberRequest { actor, team, user, ..Default::default() };
    service.teams().remove_team_member(request).await.map(drop)
}

async fn held(service: &Service, user: &str) -> ProjectRole {
    service.check(user, "acme/trees", "view_project").await.unwrap().role()
}

fn refused(outcome: Result<(), Status>) -> String {
    reason(&outcome.unwrap_err())
}

#[tokio::test]
async fn nobody_raises_itself_by_taking_away_the_row_that_hides_a_higher_role() {
    let service = world(first_origin()).await;
    assert_eq!(held(&service, "ann").await, ProjectRole::Reader, "her own row stands before her team's");
    assert_eq!(refused(remove(&service, "ann", "ann").await), "ROLE_ABOVE_OWN");
    assert_eq!(held(&service, "rob").await, ProjectRole::Reader, "his team's row stands before the default role");
    assert_eq!(refused(leave(&service, "rob", "@acme/readers").await), "ROLE_ABOVE_OWN");
    assert_eq!((held(&service, "ann").await, held(&service, "rob").await), (ProjectRole::Reader, ProjectRole::Reader));
    leave(&service, "tom", "@acme/admins").await.unwrap();
    assert_eq!(held(&service, "tom").await, ProjectRole::Editor, "who falls by it may leave");
}

#[tokio::test]
async fn a_manager_moves_nobody_to_or_from_a_hidden_role_above_its_own() {
    let service = world(first_origin()).await;
    assert_eq!(refused(remove(&service, "mia", "ann").await), "TARGET_ROLE_ABOVE_OWN", "she would be an admin");
    assert_eq!(refused(add(&service, "mia", "tom", ProjectRole::Reader).await), "TARGET_ROLE_ABOVE_OWN");
    assert_eq!(held(&service, "tom").await, ProjectRole::Admin, "an admin through his team, still");
    add(&service, "mia", "eve", ProjectRole::Reader).await.unwrap();
    assert_eq!(held(&service, "eve").await, ProjectRole::Reader, "an editor by default is below a manager");
    remove(&service, "mia", "eve").await.unwrap();
    remove(&service, "mia", "@acme/readers").await.unwrap();
    remove(&service, "boss", "ann").await.unwrap();
    assert_eq!(held(&service, "ann").await, ProjectRole::Admin, "the owner may");
}

#[tokio::test]
async fn under_the_highest_role_nothing_is_hidden_and_anyone_may_leave() {
    let service = world(Policy::built_in().unwrap()).await;
    remove(&service, "ann", "ann").await.unwrap();
    leave(&service, "rob", "@acme/readers").await.unwrap();
    add(&service, "mia", "tom", ProjectRole::Reader).await.unwrap();
    for (user, role) in [("ann", ProjectRole::Admin), ("rob", ProjectRole::Editor), ("tom", ProjectRole::Admin)] {
        assert_eq!(held(&service, user).await, role, "{user}");
    }
}
