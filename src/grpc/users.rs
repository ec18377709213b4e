//! `UserService`.

use tonic::{Request, Response, Status};

use super::pages::Paging;
use super::v1::user_service_server::UserService;
use super::v1::{
    RemoveUserEverywhereRequest, RemoveUserEverywhereResponse, UserServiceCreateRequest, UserServiceCreateResponse,
    UserServiceDeleteRequest, UserServiceDeleteResponse, UserServiceGetRequest, UserServiceGetResponse,
    UserServiceListRequest, UserServiceListResponse, UserServiceUpdateRequest, UserServiceUpdateResponse,
};
use super::writes::{Ending, Output, Write};
use super::{Services, fields, resources};
use crate::domain::etag::Etag;
use crate::membership::RemoveUserEverywhere;
use crate::membership::users::{CreateUser, DeleteUser, UpdateUser};

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl UserService for Services {
    async fn create(&self, request: Request<UserServiceCreateRequest>) -> Answer<UserServiceCreateResponse> {
        self.carry_out(request).await
    }

    async fn get(&self, request: Request<UserServiceGetRequest>) -> Answer<UserServiceGetResponse> {
        let reader = self.reader_for(&request);
        let (deadline, request) = self.take(request)?;
        let name = fields::username("username", &request.username)?;
        let user = self.read(deadline, reader.user(&name)).await?;
        Ok(Response::new(UserServiceGetResponse { user: Some(resources::user(user)) }))
    }

    async fn list(&self, request: Request<UserServiceListRequest>) -> Answer<UserServiceListResponse> {
        let reader = self.reader_for(&request);
        let (deadline, request) = self.take(request)?;
        let paging = Paging::new(self.seal().await?, vec!["users"], request.page_size, &request.page_token)?;
        let users = self.read(deadline, reader.users(paging.page())).await?;
        let (users, next_page_token) = paging.cut(users, |user| user.key().as_str().to_owned());
        let users = users.into_iter().map(resources::user).collect();
        Ok(Response::new(UserServiceListResponse { users, next_page_token }))
    }

    async fn update(&self, request: Request<UserServiceUpdateRequest>) -> Answer<UserServiceUpdateResponse> {
        self.carry_out(request).await
    }

    async fn delete(&self, request: Request<UserServiceDeleteRequest>) -> Answer<UserServiceDeleteResponse> {
        self.carry_out(request).await
    }

    async fn remove_user_everywhere(
        &self,
        request: Request<RemoveUserEverywhereRequest>,
    ) -> Answer<RemoveUserEverywhereResponse> {
        self.carry_out(request).await
    }
}

impl Write for UserServiceCreateRequest {
    type Operation = CreateUser;
    type Response = UserServiceCreateResponse;

    fn operation(self) -> Result<CreateUser, Status> {
        Ok(CreateUser {
            username: fields::new_username("username", &self.username)?,
            active: !self.inactive,
            plan: fields::optional_plan("plan", &self.plan)?,
        })
    }

    fn answer(output: Output<Self>, ending: Ending) -> UserServiceCreateResponse {
        let Ending { effects, .. } = ending;
        UserServiceCreateResponse { user: Some(resources::user(output)), effects, ..Default::default() }
    }
}

impl Write for UserServiceUpdateRequest {
    type Operation = UpdateUser;
    type Response = UserServiceUpdateResponse;

    fn operation(self) -> Result<UpdateUser, Status> {
        let mask = fields::mask(self.update_mask.as_ref(), &["new_username", "active", "plan"])?;
        let mut operation = UpdateUser {
            username: fields::username("username", &self.username)?,
            new_username: None,
            active: mask.contains("active").then_some(self.active),
            plan: None,
            etag: Etag::given(&self.etag),
        };
        if mask.contains("new_username") {
            operation.new_username = Some(fields::new_username("new_username", &self.new_username)?);
        }
        if mask.contains("plan") {
            operation.plan = Some(fields::plan("plan", &self.plan)?);
        }
        Ok(operation)
    }

    fn answer(output: Output<Self>, ending: Ending) -> UserServiceUpdateResponse {
        let Ending { effects, .. } = ending;
        UserServiceUpdateResponse { user: Some(resources::user(output)), effects, ..Default::default() }
    }
}

impl Write for UserServiceDeleteRequest {
    type Operation = DeleteUser;
    type Response = UserServiceDeleteResponse;

    fn operation(self) -> Result<DeleteUser, Status> {
        Ok(DeleteUser {
            username: fields::username("username", &self.username)?,
            etag: Etag::given(&self.etag),
            allow_missing: self.allow_missing,
        })
    }

    fn answer((): Output<Self>, ending: Ending) -> UserServiceDeleteResponse {
        let Ending { removals, effects } = ending;
        UserServiceDeleteResponse { removals, effects, ..Default::default() }
    }
}

impl Write for RemoveUserEverywhereRequest {
    type Operation = RemoveUserEverywhere;
    type Response = RemoveUserEverywhereResponse;

    fn operation(self) -> Result<RemoveUserEverywhere, Status> {
        Ok(RemoveUserEverywhere {
            username: fields::username("username", &self.username)?,
            deactivate: self.deactivate,
            etag: Etag::given(&self.etag),
            allow_missing: self.allow_missing,
        })
    }

    fn answer(output: Output<Self>, ending: Ending) -> RemoveUserEverywhereResponse {
        let Ending { removals, effects } = ending;
        RemoveUserEverywhereResponse {
            removals,
            owned_organizations: output.organizations,
            owned_organizations_total: output.organizations_total,
            owned_projects: output.projects,
            owned_projects_total: output.projects_total,
            effects,
            ..Default::default()
        }
    }
}
