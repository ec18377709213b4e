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
use super::writes::{Ending, Output, Write};
use super::{Services, fields, resources};
use crate::domain::etag::Etag;
use crate::domain::records::{Collaborator, GrantSettings};
use crate::membership::collaborators::{AddCollaborator, RemoveCollaborator, UpdateCollaborator};

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl CollaboratorService for Services {
    async fn add(&self, request: Request<CollaboratorServiceAddRequest>) -> Answer<CollaboratorServiceAddResponse> {
        self.carry_out(request).await
    }

    async fn get(&self, request: Request<CollaboratorServiceGetRequest>) -> Answer<CollaboratorServiceGetResponse> {
        let reader = self.reader_for(&request);
        let (deadline, request) = self.take(request)?;
        let reference = fields::project("project", &request.project)?;
        let name = fields::collaborator("collaborator", &request.collaborator)?;
        let found = self.read(deadline, reader.collaborator(&reference, &name)).await?;
        let collaborator = Some(resources::collaborator(found));
        Ok(Response::new(CollaboratorServiceGetResponse { collaborator }))
    }

    async fn list(&self, request: Request<CollaboratorServiceListRequest>) -> Answer<CollaboratorServiceListResponse> {
        let reader = self.reader_for(&request);
        let (deadline, request) = self.take(request)?;
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
        self.carry_out(request).await
    }

    async fn remove(
        &self,
        request: Request<CollaboratorServiceRemoveRequest>,
    ) -> Answer<CollaboratorServiceRemoveResponse> {
        self.carry_out(request).await
    }
}

impl Write for CollaboratorServiceAddRequest {
    type Operation = AddCollaborator;
    type Response = CollaboratorServiceAddResponse;

    fn operation(self) -> Result<AddCollaborator, Status> {
        Ok(AddCollaborator {
            project: fields::project("project", &self.project)?,
            collaborator: fields::collaborator("collaborator", &self.collaborator)?,
            grant: GrantSettings {
                role: fields::project_role("role", self.role)?,
                incognito: self.incognito,
                expires_at: fields::time("expires_at", self.expires_at)?,
            },
            upsert: self.upsert,
        })
    }

    fn answer(output: Output<Self>, ending: Ending) -> CollaboratorServiceAddResponse {
        let Ending { effects, .. } = ending;
        let collaborator = Some(resources::collaborator(output));
        CollaboratorServiceAddResponse { collaborator, effects, ..Default::default() }
    }
}

impl Write for CollaboratorServiceUpdateRequest {
    type Operation = UpdateCollaborator;
    type Response = CollaboratorServiceUpdateResponse;

    fn operation(self) -> Result<UpdateCollaborator, Status> {
        let mask = fields::mask(self.update_mask.as_ref(), &["role", "incognito", "expires_at"])?;
        let mut operation = UpdateCollaborator {
            project: fields::project("project", &self.project)?,
            collaborator: fields::collaborator("collaborator", &self.collaborator)?,
            role: None,
            incognito: mask.contains("incognito").then_some(self.incognito),
            expires_at: None,
            etag: Etag::given(&self.etag),
        };
        if mask.contains("role") {
            operation.role = Some(fields::project_role("role", self.role)?);
        }
        if mask.contains("expires_at") {
            operation.expires_at = Some(fields::time("expires_at", self.expires_at)?);
        }
        Ok(operation)
    }

    fn answer(output: Output<Self>, ending: Ending) -> CollaboratorServiceUpdateResponse {
        let Ending { effects, .. } = ending;
        let collaborator = Some(resources::collaborator(output));
        CollaboratorServiceUpdateResponse { collaborator, effects, ..Default::default() }
    }
}

impl Write for CollaboratorServiceRemoveRequest {
    type Operation = RemoveCollaborator;
    type Response = CollaboratorServiceRemoveResponse;

    fn operation(self) -> Result<RemoveCollaborator, Status> {
        Ok(RemoveCollaborator {
            project: fields::project("project", &self.project)?,
            collaborator: fields::collaborator("collaborator", &self.collaborator)?,
            etag: Etag::given(&self.etag),
            allow_missing: self.allow_missing,
        })
    }

    fn answer((): Output<Self>, ending: Ending) -> CollaboratorServiceRemoveResponse {
        let Ending { effects, .. } = ending;
        CollaboratorServiceRemoveResponse { effects, ..Default::default() }
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
