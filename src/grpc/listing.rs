//! `ListProjects` and `ListUsers`, on the wire.

use tokio::time::Instant;
use tonic::Status;
use uuid::Uuid;

use super::pages::Paging;
use super::v1::{self, ListProjectsRequest, ListProjectsResponse, ListUsersRequest, ListUsersResponse};
use super::{Services, decisions, errors, fields, questions, resources, revision};
use crate::access::{Access, ListedProject, ListedUser, ProjectsQuestion, UsersQuestion};
use crate::domain::ids::{AccountId, ProjectId};
use crate::domain::names::{NameKey, Username};
use crate::domain::roles::Origin;

impl Services {
    pub(super) async fn projects_of_user(
        &self,
        access: &Access,
        request: ListProjectsRequest,
        deadline: Instant,
    ) -> Result<ListProjectsResponse, Status> {
        let question = ProjectsQuestion {
            user: fields::optional_name_key("user", &request.user)?,
            rule: *questions::project_action(&self.inner.policy, &request.action)?,
            owner: fields::optional_username("owner", &request.owner)?,
            origin: origin(request.origin)?,
            include_public: request.include_public,
        };
        let owner = question.owner.as_ref().map(Username::key);
        let (user, owner) = (text(question.user.as_ref()), text(owner.as_ref()));
        let (origin, public) = (request.origin.to_string(), question.include_public.to_string());
        let bound = vec!["projects_of_user", user, &request.action, owner, &origin, &public];
        let paging = Paging::new(self.seal().await?, bound, request.page_size, &request.page_token)?;
        let page = paging.filled(|last| Uuid::try_parse(last).ok().map(ProjectId))?;
        let wanted = self.be_as_fresh(request.consistency.as_ref(), || deadline).await?;
        let found = self.read(deadline, access.until(deadline.into_std()).projects(&question, page)).await?;
        wanted.met_by(found.token)?;
        let (AccountId(user), owner) = found.about;
        let about = format!("{user}/{}", owner.map_or(0, |AccountId(owner)| owner));
        let next = found.next.map(|last| last.to_string());
        // why there is nothing says more than that the token is old
        let next_page_token = if found.reason.is_none() { paging.go_on(&about, next)? } else { String::new() };
        Ok(ListProjectsResponse {
            projects: found.projects.into_iter().map(project).collect(),
            next_page_token,
            reason: found.reason.map(decisions::reason).unwrap_or_default().into(),
            revision: revision::encode(found.token),
        })
    }

    pub(super) async fn users_of_project(
        &self,
        access: &Access,
        request: ListUsersRequest,
        deadline: Instant,
    ) -> Result<ListUsersResponse, Status> {
        let rule = || questions::project_action(&self.inner.policy, &request.action).copied();
        let question = UsersQuestion {
            project: fields::project("project", &request.project)?,
            rule: (!request.action.is_empty()).then(rule).transpose()?,
            include_incognito: request.include_incognito,
        };
        let (project, incognito) = (question.project.key(), request.include_incognito.to_string());
        let bound = vec!["users_of_project", &*project, &request.action, &incognito];
        let paging = Paging::new(self.seal().await?, bound, request.page_size, &request.page_token)?;
        let page = paging.filled(|last| last.parse().ok().map(AccountId))?;
        let wanted = self.be_as_fresh(request.consistency.as_ref(), || deadline).await?;
        let found = self.read(deadline, access.until(deadline.into_std()).users(&question, page)).await?;
        wanted.met_by(found.token)?;
        let next = found.next.map(|AccountId(last)| last.to_string());
        let next_page_token = match found.about {
            Some(project) => paging.go_on(&project.to_string(), next)?,
            None => String::new(),
        };
        Ok(ListUsersResponse {
            users: found.users.into_iter().map(user).collect(),
            everyone: found.everyone,
            next_page_token,
            reason: found.reason.map(decisions::reason).unwrap_or_default().into(),
            revision: revision::encode(found.token),
        })
    }
}

fn project(listed: ListedProject) -> v1::ListedProject {
    v1::ListedProject {
        project: listed.id.to_string(),
        owner: listed.owner,
        name: listed.name,
        role: resources::project_role(listed.held.role).into(),
        origin: resources::origin(listed.held.origin).into(),
        expires_at: decisions::end(listed.held.ends_at),
    }
}

fn user(listed: ListedUser) -> v1::ListedUser {
    v1::ListedUser {
        user: listed.name,
        role: resources::project_role(listed.held.role).into(),
        origin: resources::origin(listed.held.origin).into(),
        incognito: listed.held.incognito,
        expires_at: decisions::end(listed.held.ends_at),
    }
}

/// An origin to look for, or none.
fn origin(value: i32) -> Result<Option<Origin>, Status> {
    match v1::Origin::try_from(value) {
        Ok(v1::Origin::Unspecified) => Ok(None),
        Ok(wanted) => Ok(Origin::ALL.iter().copied().find(|origin| resources::origin(*origin) == wanted)),
        Err(_) => Err(errors::invalid_field("origin", "is no origin that there is")),
    }
}

fn text(key: Option<&NameKey>) -> &str {
    key.map_or("", NameKey::as_str)
}
