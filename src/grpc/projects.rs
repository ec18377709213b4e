//! `ProjectService`.

use tonic::{Request, Response, Status};

use super::pages::Paging;
use super::v1::project_service_server::ProjectService;
use super::v1::{
    ProjectServiceCreateRequest, ProjectServiceCreateResponse, ProjectServiceDeleteRequest,
    ProjectServiceDeleteResponse, ProjectServiceGetRequest, ProjectServiceGetResponse, ProjectServiceListRequest,
    ProjectServiceListResponse, ProjectServiceTransferRequest, ProjectServiceTransferResponse,
    ProjectServiceUpdateRequest, ProjectServiceUpdateResponse,
};
use super::{Services, fields, resources, writes};
use crate::domain::records::ProjectSettings;
use crate::membership::project_key;
use crate::membership::projects::{CreateProject, DeleteProject, TransferProject, UpdateProject};

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl ProjectService for Services {
    async fn create(&self, request: Request<ProjectServiceCreateRequest>) -> Answer<ProjectServiceCreateResponse> {
        let (context, request) = self.accept(request)?;
        let operation = CreateProject {
            owner: fields::username("owner", &request.owner)?,
            name: fields::project_name("name", &request.name)?,
            settings: ProjectSettings {
                public: request.public,
                restricted_project_files: request.restricted_project_files,
                template: request.template,
            },
            id: fields::new_project_id("id", &request.id)?,
        };
        let written = self.write(&context, &operation).await?;
        let revision = writes::revision(&written);
        Ok(Response::new(ProjectServiceCreateResponse { project: Some(resources::project(written.output)), revision }))
    }

    async fn get(&self, request: Request<ProjectServiceGetRequest>) -> Answer<ProjectServiceGetResponse> {
        let reader = self.reader_for(&request);
        let (deadline, request) = self.take(request);
        let reference = fields::project("project", &request.project)?;
        let project = self.read(deadline, reader.project(&reference)).await?;
        Ok(Response::new(ProjectServiceGetResponse { project: Some(resources::project(project)) }))
    }

    async fn list(&self, request: Request<ProjectServiceListRequest>) -> Answer<ProjectServiceListResponse> {
        let reader = self.reader_for(&request);
        let (deadline, request) = self.take(request);
        let owner = fields::optional_username("owner", &request.owner)?;
        let key = owner.as_ref().map(crate::domain::names::Username::key);
        let bound = vec!["projects", key.as_ref().map_or("", |key| key.as_str())];
        let paging = Paging::new(self.seal().await?, bound, request.page_size, &request.page_token)?;
        let found = self.read(deadline, reader.projects(owner.as_ref(), paging.page())).await?;
        let (found, next_page_token) = paging.cut(found, |project| project_key(project.owner, &project.name));
        let projects = found.into_iter().map(resources::project).collect();
        Ok(Response::new(ProjectServiceListResponse { projects, next_page_token }))
    }

    async fn update(&self, request: Request<ProjectServiceUpdateRequest>) -> Answer<ProjectServiceUpdateResponse> {
        let (context, request) = self.accept(request)?;
        let known = ["name", "public", "restricted_project_files", "template"];
        let mask = fields::mask(request.update_mask.as_ref(), &known)?;
        let mut operation = UpdateProject {
            project: fields::project("project", &request.project)?,
            name: None,
            public: mask.contains("public").then_some(request.public),
            restricted_project_files: mask
                .contains("restricted_project_files")
                .then_some(request.restricted_project_files),
            template: mask.contains("template").then_some(request.template),
        };
        if mask.contains("name") {
            operation.name = Some(fields::project_name("name", &request.name)?);
        }
        let written = self.write(&context, &operation).await?;
        let revision = writes::revision(&written);
        Ok(Response::new(ProjectServiceUpdateResponse { project: Some(resources::project(written.output)), revision }))
    }

    async fn delete(&self, request: Request<ProjectServiceDeleteRequest>) -> Answer<ProjectServiceDeleteResponse> {
        let (context, request) = self.accept(request)?;
        let operation = DeleteProject { project: fields::project("project", &request.project)? };
        let written = self.write(&context, &operation).await?;
        let (removals, revision) = (writes::removals(&written), writes::revision(&written));
        Ok(Response::new(ProjectServiceDeleteResponse { removals, revision }))
    }

    async fn transfer(
        &self,
        request: Request<ProjectServiceTransferRequest>,
    ) -> Answer<ProjectServiceTransferResponse> {
        let (context, request) = self.accept(request)?;
        let operation = TransferProject {
            project: fields::project("project", &request.project)?,
            new_owner: fields::username("new_owner", &request.new_owner)?,
        };
        let written = self.write(&context, &operation).await?;
        let (removals, revision) = (writes::removals(&written), writes::revision(&written));
        let project = Some(resources::project(written.output));
        Ok(Response::new(ProjectServiceTransferResponse { project, removals, revision }))
    }
}
