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
use super::writes::{Ending, Output, Write};
use super::{Services, fields, resources};
use crate::domain::etag::Etag;
use crate::domain::records::ProjectSettings;
use crate::membership::project_key;
use crate::membership::projects::{CreateProject, DeleteProject, TransferProject, UpdateProject};

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl ProjectService for Services {
    async fn create(&self, request: Request<ProjectServiceCreateRequest>) -> Answer<ProjectServiceCreateResponse> {
        self.carry_out(request).await
    }

    async fn get(&self, request: Request<ProjectServiceGetRequest>) -> Answer<ProjectServiceGetResponse> {
        let reader = self.reader_for(&request);
        let (deadline, request) = self.take(request)?;
        let reference = fields::project("project", &request.project)?;
        let project = self.read(deadline, reader.project(&reference)).await?;
        Ok(Response::new(ProjectServiceGetResponse { project: Some(resources::project(project)) }))
    }

    async fn list(&self, request: Request<ProjectServiceListRequest>) -> Answer<ProjectServiceListResponse> {
        let reader = self.reader_for(&request);
        let (deadline, request) = self.take(request)?;
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
        self.carry_out(request).await
    }

    async fn delete(&self, request: Request<ProjectServiceDeleteRequest>) -> Answer<ProjectServiceDeleteResponse> {
        self.carry_out(request).await
    }

    async fn transfer(
        &self,
        request: Request<ProjectServiceTransferRequest>,
    ) -> Answer<ProjectServiceTransferResponse> {
        self.carry_out(request).await
    }
}

impl Write for ProjectServiceCreateRequest {
    type Operation = CreateProject;
    type Response = ProjectServiceCreateResponse;

    fn operation(self) -> Result<CreateProject, Status> {
        Ok(CreateProject {
            owner: fields::username("owner", &self.owner)?,
            name: fields::project_name("name", &self.name)?,
            settings: ProjectSettings {
                public: self.public,
                restricted_project_files: self.restricted_project_files,
                template: self.template,
            },
            id: fields::new_project_id("id", &self.id)?,
        })
    }

    fn answer(output: Output<Self>, ending: Ending) -> ProjectServiceCreateResponse {
        let Ending { effects, .. } = ending;
        ProjectServiceCreateResponse { project: Some(resources::project(output)), effects, ..Default::default() }
    }
}

impl Write for ProjectServiceUpdateRequest {
    type Operation = UpdateProject;
    type Response = ProjectServiceUpdateResponse;

    fn operation(self) -> Result<UpdateProject, Status> {
        let known = ["name", "public", "restricted_project_files", "template"];
        let mask = fields::mask(self.update_mask.as_ref(), &known)?;
        let mut operation = UpdateProject {
            project: fields::project("project", &self.project)?,
            name: None,
            public: mask.contains("public").then_some(self.public),
            restricted_project_files: mask
                .contains("restricted_project_files")
                .then_some(self.restricted_project_files),
            template: mask.contains("template").then_some(self.template),
            etag: Etag::given(&self.etag),
        };
        if mask.contains("name") {
            operation.name = Some(fields::project_name("name", &self.name)?);
        }
        Ok(operation)
    }

    fn answer(output: Output<Self>, ending: Ending) -> ProjectServiceUpdateResponse {
        let Ending { effects, .. } = ending;
        ProjectServiceUpdateResponse { project: Some(resources::project(output)), effects, ..Default::default() }
    }
}

impl Write for ProjectServiceDeleteRequest {
    type Operation = DeleteProject;
    type Response = ProjectServiceDeleteResponse;

    fn operation(self) -> Result<DeleteProject, Status> {
        Ok(DeleteProject {
            project: fields::project("project", &self.project)?,
            etag: Etag::given(&self.etag),
            allow_missing: self.allow_missing,
        })
    }

    fn answer((): Output<Self>, ending: Ending) -> ProjectServiceDeleteResponse {
        let Ending { removals, effects } = ending;
        ProjectServiceDeleteResponse { removals, effects, ..Default::default() }
    }
}

impl Write for ProjectServiceTransferRequest {
    type Operation = TransferProject;
    type Response = ProjectServiceTransferResponse;

    fn operation(self) -> Result<TransferProject, Status> {
        Ok(TransferProject {
            project: fields::project("project", &self.project)?,
            new_owner: fields::username("new_owner", &self.new_owner)?,
            etag: Etag::given(&self.etag),
        })
    }

    fn answer(output: Output<Self>, ending: Ending) -> ProjectServiceTransferResponse {
        let Ending { removals, effects } = ending;
        let project = Some(resources::project(output));
        ProjectServiceTransferResponse { project, removals, effects, ..Default::default() }
    }
}
