//! The whole state of the service, read back through the public listings.

use futures::{StreamExt as _, TryStreamExt as _, stream};
use tonic::Status;

use super::api::Api;
use super::rows::{Row, Rows};
use crate::grpc::v1::collaborator_service_client::CollaboratorServiceClient;
use crate::grpc::v1::organization_service_client::OrganizationServiceClient;
use crate::grpc::v1::project_service_client::ProjectServiceClient;
use crate::grpc::v1::team_service_client::TeamServiceClient;
use crate::grpc::v1::user_service_client::UserServiceClient;
use crate::grpc::v1::{self, Collaborator, OrganizationRole, Project, ProjectRole};

const PAGE: i32 = 1000;

/// Questions under way at a time.
const AT_ONCE: usize = 8;

/// Follows the pages of a listing to its end.
macro_rules! all {
    ($client:expr, $call:ident, $request:expr, $field:ident) => {{
        let (mut client, mut request, mut all) = ($client, $request, Vec::new());
        loop {
            let page = client.$call(request.clone()).await?.into_inner();
            all.extend(page.$field);
            if page.next_page_token.is_empty() {
                break all;
            }
            request.page_token = page.next_page_token;
        }
    }};
}

/// Everything there is, as rows.
pub(super) async fn read(api: &Api) -> Result<Rows, Status> {
    let mut rows = Rows::new();
    let request = v1::UserServiceListRequest { page_size: PAGE, ..Default::default() };
    for user in all!(UserServiceClient::new(api.channel()), list, request, users) {
        rows.insert(Row::Person { id: user.username, plan: user.plan });
    }
    let request = v1::OrganizationServiceListRequest { page_size: PAGE, ..Default::default() };
    let organizations = all!(OrganizationServiceClient::new(api.channel()), list, request, organizations);
    for organization in &organizations {
        rows.insert(Row::Organization {
            id: organization.username.clone(),
            owner: organization.owner.clone(),
            plan: organization.plan.clone(),
            default_role: name_of(organization.default_project_role()),
        });
    }
    let inside = stream::iter(&organizations).map(|organization| people(api, &organization.username));
    let inside: Vec<Vec<Row>> = inside.buffer_unordered(AT_ONCE).try_collect().await?;
    let request = v1::ProjectServiceListRequest { page_size: PAGE, ..Default::default() };
    let projects = all!(ProjectServiceClient::new(api.channel()), list, request, projects);
    let added = stream::iter(&projects).map(|project| added_to(api, project));
    let added: Vec<Vec<Row>> = added.buffer_unordered(AT_ONCE).try_collect().await?;
    rows.extend(inside.into_iter().chain(added).flatten());
    rows.extend(projects.into_iter().map(|project| Row::Project {
        id: project.name,
        owner: project.owner,
        public: project.public,
    }));
    Ok(rows)
}

/// The members and teams of an organization.
async fn people(api: &Api, organization: &str) -> Result<Vec<Row>, Status> {
    let request = v1::ListMembersRequest {
        organization: organization.to_owned(),
        page_size: PAGE,
        include_hidden: true,
        ..Default::default()
    };
    let members = all!(OrganizationServiceClient::new(api.channel()), list_members, request, members);
    let mut rows: Vec<Row> = members
        .into_iter()
        .map(|member| {
            let role = member.role();
            Row::Member { organization: member.organization, person: member.user, role: name_of_member(role) }
        })
        .collect();
    let request =
        v1::TeamServiceListRequest { organization: organization.to_owned(), page_size: PAGE, ..Default::default() };
    for team in all!(TeamServiceClient::new(api.channel()), list, request, teams) {
        let id = format!("@{}/{}", team.organization, team.name);
        let request = v1::ListTeamMembersRequest { team: id.clone(), page_size: PAGE, ..Default::default() };
        let places = all!(TeamServiceClient::new(api.channel()), list_team_members, request, team_members);
        rows.extend(places.into_iter().map(|place| Row::TeamMember { team: id.clone(), person: place.user }));
        rows.push(Row::Team { id, organization: team.organization });
    }
    Ok(rows)
}

async fn added_to(api: &Api, project: &Project) -> Result<Vec<Row>, Status> {
    let collaborators = collaborators(api, &project.id, true).await?;
    let row = |row: Collaborator| {
        let role = name_of(row.role()).unwrap_or_default();
        Row::Collaborator { project: project.name.clone(), who: row.collaborator, role, incognito: row.incognito }
    };
    Ok(collaborators.into_iter().map(row).collect())
}

/// The collaborators of a project by its id.
pub(super) async fn collaborators(
    api: &Api,
    project: &str,
    include_incognito: bool,
) -> Result<Vec<Collaborator>, Status> {
    let request = v1::CollaboratorServiceListRequest {
        project: project.to_owned(),
        page_size: PAGE,
        include_incognito,
        ..Default::default()
    };
    Ok(all!(CollaboratorServiceClient::new(api.channel()), list, request, collaborators))
}

fn name_of(role: ProjectRole) -> Option<String> {
    let name = role.as_str_name().trim_start_matches("PROJECT_ROLE_");
    (role != ProjectRole::Unspecified).then(|| name.to_lowercase())
}

fn name_of_member(role: OrganizationRole) -> String {
    role.as_str_name().trim_start_matches("ORGANIZATION_ROLE_").to_lowercase()
}
