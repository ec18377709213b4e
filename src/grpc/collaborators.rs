//! `CollaboratorService`.

use tonic::{Request, Response, Status};

use super::pages::Paging;
use super::v1::collaborator_service_server::CollaboratorService;
use super::v1::{
    CollaboratorServiceAddRequest, CollaboratorServiceAddResponse, CollaboratorServiceGetRequest,
    CollaboratorServiceGetResponse, CollaboratorServiceListRequest, CollaboratorServiceListResponse,
    CollaboratorServiceRemoveRequest, CollaboratorServiceRemoveResponse, CollaboratorServiceUpdateRequest,
    CollaboratorServiceUpdateResponse,
};
use super::{Services, fields, resources, writes};
use crate::domain::records::{Collaborator, GrantSettings};
use crate::membership::collaborators::{AddCollaborator, RemoveCollaborator, UpdateCollaborator};

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl CollaboratorService for Services {
    async fn add(&self, request: Request<CollaboratorServiceAddRequest>) -> Answer<CollaboratorServiceAddResponse> {
        let (context, request) = self.accept(request)?;
        let operation = AddCollaborator {
            project: fields::project("project", &request.project)?,
            collaborator: fields::collaborator("collaborator", &request.collaborator)?,
            grant: GrantSettings {
                role: fields::project_role("role", request.role)?,
                incognito: request.incognito,
                expires_at: fields::time("expires_at", request.expires_at)?,
            },
        };
        let written = self.write(&context, &operation).await?;
        let revision = writes::revision(&written);
        let collaborator = Some(resources::collaborator(written.output));
        Ok(Response::new(CollaboratorServiceAddResponse { collaborator, revision }))
    }

    async fn get(&self, request: Request<CollaboratorServiceGetRequest>) -> Answer<CollaboratorServiceGetResponse> {
        let reader = self.reader_for(&request);
        let (deadline, request) = self.take(request);
        let reference = fields::project("project", &request.project)?;
        let name = fields::collaborator("collaborator", &request.collaborator)?;
        let found = self.read(deadline, reader.collaborator(&reference, &name)).await?;
        let collaborator = Some(resources::collaborator(found));
        Ok(Response::new(CollaboratorServiceGetResponse { collaborator }))
    }

    async fn list(&self, request: Request<CollaboratorServiceListRequest>) -> Answer<CollaboratorServiceListResponse> {
        let reader = self.reader_for(&request);
        let (deadline, request) = self.take(request);
        let reference = fields::project("project", &request.project)?;
        let (name, hidden) = (reference.key(), if request.include_incognito { "incognito too" } else { "" });
        let bound = vec!["collaborators", &name, hidden];
        let paging = Paging::new(self.seal().await?, bound, request.page_size, &request.page_token)?;
        let found =
            self.read(deadline, reader.collaborators(&reference, request.include_incognito, paging.page())).await?;
        let (found, next_page_token) = paging.cut(found, key);
        let collaborators = found.into_iter().map(resources::collaborator).collect();
        Ok(Response::new(CollaboratorServiceListResponse { collaborators, next_page_token }))
    }

    async fn update(
        &self,
        request: Request<CollaboratorServiceUpdateRequest>,
    ) -> Answer<CollaboratorServiceUpdateResponse> {
        let (context, request) = self.accept(request)?;
        let mask = fields::mask(request.update_mask.as_ref(), &["role", "incognito", "expires_at"])?;
        let mut operation = UpdateCollaborator {
            project: fields::project("project", &request.project)?,
            collaborator: fields::collaborator("collaborator", &request.collaborator)?,
            role: None,
            incognito: mask.contains("incognito").then_some(request.incognito),
            expires_at: None,
        };
        if mask.contains("role") {
            operation.role = Some(fields::project_role("role", request.role)?);
        }
        if mask.contains("expires_at") {
            operation.expires_at = Some(fields::time("expires_at", request.expires_at)?);
        }
        let written = self.write(&context, &operation).await?;
        let revision = writes::revision(&written);
        let collaborator = Some(resources::collaborator(written.output));
        Ok(Response::new(CollaboratorServiceUpdateResponse { collaborator, revision }))
    }

    async fn remove(
        &self,
        request: Request<CollaboratorServiceRemoveRequest>,
    ) -> Answer<CollaboratorServiceRemoveResponse> {
        let (context, request) = self.accept(request)?;
        let operation = RemoveCollaborator {
            project: fields::project("project", &request.project)?,
            collaborator: fields::collaborator("collaborator", &request.collaborator)?,
        };
        let written = self.write(&context, &operation).await?;
        Ok(Response::new(CollaboratorServiceRemoveResponse { revision: writes::revision(&written) }))
    }
}

/// What a page of collaborators is ordered by: `@team`, or the username.
fn key(row: &Collaborator) -> String {
    let name = match row.name.rsplit_once('/') {
        Some((_, team)) => format!("@{team}"),
        None => row.name.clone(),
    };
    name.to_ascii_lowercase()
}
