//! The little world that checks are asked about, written through the service's own API.
//!
//! One organization, 64 members each in two of its eight teams, 64 private projects each with four members and two teams
//! added. How far a user's number is from a project's, modulo eight, says what joins them.

use rolegate::domain::actions::ProjectAction;
use rolegate::domain::names::{ProjectReference, Username};
use rolegate::domain::policy::Policy;
use rolegate::grpc::v1::{CheckRequest, OrganizationRole, ProjectRole};
use rolegate::view::{ProjectKey, ProjectQuestion};

use crate::support::Service;

/// How many users there are, and how many projects.
pub const SIZE: usize = 64;
const TEAMS: usize = 8;

/// Which project a user is asked about.
#[derive(Clone, Copy)]
pub enum Distance {
    /// One that it was added to.
    Direct = 0,
    /// One that both its teams were added to.
    Team = 2,
    /// One that it has no role on.
    Denied = 4,
}

/// How a project is named in a question.
#[derive(Clone, Copy)]
pub enum By {
    Id,
    Path,
}

/// What was written.
#[derive(Clone)]
pub struct World {
    project_ids: Vec<String>,
}

impl World {
    /// Writes it all.
    pub async fn write(service: &Service) -> Self {
        let names: Vec<String> = (0..SIZE).map(user).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        service.create_users(&["boss"]).await;
        service.create_users(&names).await;
        service.create_organization("acme", "boss").await;
        for name in &names {
            service.add_member("acme", name, OrganizationRole::Member).await.unwrap();
        }
        for team in 0..TEAMS {
            let people: Vec<&str> = (0..SIZE)
                .filter(|user| user % TEAMS == team || (user + 1) % TEAMS == team)
                .filter_map(|user| names.get(user).copied())
                .collect();
            service.create_team(&format!("@acme/team-{team}"), &people).await;
        }
        let mut project_ids = Vec::new();
        for project in 0..SIZE {
            let path = path(project);
            project_ids.push(service.create_project(&path, false).await);
            for step in 0..4 {
                let who = user((project + step * TEAMS) % SIZE);
                service.add_collaborator(&path, &who, ProjectRole::Editor).await.unwrap();
            }
            for step in [2, 3] {
                let who = format!("@acme/team-{}", (project + step) % TEAMS);
                service.add_collaborator(&path, &who, ProjectRole::Editor).await.unwrap();
            }
        }
        Self { project_ids }
    }

    /// A question for every user, as sent.
    pub fn requests(&self, distance: Distance, by: By) -> Vec<CheckRequest> {
        let request = |number: usize| {
            let project = (number + SIZE - distance as usize) % SIZE;
            CheckRequest {
                user: user(number),
                project: match by {
                    By::Id => self.project_ids[project].clone(),
                    By::Path => path(project),
                },
                action: ProjectAction::ReadFiles.name().to_owned(),
                consistency: None,
            }
        };
        (0..SIZE).map(request).collect()
    }

    /// The same, as the view is asked.
    pub fn questions<'a>(&self, policy: &'a Policy, distance: Distance, by: By) -> Vec<ProjectQuestion<'a>> {
        let question = |request: CheckRequest| ProjectQuestion {
            user: Some(Username::parse(&request.user).unwrap().key()),
            project: match ProjectReference::parse(&request.project).unwrap() {
                ProjectReference::Id(id) => ProjectKey::Id(id),
                ProjectReference::Path(owner, name) => ProjectKey::Path((owner.key(), name)),
            },
            rule: policy.project(ProjectAction::ReadFiles),
        };
        self.requests(distance, by).into_iter().map(question).collect()
    }
}

fn user(number: usize) -> String {
    format!("user-{number:03}")
}

fn path(number: usize) -> String {
    format!("acme/project-{number:03}")
}
